// Random nodes: functions of one element, and those that broadcast.
#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;

void unary(G& g) { g.x(); }

/// Before opset 7 the second input only broadcasts on request, and from an axis on.
void binary(G& g) {
  const Tensor x = g.x();
  if (g.opset >= 7) {
    g.of(g.first_type(), g.smaller(x.shape()));
    return;
  }
  if (g.chance(50)) {
    g.same(x.shape());
    return;
  }
  const int64_t from = g.integer(0, x.rank()), to = g.integer(from, x.rank());
  g.same({x.shape().begin() + from, x.shape().begin() + to});
  g.attr("broadcast", 1);
  if (to != x.rank() || g.chance(50)) g.attr("axis", from);
  g.cancel_unless(from < to || to == x.rank());
}

/// Both of the type of the first input; either may be the larger one.
void relation(G& g) {
  binary(g);
  if (g.opset < 7 || g.chance(50)) return;
  const auto names = g.take();
  for (size_t i = names.size(); i > 0; --i) g.again(names[i - 1]);
}

void variadic(G& g) {
  const Tensor x = g.x();
  for (int64_t i = g.integer(0, 2); i > 0; --i) g.same(g.opset < 8 ? x.shape() : g.smaller(x.shape()));
}

void power(G& g) {
  if (g.opset < 12) return binary(g);
  const Tensor x = g.x();
  const DType type =
      g.chance(60) && g.allows(x.dtype()) ? x.dtype() : g.pick<DType>({DType::f32, DType::f64, DType::i32, DType::i64});
  g.of(type, g.smaller(x.shape()));
}

void modulo(G& g) {
  const Tensor x = g.x();
  g.same(g.smaller(x.shape()));
  const bool real = ir::is_float(x.dtype());
  if (real || g.chance(50)) g.attr("fmod", real ? 1 : g.integer(0, 1));
}

void shift(G& g) {
  const Tensor x = g.x();
  g.given(g.ints(0, 7, g.smaller(x.shape()), {x.dtype()}));
  g.node().attr("direction", g.word({"LEFT", "RIGHT"}));
}

void prelu(G& g) {
  const Tensor x = g.x(1, 4);
  if (g.opset >= 7) {
    g.same(g.smaller(x.shape()));
  } else {  // one slope, or one a channel
    g.cancel_unless(x.rank() >= 2);
    if (!g.cancelled()) g.same({g.chance(50) ? 1 : x.shape()[1]});
  }
}

void clip(G& g) {
  const Tensor x = g.x();
  if (g.opset < 11) {
    g.maybe_real("min", -1, 0);
    g.maybe_real("max", 0, 1);
    return;
  }
  const bool is_signed = ir::is_float(x.dtype()) || ir::is_signed_integer(x.dtype());
  for (const int64_t limit : {int64_t{is_signed ? -1 : 1}, int64_t{2}}) {
    Tensor value(x.dtype(), {});
    value.set_integer(0, limit);
    if (g.chance(70))
      g.given(value);
    else
      g.none();
  }
}

DType any_type(G& g) {
  for (;;) {
    const auto type = static_cast<DType>(g.integer(0, 12));
    if (type != DType::bf16 || g.opset >= 13) return type;
  }
}

void cast(G& g) {
  g.x();
  const int64_t type = onnx_type(any_type(g));
  if (g.opset >= 6)
    g.attr("to", type);
  else
    g.node().attr("to", std::string_view(onnx::TensorProto::DataType_Name(static_cast<int>(type))));
}

void where(G& g) {
  const Tensor condition = g.x();
  const Tensor x = g.of(g.smaller(condition.shape()));
  g.of(x.dtype(), g.smaller(condition.shape()));
}

