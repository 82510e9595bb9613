// Loops whose steps are imported one by one: carried values may change their shape and structure on the way.
#include <onnx/onnx_pb.h>

#include "frontend/onnx/control_flow.h"
#include "frontend/onnx/loop.h"
#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Whether the loop goes on, from what its body says after a step.
bool goes_on(Node& node, const Item& condition, const LoopParts& parts) {
  if (!condition.is_tensor()) node.bad("the condition of its body is {}, expected bool[]", structure_text(condition));
  const Type type = type_of(condition);
  if (type.dtype != DType::boolean || !(element_count(type.shape) == Dim(1)))
    node.bad("the condition of its body is {}, expected bool[]", type.str());
  const auto known =
      condition.contents ? to_tensor(*condition.contents) : node.graph().model().evaluate(condition.value);
  if (known) return known->integer(0) != 0;
  if (parts.stacked > 0)
    node.unsupported(
        "results with one row a step need a number of steps known when compiling; its condition ends it at run time");
  node.unsupported("it must be unrolled, and its condition ends it at run time");
}

/// The rows of one stacked result as a tensor. Without rows, the body must declare their type.
Value* stack_rows(Node& node, const onnx::ValueInfoProto& declared, const std::vector<Item>& rows) {
  if (!rows.empty()) return stack(node, node.builder(), {.type = type_of(rows[0]).dtype, .elements = rows});
  const auto shape = declared_shape(declared.name(), declared.type());
  if (!shape || !symbols(*shape).empty())
    node.unsupported("it has no step, and its body does not declare the type of the result \"{}\"", declared.name());
  std::vector<int64_t> sizes = {0};
  for (const Dim& dim : *shape) sizes.push_back(dim.constant());
  return node.builder().constant(Tensor(element_type(declared.type().tensor_type().elem_type(), node.where()), sizes));
}

}  // namespace

UnrolledStep::UnrolledStep(Node& node) : model_(node.graph().model()) {
  if (++model_.unrolled_nodes > kMaxUnrolledNodes)
    node.unsupported("it must be unrolled, and the unrolled loops of this model have more than {} nodes",
                     kMaxUnrolledNodes);
  ++model_.unrolling;
}

UnrolledStep::~UnrolledStep() { --model_.unrolling; }

void import_unrolled(Node& node, const LoopParts& parts, std::optional<int64_t> most) {
  std::vector<Item> carried = parts.carried;
  std::vector<std::vector<Item>> rows(parts.stacked);
  bool more = true;
  for (int64_t step = 0; more && (!most || step < *most); ++step) {
    const UnrolledStep counted(node);
    std::vector<Item> inputs = {make_item(Contents{DType::i64, {}, {Dim(step)}}),
                                make_item(Contents{DType::boolean, {}, {Dim(1)}})};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    Value* number = node.builder().constant(Tensor::scalar_int(DType::i64, step));
    const auto outputs = import_step(node, node.builder(), parts.body, inputs, number);
    for (size_t i = 0; i < carried.size(); ++i) carried[i] = outputs[i + 1];
    for (size_t i = 0; i < parts.stacked; ++i) {
      const Item& row = outputs[1 + carried.size() + i];
      if (!row.is_tensor()) node.bad("a stacked result is {}, expected a tensor", structure_text(row));
      rows[i].push_back(row);
    }
    more = !parts.conditional || (most && step + 1 == *most) || goes_on(node, outputs[0], parts);
  }
  for (size_t i = 0; i < carried.size(); ++i) parts.set_output(i, carried[i]);
  for (size_t i = 0; i < parts.stacked; ++i) {
    const auto& declared = parts.body.output(static_cast<int>(1 + carried.size() + i));
    parts.set_output(carried.size() + i, make_item(stack_rows(node, declared, rows[i])));
  }
}

}  // namespace seqc::frontend
