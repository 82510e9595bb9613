// seqc run: runs a model once.
#include <fmt/format.h>

#include <memory>

#include "frontend/onnx/import.h"
#include "runtime/npy.h"
#include "tools/seqc/command.h"
#include "tools/seqc/model_run.h"
#include "tools/seqc/output_folder.h"
#include "tools/seqc/profile.h"
#include "tools/seqc/stream_run.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Inputs come from a folder (--inputs), from single files (--input), or are random when none are given.
With --outputs, writes output_0.npy, output_1.npy, ... in the model's order; else prints a summary of each output.
An input that is a sequence comes from one .pb file (SequenceProto) or from one file for each element, x.0.npy, x.1.npy, ...;
an optional from a .pb file (OptionalProto), or from one with its element, or is left out with --optional x=none.
Each element of an output that is a sequence is an output of its own, y.0, y.1, ...

Examples:
  seqc run model.onnx --inputs data --outputs results
  seqc run model.onnx --input x=x.npy --input h0=h0.npy --outputs results --format=pb
  seqc run model.onnx --input x.0=a.npy --input x.1=b.npy --optional mask=none
  seqc run out/model.so --dim N=4 --dim T=100 --seed 1
  seqc run model.onnx --stream --chunk 16 --input x=x.npy --outputs results     16 frames a step: the same outputs
  seqc run vad.onnx --stream --state state:stateN --input input=steps.npy       called once for each step in the file
  seqc run model.onnx --dim T=100 --profile trace.json)";

struct Options {
  RunOptions run;
  StreamArguments stream;
  int64_t chunk = 0;
  std::string output_folder;
  std::string format = "npy";
  std::string profile;
};

void save_outputs(const std::string& folder, const std::string& format, const std::vector<runtime::Port>& ports,
                  const std::vector<ir::Tensor>& outputs) {
  OutputFolder staging(folder);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string file = staging.staged(fmt::format("output_{}.{}", i, format));
    if (format == "pb")
      frontend::save_tensor_proto(file, outputs[i], ports[i].name);
    else
      runtime::save_npy(file, outputs[i]);
  }
  staging.commit();
  for (size_t i = 0; i < outputs.size(); ++i)
    fmt::print("{}/output_{}.{}  {}: {}\n", folder, i, format, ports[i].name, outputs[i].type_str());
}

/// The profile's runs instead of one, with the same outputs.
int run_profiled(const Options& options) {
  constexpr double kMilliseconds = 200;
  const Profile profile = take_profile(options.run, kMilliseconds);
  save_trace(profile, options.profile);
  if (!options.output_folder.empty()) {
    std::vector<runtime::Port> ports;
    for (size_t i = 0; i < profile.outputs.size(); ++i) ports.push_back({profile.output_names[i], {}});
    save_outputs(options.output_folder, options.format, ports, profile.outputs);
  }
  fmt::print("{}{}  trace of the last run\n", text(profile), options.profile);
  return 0;
}

int show(const Options& options, const std::vector<runtime::Port>& ports, const std::vector<ir::Tensor>& outputs) {
  if (!options.output_folder.empty()) {
    save_outputs(options.output_folder, options.format, ports, outputs);
    return 0;
  }
  for (size_t i = 0; i < outputs.size(); ++i) fmt::print("{}", summary_text(ports[i].name, outputs[i]));
  return 0;
}

int run_run(const Options& options) {
  if (!options.profile.empty()) return run_profiled(options);
  if (options.stream.stream) {
    const StreamRun run = run_stream(options.run, options.stream, options.chunk);
    fmt::print(stderr, "note: {} frames in {} steps\n", run.frames, run.steps);
    return show(options, run.ports, run.outputs);
  }
  ModelRun run = prepare_run(options.run);
  if (!run.assumed_dims.empty())
    fmt::print(stderr, "note: random inputs with {}; --dim NAME=NUMBER changes it\n", run.assumed_dims);
  const std::vector<ir::Tensor> outputs = run.session->run(run.inputs);
  return show(options, run.session->program().outputs(), outputs);
}

}  // namespace

Command add_run(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("run", "runs a model or a built library");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_option("--outputs", options->output_folder, "folder for the outputs")->type_name("DIR");
  app->add_option("--format", options->format, "of the output files: npy, or pb (TensorProto)")
      ->check(CLI::IsMember({"npy", "pb"}))
      ->capture_default_str();
  add_run_options(*app, options->run);
  add_stream_options(*app, options->stream, "runs it step by step, as a stream");
  add_profile_option(*app, options->profile)->excludes("--stream");
  app->add_option("--chunk", options->chunk, "frames of a step of a stream; all at once unless given")
      ->check(CLI::PositiveNumber)
      ->needs("--stream");
  return {app, [options] { return run_run(*options); }};
}

}  // namespace seqc::tools
