// Quantised products of the domain com.microsoft: sums in i32, then scales.
#include <array>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr std::string_view kDomain = "com.microsoft";

void require_bytes(Node& node, const Value* x, std::string_view role) {
  if (x->dtype() != DType::i8 && x->dtype() != DType::u8)
    node.bad("{} is {}, expected i8 or u8", role, x->type().str());
}

/// A scale of the rows (of A) or columns (of B), or of all.
Value* scale_of(Node& node, size_t i, std::string_view role, bool of_rows) {
  Builder& b = node.builder();
  Value* scale = node.input(i, role);
  if (scale->rank() != 1) return scale;
  if (scale->shape()[0] == Dim(1)) return b.reshape(scale, {});
  return of_rows ? b.reshape(scale, {scale->shape()[0], Dim(1)}) : scale;
}

/// product * scale + bias
Value* finished(Node& node, Value* product, Value* scale, size_t bias_index) {
  Value* y = elementwise(node, Opcode::Mul, node.builder().cast(product, scale->dtype()), scale);
  Value* bias = node.optional_input(bias_index, "bias");
  return bias ? elementwise(node, Opcode::Add, y, bias) : y;
}

/// A becomes u8 with one scale for all of it, found at run time.
void import_dynamic_quantize_matmul(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "A"), *w = node.input(1, "B");
  require_bytes(node, w, "B");
  if (!ir::is_float(x->dtype())) node.bad("A is {}, expected floats", x->type().str());
  const DynamicScale found = dynamic_scale(b, x);
  Value* left =
      without_zero_point(node, quantize(b, x, found.scale, found.zero_point, DType::u8), found.zero_point, true);
  Value* right = without_zero_point(node, w, node.optional_input(3, "b_zero_point"), false);
  Value* scale = b.mul(found.scale, scale_of(node, 2, "b_scale", false));
  node.set_output(0, finished(node, matmul(node, left, right), scale, 4));
}

void import_matmul_to_float(Node& node) {
  Value *x = node.input(0, "A"), *w = node.input(1, "B");
  require_bytes(node, x, "A");
  require_bytes(node, w, "B");
  Value* left = without_zero_point(node, x, node.optional_input(4, "a_zero_point"), true);
  Value* right = without_zero_point(node, w, node.optional_input(5, "b_zero_point"), false);
  Value* scale =
      elementwise(node, Opcode::Mul, scale_of(node, 2, "a_scale", true), scale_of(node, 3, "b_scale", false));
  node.set_output(0, finished(node, matmul(node, left, right), scale, 6));
}

/// alpha a_scale b_scale (A' B' + C) in i32 sums; quantised if y_scale is given, else f32.
void import_qgemm(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "A"), *w = node.input(3, "B");
  require_bytes(node, x, "A");
  require_bytes(node, w, "B");
  node.require_rank(x, 2, "A");
  node.require_rank(w, 2, "B");
  const bool trans_a = node.integer("transA", 0) != 0, trans_b = node.integer("transB", 0) != 0;
  const double alpha = node.real("alpha", 1);
  if (trans_a) x = b.transpose(x, {1, 0});
  if (trans_b) w = b.transpose(w, {1, 0});
  Value* left = without_zero_point(node, x, as_scalar(node, node.input(2, "a_zero_point"), "a_zero_point"), true);
  Value* sum = matmul(node, left, without_zero_point(node, w, node.input(5, "b_zero_point"), false));
  if (Value* c = node.optional_input(6, "C")) sum = elementwise(node, Opcode::Add, sum, c);
  Value* scale = b.mul(as_scalar(node, node.input(1, "a_scale"), "a_scale"), scale_of(node, 4, "b_scale", false));
  if (alpha != 1) scale = b.mul(scale, alpha);
  Value* y = elementwise(node, Opcode::Mul, b.cast(sum, scale->dtype()), scale);
  if (node.has_input(7)) {
    Value* zero_point = node.optional_input(8, "y_zero_point");
    if (zero_point) zero_point = as_scalar(node, zero_point, "y_zero_point");
    y = quantize(b, y, as_scalar(node, node.input(7, "y_scale"), "y_scale"), zero_point,
                 zero_point ? zero_point->dtype() : x->dtype());
  }
  node.set_output(0, y);
}

/// As ONNX's, with channels last on request; the kernel keeps its layout.
void import_qlinear_conv(Node& node) {
  Builder& b = node.builder();
  const bool last = node.integer("channels_last", 0) != 0;
  if (last) node.replace_input(0, move_channels(b, node.input(0, "x"), true));
  Value* y = import_as(node, "QLinearConv", 10);
  if (last) node.set_output(0, move_channels(b, y, false));
}

}  // namespace

std::span<const OperatorEntry> microsoft_matmul_operators() {
  static constexpr std::array<OperatorEntry, 4> kTable = {{
      {"DynamicQuantizeMatMul", import_dynamic_quantize_matmul, 1, kDomain},
      {"MatMulIntegerToFloat", import_matmul_to_float, 1, kDomain},
      {"QGemm", import_qgemm, 1, kDomain},
      {"QLinearConv", import_qlinear_conv, 1, kDomain},
  }};
  return kTable;
}

}  // namespace seqc::frontend
