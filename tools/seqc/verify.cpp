// seqc verify: holds compiled code against the interpreter, and says who is wrong.
#include "runtime/verify.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "passes/replay.h"
#include "runtime/function_ports.h"
#include "runtime/library.h"
#include "tools/seqc/command.h"
#include "tools/seqc/feed.h"
#include "tools/seqc/model_run.h"
#include "tools/seqc/options.h"
#include "tools/seqc/ort.h"
#include "tools/seqc/random_inputs.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Runs the model on the same inputs in several ways: the interpreter, which is slow and obvious; compiled code without
optimisation; compiled code after all passes; and ONNX Runtime, where it is installed (SEQC_ORT names its library). On a
difference between the interpreter and code, finds the first pass after which the interpreter's result is another one, or says
that code generation is at fault, and for a scan the first time step and the value that went wrong. Exit code 1 on any
difference.

Inputs come from files as for seqc run, or are random. The interpreter takes its time: give long sequences a small --dim.

Examples:
  seqc verify model.onnx --dim N=2 --dim T=7
  seqc verify model.onnx --inputs data --threads 2
  seqc verify model.onnx --rtol 0 --atol 1e-6          stricter than 1e-3 and 1e-5
  seqc verify model.onnx --disable unroll-time         is that pass to blame?
  seqc verify model.onnx --save faults                 keeps the input of the pass at fault, for seqc opt
  SEQC_ORT=libonnxruntime.so.1 seqc verify model.onnx --json)";

struct Options {
  RunOptions run;
  runtime::Tolerance tolerance;
  std::string folder;
  bool json = false, ort = true;
};

/// The model as it was imported, what it runs on, and what the interpreter makes of that.
struct Case {
  std::unique_ptr<ir::Function> function;
  std::vector<ir::Tensor> inputs;
  ir::DimBindings dims;
  std::string assumed_dims;
  bool structured = false;  ///< sequences or optionals among the inputs
};

Case load_case(const Options& options) {
  Case result;
  runtime::CompileOptions compile = options.run.compile;
  auto given = given_inputs(options.run, compile);
  fit_values(options.run.model, compile);
  if (options.run.model.ends_with(".seq")) compile.dims.clear();
  runtime::CompileOptions used;
  // Whether the model can be compiled shows behind the import only.
  runtime::with_known_inputs(compile, [&](const runtime::CompileOptions& tried) {
    runtime::lower(runtime::load_function(options.run.model, tried), tried);
    used = tried;
  });
  result.function = runtime::load_function(options.run.model, used);
  const std::vector<runtime::Port> ports = runtime::inputs_of(*result.function);
  if (given) {
    result.inputs = std::move(*given);
  } else {
    result.dims = options.run.compile.dims;
    result.inputs = random_inputs(ports, result.dims, options.run.seed);
    for (size_t i = 0; i < ports.size(); ++i)
      if (const auto fixed = used.input_values.find(ports[i].name); fixed != used.input_values.end())
        result.inputs[i] = fixed->second;
    ir::DimBindings assumed = result.dims;
    for (const auto& [name, value] : options.run.compile.dims) assumed.erase(name);
    result.assumed_dims = dims_text(assumed);
  }
  std::vector<seqc_tensor> types;
  for (const ir::Tensor& input : result.inputs) types.push_back(runtime::view(input));
  result.dims.merge(runtime::check_inputs(ports, types));
  result.structured = !options.run.model.ends_with(".seq") && has_structure(declared_inputs(options.run.model));
  return result;
}

