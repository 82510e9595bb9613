// seqc opt: runs passes over IR text.
#include <fmt/format.h>

#include <memory>

#include "ir/error.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "runtime/compile.h"
#include "tools/seqc/command.h"
#include "tools/seqc/options.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Reads IR text, runs passes over each of its functions and prints the result, or writes it to a file.

Examples:
  seqc opt cell.seq --passes=hoist-projections,fuse-gates
  seqc opt cell.seq --passes=standard -o cell.kernels.seq       the whole pipeline
  seqc opt --list-passes)";

struct Options {
  std::string file, output;
  std::vector<std::string> passes;
  bool list = false;
  runtime::CompileOptions compile;
};

std::vector<std::string> expand(const std::vector<std::string>& passes) {
  std::vector<std::string> names;
  for (const std::string& pass : passes) {
    if (pass != "standard") {
      names.push_back(pass);
      continue;
    }
    const auto standard = passes::standard_pipeline();
    names.insert(names.end(), standard.begin(), standard.end());
  }
  return names;
}

std::string check_pass(const std::string& name) {
  if (name == "standard" || passes::find_pass(name)) return "";
  return fmt::format("pass \"{}\" is unknown; --list-passes shows them", name);
}

const char* exactness_text(passes::Exactness exactness) {
  switch (exactness) {
    case passes::Exactness::Exact: return "";
    case passes::Exactness::Reassociates: return " (changes rounding)";
    case passes::Exactness::Approximates: return " (changes values; only with --weights)";
  }
  return "";
}

int list_passes() {
  for (const passes::PassInfo& pass : passes::all_passes())
    fmt::print("{:<34} {}{}\n", pass.name, pass.summary, exactness_text(pass.exactness));
  return 0;
}

int run_opt(const Options& options) {
  if (options.list) return list_passes();
  const auto module = ir::load_module(options.file);
  for (const auto& function : module->functions) {
    if (const auto faults = ir::verify(*function); !faults.empty()) {
      std::string text;
      for (const ir::Diagnostic& fault : faults) text += (text.empty() ? "" : "\n") + fault.message;
      fail(ErrorKind::BadInput, "{}: @{}: {}", options.file, function->name, text);
    }
  }
  passes::PassContext context = runtime::pass_context(options.compile);
  for (const auto& function : module->functions)
    passes::run_passes(*function, expand(options.passes), context, options.compile.pipeline);
  if (options.output.empty())
    fmt::print("{}", ir::print(*module));
  else
    ir::save_module(*module, options.output);
  return 0;
}

}  // namespace

Command add_opt(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("opt", "runs passes over IR text");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  CLI::Option* file = app->add_option("FILE", options->file, "IR text (.seq)");
  app->add_option("--passes", options->passes, "in this order; \"standard\" stands for the whole pipeline")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("PASS,...")
      ->check(check_pass, "");
  app->add_option("-o,--output", options->output, "file for the result (standard output)")->type_name("FILE");
  CLI::Option* list = app->add_flag("--list-passes", options->list, "shows all passes");
  add_target_options(*app, options->compile.target, true);
  add_weights_option(*app, options->compile);
  add_pipeline_options(*app, options->compile.pipeline);
  app->callback([file, list] {
    if (file->count() == 0 && list->count() == 0) throw CLI::RequiredError("FILE");
  });
  return {app, [options] { return run_opt(*options); }};
}

}  // namespace seqc::tools
