#include "frontend/onnx/recurrent_quantized.h"

#include "frontend/onnx/graph.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// [directions] or [directions, rows] shaped for weights [directions, inputs, rows].
Value* along_gate_rows(Node& node, Value* parameter, const Shape& weights, const std::string& role) {
  Builder& b = node.builder();
  if (parameter->rank() != 1 && parameter->rank() != 2)
    node.bad("{} is {}, expected [{}] or [{},{}]", role, parameter->type().str(), weights[0].str(), weights[0].str(),
             weights[2].str());
  node.require_equal(parameter->shape()[0], weights[0], "the directions of " + role);
  if (parameter->rank() == 1 || parameter->shape()[1] == Dim(1))
    return b.reshape(parameter, {weights[0], Dim(1), Dim(1)});
  node.require_equal(parameter->shape()[1], weights[2], "the gate rows of " + role);
  return b.reshape(parameter, {weights[0], Dim(1), weights[2]});
}

/// x with the rounding of its quantisation to u8; all of it shares one scale.
Value* dynamically_rounded(Builder& b, Value* x) {
  const DynamicScale found = dynamic_scale(b, x);
  Value* bytes = quantize(b, x, found.scale, found.zero_point, DType::u8);
  return dequantize(b, bytes, found.scale, found.zero_point);
}

}  // namespace

Value* dequantized_weights(Node& node, size_t index, size_t scale_index, std::string_view role) {
  Builder& b = node.builder();
  Value* weights = node.input(index, role);
  node.require_rank(weights, 3, role);
  if (weights->dtype() != DType::i8 && weights->dtype() != DType::u8)
    node.bad("{} is {}, expected i8 or u8", role, weights->type().str());
  const std::string name(role);
  Value* scale = along_gate_rows(node, node.input(scale_index, name + "_scale"), weights->shape(), name + "_scale");
  Value* zero_point = node.optional_input(scale_index + 1, name + "_zero_point");
  if (zero_point) zero_point = along_gate_rows(node, zero_point, weights->shape(), name + "_zero_point");
  Value* floats = b.transpose(dequantize(b, weights, scale, zero_point), {0, 2, 1});
  const auto known = node.graph().model().evaluate(floats);  // constants are packed when compiling
  return known ? b.constant(*known) : floats;
}

Value* counted_rows(Builder& b, Value* lengths, const Dim& steps) {
  Value* step = b.reshape(b.iota(steps, DType::i32), {steps, Dim(1), Dim(1)});
  return b.le(step, b.reshape(lengths, {lengths->shape()[0], Dim(1)}));
}

Value* rounded_input(Builder& b, Value* x, Value* lengths) {
  if (lengths) {
    const Dim steps = x->shape()[0];
    Value* longest = b.reduce(ir::ReduceKind::Max, lengths, {0});
    Value* counted = b.lt(b.reshape(b.iota(steps, DType::i32), {steps, Dim(1), Dim(1)}), longest);
    x = b.select(counted, x, b.scalar_like(x, 0));
  }
  return dynamically_rounded(b, x);
}

dsl::Var rounded_hidden(const dsl::Var& h, const dsl::Var& counts) {
  Builder& b = h.context().builder();
  Value* seen = counts ? b.select(counts.value(), h.value(), b.scalar_like(h.value(), 0)) : h.value();
  return {h.context(), dynamically_rounded(b, seen)};
}

Value* reverse_rows(Builder& b, Value* x, Value* lengths) {
  const Dim steps = x->shape()[0], rows = x->shape()[1];
  Value* step = b.reshape(b.iota(steps, DType::i32), {steps, Dim(1)});
  Value* mirrored = b.sub(b.sub(lengths, b.scalar_like(lengths, 1)), step);
  Value* source = b.cast(b.select(b.lt(step, lengths), mirrored, step), DType::i64);
  source = b.broadcast(b.reshape(source, {steps, rows, Dim(1)}), x->shape());
  return b.emit(Opcode::GatherElements, {x, source}, ir::AxisAttr{0});
}

}  // namespace seqc::frontend