/// ONNX Runtime's outputs against the interpreter's. Nothing where there is no such judge.
std::optional<runtime::VerifiedWay> run_ort_way(const Options& options, const Case& tested) {
  if (!options.ort || options.run.model.ends_with(".seq")) return std::nullopt;
  const auto library = find_ort();
  if (!library) return std::nullopt;
  runtime::VerifiedWay way{.name = "ONNX Runtime"};
  if (tested.structured) {
    way.problem = "inputs that are sequences or optionals are not handed to it";
  } else if (frontend::draws_random_numbers(options.run.model, {})) {
    way.problem = "the model draws random numbers, and it draws others";
  } else {
    try {
      const auto want = runtime::expected_outputs(*tested.function, tested.inputs);
      const runtime::Stopwatch watch;
      const auto got = run_ort(*library, options.run.model, tested.inputs);
      way.milliseconds = watch.milliseconds();
      runtime::compare_outputs(way, got, want, tested.function->output_names, options.tolerance);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      way.problem = error.what();
    }
  }
  return way;
}

std::string culprit_text(const runtime::Culprit& culprit) {
  return culprit.pass.empty() ? "code generation: the interpreter computes the right outputs from what it was given"
                              : fmt::format(
                                    "pass {} (number {} of those that ran): the interpreter computes other outputs "
                                    "after it, and the right ones in front of it",
                                    culprit.pass, culprit.position + 1);
}

void print_way(const runtime::VerifiedWay& way, bool is_judge) {
  if (!way.problem.empty()) {
    fmt::print("  {:<17} {}: {}\n", way.name, is_judge ? "not compared" : "fails", way.problem);
    return;
  }
  fmt::print("  {:<17} {} ({})\n", way.name, way.differences.empty() ? "agrees" : "differs",
             time_text(1e3 * way.milliseconds));
  for (const auto& [output, difference] : way.differences)
    fmt::print("    output \"{}\" {}\n", output, difference.text());
}

void print_culprit(const runtime::Culprit& culprit, const std::string& saved) {
  fmt::print("\n{}\n  at fault: {}\n", culprit.way, culprit_text(culprit));
  if (!culprit.value.empty())
    fmt::print("  first value that differs: {} {}\n", culprit.value, culprit.difference->text());
  if (culprit.step)
    fmt::print("  first time step: {} of {} in the {}: {} {}\n", culprit.step->step, culprit.step->steps,
               culprit.step->scan, culprit.step->value, culprit.step->difference.text());
  if (saved.empty()) return;
  if (culprit.pass.empty())
    fmt::print("  its input is in {}\n", saved);
  else
    fmt::print("  its input is in {}; seqc opt {} --passes={} runs it again\n", saved, saved, culprit.pass);
}

nlohmann::ordered_json json(const runtime::Difference& difference) {
  if (!difference.types.empty()) return {{"types", difference.types}};
  return {{"index", difference.index}, {"got", difference.got},        {"expected", difference.want},
          {"wrong", difference.wrong}, {"elements", difference.count}, {"largest", difference.largest}};
}

nlohmann::ordered_json json(const runtime::VerifiedWay& way) {
  auto differences = nlohmann::ordered_json::array();
  for (const auto& [output, difference] : way.differences) {
    nlohmann::ordered_json entry = {{"output", output}};
    entry.update(json(difference));
    differences.push_back(std::move(entry));
  }
  return {{"way", way.name},
          {"agrees", way.agrees()},
          {"problem", way.problem},
          {"milliseconds", way.milliseconds},
          {"differences", differences}};
}

nlohmann::ordered_json json(const runtime::Culprit& culprit, const std::string& saved) {
  nlohmann::ordered_json result = {{"way", culprit.way},
                                   {"pass", culprit.pass},
                                   {"position", culprit.position},
                                   {"code_generation", culprit.pass.empty()},
                                   {"value", culprit.value}};
  if (culprit.difference) result["difference"] = json(*culprit.difference);
  if (culprit.step) {
    result["step"] = {{"scan", culprit.step->scan},
                      {"value", culprit.step->value},
                      {"step", culprit.step->step},
                      {"steps", culprit.step->steps}};
    result["step"].update(json(culprit.step->difference));
  }
  if (!saved.empty()) result["input"] = saved;
  return result;
}

