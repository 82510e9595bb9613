// seqc inspect: what is in a model, and what becomes of it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "codegen/memory_plan.h"
#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/printer.h"
#include "runtime/compile.h"
#include "runtime/library.h"
#include "runtime/program.h"
#include "runtime/stream_build.h"
#include "tools/seqc/command.h"
#include "tools/seqc/coverage.h"
#include "tools/seqc/dot.h"
#include "tools/seqc/inspect_page.h"
#include "tools/seqc/model_summary.h"
#include "tools/seqc/options.h"
#include "tools/seqc/stream_options.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Shows inputs, outputs, layers with their parameters and multiply-adds, memory and ops; or the IR of a stage; or a graph.

Examples:
  seqc inspect model.onnx
  seqc inspect model.onnx --dim N=1 --dim T=100            figures instead of formulas
  seqc inspect model.onnx --sequence x=3 --optional m=none x is a sequence, m an optional: what they hold
  seqc inspect model.onnx --ir                             the kernels that become code
  seqc inspect model.onnx --ir=import                      the model as read; any pass name: after that pass
  seqc inspect model.onnx --dot | dot -Tsvg > model.svg
  seqc inspect model.onnx --html model.html                graph, layers, scans, IR before and after each pass, memory
  seqc inspect model.onnx --html model.html --dim T=100 --profile trace.json    and the time of each kernel
  seqc inspect --coverage model.onnx                       every node that is refused, and why; exit code 1 if any is
  seqc inspect --operators                                 the ONNX operators that are supported
  seqc inspect model.onnx --stream                         as a stream: time, what goes from step to step, or why not
  seqc inspect out/model.so)";

struct Options {
  std::string model, stage, page, profile;
  bool dot = false, json = false, coverage = false, operators = false;
  runtime::CompileOptions compile;
  StreamArguments stream;
};

std::string check_stage(const std::string& stage) {
  if (stage == "import" || stage == "final" || passes::find_pass(stage)) return "";
  return fmt::format("stage \"{}\" is unknown, expected import, final or the name of a pass", stage);
}

/// Runs the pipeline up to and including the last occurrence of a stage's pass.
void run_until(ir::Function& function, const std::string& stage, const runtime::CompileOptions& options) {
  if (stage == "import") return;
  std::vector<std::string> names = passes::standard_pipeline();
  if (stage != "final") {
    const auto last = std::find(names.rbegin(), names.rend(), stage);
    if (last == names.rend()) fail(ErrorKind::BadInput, "pass {} is not in the standard pipeline", stage);
    names.erase(last.base(), names.end());
  }
  passes::PassContext context = runtime::pass_context(options);
  passes::run_passes(function, names, context, options.pipeline);
}

/// Bytes of workspace once the model is compiled; a formula when dims have names. Why not, when that fails.
std::string workspace_text(std::unique_ptr<ir::Function> function, const runtime::CompileOptions& options) {
  try {
    const auto lowered = runtime::lower(std::move(function), options);
    const ir::Dim bytes = codegen::plan_memory(*lowered.function).workspace_bytes();
    return bytes.is_constant() ? bytes_text(static_cast<uint64_t>(bytes.constant())) : bytes.str() + " bytes";
  } catch (const Error& error) {
    return fmt::format("unknown: {}", error.what());
  }
}

void print_origin(const std::string& path) {
  const frontend::ModelSummary file = frontend::summarize_model(path);
  std::string opsets;
  for (const auto& [domain, version] : file.opsets)
    opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ", domain == "ai.onnx" ? "opset" : domain, version);
  fmt::print("{:<9} {} (IR version {}, {})\n", "made by", file.producer.empty() ? "unknown" : file.producer,
             file.ir_version, opsets);
  std::string nodes;
  for (const auto& [name, count] : file.operators)
    nodes += fmt::format("{}{} {}", nodes.empty() ? "" : ", ", count, name);
  fmt::print("{:<9} {}: {}\n", "nodes", file.nodes, nodes);
}

int inspect_library(const Options& options) {
  const auto program = runtime::Program::load_library(options.model);
  fmt::print("{}: {}, compiled for {}\n", options.model, program->model().name, program->model().target);
  fmt::print("inputs    {}\noutputs   {}\n", runtime::str(program->inputs()), runtime::str(program->outputs()));
  return 0;
}

