// If: one branch when the condition is known at import, a real `if` otherwise.
#include "frontend/onnx/control_flow.h"

#include "frontend/onnx/branch_sizes.h"

#include <onnx/onnx_pb.h>

#include "ir/named_dims.h"

namespace seqc::frontend {

Value* tensor_result(Node& node, Builder& builder, Item item, std::string_view what) {
  if (!item.is_tensor()) node.unsupported("{} is {}; only tensors are supported here", what, structure_text(item));
  return node.graph().model().materialize(item, builder.location());
}

std::vector<Item> import_step(Node& node, Builder& inner, const onnx::GraphProto& body, const std::vector<Item>& inputs,
                              Value* step) {
  struct Scope {
    ~Scope() { steps.pop_back(); }
    std::vector<Value*>& steps;
  };
  node.graph().model().steps.push_back(step);
  const Scope scope{node.graph().model().steps};
  return node.graph().import_subgraph(inner, body, inputs);
}

std::vector<Value*> region_results(Node& node, const Builder& region, std::vector<Value*> results) {
  const auto binders = ir::dim_binders(node.graph().model().function);
  const auto is_inside = [&](const ir::Op* op) {
    while (op && op->parent() != &region.block()) op = op->parent()->parent_op();
    return op != nullptr;
  };
  for (const Value* result : results)
    for (const std::string& name : symbols(result->shape()))
      if (const auto it = binders.find(name); it != binders.end() && is_inside(it->second))
        node.unsupported("a result of its body or branch is {}, and only a run of that can tell {}",
                         result->type().str(), name);
  return results;
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

/// Where named dims decide which branch runs, numbers for them give its results one type.
void require_branch_type(Node& node, size_t i, const Type& first, const Type& second,
                         const std::set<std::string>& names) {
  if (second == first || names.empty()) return;
  std::set<std::string> open = names;
  open.merge(symbols(first.shape));
  open.merge(symbols(second.shape));
  node.needs_dims(
      open, fmt::format("result {} is {} in the then_branch and {} in the else_branch", i, first.str(), second.str()));
}

/// Sets the results of an `if` over both branches, which must give the same structures; sizes may differ.
void import_both(Node& node, const onnx::GraphProto& then_branch, const onnx::GraphProto& else_branch, Value* condition,
                 const std::set<std::string>& names) {
  std::vector<Item> structure;  // of the then_branch's results
  std::vector<Value*> first;    // its leaves
  ir::Block* then_block = nullptr;
  BranchSizes sizes(node);
  const auto results = [&](Builder& b, const onnx::GraphProto& branch) {
    auto outputs = node.graph().import_subgraph(b, branch, {});
    if (outputs.size() != node.output_count())
      node.bad("a branch has {} outputs, the node {}", outputs.size(), node.output_count());
    return outputs;
  };
  const auto then_region = [&](Builder& b, const std::vector<Value*>&) {
    structure = results(b, then_branch);
    for (const Item& item : structure)
      for (Value* leaf : leaves(node, b, item, "the result of a branch")) first.push_back(leaf);
    then_block = &b.block();
    return first;
  };
  const auto else_region = [&](Builder& b, const std::vector<Value*>&) {
    const auto outputs = results(b, else_branch);
    std::vector<Value*> second;
    for (size_t i = 0; i < outputs.size(); ++i) {
      for (Value* leaf : leaves_like(node, b, outputs[i], structure[i], "the result of a branch")) {
        require_branch_type(node, i, first[second.size()]->type(), leaf->type(), names);
        second.push_back(leaf);
      }
    }
    return sizes.unite(b, *then_block, first, second);
  };
  const ir::Op* op = node.builder().if_(condition, then_region, else_region);
  const std::vector<Value*> all = sizes.results(*op);
  std::span<Value* const> rest = all;
  for (size_t i = 0; i < structure.size(); ++i) node.set_output(i, rebuild(structure[i], rest));
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
    import_both(node, then_branch, else_branch, condition, origin.run_time ? std::set<std::string>{} : origin.names);
  } catch (const Error& error) {
    // A branch that is never taken may well be senseless for the shapes at hand.
    if (error.kind() != ErrorKind::BadInput && error.kind() != ErrorKind::Unsupported) throw;
    if (!origin.run_time)
      node.needs_dims(origin.names,
                      fmt::format("the condition depends on them, and not both branches hold ({})", error.what()));
    if (origin.run_time->block() != &node.graph().model().function.body())  // a value of a loop's body
      node.unsupported("the condition is known at run time only, and a branch cannot be compiled ({})", error.what());
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
     "stacked results and carried tensors that grow need a bound on the number of steps: a trip count known when "
     "compiling"},
    {"Scan", import_scan, 8, "", "states keep their type"},
    {"SequenceMap", import_sequence_map, 17},
};

}  // namespace

std::span<const OperatorEntry> control_flow_operators() { return kOperators; }

}  // namespace seqc::frontend
