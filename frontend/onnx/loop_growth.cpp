// Carried tensors that only grow: out = Concat(out, rows), as scripted models write `out = torch.cat([out, h])`.
//
// Nothing in the loop reads such a tensor, so it need not be carried: the rows of each step are stacked, as results of
// the body are, and joined with the initial value after the loop.
#include "frontend/onnx/loop_growth_pb.h"

#include <algorithm>
#include <map>

#include "frontend/onnx/structure.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// How often the nodes and outputs of a graph use each name.
std::map<std::string, int> count_uses(const onnx::GraphProto& graph) {
  std::map<std::string, int> uses;
  for (const auto& node : graph.node()) {
    for (const std::string& name : names_used(node)) ++uses[name];
    for (const std::string& name : node.input())
      uses[name] += std::count(node.input().begin(), node.input().end(), name) > 1;
  }
  for (const auto& output : graph.output()) ++uses[output.name()];
  return uses;
}

/// The Concat that makes `name`; null if another node does. Names that only hand it on are removed from the count.
const onnx::NodeProto* find_concat(const onnx::GraphProto& graph, std::string name, std::map<std::string, int>& uses) {
  for (int hops = 0; hops <= graph.node_size(); ++hops) {
    const auto& nodes = graph.node();
    const auto makes = [&](const onnx::NodeProto& node) { return node.output_size() == 1 && node.output(0) == name; };
    const auto maker = std::find_if(nodes.begin(), nodes.end(), makes);
    if (maker == nodes.end() || uses[name] != 1 || !maker->domain().empty()) return nullptr;
    if (maker->op_type() == "Concat") return &*maker;
    if (maker->op_type() != "Identity" || maker->input_size() != 1) return nullptr;
    name = maker->input(0);
  }
  return nullptr;
}

std::optional<GrowingCarry> find_growing(const LoopParts& parts, size_t carry, std::map<std::string, int>& uses) {
  const onnx::GraphProto& body = parts.body;
  const std::string& before = body.input(static_cast<int>(carry) + 2).name();
  if (!parts.carried[carry].is_tensor() || uses[before] != 1) return std::nullopt;
  const onnx::NodeProto* concat = find_concat(body, body.output(static_cast<int>(carry) + 1).name(), uses);
  if (!concat || concat->attribute_size() != 1 || concat->attribute(0).name() != "axis") return std::nullopt;
  GrowingCarry result{.carry = carry, .axis = concat->attribute(0).i(), .in_front = {}, .behind = {}};
  const int64_t rank = type_of(parts.carried[carry]).rank();
  if (result.axis < 0) result.axis += rank;
  if (result.axis < 0 || result.axis >= rank) return std::nullopt;
  bool passed = false;
  for (const std::string& name : concat->input()) {
    if (name == before)
      passed = true;
    else
      (passed ? result.behind : result.in_front).push_back(name);
  }
  return passed ? std::optional(result) : std::nullopt;
}

/// The rows of all steps along `axis`: [steps, ..., k, ...] becomes [..., steps * k, ...].
Value* side_by_side(Builder& b, Value* rows, int64_t axis) {
  std::vector<int64_t> order = axis_range(1, rows->rank());
  order.insert(order.begin() + axis, 0);
  Shape shape(rows->shape().begin() + 1, rows->shape().end());
  shape[static_cast<size_t>(axis)] = shape[static_cast<size_t>(axis)] * rows->shape()[0];
  return b.reshape(b.transpose(rows, order), shape);
}

}  // namespace

std::optional<LoopGrowth> find_growth(const LoopParts& parts) {
  LoopGrowth growth;
  auto uses = count_uses(parts.body);
  for (size_t i = 0; i < parts.carried.size(); ++i)
    if (auto growing = find_growing(parts, i, uses)) growth.growing.push_back(*growing);
  if (growth.growing.empty()) return std::nullopt;
  growth.body = parts.body;
  auto &inputs = *growth.body.mutable_input(), &outputs = *growth.body.mutable_output();
  for (auto it = growth.growing.rbegin(); it != growth.growing.rend(); ++it) {
    inputs.DeleteSubrange(static_cast<int>(it->carry) + 2, 1);
    outputs.DeleteSubrange(static_cast<int>(it->carry) + 1, 1);
  }
  for (const GrowingCarry& growing : growth.growing)
    for (const auto* names : {&growing.in_front, &growing.behind})
      for (const std::string& name : *names) growth.body.add_output()->set_name(name);
  return growth;
}

LoopParts without_growing(const LoopParts& parts, const LoopGrowth& growth) {
  LoopParts rest{growth.body, {}, 0, parts.conditional, {}};
  for (size_t i = 0; i < parts.carried.size(); ++i)
    if (!growth.is_growing(i)) rest.carried.push_back(parts.carried[i]);
  rest.stacked = static_cast<size_t>(growth.body.output_size()) - 1 - rest.carried.size();
  return rest;
}

void set_grown(Node& node, const LoopParts& parts, const LoopGrowth& growth, const std::vector<Item>& results) {
  Builder& b = node.builder();
  size_t next = 0;
  for (size_t i = 0; i < parts.carried.size(); ++i)
    if (!growth.is_growing(i)) parts.set_output(i, results[next++]);
  for (size_t i = 0; i < parts.stacked; ++i) parts.set_output(parts.carried.size() + i, results[next++]);
  for (const GrowingCarry& growing : growth.growing) {
    // The rows that one step adds on one side follow each other; in front, those of the last step come first.
    const auto all = [&](const std::vector<std::string>& names, bool backwards) {
      std::vector<Value*> rows;
      for (size_t i = 0; i < names.size(); ++i)
        rows.push_back(leaves(node, b, results[next++], "the rows of a step")[0]);
      Value* joined = rows.size() == 1 ? rows[0] : b.concat(rows, growing.axis + 1);
      return side_by_side(b, backwards ? reverse_axis(b, joined, 0) : joined, growing.axis);
    };
    std::vector<Value*> pieces;
    if (!growing.in_front.empty()) pieces.push_back(all(growing.in_front, true));
    pieces.push_back(leaves(node, b, parts.carried[growing.carry], "a carried value")[0]);
    if (!growing.behind.empty()) pieces.push_back(all(growing.behind, false));
    parts.set_output(growing.carry, make_item(pieces.size() == 1 ? pieces[0] : b.concat(pieces, growing.axis)));
  }
}

}  // namespace seqc::frontend