int inspect_summary(const Options& options) {
  auto function = runtime::load_function(options.model, options.compile);
  const Summary summary = summarize(*function);
  const std::string workspace = workspace_text(std::move(function), options.compile);
  if (options.json) {
    nlohmann::ordered_json report = {{"model", options.model}};
    report.update(json(summary));
    report["workspace"] = workspace;
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("{}\n", options.model);
  if (!options.model.ends_with(".seq")) print_origin(options.model);
  fmt::print("{}workspace {}\n", text(summary), workspace);
  return 0;
}

int write_page(const Options& options) {
  PageOptions page{.model = options.model, .compile = options.compile};
  if (!options.profile.empty()) {
    constexpr double kMilliseconds = 300;
    RunOptions run;
    run.model = options.model;
    run.compile = options.compile;
    page.profile = take_profile(run, kMilliseconds);
    save_trace(*page.profile, options.profile);
  }
  save_inspect_page(page, options.page);
  fmt::print("{}\n", options.page);
  return 0;
}

int run_inspect(Options& options) {
  if (options.operators) return print_operators(options.json);
  if (options.coverage && !options.model.ends_with(".onnx") &&
      (options.model.ends_with(".seq") || runtime::is_library(options.model)))
    fail(ErrorKind::BadInput, "{}: coverage is of ONNX models", options.model);
  const bool wants_ir = !options.stage.empty() || options.dot;
  if (options.stream.stream) {
    if (runtime::is_library(options.model)) {
      fmt::print("{}\n{}", options.model, passes::str(runtime::StreamProgram::open(options.model)->plan()));
      return 0;
    }
    fit_values(options.model, options.compile);
    passes::SteppedModel plan = runtime::plan_file(options.model, options.stream.options(), options.compile);
    if (wants_ir) {
      run_until(*plan.step, options.stage.empty() ? "import" : options.stage, options.compile);
      fmt::print("{}", options.dot ? dot(*plan.step) : ir::print(*plan.step));
    } else {
      fmt::print("{}\n{}", options.model, passes::str(plan));
    }
    return 0;
  }
  if (runtime::is_library(options.model)) {
    if (wants_ir || options.json || !options.page.empty())
      fail(ErrorKind::BadInput, "{}: a library holds no IR; inspect its model", options.model);
    return inspect_library(options);
  }
  fit_values(options.model, options.compile);
  if (!options.page.empty()) return write_page(options);
  if (options.coverage) return print_coverage(options.model, options.compile, options.json);
  if (!wants_ir) return inspect_summary(options);
  const auto function = runtime::load_function(options.model, options.compile);
  run_until(*function, options.stage.empty() ? "import" : options.stage, options.compile);
  fmt::print("{}", options.dot ? dot(*function) : ir::print(*function));
  return 0;
}

}  // namespace

Command add_inspect(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("inspect", "shows what is in a model, or its IR at any stage");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  CLI::Option* model =
      app->add_option("MODEL", options->model, "a model (.onnx), IR text (.seq), or a built library (.so)");
  CLI::Option* stage = app->add_flag("--ir{final}", options->stage,
                                     "prints the IR: after all passes, or =import, or =PASS after its last run")
                           ->check(check_stage, "");
  CLI::Option* as_dot =
      app->add_flag("--dot", options->dot, "prints a graph for Graphviz, of the stage that --ir names");
  CLI::Option* page =
      app->add_option("--html", options->page, "writes a page about the model and all that becomes of it")
          ->type_name("FILE")
          ->excludes(stage)
          ->excludes(as_dot);
  add_profile_option(*app, options->profile)->needs(page);
  app->add_flag("--json", options->json, "the summary, coverage or table as JSON")->excludes(as_dot)->excludes(page);
  CLI::Option* coverage =
      app->add_flag("--coverage", options->coverage, "lists which nodes are compiled, and why others are not")
          ->excludes(stage)
          ->excludes(as_dot)
          ->excludes(page);
  app->add_flag("--operators", options->operators, "prints the table of ONNX operators; needs no model")
      ->excludes(coverage)
      ->excludes(stage)
      ->excludes(as_dot)
      ->excludes(model);
  add_stream_options(*app, options->stream, "shows it as a stream; with --ir, the IR of a step");
  add_shape_options(*app, options->compile);
  add_target_options(*app, options->compile.target, true);
  add_weights_option(*app, options->compile);
  add_pipeline_options(*app, options->compile.pipeline);
  app->callback([options] {
    if (!options->operators && options->model.empty()) throw CLI::RequiredError("MODEL");
  });
  return {app, [options] { return run_inspect(*options); }};
}

}  // namespace seqc::tools
