#include "tools/seqc/coverage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "codegen/memory_plan.h"
#include "frontend/onnx/import.h"
#include "frontend/onnx/operator_support.h"
#include "ir/error.h"

namespace seqc::tools {
namespace {

using frontend::Coverage;
using frontend::NodeCoverage;
using frontend::OperatorSupport;
using State = NodeCoverage::State;

constexpr std::array kStates = {"compiled", "refused", "not reached", "not needed"};

const char* text(State state) { return kStates[static_cast<size_t>(state)]; }

std::string operator_name(const NodeCoverage& node) {
  return node.domain.empty() ? node.op : node.domain + "." + node.op;
}

/// Nodes by operator and state.
using Counts = std::map<std::string, std::array<int64_t, kStates.size()>>;

Counts count(const Coverage& coverage) {
  Counts counts;
  for (const NodeCoverage& node : coverage.nodes)
    ++counts.try_emplace(operator_name(node)).first->second[static_cast<size_t>(node.state)];
  return counts;
}

std::string opset_text(const NodeCoverage& node) {
  if (node.opset == 0) return "no opset";
  return node.domain.empty() ? fmt::format("opset {}", node.opset) : fmt::format("version {}", node.opset);
}

std::string listing(const Coverage& coverage, State state) {
  std::string lines;
  for (const NodeCoverage& node : coverage.nodes) {
    if (node.state != state) continue;
    lines += fmt::format("  {} \"{}\", {}{}{}\n", operator_name(node), node.name, opset_text(node),
                         node.graph.empty() ? "" : ", in ", node.graph);
    lines += fmt::format("      {}\n", node.message);
  }
  return lines.empty() ? "" : fmt::format("\n{}:\n{}", text(state), lines);
}

std::string report(const std::string& model, const Coverage& coverage) {
  std::string lines = fmt::format("{}: {} nodes", model, coverage.nodes.size());
  for (const State state : {State::Compiled, State::Refused, State::NotReached, State::Unneeded})
    if (const size_t number = coverage.count(state); number > 0 || state == State::Compiled)
      lines += fmt::format(", {} {}", number, text(state));
  lines += fmt::format("\n\n{:<28}  {:>8}  {:>8}  {:>11}  {:>10}\n", "operator", "compiled", "refused", "not reached",
                       "not needed");
  for (const auto& [name, numbers] : count(coverage))
    lines +=
        fmt::format("{:<28}  {:>8}  {:>8}  {:>11}  {:>10}\n", name, numbers[0], numbers[1], numbers[2], numbers[3]);
  lines += listing(coverage, State::Refused) + listing(coverage, State::NotReached);
  if (!coverage.faults.empty())
    lines += fmt::format("\nof the model as a whole:\n  {}\n", fmt::join(coverage.faults, "\n  "));
  return lines;
}

nlohmann::ordered_json json(const std::string& model, const Coverage& coverage) {
  nlohmann::ordered_json result = {{"model", model},
                                   {"complete", coverage.complete()},
                                   {"compiled", coverage.count(State::Compiled)},
                                   {"refused", coverage.count(State::Refused)},
                                   {"not_reached", coverage.count(State::NotReached)},
                                   {"not_needed", coverage.count(State::Unneeded)}};
  auto operators = nlohmann::ordered_json::object();
  for (const auto& [name, numbers] : count(coverage))
    operators[name] = {
        {"compiled", numbers[0]}, {"refused", numbers[1]}, {"not_reached", numbers[2]}, {"not_needed", numbers[3]}};
  result["operators"] = std::move(operators);
  auto nodes = nlohmann::ordered_json::array();
  for (const NodeCoverage& node : coverage.nodes)
    nodes.push_back({{"name", node.name},
                     {"operator", node.op},
                     {"domain", node.domain},
                     {"opset", node.opset},
                     {"graph", node.graph},
                     {"state", text(node.state)},
                     {"message", node.message}});
  result["nodes"] = std::move(nodes);
  result["faults"] = coverage.faults;
  return result;
}

/// What stands in the way although every node is known: the graph as a whole, or a later stage.
void try_whole(const std::string& model, const runtime::CompileOptions& options, Coverage& coverage) {
  try {
    codegen::plan_memory(*runtime::lower_file(model, options).function);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Internal) throw;
    coverage.faults.emplace_back(error.what());
  }
}

std::string support_text(const OperatorSupport& row) {
  if (row.kind == OperatorSupport::Kind::Refused)
    return row.note.empty() ? "not yet" : fmt::format("refused: {}", row.note);
  return fmt::format("from {} on{}{}{}", row.since, row.moves_strings ? ", strings too" : "",
                     row.note.empty() ? "" : "; ", row.note);
}

}  // namespace

int print_coverage(const std::string& model, const runtime::CompileOptions& options, bool as_json) {
  Coverage coverage = frontend::cover_model(
      model, {.dims = options.dims, .input_shapes = options.input_shapes, .input_values = options.input_values});
  if (coverage.complete()) try_whole(model, options, coverage);
  if (as_json)
    fmt::print("{}\n", json(model, coverage).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    fmt::print("{}", report(model, coverage));
  return coverage.complete() ? 0 : 1;
}

int print_operators(bool as_json) {
  const std::vector<OperatorSupport> rows = frontend::operator_support();
  if (as_json) {
    constexpr std::array kKinds = {"imported", "function", "refused"};
    auto list = nlohmann::ordered_json::array();
    for (const OperatorSupport& row : rows)
      list.push_back({{"name", row.name},
                      {"domain", row.domain},
                      {"versions", row.versions},
                      {"support", kKinds[static_cast<size_t>(row.kind)]},
                      {"since", row.since},
                      {"strings", row.moves_strings},
                      {"note", row.note}});
    fmt::print("{}\n", list.dump(2));
    return 0;
  }
  fmt::print(
      "# ONNX operators\n\n"
      "Made by `seqc inspect --operators`; a test keeps it so. Models may import opsets 1 to {}. \"From N on\" counts "
      "in the\n"
      "opsets of the operator's domain. Whatever an importer does not know of a node (attribute, input, type) is "
      "refused by\n"
      "name; `seqc inspect --coverage model.onnx` lists what a model of yours needs. Operators "
      "marked\n"
      "\"strings too\" move tensors of strings as they move others; all others refuse them.\n",
      frontend::kNewestOpset);
  std::string domain = "none yet";
  for (const OperatorSupport& row : rows) {
    if (row.domain != domain)
      fmt::print("\n## {}\n\n| operator | versions | supported |\n|---|---|---|\n",
                 row.domain.empty() ? "ai.onnx" : row.domain);
    domain = row.domain;
    fmt::print("| {} | {} | {} |\n", row.name, fmt::join(row.versions, ", "), support_text(row));
  }
  return 0;
}

}  // namespace seqc::tools
