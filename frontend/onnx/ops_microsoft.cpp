// Domain com.microsoft, the operators that ONNX Runtime's optimiser fuses and those that ONNX has under the same name.
#include <array>
#include <cmath>

#include "frontend/dsl/activation.h"
#include "frontend/onnx/fourier.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr std::string_view kDomain = "com.microsoft";

// --- products ------------------------------------------------------------------------------------------------------

/// A matrix whose rows are spread over dim 0 and whose batch are the dims 1 to rank-2 becomes [batch..., rows, columns];
/// then `swap` transposes.
Value* oriented(Node& node, Value* x, bool batch_inside, bool swap, std::string_view role) {
  if (!batch_inside && !swap) return x;
  if (x->rank() < 2) {
    if (!batch_inside) return x;  // a vector has nothing to transpose
    node.bad("{} is {}, expected two dims or more", role, x->type().str());
  }
  std::vector<int64_t> perm = axis_range(0, x->rank());
  if (batch_inside) {
    perm.erase(perm.begin());
    perm.insert(perm.end() - 1, 0);
  }
  if (swap) std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return node.builder().transpose(x, perm);
}

// alpha op(A) op(B)
void import_fused_matmul(Node& node) {
  Builder& b = node.builder();
  const auto flag = [&](const char* name) { return node.integer(name, 0) != 0; };
  Value* left = oriented(node, node.input(0, "A"), flag("transBatchA"), flag("transA"), "A");
  Value* right = oriented(node, node.input(1, "B"), flag("transBatchB"), flag("transB"), "B");
  const double alpha = node.real("alpha", 1);
  Value* product = matmul(node, left, right);
  node.set_output(0, alpha == 1 ? product : b.mul(product, alpha));
}

/// An activation by its ONNX name; `parameters` are alpha and beta, as many as are given.
Value* activate(Node& node, Value* x, const std::string& name, const std::vector<std::optional<double>>& parameters) {
  Builder& b = node.builder();
  const auto parameter = [&](size_t i) { return i < parameters.size() ? parameters[i] : std::nullopt; };
  if (name == "Clip") {
    if (parameter(0)) x = b.max(x, b.scalar_like(x, *parameter(0)));
    return parameter(1) ? b.min(x, b.scalar_like(x, *parameter(1))) : x;
  }
  const auto kind = dsl::parse_activation(name);
  if (!kind) node.unsupported("attribute activation is \"{}\"", name);
  dsl::Activation activation = dsl::Activation::of(*kind);
  activation.alpha = parameter(0).value_or(activation.alpha);
  activation.beta = parameter(1).value_or(activation.beta);
  return activation.apply(b, x);
}

void import_fused_gemm(Node& node) {
  Value* y = import_as(node, "Gemm", 13);
  const std::string name = node.text("activation", "");
  std::vector<std::optional<double>> parameters(2);
  if (node.has_attribute("activation_alpha")) parameters[0] = node.real("activation_alpha", 0);
  if (node.has_attribute("activation_beta")) parameters[1] = node.real("activation_beta", 0);
  node.set_output(0, name.empty() ? y : activate(node, y, name, parameters));
}

// activation(Conv(X, W, B) + Z)
void import_fused_conv(Node& node) {
  Value* y = import_as(node, "Conv", 11);
  if (Value* sum = node.optional_input(3, "Z")) y = elementwise(node, Opcode::Add, y, sum);
  const std::string name = node.text("activation", "");
  std::vector<std::optional<double>> parameters;
  for (const float value : node.reals("activation_params")) parameters.emplace_back(value);
  node.set_output(0, name.empty() ? y : activate(node, y, name, parameters));
}

// --- activations ---------------------------------------------------------------------------------------------------

/// x Phi(x), exactly or by tanh.
Value* gelu(Builder& b, Value* x, bool by_tanh) {
  Value* inner = nullptr;
  if (by_tanh) {
    Value* cube = b.mul(x, b.mul(x, x));
    inner = b.tanh(b.mul(b.add(x, b.mul(cube, 0.044715)), 0.79788456080286535588));
  } else {
    inner = b.erf(b.mul(x, 0.70710678118654752440));
  }
  return b.mul(b.mul(x, 0.5), b.add(inner, 1));
}

void import_gelu(Node& node) { node.set_output(0, gelu(node.builder(), node.input(0, "X"), false)); }

void import_bias_gelu(Node& node) {
  Value* x = elementwise(node, Opcode::Add, node.input(0, "A"), node.input(1, "B"));
  node.set_output(0, gelu(node.builder(), x, false));
}

void import_fast_gelu(Node& node) {
  Value* x = node.input(0, "X");
  if (Value* bias = node.optional_input(1, "bias")) x = elementwise(node, Opcode::Add, x, bias);
  node.set_output(0, gelu(node.builder(), x, true));
}

