// Products of quantised tensors: sums in i32 of what is left of integers without their zero points.
#include "frontend/onnx/spatial.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Value* without_zero_point(Node& node, Value* x, Value* zero_point, bool of_rows) {
  Builder& b = node.builder();
  x = b.cast(x, DType::i32);
  if (!zero_point) return x;
  zero_point = b.cast(zero_point, DType::i32);
  if (zero_point->rank() == 1 && of_rows && !(zero_point->shape()[0] == Dim(1)))
    zero_point = b.reshape(zero_point, {zero_point->shape()[0], Dim(1)});
  else if (zero_point->rank() == 1 && zero_point->shape()[0] == Dim(1))
    zero_point = b.reshape(zero_point, {});
  return elementwise(node, Opcode::Sub, x, zero_point);
}

namespace {

void import_matmul_integer(Node& node) {
  Value* a = without_zero_point(node, node.input(0, "A"), node.optional_input(2, "a_zero_point"), true);
  Value* b = without_zero_point(node, node.input(1, "B"), node.optional_input(3, "b_zero_point"), false);
  node.set_output(0, matmul(node, a, b));
}

void import_qlinear_matmul(Node& node) {
  Builder& b = node.builder();
  Value* left = without_zero_point(node, node.input(0, "a"), node.input(2, "a_zero_point"), true);
  Value* right = without_zero_point(node, node.input(3, "b"), node.input(5, "b_zero_point"), false);
  Value* product = b.cast(matmul(node, left, right), DType::f32);
  Value *zero_point = node.input(7, "y_zero_point"), *scale_a = node.input(1, "a_scale");
  if (scale_a->rank() == 1 && !(scale_a->shape()[0] == Dim(1)))
    scale_a = b.reshape(scale_a, {scale_a->shape()[0], Dim(1)});
  Value* scale = b.mul(b.cast(scale_a, DType::f32), b.cast(node.input(4, "b_scale"), DType::f32));
  Value* result_scale = b.cast(as_scalar(node, node.input(6, "y_scale"), "y_scale"), DType::f32);
  Value* result = b.mul(product, scale);
  zero_point = as_scalar(node, zero_point, "y_zero_point");
  result = quantize(b, result, result_scale, zero_point, zero_point->dtype());
  node.set_output(0, b.reshape(result, product->shape()));
}

/// Convolution of i32 tensors, [N, C, ...] with [M, C/group, ...]; padding adds zeros, which is what zero points became.
Value* convolve(Node& node, Value* x, Value* w) {
  const Shape dims = spatial_dims(node, x);
  node.require_rank(w, x->rank(), "w");
  std::vector<int64_t> kernel;
  for (const Dim& dim : Shape(w->shape().begin() + 2, w->shape().end())) {
    if (!dim.is_constant()) node.needs_dims(symbols(dim), fmt::format("the kernel is {}", w->type().str()));
    kernel.push_back(dim.constant());
  }
  Spatial spatial = read_spatial(node, dims.size(), kernel, true);
  resolve_same_padding(node, spatial, dims);
  const int64_t group = node.integer("group", 1);
  if (group < 1) node.bad("attribute group is {}, expected 1 or more", group);
  node.require_equal(x->shape()[1], w->shape()[1] * Dim(group), "channels of x");
  return node.builder().emit(Opcode::Conv, {x, w},
                             ir::ConvAttr{.strides = spatial.strides,
                                          .dilations = spatial.dilations,
                                          .input_dilations = std::vector<int64_t>(dims.size(), 1),
                                          .pads_lo = spatial.pads_lo,
                                          .pads_hi = spatial.pads_hi,
                                          .groups = group});
}

/// A kernel's zero point: one number, or one an output channel.
Value* without_kernel_zero_point(Node& node, Value* w, Value* zero_point) {
  Builder& b = node.builder();
  w = b.cast(w, DType::i32);
  if (!zero_point) return w;
  zero_point = b.cast(zero_point, DType::i32);
  if (zero_point->rank() == 1) zero_point = along_axis(b, zero_point, 0, w->rank());
  return elementwise(node, Opcode::Sub, w, zero_point);
}

void import_conv_integer(Node& node) {
  Value* x = without_zero_point(node, node.input(0, "x"), node.optional_input(2, "x_zero_point"), false);
  Value* w = without_kernel_zero_point(node, node.input(1, "w"), node.optional_input(3, "w_zero_point"));
  node.set_output(0, convolve(node, x, w));
}

void import_qlinear_conv(Node& node) {
  Builder& b = node.builder();
  Value* x_zero = as_scalar(node, node.input(2, "x_zero_point"), "x_zero_point");
  Value* x = without_zero_point(node, node.input(0, "x"), x_zero, false);
  Value* w = without_kernel_zero_point(node, node.input(3, "w"), node.input(5, "w_zero_point"));
  Value* y = convolve(node, x, w);
  if (Value* bias = node.optional_input(8, "B"))
    y = elementwise(node, Opcode::Add, y, along_axis(b, bias, 1, y->rank()));
  Value* w_scale = node.input(4, "w_scale");
  if (w_scale->rank() == 1) w_scale = along_axis(b, w_scale, 1, y->rank());
  Value* scale = b.mul(as_scalar(node, node.input(1, "x_scale"), "x_scale"), w_scale);
  Value* zero_point = as_scalar(node, node.input(7, "y_zero_point"), "y_zero_point");
  Value* y_scale = as_scalar(node, node.input(6, "y_scale"), "y_scale");
  y = elementwise(node, Opcode::Mul, b.cast(y, scale->dtype()), scale);
  node.set_output(0, quantize(b, y, y_scale, zero_point, zero_point->dtype()));
}

constexpr OperatorEntry kOperators[] = {
    {"ConvInteger", import_conv_integer},
    {"MatMulInteger", import_matmul_integer},
    {"QLinearConv", import_qlinear_conv},
    {"QLinearMatMul", import_qlinear_matmul},
};

}  // namespace

std::span<const OperatorEntry> qlinear_operators() { return kOperators; }

}  // namespace seqc::frontend
