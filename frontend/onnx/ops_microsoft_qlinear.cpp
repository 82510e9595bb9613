// QLinear operators of the domain com.microsoft: dequantise, compute in floats, quantise.
#include <array>

#include "frontend/dsl/activation.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr std::string_view kDomain = "com.microsoft";

/// Scale and zero point at inputs i and i+1, both of one element; the zero point may be left out.
struct Quantization {
  Value *scale, *zero_point;
};

Quantization quantization(Node& node, size_t i, std::string_view role) {
  Quantization q{as_scalar(node, node.input(i, fmt::format("{}_scale", role)), "a scale"), nullptr};
  if (node.has_input(i + 1))
    q.zero_point = as_scalar(node, node.input(i + 1, fmt::format("{}_zero_point", role)), "a zero point");
  return q;
}

/// The tensor at input i as floats; its scale and zero point follow it.
Value* floats(Node& node, size_t i, std::string_view role) {
  Value* x = node.input(i, role);
  if (x->dtype() != DType::i8 && x->dtype() != DType::u8)
    node.bad("{} is {}, expected i8 or u8", role, x->type().str());
  const Quantization q = quantization(node, i + 1, role);
  return dequantize(node.builder(), x, q.scale, q.zero_point);
}

/// Sets the output: y with the scale at input i and the zero point behind it, in the type of input `like`.
void set_quantized(Node& node, Value* y, size_t i, size_t like = 0) {
  const Quantization q = quantization(node, i, "the result's");
  node.set_output(0, quantize(node.builder(), y, q.scale, q.zero_point, node.input_type(like).dtype));
}

void binary(Node& node, Opcode code) {
  Value *a = floats(node, 0, "A"), *b = floats(node, 3, "B");
  set_quantized(node, elementwise(node, code, a, b), 6);
}
void import_add(Node& node) { binary(node, Opcode::Add); }
void import_mul(Node& node) { binary(node, Opcode::Mul); }

void import_sigmoid(Node& node) { set_quantized(node, node.builder().sigmoid(floats(node, 0, "X")), 3); }

void import_leaky_relu(Node& node) {
  dsl::Activation activation = dsl::Activation::of(dsl::ActivationKind::LeakyRelu);
  activation.alpha = node.real("alpha", 0.01f);
  set_quantized(node, activation.apply(node.builder(), floats(node, 0, "X")), 3);
}

/// The importer of `op`, applied to the dequantised input 0 with channels where it expects them.
void pool(Node& node, std::string_view op, int64_t opset) {
  Builder& b = node.builder();
  const bool last = node.integer("channels_last", 0) != 0;
  Value* x = floats(node, 0, "X");
  const DType type = node.input_type(0).dtype;
  if (last && x->rank() < 3) node.bad("X is {}, expected [N, spatial..., C]", node.input_type(0).str());
  node.replace_input(0, last ? move_channels(b, x, true) : x);
  Value* y = import_as(node, op, opset);
  const Quantization q = quantization(node, 3, "y");
  node.set_output(0, quantize(b, last ? move_channels(b, y, false) : y, q.scale, q.zero_point, type));
}
void import_average_pool(Node& node) { pool(node, "AveragePool", 11); }
void import_global_average_pool(Node& node) { pool(node, "GlobalAveragePool", 1); }

void import_reduce_mean(Node& node) {
  Builder& b = node.builder();
  Value* x = floats(node, 0, "data");
  auto axes = read_axes(node, 18, 5, x->rank()).value_or(axis_range(0, x->rank()));
  if (axes.empty()) axes = axis_range(0, x->rank());
  Value* y = mean_keeping(b, x, axes);
  if (node.integer("keepdims", 1) == 0) y = b.reshape(y, without(x->shape(), axes));
  set_quantized(node, y, 3);
}

/// Inputs: scale and zero point of the result, then three for each part.
void import_concat(Node& node) {
  const size_t parts = node.input_count() < 2 ? 0 : (node.input_count() - 2 + 1) / 3;
  if (parts == 0)
    node.bad("got {} inputs, expected a scale, a zero point and three for each tensor", node.input_count());
  std::vector<Value*> values;
  for (size_t i = 0; i < parts; ++i) values.push_back(floats(node, 2 + 3 * i, "a tensor"));
  const int64_t axis = node.axis(node.required_integer("axis"), values[0]->rank());
  for (const Value* value : values) {
    node.require_rank(value, values[0]->rank(), "a tensor");
    for (int64_t d = 0; d < value->rank(); ++d)
      if (d != axis) node.require_equal(value->shape()[d], values[0]->shape()[d], fmt::format("dim {} of a tensor", d));
  }
  set_quantized(node, node.builder().concat(values, axis), 0, 2);
}

/// The attribute `opset` says which Softmax: before 13 that of all dims from `axis` on.
void import_softmax(Node& node) {
  const int64_t opset = node.required_integer("opset");
  Value* x = floats(node, 0, "X");
  const int64_t axis = node.axis(node.integer("axis", opset < 13 ? 1 : -1), x->rank());
  const auto axes = opset < 13 ? axis_range(axis, x->rank()) : std::vector<int64_t>{axis};
  set_quantized(node, softmax(node.builder(), x, axes, false), 3);
}

void import_where(Node& node) {
  Value *x = floats(node, 1, "X"), *y = floats(node, 4, "Y"), *condition = node.input(0, "condition");
  if (condition->dtype() != DType::boolean) node.bad("condition is {}, expected bool", condition->type().str());
  node.broadcast(node.broadcast(condition->shape(), x->shape()), y->shape());
  set_quantized(node, node.builder().select(condition, x, y), 7, 1);
}

void import_quantize(Node& node) { import_as(node, "QuantizeLinear", 13); }
void import_dequantize(Node& node) { import_as(node, "DequantizeLinear", 13); }

}  // namespace

std::span<const OperatorEntry> microsoft_qlinear_operators() {
  static constexpr std::array<OperatorEntry, 12> kTable = {{
      {"DequantizeLinear", import_dequantize, 1, kDomain},
      {"QLinearAdd", import_add, 1, kDomain},
      {"QLinearAveragePool", import_average_pool, 1, kDomain},
      {"QLinearConcat", import_concat, 1, kDomain},
      {"QLinearGlobalAveragePool", import_global_average_pool, 1, kDomain},
      {"QLinearLeakyRelu", import_leaky_relu, 1, kDomain},
      {"QLinearMul", import_mul, 1, kDomain},
      {"QLinearReduceMean", import_reduce_mean, 1, kDomain},
      {"QLinearSigmoid", import_sigmoid, 1, kDomain},
      {"QLinearSoftmax", import_softmax, 1, kDomain},
      {"QLinearWhere", import_where, 1, kDomain},
      {"QuantizeLinear", import_quantize, 1, kDomain},
  }};
  return kTable;
}

}  // namespace seqc::frontend