void import_quick_gelu(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  node.set_output(0, b.mul(x, b.sigmoid(b.mul(x, node.real("alpha", 1.702f)))));
}

/// Softmax of data + bias over the dims from `axis` on together.
void import_bias_softmax(Node& node) {
  Value *x = node.input(0, "data"), *bias = node.input(1, "bias");
  const int64_t axis = node.axis(node.integer("axis", 1), x->rank());
  const bool inner = node.required_integer("is_inner_broadcast") != 0;
  if (inner && bias->rank() != x->rank())
    node.unsupported("is_inner_broadcast=1 with a bias {} of another rank than data {}", bias->type().str(),
                     x->type().str());
  if (node.broadcast(x->shape(), bias->shape()) != x->shape())
    node.bad("bias is {}, expected a shape that broadcasts to {}", bias->type().str(), x->type().str());
  x = elementwise(node, Opcode::Add, x, bias);
  node.set_output(0, softmax(node.builder(), x, axis_range(axis, x->rank()), false));
}

// --- what ONNX has as well ------------------------------------------------------------------------------------------

void import_gather_nd(Node& node) { import_as(node, "GatherND", 11); }
void import_trilu(Node& node) { import_as(node, "Trilu", 14); }
void import_pad(Node& node) { import_as(node, "Pad", 11); }

/// As ONNX's, with a step that may be left out: 1.
void import_range(Node& node) {
  if (node.has_input(2)) {
    import_as(node, "Range", 11);
    return;
  }
  Builder& b = node.builder();
  const DType type = node.input_type(0).dtype;
  Dim count(0);
  if (ir::is_integer(type)) {
    const Shape start = required_shape(node, 0, "start"), limit = required_shape(node, 1, "limit");
    if (start.size() != 1 || limit.size() != 1) node.bad("start and limit hold more than one number");
    count = limit[0] - start[0];
    if (count.is_constant()) count = Dim(std::max<int64_t>(0, count.constant()));
  } else {
    const double start = node.required_tensor(0, "start").real(0), limit = node.required_tensor(1, "limit").real(0);
    const double length = std::ceil(limit - start);
    if (!(length < 1e15)) node.bad("the range from {} to {} has no end", start, limit);
    count = Dim(static_cast<int64_t>(std::max(0.0, length)));
  }
  node.set_output(0, b.add(b.iota(count, type), as_scalar(node, node.input(0, "start"), "start")));
}

/// Puts in a dim of size 1.
void import_expand_dims(Node& node) {
  Value* x = node.input(0, "X");
  const auto given = node.required_ints(1, "axis");
  if (given.size() != 1) node.bad("axis holds {} numbers, expected one", given.size());
  node.set_output(0, node.builder().reshape(x, with_ones(x->shape(), {node.axis(given[0], x->rank() + 1)})));
}

void import_nhwc_max_pool(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "x");
  if (x->rank() < 3) node.bad("x is {}, expected [N, spatial..., C]", x->type().str());
  node.replace_input(0, move_channels(b, x, true));
  node.set_output(0, move_channels(b, import_as(node, "MaxPool", 12), false));
}

// --- spectra -------------------------------------------------------------------------------------------------------

/// The number of dims of the signal, 1 to 3; normalisation and two-sided spectra exist in neither operator.
int64_t signal_dims(Node& node, int64_t most) {
  if (node.integer("normalized", 0) != 0) node.unsupported("attribute normalized=1 is not supported");
  if (node.integer("onesided", 1) != 1) node.unsupported("attribute onesided=0 is not supported");
  const int64_t dims = node.integer("signal_ndim", 1);
  if (dims < 1 || dims > 3 || dims > most) node.bad("attribute signal_ndim is {} for {} dims", dims, most);
  return dims;
}

/// Half a spectrum over the last dim, whole ones over the other dims of the signal.
void import_rfft(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const int64_t dims = signal_dims(node, x->rank()), rank = x->rank();
  Value* y = b.reshape(x, with_ones(x->shape(), {rank}));
  y = fourier_along(node, y, rank - 1, x->shape()[rank - 1], FourierKind::Half);
  for (int64_t axis = rank - 2; axis >= rank - dims; --axis)
    y = fourier_along(node, y, axis, x->shape()[axis], FourierKind::Forward);
  node.set_output(0, y);
}

/// The signal of the spectra that Rfft gives for even lengths, divided by the number of its elements.
void import_irfft(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  if (complex_parts(node, x, "X") != 2) node.bad("X is {}, expected complex numbers", x->type().str());
  const int64_t rank = x->rank() - 1, dims = signal_dims(node, rank);
  for (int64_t axis = rank - dims; axis < rank - 1; ++axis)
    x = fourier_along(node, x, axis, x->shape()[axis], FourierKind::Inverse);
  const Dim length = Dim(2) * (x->shape()[rank - 1] - Dim(1));
  x = fourier_along(node, x, rank - 1, length, FourierKind::InverseHalf);
  node.set_output(0, b.reshape(x, Shape(x->shape().begin(), x->shape().end() - 1)));
}

