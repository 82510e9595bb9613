// seqc build: compiles a model to files: a library and its C header, or one of the stages before it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "codegen/codegen.h"
#include "codegen/memory_plan.h"
#include "ir/error.h"
#include "passes/replay.h"
#include "runtime/stream_build.h"
#include "tools/seqc/accuracy.h"
#include "tools/seqc/command.h"
#include "tools/seqc/options.h"
#include "tools/seqc/output_folder.h"
#include "tools/seqc/seqc_header.h"
#include "tools/seqc/stream_options.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Writes NAME.so, or what --emit asks for, with NAME.h (the model's inputs and outputs) and seqc.h (how to run it).
The library needs nothing but libc and libm. Files appear all together, or not at all.

--weights=f16, bf16 or int8 makes the library smaller, and faster where one row at a time meets many weights (a stream
through an LSTM of 128 units and more). On processors with dot products of bytes (AVX-512 VNNI, AVX-VNNI) rows become
integers of 16 bits on the way into products, and f16 and bf16 are kept as integers with a scale for each column where that
is closer; --activations=f32 leaves rows as they are, and bf16 is the fastest then. Inputs and outputs stay f32. What the
outputs lose is measured by running the model both ways, and printed; judge it on your own data (--accuracy-data), and let
--max-weight-error guard it.

Examples:
  seqc build model.onnx -o out                                  out/model.so, out/model.h, out/seqc.h
  seqc build model.onnx -o out --emit=a,asm --name=denoiser     out/denoiser.a, out/denoiser.s, headers
  seqc build model.onnx --dim N=1 --target-cpu=x86-64-v3        for batch 1, for any processor with AVX2
  seqc build model.onnx --weights=bf16 -o out                   weights in half the bytes, and what that costs in accuracy
  seqc build model.onnx --weights=int8 --accuracy-data recordings --max-weight-error 0.01
                                                                builds nothing when outputs differ by more than 1%
  seqc build model.onnx --sequence x=3 --shape x.2=7,5          three inputs x.0, x.1, x.2 for the sequence x
  seqc build model.onnx --stream -o out                         steps over frames: NAME_state_size, NAME_init, NAME_step
  seqc build vad.onnx --stream --state state:stateN             one call is a step; what is its state is bound
  seqc build model.onnx --target=aarch64-linux-gnu --emit=obj
  seqc build model.onnx --emit=ir --print-after=fuse-gates)";

struct Kind {
  const char* name;
  const char* extension;
  const char* description;
  bool is_code;  ///< linked by the user, who needs the headers
};
constexpr std::array kKinds = {Kind{"so", ".so", "shared library", true}, Kind{"a", ".a", "static library", true},
                               Kind{"obj", ".o", "object", true},         Kind{"asm", ".s", "assembly", false},
                               Kind{"llvm", ".ll", "LLVM IR", false},     Kind{"ir", ".seq", "seqc IR", false}};

struct Options {
  std::string model, folder = ".", name;
  std::vector<std::string> emit = {"so"};
  runtime::CompileOptions compile;
  AccuracyOptions accuracy;
  StreamArguments stream;
  bool json = false;
};

/// The file's name as a C identifier.
std::string identifier(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) name.insert(0, "model_");
  return name;
}

std::string check_identifier(const std::string& name) {
  const bool good =
      !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '_'); });
  return good ? "" : fmt::format("got \"{}\", expected a C identifier", name);
}

void emit_one(const Kind& kind, const runtime::Lowered& lowered, const codegen::StreamDescription* stream,
              const Options& options, OutputFolder& out) {
  using codegen::EmitKind;
  const std::string path = out.staged(options.name + kind.extension);
  if (std::string_view(kind.name) == "ir") return passes::save_function(*lowered.function, path);
  constexpr std::array kEmitKinds = {EmitKind::SharedLibrary, EmitKind::StaticLibrary, EmitKind::Object,
                                     EmitKind::Assembly, EmitKind::Llvm};
  const auto index = static_cast<size_t>(&kind - kKinds.data());
  const codegen::EmitKind emit_kind = kEmitKinds[index];
  if (stream)
    codegen::emit_stream(*lowered.function, *stream, options.compile.target, emit_kind, options.name, path);
  else
    codegen::emit(*lowered.function, options.compile.target, emit_kind, options.name, path, lowered.fixed_values);
}

/// What a run needs besides the weights, its inputs and its outputs.
std::string workspace_text(const ir::Function& function) {
  const ir::Dim bytes = codegen::plan_memory(function).workspace_bytes();
  if (bytes.is_constant()) return bytes_text(static_cast<uint64_t>(bytes.constant()));
  std::set<std::string> names;
  bytes.collect_symbols(names);
  ir::DimBindings ones;
  for (const std::string& name : names) ones[name] = 1;
  std::string text = fmt::format("{} at {}", bytes_text(static_cast<uint64_t>(bytes.evaluate(ones))), dims_text(ones));
  if (const std::string formula = bytes.str(); formula.size() <= 60) text += fmt::format(" ({} bytes)", formula);
  return text;
}

