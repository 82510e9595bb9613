#include "tools/seqc/model_run.h"

#include "ir/error.h"
#include "runtime/compile.h"
#include "runtime/library.h"
#include "tools/seqc/feed.h"
#include "tools/seqc/options.h"
#include "tools/seqc/random_inputs.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

std::vector<GivenValue> load_given(const RunOptions& options, const std::vector<DeclaredPort>& ports) {
  std::vector<GivenValue> given;
  if (!options.input_folder.empty()) {
    given = load_folder(options.input_folder, "input", true, ports);
    if (given.empty())
      fail(ErrorKind::BadInput, "{}: holds no inputs, expected files input_0.npy, input_0.pb or NAME.npy",
           options.input_folder);
  }
  for (const std::string& text : options.input_files) {
    const auto [name, file] = split_assignment(text, "--input");
    given.push_back(load_named(name, file, ports));
  }
  for (GivenValue& value : empty_inputs(ports, options.compile)) given.push_back(std::move(value));
  return given;
}

/// Only ONNX models are compiled for given dims; of others the inputs have these sizes.
bool can_specialise(const std::string& model) { return !runtime::is_library(model) && !model.ends_with(".seq"); }

/// A dim that was given a number must be one of the model's and have this number.
void check_dims(const ir::DimBindings& wanted, const ir::DimBindings& got) {
  for (const auto& [name, value] : wanted) {
    const auto it = got.find(name);
    if (it == got.end())
      fail(ErrorKind::BadInput, "dim {} is given, and no input has it; the inputs have: {}", name, dims_text(got));
    if (it->second != value)
      fail(ErrorKind::BadInput, "dim {}: got {}, and the inputs have {}", name, value, it->second);
  }
}

}  // namespace

void add_input_options(CLI::App& app, RunOptions& options) {
  app.add_option("--inputs", options.input_folder, "folder with input_0.npy or input_0.pb, ... or NAME.npy")
      ->type_name("DIR");
  app.add_option("--input", options.input_files, "one input from a .npy or .pb file")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false)
      ->each([](const std::string& text) { split_assignment(text, "--input"); });
  app.add_option("--seed", options.seed, "of the random inputs that are taken when none are given")
      ->capture_default_str();
  add_threads_option(app, options.threads);
  add_shape_options(app, options.compile);
}

void add_run_options(CLI::App& app, RunOptions& options) {
  app.add_option("MODEL", options.model, "a model (.onnx), a library made by seqc build (.so), or IR text (.seq)")
      ->required();
  add_input_options(app, options);
  add_target_options(app, options.compile.target, false);
  add_cache_option(app, options.compile.cache);
  add_weights_option(app, options.compile);
  add_pipeline_options(app, options.compile.pipeline);
}

std::optional<std::vector<ir::Tensor>> given_inputs(const RunOptions& options, runtime::CompileOptions& compile) {
  if (options.input_folder.empty() && options.input_files.empty()) return std::nullopt;
  const std::vector<DeclaredPort> ports = declared_inputs(options.model);
  return feed(ports, match(load_given(options, ports), ports, "input"), compile);
}

ModelRun prepare_run(const RunOptions& options) {
  ModelRun run;
  runtime::CompileOptions compile = options.compile;
  auto given = given_inputs(options, compile);
  const bool random = !given;
  if (given) run.inputs = std::move(*given);
  if (runtime::is_library(options.model) && !(compile.sequence_lengths.empty() && compile.optionals.empty()))
    fail(ErrorKind::BadInput, "{}: --sequence and --optional are for models; the inputs of a library are tensors",
         options.model);
  const bool specialise = can_specialise(options.model);
  if (specialise)
    fit_values(options.model, compile);
  else
    compile.dims.clear();
  auto program = runtime::Program::open(options.model, compile);
  if (random) {
    run.dims = options.compile.dims;
    ir::DimBindings used = options.compile.dims;
    run.inputs = random_inputs(program->inputs(), used, options.seed);
    for (size_t i = 0; i < run.inputs.size(); ++i)
      if (const auto fixed = program->fixed_values().find(program->inputs()[i].name);
          fixed != program->fixed_values().end())
        run.inputs[i] = fixed->second;
    for (const auto& [name, value] : options.compile.dims) used.erase(name);
    run.assumed_dims = dims_text(used);
  }
  run.session = std::make_unique<runtime::Session>(std::move(program), options.threads);
  std::vector<seqc_tensor> types;
  for (const ir::Tensor& input : run.inputs) types.push_back(runtime::view(input));
  run.session->prepare(types);
  if (!specialise) check_dims(options.compile.dims, run.session->dims());
  run.dims.insert(run.session->dims().begin(), run.session->dims().end());
  return run;
}

}  // namespace seqc::tools