// --- inverse -------------------------------------------------------------------------------------------------------

/// Step k of Gauss and Jordan with the largest pivot of column k, on a [B, n, 2n]: afterwards column k is a unit vector.
Value* eliminate(Builder& b, Value* a, Value* k) {
  const Dim batch = a->shape()[0], n = a->shape()[1], width = a->shape()[2];
  Value *rows = b.reshape(b.iota(n), {n, Dim(1)}), *zero = b.scalar_like(a, 0);
  const auto row_at = [&](Value* at) {  // [B, 1, 2n] where `at` is true
    return b.reshape(b.reduce(ir::ReduceKind::Sum, b.select(at, a, zero), {1}), {batch, Dim(1), width});
  };
  const auto column_at_k = [&](Value* x) {  // [B, n, 1]
    Value* column = b.reduce(ir::ReduceKind::Sum, b.select(b.eq(b.iota(width), k), x, zero), {2});
    return b.reshape(column, {batch, n, Dim(1)});
  };
  Value* size = b.select(b.ge(rows, k), b.abs(column_at_k(a)), b.scalar_like(a, -1));
  Value* largest = b.reshape(b.reduce(ir::ReduceKind::Max, size, {1}), {batch, Dim(1), Dim(1)});
  Value* candidates = b.select(b.eq(size, largest), rows, b.cast(b.reshape(b.dims({n}), {}), DType::i64));
  Value* pivot = b.reshape(b.reduce(ir::ReduceKind::Min, candidates, {1}), {batch, Dim(1), Dim(1)});
  Value *at_pivot = b.eq(rows, pivot), *at_k = b.eq(rows, k);
  Value *pivot_row = row_at(at_pivot), *k_row = row_at(at_k);
  a = b.select(at_k, pivot_row, b.select(at_pivot, k_row, a));
  Value* column = column_at_k(a);
  Value* divisor = b.reshape(b.reduce(ir::ReduceKind::Sum, b.select(at_k, column, zero), {1}), {batch, Dim(1), Dim(1)});
  Value* scaled = b.div(pivot_row, divisor);
  return b.select(at_k, scaled, b.sub(a, b.mul(column, scaled)));
}

void import_inverse(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  if (x->rank() < 2) node.bad("X is {}, expected square matrices", x->type().str());
  const Shape shape = x->shape();
  const Dim n = shape.back();
  node.require_equal(shape[shape.size() - 2], n, "the rows of X");
  const Dim batch = element_count(Shape(shape.begin(), shape.end() - 2));
  const DType working = x->dtype() == DType::f64 ? DType::f64 : DType::f32;
  Value* identity = b.cast(b.eq(b.iota(n), b.reshape(b.iota(n), {n, Dim(1)})), working);
  Value* start = b.concat({b.reshape(b.cast(x, working), {batch, n, n}), b.broadcast(identity, {batch, n, n})}, 2);
  const ir::Op* scan = b.scan(n, {start}, {b.iota(n)}, [](Builder& inner, const std::vector<Value*>& arguments) {
    return std::vector<Value*>{eliminate(inner, arguments[0], arguments[1])};
  });
  node.set_output(0, b.cast(b.reshape(b.slice_axis(scan->result(), 2, n, n), shape), x->dtype()));
}

}  // namespace

std::span<const OperatorEntry> microsoft_operators() {
  static constexpr std::array<OperatorEntry, 18> kTable = {{
      {"BiasGelu", import_bias_gelu, 1, kDomain},
      {"BiasSoftmax", import_bias_softmax, 1, kDomain},
      {"ExpandDims", import_expand_dims, 1, kDomain},
      {"FastGelu", import_fast_gelu, 1, kDomain},
      {"FusedConv", import_fused_conv, 1, kDomain},
      {"FusedGemm", import_fused_gemm, 1, kDomain},
      {"FusedMatMul", import_fused_matmul, 1, kDomain},
      {"GatherND", import_gather_nd, 1, kDomain},
      {"Gelu", import_gelu, 1, kDomain},
      {"Inverse", import_inverse, 1, kDomain},
      {"Irfft", import_irfft, 1, kDomain},
      {"NhwcMaxPool", import_nhwc_max_pool, 1, kDomain},
      {"Pad", import_pad, 1, kDomain},
      {"QuickGelu", import_quick_gelu, 1, kDomain},
      {"Range", import_range, 1, kDomain},
      {"Rfft", import_rfft, 1, kDomain},
      {"TransposeMatMul", import_fused_matmul, 1, kDomain},
      {"Trilu", import_trilu, 1, kDomain},
  }};
  return kTable;
}

}  // namespace seqc::frontend