/// What compressed weights cost; nothing for the model's own. Throws Error(BadInput) when that is more than allowed.
std::optional<Accuracy> accuracy_of(const Options& options) {
  const AccuracyOptions& wanted = options.accuracy;
  if (options.compile.weights == passes::WeightFormat::F32) {
    if (!wanted.data.empty() || wanted.most_error)
      fail(ErrorKind::BadInput,
           "--accuracy-data and --max-weight-error: got f32 weights, expected --weights=f16, bf16 or "
           "int8, which alone change results");
    return std::nullopt;
  }
  try {
    const Accuracy accuracy = measure_accuracy(options.model, options.compile, wanted);
    check_accuracy(options.model, accuracy, wanted);
    return accuracy;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::BadInput || !wanted.data.empty() || wanted.most_error) throw;
    fmt::print(stderr, "note: the accuracy of weights as {} is unknown: {}; --accuracy-data gives inputs\n",
               weights_text(options.compile), error.what());
    return std::nullopt;
  }
}

void print_json(const Options& options, const runtime::Lowered& lowered, const std::vector<std::string>& files,
                const std::optional<Accuracy>& accuracy) {
  nlohmann::ordered_json report = {{"name", options.name}, {"files", nlohmann::ordered_json::array()}};
  for (const std::string& path : files)
    report["files"].push_back({{"path", path}, {"bytes", std::filesystem::file_size(path)}});
  report["import_ms"] = lowered.times.import;
  report["passes_ms"] = lowered.times.passes;
  report["code_ms"] = lowered.times.codegen;
  report["target"] = codegen::describe(options.compile.target).description;
  report["workspace"] = workspace_text(*lowered.function);
  report["weights"] = weights_text(options.compile);
  if (accuracy) report["accuracy"] = json(*accuracy);
  fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

int run_build(Options& options) {
  if (options.name.empty()) options.name = identifier(options.model);
  fit_values(options.model, options.compile);
  const std::optional<Accuracy> accuracy = accuracy_of(options);
  std::optional<codegen::StreamDescription> stream;
  runtime::Lowered lowered;
  if (options.stream.stream) {
    runtime::LoweredStream made = runtime::lower_stream_file(options.model, options.stream.options(), options.compile);
    lowered = std::move(made.lowered);
    stream = std::move(made.description);
  } else {
    lowered = runtime::lower_file(options.model, options.compile);
  }
  const runtime::Stopwatch watch;
  OutputFolder out(options.folder);
  bool headers = false;
  for (const Kind& kind : kKinds) {
    if (std::find(options.emit.begin(), options.emit.end(), kind.name) == options.emit.end()) continue;
    emit_one(kind, lowered, stream ? &*stream : nullptr, options, out);
    headers = headers || kind.is_code;
  }
  if (headers) {
    out.write(options.name + ".h", stream ? codegen::stream_header(*lowered.function, *stream, options.name)
                                          : codegen::c_header(*lowered.function, options.name, lowered.fixed_values));
    if (stream) out.write("seqc_stream.h", seqc_stream_header());
    out.write("seqc.h", seqc_header());
  }
  lowered.times.codegen = watch.milliseconds();
  const std::vector<std::string> files = out.commit();
  if (options.json) {
    print_json(options, lowered, files, accuracy);
    return 0;
  }
  for (const std::string& path : files)
    fmt::print("{:<30} {:>10}\n", path, bytes_text(std::filesystem::file_size(path)));
  fmt::print("{} in {:.0f} ms (import {:.0f}, passes {:.0f}, code {:.0f}) for {}; workspace {}\n", options.name,
             lowered.times.total(), lowered.times.import, lowered.times.passes, lowered.times.codegen,
             codegen::describe(options.compile.target).description, workspace_text(*lowered.function));
  if (accuracy) fmt::print("{}", text(*accuracy));
  return 0;
}

}  // namespace

Command add_build(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("build", "compiles a model to a native library and its C header");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_option("MODEL", options->model, "a model (.onnx) or IR text (.seq)")->required();
  app->add_option("-o,--output", options->folder, "folder for the files")->type_name("DIR")->capture_default_str();
  std::vector<std::string> kinds;
  std::string meanings;
  for (const Kind& kind : kKinds) {
    kinds.emplace_back(kind.name);
    meanings += fmt::format("{}{} ({})", meanings.empty() ? "" : ", ", kind.name, kind.description);
  }
  app->add_option("--emit", options->emit, "what to write, one or several: " + meanings)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("KIND,...")
      ->check(CLI::IsMember(kinds))
      ->capture_default_str();
  app->add_option("--name", options->name, "name of the files and prefix of the C functions (the model file's name)")
      ->check(check_identifier, "");
  add_stream_options(*app, options->stream, "a library that takes a few frames at a time; see seqc_stream.h");
  add_shape_options(*app, options->compile);
  add_target_options(*app, options->compile.target, true);
  add_weights_option(*app, options->compile);
  add_accuracy_options(*app, options->accuracy);
  app->add_flag("--json", options->json, "what was made as JSON: files, times, target, workspace, accuracy");
  add_pipeline_options(*app, options->compile.pipeline);
  return {app, [options] { return run_build(*options); }};
}

}  // namespace seqc::tools
