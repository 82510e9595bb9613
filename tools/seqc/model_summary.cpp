#include "tools/seqc/model_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/function_ports.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

using ir::Opcode;

/// What a layer is called after, the most telling op first.
std::string kind_of(const ir::Op& op) {
  switch (op.code()) {
    case Opcode::Scan: return fmt::format("scan, {} steps", op.as<ir::ScanAttr>().length.str());
    case Opcode::Loop: return "loop";
    case Opcode::Conv: return "conv";
    case Opcode::Contract: return "contract";
    default: return "";
  }
}

int rank_of(const std::string& kind) {
  if (kind.starts_with("scan") || kind == "loop") return 3;
  return kind.empty() ? 1 : 2;
}

/// Collects the layers of a function in order of appearance.
class LayerList {
 public:
  void add_block(const ir::Block& block) {
    for (const auto& op : block.ops()) {
      if (op->code() == Opcode::If) {  // each branch is a network of its own
        for (size_t i = 0; i < op->region_count(); ++i) add_block(op->region(i));
        continue;
      }
      const runtime::Cost cost = runtime::cost(*op, seen_);
      const std::string kind = kind_of(*op);
      if (kind.empty() && cost.parameters == 0) continue;
      add(*op, kind, cost);
    }
  }

  /// Without those that only scale or shift by a handful of numbers.
  std::vector<Layer> finish() {
    std::erase_if(layers_, [](const Layer& layer) { return layer.kind.empty() && layer.cost.parameters <= 1; });
    for (Layer& layer : layers_)
      if (layer.kind.empty()) layer.kind = "elementwise";
    return std::move(layers_);
  }

 private:
  void add(const ir::Op& op, const std::string& kind, const runtime::Cost& cost) {
    const std::string name = op.location().empty() ? fmt::format("({})", op.info().mnemonic) : op.location();
    auto it = std::find_if(layers_.begin(), layers_.end(), [&](const Layer& layer) { return layer.name == name; });
    if (it == layers_.end()) it = layers_.insert(layers_.end(), Layer{name, kind, {}});
    if (rank_of(kind) > rank_of(it->kind)) it->kind = kind;
    it->cost += cost;
  }

  std::set<const ir::Value*> seen_;
  std::vector<Layer> layers_;
};

std::string port_lines(const char* title, const std::vector<runtime::Port>& ports) {
  std::string text;
  for (const runtime::Port& port : ports)
    text += fmt::format("{:<9} {}: {}\n", text.empty() ? title : "", port.name, port.type.str());
  return text;
}

std::string layer_table(const Summary& summary) {
  size_t name = 5, kind = 4;
  for (const Layer& layer : summary.layers) {
    name = std::max(name, layer.name.size());
    kind = std::max(kind, layer.kind.size());
  }
  std::string text =
      fmt::format("\n{:<{}}  {:<{}}  {:>12}  multiply-adds\n", "layer", name, "what", kind, "parameters");
  const auto row = [&](const std::string& first, const std::string& what, const runtime::Cost& cost) {
    text += fmt::format("{:<{}}  {:<{}}  {:>12}  {}{}\n", first, name, what, kind, count_text(cost.parameters),
                        formula_text(cost.multiply_adds), cost.at_least ? " (loops counted once)" : "");
  };
  for (const Layer& layer : summary.layers) row(layer.name, layer.kind, layer.cost);
  row("total", "", summary.total);
  return text;
}

nlohmann::ordered_json json(const std::vector<runtime::Port>& ports) {
  auto list = nlohmann::ordered_json::array();
  for (const runtime::Port& port : ports) list.push_back({{"name", port.name}, {"type", port.type.str()}});
  return list;
}

nlohmann::ordered_json json(const runtime::Cost& cost) {
  return {{"parameters", cost.parameters}, {"multiply_adds", cost.multiply_adds.str()}, {"at_least", cost.at_least}};
}

}  // namespace

Summary summarize(const ir::Function& function) {
  Summary summary;
  summary.inputs = runtime::inputs_of(function);
  summary.outputs = runtime::outputs_of(function);
  std::set<std::string> names;
  for (const runtime::Port& port : summary.inputs)
    for (const ir::Dim& dim : port.type.shape) dim.collect_symbols(names);
  summary.dims.assign(names.begin(), names.end());
  LayerList layers;
  layers.add_block(function.body());
  summary.layers = layers.finish();
  summary.total = runtime::cost(function);
  for (const auto& constant : function.constants())
    if (!constant->unused()) summary.weight_bytes += static_cast<int64_t>(constant->constant().byte_size());
  ir::walk(function.body(), [&](const ir::Op* op) {
    if (op->code() != Opcode::Yield && op->code() != Opcode::Return) ++summary.ops[std::string(op->info().mnemonic)];
  });
  return summary;
}

std::string text(const Summary& summary) {
  std::string text = port_lines("inputs", summary.inputs) + port_lines("outputs", summary.outputs);
  if (!summary.dims.empty()) text += fmt::format("{:<9} {}\n", "dims", fmt::join(summary.dims, ", "));
  text += fmt::format("{:<9} {} parameters, {}\n", "weights", count_text(summary.total.parameters),
                      bytes_text(static_cast<uint64_t>(summary.weight_bytes)));
  text += layer_table(summary);
  std::string ops;
  for (const auto& [name, count] : summary.ops) ops += fmt::format("{}{} {}", ops.empty() ? "" : ", ", count, name);
  return text + fmt::format("\nops       {}\n", ops);
}

nlohmann::ordered_json json(const Summary& summary) {
  auto layers = nlohmann::ordered_json::array();
  for (const Layer& layer : summary.layers) {
    nlohmann::ordered_json entry = {{"name", layer.name}, {"kind", layer.kind}};
    entry.update(json(layer.cost));
    layers.push_back(std::move(entry));
  }
  nlohmann::ordered_json result = {{"inputs", json(summary.inputs)},
                                   {"outputs", json(summary.outputs)},
                                   {"dims", summary.dims},
                                   {"weight_bytes", summary.weight_bytes},
                                   {"layers", layers},
                                   {"ops", summary.ops}};
  result.update(json(summary.total));
  return result;
}

}  // namespace seqc::tools
