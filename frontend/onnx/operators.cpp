// The one place that knows all tables of operators.
#include <unordered_map>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

using Table = std::unordered_multimap<std::string_view, const OperatorEntry*>;

std::vector<const OperatorEntry*> collect() {
  std::vector<const OperatorEntry*> all;
  for (const auto operators : {elementwise_operators(),
                               activation_operators(),
                               shape_operators(),
                               layout_operators(),
                               slice_operators(),
                               gather_operators(),
                               select_operators(),
                               gradient_operators(),
                               order_operators(),
                               reduce_operators(),
                               matmul_operators(),
                               norm_operators(),
                               generator_operators(),
                               quantize_operators(),
                               qlinear_operators(),
                               control_flow_operators(),
                               sequence_operators(),
                               optional_operators(),
                               conv_operators(),
                               recurrent_operators(),
                               signal_operators(),
                               text_operators(),
                               optimizer_operators(),
                               random_operators(),
                               dropout_operators(),
                               microsoft_operators(),
                               microsoft_norm_operators(),
                               microsoft_attention_operators(),
                               microsoft_matmul_operators(),
                               microsoft_qlinear_operators()})
    for (const OperatorEntry& entry : operators) all.push_back(&entry);
  return all;
}

Table make_table() {
  Table table;
  for (const OperatorEntry* entry : collect()) table.emplace(entry->name, entry);
  return table;
}

}  // namespace

std::vector<const OperatorEntry*> all_operators() { return collect(); }

const OperatorEntry* find_operator(std::string_view domain, std::string_view name, int64_t opset) {
  static const Table kTable = make_table();
  const OperatorEntry* best = nullptr;
  for (auto [it, end] = kTable.equal_range(name); it != end; ++it) {
    const OperatorEntry* entry = it->second;
    if (entry->domain == domain && entry->since <= opset && (!best || entry->since > best->since)) best = entry;
  }
  return best;
}

Value* import_as(Node& node, std::string_view op, int64_t opset) {
  const OperatorEntry* entry = find_operator("", op, opset);
  SEQC_CHECK(entry, "no importer of {}", op);
  node.read_as_opset(opset);
  entry->import(node);
  return node.outputs().at(0).value;
}

}  // namespace seqc::frontend