/// Of models that do not train; those that do draw random numbers.
void dropout(G& g) {
  const Tensor x = g.x(0, 4, g.opset < 12 ? kFloats : std::vector<DType>{});
  if (g.opset < 7) g.attr("is_test", 1);
  if (g.opset < 12) {
    g.maybe_real("ratio", 0, 0.9);
  } else {
    g.maybe("seed", 1, 99);
    if (g.chance(50)) g.given(Tensor::scalar(DType::f32, 0.25));
    if (g.input_count() == 2 && g.chance(60)) g.known(Tensor::scalar_int(DType::boolean, g.integer(0, 1)));
  }
  g.outputs(static_cast<size_t>(g.integer(1, 2)));
}

void shrink(G& g) {
  g.x();
  g.maybe_real("bias");
  g.maybe_real("lambd", 0, 1);
}

void isinf(G& g) {
  g.x();
  g.maybe("detect_negative", 0, 1);
  g.maybe("detect_positive", 0, 1);
}

void alpha(G& g) {
  g.x();
  g.maybe_real("alpha", 0.1, 2);
}

void alpha_beta(G& g) {
  alpha(g);
  g.maybe_real("beta");
}

void selu(G& g) {
  alpha(g);
  g.maybe_real("gamma");
}

void gelu(G& g) {
  g.x();
  g.maybe_word("approximate", {"none", "tanh"});
}

}  // namespace

std::span<const OnnxOperator> onnx_elementwise_operators() {
  static const OnnxOperator kTable[] = {
      {"Abs", unary},
      {"Acos", unary, 7},
      {"Acosh", unary, 9},
      {"Add", relation},
      {"And", relation},
      {"Asin", unary, 7},
      {"Asinh", unary, 9},
      {"Atan", unary, 7},
      {"Atanh", unary, 9},
      {"BitShift", shift, 11},
      {"BitwiseAnd", [](G& g) { g.same(g.smaller(g.x(0, 4, kIntegers).shape())); }, 18},
      {"BitwiseNot", [](G& g) { g.x(0, 4, kIntegers); }, 18},
      {"BitwiseOr", [](G& g) { g.same(g.smaller(g.x(0, 4, kIntegers).shape())); }, 18},
      {"BitwiseXor", [](G& g) { g.same(g.smaller(g.x(0, 4, kIntegers).shape())); }, 18},
      {"Cast", cast},
      {"CastLike", [](G& g) { g.x(), g.x(); }, 15},
      {"Ceil", unary},
      {"Celu", alpha, 12},
      {"Clip", clip},
      {"Cos", unary, 7},
      {"Cosh", unary, 9},
      {"Div", relation},
      {"Dropout", dropout},
      {"Elu", alpha},
      {"Equal", relation},
      {"Erf", unary, 9},
      {"Exp", unary},
      {"Floor", unary},
      {"Gelu", gelu, 20},
      {"Greater", relation},
      {"GreaterOrEqual", relation, 12},
      {"HardSigmoid", alpha_beta},
      {"HardSwish", unary, 14},
      {"Identity", unary},
      {"IsInf", isinf, 10},
      {"IsNaN", unary, 9},
      {"LeakyRelu", alpha},
      {"Less", relation},
      {"LessOrEqual", relation, 12},
      {"Log", unary},
      {"Max", variadic},
      {"Mean", variadic},
      {"Min", variadic},
      {"Mish", unary, 18},
      {"Mod", modulo, 10},
      {"Mul", relation},
      {"Neg", unary},
      {"Not", unary},
      {"Or", relation},
      {"PRelu", prelu},
      {"Pow", power},
      {"Reciprocal", unary},
      {"Relu", unary},
      {"Round", unary, 11},
      {"Selu", selu},
      {"Shrink", shrink, 9},
      {"Sigmoid", unary},
      {"Sign", unary, 9},
      {"Sin", unary, 7},
      {"Sinh", unary, 9},
      {"Softplus", unary},
      {"Softsign", unary},
      {"Sqrt", unary},
      {"Sub", relation},
      {"Sum", variadic},
      {"Tan", unary, 7},
      {"Tanh", unary},
      {"ThresholdedRelu", alpha, 10},
      {"Where", where, 9},
      {"Xor", relation},
  };
  return kTable;
}

}  // namespace seqc::test
