// Activations beyond the single IR ops. Equations are ONNX's.
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// x where x >= 0, else `negative`.
Value* rectified(Builder& b, Value* x, Value* negative) { return b.select(b.lt(x, b.scalar_like(x, 0)), negative, x); }

void import_relu(Node& node) {
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "X");
  node.set_output(0, node.builder().max(x, node.builder().scalar_like(x, 0)));
}

void import_leaky_relu(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "X");
  node.set_output(0, rectified(b, x, b.mul(x, node.real("alpha", 0.01))));
}

/// Before opset 7 a 1-D slope belongs to the channels, dim 1.
void import_prelu(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value *x = node.input(0, "X"), *slope = node.input(1, "slope");
  if (node.opset() < 7 && slope->rank() == 1 && x->rank() > 1 && !(slope->shape()[0] == Dim(1)))
    slope = along_axis(b, slope, 1, x->rank());
  if (node.broadcast(x->shape(), slope->shape()) != x->shape())
    node.bad("slope is {}, expected a shape that broadcasts to {}", slope->type().str(), x->type().str());
  node.set_output(0, rectified(b, x, elementwise(node, Opcode::Mul, x, slope)));
}

// elu(x) = x < 0 ? alpha (e^x - 1) : x
void import_elu(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "X");
  node.set_output(0, rectified(b, x, b.mul(b.expm1(x), node.real("alpha", 1))));
}

// celu(x) = max(0, x) + min(0, alpha (e^(x/alpha) - 1))
void import_celu(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const double alpha = node.real("alpha", 1);
  node.set_output(0, rectified(b, x, b.mul(b.expm1(b.div(x, b.scalar_like(x, alpha))), alpha)));
}

// selu(x) = gamma (x <= 0 ? alpha e^x - alpha : x)
void import_selu(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "X");
  const bool first = node.opset() < 6;  // constants of fewer digits
  const double alpha = node.real("alpha", first ? 1.6732 : 1.67326319217681884765625);
  const double gamma = node.real("gamma", first ? 1.0507 : 1.05070102214813232421875);
  node.set_output(0, b.mul(rectified(b, x, b.mul(b.expm1(x), alpha)), gamma));
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which does not overflow
Value* softplus(Builder& b, Value* x) { return b.add(b.max(x, b.scalar_like(x, 0)), b.log1p(b.exp(b.neg(b.abs(x))))); }

void import_softplus(Node& node) { node.set_output(0, softplus(node.builder(), node.input(0, "X"))); }

void import_mish(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  node.set_output(0, b.mul(x, b.tanh(softplus(b, x))));
}

void import_softsign(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  node.set_output(0, b.div(x, b.add(b.abs(x), 1)));
}

/// clamp(alpha x + beta, 0, 1)
Value* hard_sigmoid(Builder& b, Value* x, double alpha, double beta) {
  Value* line = b.add(b.mul(x, alpha), beta);
  return b.min(b.max(line, b.scalar_like(x, 0)), b.scalar_like(x, 1));
}

void import_hard_sigmoid(Node& node) {
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "X");
  const double alpha = node.real("alpha", 0.2f), beta = node.real("beta", 0.5);
  node.set_output(0, hard_sigmoid(node.builder(), x, alpha, beta));
}

void import_hard_swish(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  node.set_output(0, b.mul(x, hard_sigmoid(b, x, 1.0 / 6, 0.5)));
}

// gelu(x) = x Phi(x), Phi by erf, or by 0.5 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
void import_gelu(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const std::string approximate = node.text("approximate", "none");
  Value* inner = nullptr;
  if (approximate == "none") {
    inner = b.erf(b.mul(x, 0.70710678118654752440));
  } else if (approximate == "tanh") {
    Value* cube = b.mul(x, b.mul(x, x));
    inner = b.tanh(b.mul(b.add(x, b.mul(cube, 0.044715)), 0.79788456080286535588));
  } else {
    node.unsupported("attribute approximate is \"{}\", expected none or tanh", approximate);
  }
  node.set_output(0, b.mul(b.mul(x, 0.5), b.add(inner, 1)));
}

void import_thresholded_relu(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  Value* above = b.gt(x, b.scalar_like(x, node.real("alpha", 1)));
  node.set_output(0, b.select(above, x, b.scalar_like(x, 0)));
}

// y = x < -lambd ? x + bias : x > lambd ? x - bias : 0; of integers in reals, cut off
void import_shrink(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const DType type = x->dtype();
  if (ir::is_integer(type)) x = b.cast(x, DType::f64);
  const double lambd = node.real("lambd", 0.5), bias = node.real("bias", 0);
  Value* high = b.select(b.gt(x, b.scalar_like(x, lambd)), b.sub(x, b.scalar_like(x, bias)), b.scalar_like(x, 0));
  node.set_output(0, b.cast(b.select(b.lt(x, b.scalar_like(x, -lambd)), b.add(x, bias), high), type));
}

/// Before opset 13 the axis starts a flattened tail: all dims from it on are normalised together.
std::vector<int64_t> softmax_axes(Node& node, const Value* x) {
  const bool flattens = node.opset() < 13;
  const int64_t given = node.integer("axis", flattens ? 1 : -1);
  if (flattens && given == x->rank()) return {};
  const int64_t axis = node.axis(given, x->rank());
  return flattens ? axis_range(axis, x->rank()) : std::vector<int64_t>{axis};
}

void import_softmax(Node& node) {
  Value* x = node.input(0, "input");
  const auto axes = softmax_axes(node, x);
  node.set_output(0, softmax(node.builder(), x, axes, node.op_type() == "LogSoftmax"));
}

/// 1 for the first largest element, 0 elsewhere.
void import_hardmax(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const auto axes = softmax_axes(node, x);
  // The position in the flattened tail tells the first of equal elements.
  Dim tail(1);
  Shape tail_shape;
  for (const int64_t axis : axis_range(axes.empty() ? 0 : axes.front(), x->rank())) {
    const bool inside = !axes.empty() && axis <= axes.back();
    tail_shape.push_back(inside ? x->shape()[axis] : Dim(1));
    if (inside) tail = tail * x->shape()[axis];
  }
  Value* position = b.reshape(b.iota(tail), tail_shape);
  Value* largest = b.eq(x, reduce(b, ir::ReduceKind::Max, x, axes, true));
  Value* candidates = b.select(largest, position, dim_scalar(b, tail, DType::i64));
  Value* first = reduce(b, ir::ReduceKind::Min, candidates, axes, true);
  node.set_output(0, b.cast(b.eq(position, first), x->dtype()));
}

constexpr OperatorEntry kOperators[] = {
    {"Celu", import_celu},
    {"Elu", import_elu},
    {"Gelu", import_gelu},
    {"HardSigmoid", import_hard_sigmoid},
    {"HardSwish", import_hard_swish},
    {"Hardmax", import_hardmax},
    {"LeakyRelu", import_leaky_relu},
    {"LogSoftmax", import_softmax},
    {"Mish", import_mish},
    {"PRelu", import_prelu},
    {"Relu", import_relu},
    {"Selu", import_selu},
    {"Shrink", import_shrink},
    {"Softmax", import_softmax},
    {"Softplus", import_softplus},
    {"Softsign", import_softsign},
    {"ThresholdedRelu", import_thresholded_relu},
};

}  // namespace

std::span<const OperatorEntry> activation_operators() { return kOperators; }

}  // namespace seqc::frontend
