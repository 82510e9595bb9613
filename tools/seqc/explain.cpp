// seqc explain: why a model's scans became what they are.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "ir/error.h"
#include "runtime/explain.h"
#include "runtime/library.h"
#include "tools/seqc/command.h"
#include "tools/seqc/options.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Takes the model through the passes and through code generation, and says for each scan (each LSTM, GRU, RNN, Scan, Loop of
known length, ...) what was fused, hoisted, unrolled and shared between threads, what was not, and why, with the numbers
that decided. Lines begin with + for what was done and with - for what was not; the last column of a phase says what its kernel
keeps in registers. Kernels of a scan run one after the other, with a barrier between two where several threads share them.

Examples:
  seqc explain model.onnx
  seqc explain model.onnx --dim N=1 --dim T=100      what sizes change: loops of known length, one row or many
  seqc explain model.onnx --topic hoist,unroll       only that
  seqc explain model.onnx --target-cpu x86-64-v3     for another processor
  seqc explain model.onnx --json)";

constexpr const char* kTopics[] = {"batch", "direction", "hoist", "fuse", "masks", "unroll", "threads", "memory"};

struct Options {
  std::string model;
  std::vector<std::string> topics;
  bool json = false, all = false;
  runtime::CompileOptions compile;
};

using runtime::Explanation;
using runtime::PhaseExplanation;
using runtime::Reason;
using runtime::ScanExplanation;

std::string check_topic(const std::string& topic) {
  for (const char* known : kTopics)
    if (topic == known) return "";
  return fmt::format("topic \"{}\" is unknown, expected one of {}", topic, fmt::join(kTopics, ", "));
}

bool wanted(const Options& options, const std::string& topic) {
  return options.topics.empty() ||
         std::find(options.topics.begin(), options.topics.end(), topic) != options.topics.end();
}

const char* sharing_text(codegen::Sharing sharing) {
  switch (sharing) {
    case codegen::Sharing::One: return "one thread";
    case codegen::Sharing::All: return "all threads";
    case codegen::Sharing::Each: return "each thread for itself";
    case codegen::Sharing::BySize: return "all threads if worth it";
  }
  return "";
}

void print_reasons(const Options& options, const std::vector<Reason>& reasons) {
  for (const char* topic : kTopics) {
    if (!wanted(options, topic)) continue;
    for (const Reason& reason : reasons) {
      if (reason.topic != topic) continue;
      fmt::print("  {} {:<9} {}{}{}\n", reason.done ? '+' : '-', topic, reason.about, reason.about.empty() ? "" : ": ",
                 reason.what);
      fmt::print("              {}{}{}\n", reason.topic == "memory" ? "" : "because ", reason.why,
                 reason.pass.empty() ? "" : fmt::format("  [{}]", reason.pass));
    }
  }
}

void print_phases(const std::vector<PhaseExplanation>& phases) {
  for (size_t i = 0; i < phases.size(); ++i) {
    fmt::print("    {}. {}\n", i + 1, phases[i].name);
    fmt::print("       {} operations, {}{}{}\n", phases[i].operations, sharing_text(phases[i].sharing),
               phases[i].loops.empty() ? "" : "; ", phases[i].loops);
  }
}

void print_scan(const Options& options, const ScanExplanation& scan) {
  fmt::print("\n{}, {} steps{}\n", scan.name, scan.length, scan.reverse ? " backwards" : "");
  if (!scan.gone.empty()) fmt::print("  is no loop any more: {}\n", scan.gone);
  if (!scan.carries.empty()) fmt::print("  carries   {}\n", fmt::join(scan.carries, ", "));
  if (!scan.inputs.empty()) fmt::print("  reads     {}\n", fmt::join(scan.inputs, ", "));
  if (!scan.outputs.empty()) fmt::print("  emits     {}\n", fmt::join(scan.outputs, ", "));
  if (!scan.phases.empty()) fmt::print("  each step runs {} kernel(s):\n", scan.phases.size());
  print_phases(scan.phases);
  print_reasons(options, scan.reasons);
}

nlohmann::ordered_json json(const std::vector<Reason>& reasons, const Options& options) {
  auto list = nlohmann::ordered_json::array();
  for (const Reason& reason : reasons)
    if (wanted(options, reason.topic))
      list.push_back({{"topic", reason.topic},
                      {"pass", reason.pass},
                      {"done", reason.done},
                      {"about", reason.about},
                      {"what", reason.what},
                      {"why", reason.why}});
  return list;
}

nlohmann::ordered_json json(const std::vector<PhaseExplanation>& phases) {
  auto list = nlohmann::ordered_json::array();
  for (const PhaseExplanation& phase : phases)
    list.push_back({{"kernel", phase.name},
                    {"loops", phase.loops},
                    {"threads", sharing_text(phase.sharing)},
                    {"operations", phase.operations}});
  return list;
}

nlohmann::ordered_json json(const Explanation& explanation, const Options& options) {
  auto scans = nlohmann::ordered_json::array();
  for (const ScanExplanation& scan : explanation.scans)
    scans.push_back({{"name", scan.name},
                     {"steps", scan.length},
                     {"reverse", scan.reverse},
                     {"gone", scan.gone},
                     {"carries", scan.carries},
                     {"inputs", scan.inputs},
                     {"outputs", scan.outputs},
                     {"phases", json(scan.phases)},
                     {"reasons", json(scan.reasons, options)}});
  return {{"model", options.model},
          {"target", explanation.target},
          {"shared_from_operations", explanation.shared_from},
          {"scans", scans},
          {"kernels", json(explanation.kernels)},
          {"elsewhere", json(explanation.elsewhere, options)}};
}

int run_explain(Options& options) {
  if (runtime::is_library(options.model))
    fail(ErrorKind::BadInput, "{}: a library holds no IR; explain its model", options.model);
  fit_values(options.model, options.compile);
  const Explanation explanation =
      runtime::explain(runtime::load_function(options.model, options.compile), options.compile);
  if (options.json) {
    fmt::print("{}\n", json(explanation, options).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("{} for {}: {} scan{}, {} kernel{} outside of scans\n", options.model, explanation.target,
             explanation.scans.size(), explanation.scans.size() == 1 ? "" : "s", explanation.kernels.size(),
             explanation.kernels.size() == 1 ? "" : "s");
  for (const ScanExplanation& scan : explanation.scans) print_scan(options, scan);
  if (options.all) {
    fmt::print("\noutside of scans\n");
    print_phases(explanation.kernels);
    print_reasons(options, explanation.elsewhere);
  }
  return 0;
}

}  // namespace

Command add_explain(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("explain", "says why the scans of a model became what they are");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_option("MODEL", options->model, "a model (.onnx) or IR text (.seq)")->required();
  app->add_option("--topic", options->topics, fmt::format("only these: {}", fmt::join(kTopics, ", ")))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("TOPIC,...")
      ->check(check_topic, "");
  app->add_flag("--all", options->all, "also the kernels outside of scans");
  app->add_flag("--json", options->json, "the same as JSON, kernels outside of scans included");
  add_shape_options(*app, options->compile);
  add_target_options(*app, options->compile.target, true);
  add_weights_option(*app, options->compile);
  add_pipeline_options(*app, options->compile.pipeline);
  return {app, [options] { return run_explain(*options); }};
}

}  // namespace seqc::tools