/// Saves what the one at fault got; the file's name, or "" where nobody asked.
std::string save(const Options& options, const runtime::Culprit& culprit) {
  if (options.folder.empty() || !culprit.before) return "";
  std::filesystem::create_directories(options.folder);
  const std::string name = culprit.pass.empty() ? "code-generation" : culprit.pass;
  std::string path = fmt::format("{}/before-{}.seq", options.folder, name);
  passes::save_function(*culprit.before, path);
  return path;
}

int run_verify(const Options& options) {
  if (runtime::is_library(options.run.model))
    fail(ErrorKind::BadInput, "{}: a library holds no IR; verify its model", options.run.model);
  Case tested = load_case(options);
  if (!tested.assumed_dims.empty())
    fmt::print(stderr, "note: random inputs with {}; --dim NAME=NUMBER changes it\n", tested.assumed_dims);
  runtime::VerifyOptions how{.tolerance = options.tolerance,
                             .threads = options.run.threads,
                             .context = runtime::pass_context(options.run.compile),
                             .passes = runtime::standard_passes(options.run.compile.pipeline.disabled)};
  const codegen::Target target = options.run.compile.target;
  how.generate = [target](runtime::Lowered lowered) {
    runtime::CompileOptions compile;
    compile.target = target;
    compile.cache.enabled = false;
    return runtime::Program::generate(std::move(lowered), compile);
  };
  const runtime::Verification result = runtime::verify(*tested.function, tested.inputs, how);
  const auto ort = run_ort_way(options, tested);
  // A judge that cannot run the model says nothing against it.
  const bool agrees = result.agrees() && (!ort || ort->differences.empty());

  if (options.json) {
    auto ways = nlohmann::ordered_json::array(), culprits = nlohmann::ordered_json::array();
    for (const runtime::VerifiedWay& way : result.ways) ways.push_back(json(way));
    if (ort) ways.push_back(json(*ort));
    for (const runtime::Culprit& culprit : result.culprits) culprits.push_back(json(culprit, save(options, culprit)));
    const nlohmann::ordered_json report = {
        {"model", options.run.model}, {"dims", tested.dims},
        {"agrees", agrees},           {"ways", ways},
        {"at_fault", culprits},       {"interpreter_milliseconds", result.interpreter_milliseconds}};
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return agrees ? 0 : 1;
  }
  fmt::print("{}  {}{}relative tolerance {:g}, absolute {:g}\n", options.run.model, dims_text(tested.dims),
             tested.dims.empty() ? "" : ", ", options.tolerance.relative, options.tolerance.absolute);
  fmt::print("  {:<17} is what the others are held against ({})\n", "interpreter",
             time_text(1e3 * result.interpreter_milliseconds));
  for (const runtime::VerifiedWay& way : result.ways) print_way(way, false);
  if (ort) print_way(*ort, true);
  if (!ort && options.ort && !options.run.model.ends_with(".seq"))
    fmt::print("  {:<17} not installed; SEQC_ORT names its library\n", "ONNX Runtime");
  for (const runtime::Culprit& culprit : result.culprits) print_culprit(culprit, save(options, culprit));
  return agrees ? 0 : 1;
}

}  // namespace

Command add_verify(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("verify", "compares interpreter, compiled code and ONNX Runtime");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_option("MODEL", options->run.model, "a model (.onnx) or IR text (.seq)")->required();
  app->add_option("--rtol", options->tolerance.relative, "relative tolerance")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--atol", options->tolerance.absolute, "absolute tolerance")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--save", options->folder, "saves the input of the pass at fault there")->type_name("DIR");
  app->add_flag("!--no-ort", options->ort, "leaves ONNX Runtime out");
  app->add_flag("--json", options->json, "the same as JSON");
  add_input_options(*app, options->run);
  add_target_options(*app, options->run.compile.target, false);
  add_pipeline_options(*app, options->run.compile.pipeline);
  return {app, [options] { return run_verify(*options); }};
}

}  // namespace seqc::tools
