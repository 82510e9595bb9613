// If: one branch when the condition is known at import, a real `if` otherwise.
#include "frontend/onnx/control_flow.h"

#include <onnx/onnx_pb.h>

namespace seqc::frontend {

Value* tensor_result(Node& node, Builder& builder, Item item, std::string_view what) {
  if (item.sequence) node.unsupported("{} is a sequence; only tensors are supported here", what);
  return node.graph().model().materialize(item, builder.location());
}

std::vector<Item> import_step(Node& node, Builder& inner, const onnx::GraphProto& body, const std::vector<Item>& inputs,
                              Value* step) {
  std::vector<Value*>& steps = node.graph().model().steps;
  steps.push_back(step);
  auto outputs = node.graph().import_subgraph(inner, body, inputs);
  steps.pop_back();
  return outputs;
}

void require_carry(Node& node, size_t i, const Type& initial, const Value* next) {
  if (next->type() == initial) return;
  const std::string change =
      fmt::format("carried value {} starts as {} and becomes {}", i, initial.str(), next->type().str());
  Shape shape = initial.shape;
  shape.insert(shape.end(), next->shape().begin(), next->shape().end());
  if (initial.rank() == next->rank() && initial.dtype == next->dtype() && !symbols(shape).empty())
    node.needs_dims(symbols(shape), change);
  node.unsupported("{}; only values that keep their type are supported", change);
}

namespace {

void import_branch(Node& node, const onnx::GraphProto& branch) {
  const auto outputs = node.graph().import_subgraph(node.builder(), branch, {});
  if (outputs.size() != node.output_count())
    node.bad("its branch has {} outputs, the node {}", outputs.size(), node.output_count());
  for (size_t i = 0; i < outputs.size(); ++i) node.set_output(i, outputs[i]);
}

/// Both branches; their results must have the same types.
ir::Op* build_if(Node& node, const onnx::GraphProto& then_branch, const onnx::GraphProto& else_branch, Value* condition,
                 const std::set<std::string>& names) {
  std::vector<Value*> first;
  const auto region = [&](Builder& b, const onnx::GraphProto& branch) {
    const auto outputs = node.graph().import_subgraph(b, branch, {});
    if (outputs.size() != node.output_count())
      node.bad("a branch has {} outputs, the node {}", outputs.size(), node.output_count());
    std::vector<Value*> values;
    for (const Item& item : outputs) values.push_back(tensor_result(node, b, item, "the result of a branch"));
    return values;
  };
  const auto then_region = [&](Builder& b, const std::vector<Value*>&) { return first = region(b, then_branch); };
  const auto else_region = [&](Builder& b, const std::vector<Value*>&) {
    const auto second = region(b, else_branch);
    for (size_t i = 0; i < second.size(); ++i) {
      if (second[i]->type() == first[i]->type()) continue;
      const std::string what = fmt::format("result {} is {} in the then_branch and {} in the else_branch", i,
                                           first[i]->type().str(), second[i]->type().str());
      std::set<std::string> open = names;
      open.merge(symbols(first[i]->shape()));
      open.merge(symbols(second[i]->shape()));
      if (!open.empty()) node.needs_dims(open, what);
      node.unsupported("{}, and the condition is known at run time only; branches must agree in type", what);
    }
    return second;
  };
  return node.builder().if_(condition, then_region, else_region);
}

}  // namespace

void import_if(Node& node) {
  const onnx::GraphProto &then_branch = node.subgraph("then_branch"), &else_branch = node.subgraph("else_branch");
  const Type type = node.input_type(0);
  if (type.dtype != DType::boolean || !(element_count(type.shape) == Dim(1)))
    node.bad("condition is {}, expected bool[]", type.str());
  if (const auto known = node.known_tensor(0))
    return import_branch(node, known->integer(0) != 0 ? then_branch : else_branch);
  const Node::Origin origin = node.origin(0);
  Value* condition = node.builder().reshape(node.input(0, "condition"), {});
  try {
    const ir::Op* op =
        build_if(node, then_branch, else_branch, condition, origin.run_time ? std::set<std::string>{} : origin.names);
    for (size_t i = 0; i < node.output_count(); ++i) node.set_output(i, op->result(i));
  } catch (const Error& error) {
    // A branch that is never taken may well be senseless for the shapes at hand.
    if (error.kind() != ErrorKind::BadInput && error.kind() != ErrorKind::Unsupported) throw;
    if (!origin.run_time)
      node.needs_dims(origin.names,
                      fmt::format("the condition depends on them, and not both branches hold ({})", error.what()));
    node.needs_values(
        "the condition depends on the values of \"{}\", and a branch cannot be compiled ({}); give that "
        "input a fixed value",
        origin.run_time->name(), error.what());
  }
}

namespace {

constexpr OperatorEntry kOperators[] = {
    {"If", import_if},
    {"Loop", import_loop, 1, "",
     "stacked results need a trip count known when compiling; carried values keep their type"},
    {"Scan", import_scan, 8, "", "without sequence_lens of opset 8; states keep their type"},
};

}  // namespace

std::span<const OperatorEntry> control_flow_operators() { return kOperators; }

}  // namespace seqc::frontend
