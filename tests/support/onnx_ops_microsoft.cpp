// Random nodes: the domain com.microsoft.
#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

constexpr const char* kDomain = "com.microsoft";

// --- fused -----------------------------------------------------------------------------------------------------------

void fused_matmul(G& g) {
  const bool ta = g.chance(40), tb = g.chance(40), batch = g.chance(50);
  const int64_t m = g.size(), k = g.size(), n = g.size();
  Sizes a = ta ? Sizes{k, m} : Sizes{m, k}, b = tb ? Sizes{n, k} : Sizes{k, n};
  if (batch) a.insert(a.begin(), 2);
  if (batch && g.chance(50)) b.insert(b.begin(), 2);
  g.of(a);
  g.same(b);
  if (ta) g.attr("transA", 1);
  if (tb) g.attr("transB", 1);
  g.maybe_real("alpha");
}

void fused_gemm(G& g) {
  const int64_t m = g.size(), k = g.size(), n = g.size();
  g.of({m, k});
  g.same({k, n});
  if (g.chance(60)) g.same({n});
  g.maybe_word("activation", {"Relu", "Tanh", "Sigmoid", "LeakyRelu"});
  g.maybe_real("activation_alpha");
}

void fused_conv(G& g) {
  const int64_t out = g.integer(1, 3), in = g.integer(1, 3), h = g.integer(3, 6), w = g.integer(3, 6);
  g.of({1, in, h, w});
  g.same({out, in, 3, 2});
  const bool bias = g.chance(60);
  if (bias) g.same({out});
  if (bias && g.chance(50)) g.same({1, out, h - 2, w - 1});
  if (g.chance(60)) {
    const bool leaky = g.chance(50);
    g.node().attr("activation", std::string_view(leaky ? "LeakyRelu" : "Relu"));
    if (leaky) g.node().floats("activation_params", {0.125f});
  }
}

void bias_gelu(G& g) {
  const Tensor x = g.filled(1, 3);
  g.same({x.shape().back()});
}

void fast_gelu(G& g) {
  const Tensor x = g.filled(1, 3);
  if (g.chance(60)) g.same({x.shape().back()});
}

void bias_softmax(G& g) {
  const Tensor x = g.filled(2, 4);
  const bool inner = g.chance(50);
  Sizes shape = x.shape();
  if (inner) shape[0] = 1;
  g.same(shape);
  g.attr("axis", g.integer(1, x.rank() - 1));
  g.attr("is_inner_broadcast", inner);
}

void gather_nd(G& g) {
  const Tensor x = g.filled(2, 3, {DType::f32, DType::i64});
  Tensor places(DType::i64, {3, 2});
  for (int64_t i = 0; i < 6; ++i) places.set_integer(i, g.integer(0, x.shape()[static_cast<size_t>(i % 2)] - 1));
  g.given(places);
}

void inverse(G& g) {
  const int64_t n = g.integer(1, 4);
  Tensor x = g.reals(-0.25, 0.25, {2, n, n}, g.pick<DType>({DType::f32, DType::f64}));
  for (int64_t i = 0; i < 2 * n; ++i) x.set_real(i / n * n * n + i % n * (n + 1), 1);  // far from singular
  g.given(x);
}

void pool_nhwc(G& g) {
  g.given(g.ints(0, 100, {1, g.integer(3, 6), g.integer(3, 6), g.integer(1, 3)}, kBytes));
  g.ints_attr("kernel_shape", {2, 3});
  if (g.chance(50)) g.ints_attr("strides", {1, 2});
}

void pad(G& g) {
  const Tensor x = g.filled(1, 2);
  Sizes pads;
  for (int64_t i = 0; i < 2 * x.rank(); ++i) pads.push_back(g.integer(0, 2));
  g.known_ints(pads);
  if (g.chance(50)) g.given(random_tensor(x.dtype(), {1}, g.random));
}

void range(G& g) {
  const DType type = g.pick<DType>({DType::f32, DType::i32, DType::i64});
  for (const int64_t value : {g.integer(-3, 3), g.integer(-3, 9)}) g.known(Tensor::scalar_int(type, value));
  if (g.chance(50)) g.known(Tensor::scalar_int(type, g.integer(1, 3)));
}

void spectrum(G& g, bool inverse) {
  Sizes shape = {g.integer(1, 3), g.integer(2, 6), g.integer(2, 6)};
  if (inverse) shape.push_back(2);
  g.of(shape, {DType::f32, DType::f64});
  g.attr("normalized", 0);
  g.attr("onesided", 1);
  g.attr("signal_ndim", g.integer(1, 2));
}

void trilu(G& g) {
  g.x(2, 3, {DType::f32, DType::i64, DType::f64});
  if (g.chance(60)) g.given(Tensor::scalar_int(DType::i64, g.integer(-4, 4)));
  g.maybe("upper", 0, 1);
}

// --- normalisations --------------------------------------------------------------------------------------------------

void layer_norm(G& g, bool centred) {
  const Tensor x = g.filled(1, 3);
  g.same({x.shape().back()});
  if (centred && g.chance(60)) g.same({x.shape().back()});
  g.maybe_real("epsilon", 0.001, 0.1);
  if (g.chance(40)) g.attr("axis", -1);
}

void skip_norm(G& g, bool centred) {
  const Tensor x = g.filled(3, 3);
  const int64_t h = x.shape().back();
  g.same(x.shape());
  g.same({h});
  const auto maybe = [&] { g.chance(50) ? (void)g.same({h}) : g.none(); };
  if (centred) maybe();
  maybe();
  g.maybe_real("epsilon", 0.001, 0.1);
}

void embed(G& g) {
  const int64_t n = g.integer(1, 3), s = g.integer(1, 4), h = g.size();
  const bool segments = g.chance(50);
  g.given(g.ints(0, 4, {n, s}, {DType::i32}));
  if (segments)
    g.given(g.ints(0, 1, {n, s}, {DType::i32}));
  else
    g.none();
  g.of(DType::f32, {5, h});
  g.of(DType::f32, {4, h});
  if (segments)
    g.of(DType::f32, {2, h});
  else
    g.none();
  for (int i = 0; i < 2; ++i) g.of(DType::f32, {h});
  if (g.chance(50)) g.given(g.ints(0, 1, {n, s}, {DType::i32}));
  g.maybe_real("epsilon", 0.001, 0.1);
  g.outputs(2);
}

// --- attention -------------------------------------------------------------------------------------------------------

void attention(G& g) {
  const int64_t n = g.integer(1, 2), s = g.integer(1, 4), heads = g.integer(1, 3), size = g.integer(1, 4),
                in = g.integer(1, 5);
  g.of({n, s, in});
  g.same({in, 3 * heads * size});
  g.same({3 * heads * size});
  if (g.chance(40)) g.given(g.ints(0, 1, {n, s}, {DType::i32}));
  g.attr("num_heads", heads);
  g.maybe("unidirectional", 0, 1);
}

void multi_head(G& g) {
  const int64_t n = g.integer(1, 2), s = g.integer(1, 4), t = g.integer(1, 4), heads = g.integer(1, 3),
                size = g.integer(1, 4);
  g.of({n, s, heads * size});
  g.same({n, t, heads * size});
  g.same({n, t, heads * size});
  if (g.chance(50)) g.same({3 * heads * size});
  g.attr("num_heads", heads);
  g.maybe_real("scale", 0.25, 1);
  g.outputs(static_cast<size_t>(g.pick<int64_t>({1, 3})));
}

// --- quantised -------------------------------------------------------------------------------------------------------

Tensor bytes(G& g, const Sizes& shape, DType type) {
  const bool is_signed = type == DType::i8;
  return g.given(g.ints(is_signed ? -100 : 0, is_signed ? 100 : 200, shape, {type}));
}

/// One scale and zero point, for a tensor of bytes.
void parameters(G& g, DType type, bool one = true, const Sizes& shape = {}) {
  g.given(g.reals(0.01, 0.5, shape));
  if (one) g.given(g.ints(0, 5, shape, {type}));
}

DType byte_type(G& g) { return g.pick(kBytes); }

void qattention(G& g) {
  const int64_t n = g.integer(1, 2), s = g.integer(1, 4), heads = g.integer(1, 2), size = g.integer(1, 4),
                in = g.integer(1, 5);
  bytes(g, {n, s, in}, DType::u8);
  bytes(g, {in, 3 * heads * size}, DType::i8);
  g.of(DType::f32, {3 * heads * size});
  parameters(g, DType::u8, false);
  parameters(g, DType::i8, false);
  g.none();
  g.given(Tensor::scalar_int(DType::u8, 3));
  g.given(Tensor::scalar_int(DType::i8, 0));
  g.attr("num_heads", heads);
}

void dynamic_matmul(G& g) {
  const int64_t m = g.size(), k = g.size(), n = g.size();
  const DType type = byte_type(g);
  g.of(DType::f32, {m, k});
  bytes(g, {k, n}, type);
  const Sizes columns = g.chance(50) ? Sizes{} : Sizes{n};
  parameters(g, type, g.chance(60), columns);
  if (g.input_count() == 4 && g.chance(50)) g.of(DType::f32, {n});
}

void matmul_to_float(G& g) {
  const int64_t m = g.size(), k = g.size(), n = g.size();
  const DType a = byte_type(g), b = byte_type(g);
  bytes(g, {m, k}, a);
  bytes(g, {k, n}, b);
  parameters(g, a, false);
  parameters(g, b, false, g.chance(50) ? Sizes{} : Sizes{n});
  if (g.chance(60)) g.given(Tensor::scalar_int(a, 3));
}

void qgemm(G& g) {
  const int64_t m = g.size(), k = g.size(), n = g.size();
  const bool ta = g.chance(40), tb = g.chance(40);
  const DType a = byte_type(g), b = byte_type(g);
  bytes(g, ta ? Sizes{k, m} : Sizes{m, k}, a);
  parameters(g, a);
  bytes(g, tb ? Sizes{n, k} : Sizes{k, n}, b);
  parameters(g, b);
  if (g.chance(50))
    g.given(g.ints(-100, 100, {n}, {DType::i32}));
  else
    g.none();
  if (g.chance(60)) parameters(g, a);
  if (ta) g.attr("transA", 1);
  if (tb) g.attr("transB", 1);
  g.maybe_real("alpha", 0.5, 1);
}

void qlinear_binary(G& g) {
  const DType type = byte_type(g);
  const Tensor a = bytes(g, g.sizes(1, 3), type);
  parameters(g, type);
  bytes(g, g.smaller(a.shape()), type);
  parameters(g, type);
  parameters(g, type);
}

/// x, then one result with parameters of its own.
Tensor qlinear_unary(G& g, const Sizes& shape) {
  const DType type = byte_type(g);
  const Tensor x = bytes(g, shape, type);
  parameters(g, type);
  parameters(g, type);
  return x;
}

void qlinear_pool(G& g, bool global) {
  qlinear_unary(g, {1, 2, g.integer(3, 6), g.integer(3, 6)});
  g.maybe("channels_last", 0, 0);
  if (!global) g.ints_attr("kernel_shape", {2, 3});
}

void qlinear_mean(G& g) {
  const Tensor x = qlinear_unary(g, g.sizes(1, 3));
  g.ints_attr("axes", {g.axis(x.rank())});
  g.maybe("keepdims", 0, 1);
}

void qlinear_concat(G& g) {
  const DType type = byte_type(g);
  parameters(g, type);
  Sizes shape = g.sizes(1, 3);
  for (int i = 0; i < 2; ++i) {
    bytes(g, shape, type);
    parameters(g, type);
    shape[0] = g.size();
  }
  g.attr("axis", 0);
}

void qlinear_softmax(G& g) {
  const Tensor x = qlinear_unary(g, g.sizes(2, 3));
  const int64_t opset = g.pick<int64_t>({9, 13});
  g.attr("opset", opset);
  g.attr("axis", g.integer(1, x.rank() - 1));
}

void qlinear_where(G& g) {
  const DType type = byte_type(g);
  const Tensor condition = g.of(DType::boolean, g.sizes(1, 3));
  for (int i = 0; i < 2; ++i) {
    bytes(g, g.smaller(condition.shape()), type);
    parameters(g, type);
  }
  parameters(g, type);
}

void qlinear_conv(G& g) {
  const int64_t out = g.integer(1, 3), in = g.integer(1, 3);
  const bool last = g.chance(40);
  bytes(g, last ? Sizes{1, 5, 6, in} : Sizes{1, in, 5, 6}, DType::u8);
  parameters(g, DType::u8);
  bytes(g, {out, in, 2, 3}, DType::i8);
  parameters(g, DType::i8);
  parameters(g, DType::u8);
  if (last) g.attr("channels_last", 1);
}

void quantized_lstm(G& g) {
  const int64_t hidden = g.integer(1, 5), in = g.integer(1, 4), n = g.integer(1, 2);
  g.of(DType::f32, {g.integer(1, 4), n, in});
  bytes(g, {1, in, 4 * hidden}, DType::i8);
  bytes(g, {1, hidden, 4 * hidden}, DType::i8);
  if (g.chance(50))
    g.of(DType::f32, {1, 8 * hidden});
  else
    g.none();
  for (int i = 0; i < 4; ++i) g.none();
  for (int i = 0; i < 2; ++i) {
    g.given(g.reals(0.005, 0.02, {1}));
    g.given(Tensor(DType::i8, {1}));
  }
  g.attr("hidden_size", hidden);
  g.outputs(static_cast<size_t>(g.integer(1, 3)));
}

void quantize(G& g, bool back) {
  const DType type = byte_type(g);
  const Tensor x = back ? bytes(g, g.sizes(0, 3), type) : g.of(DType::f32, g.sizes(0, 3));
  parameters(g, type, g.chance(60));
}

}  // namespace

std::span<const OnnxOperator> onnx_microsoft_operators() {
  static const OnnxOperator kTable[] = {
      {"Attention", attention, 1, 22, kDomain},
      {"BiasDropout", bias_gelu, 1, 22, kDomain},
      {"BiasGelu", bias_gelu, 1, 22, kDomain},
      {"BiasSoftmax", bias_softmax, 1, 22, kDomain},
      {"DequantizeLinear", [](G& g) { quantize(g, true); }, 1, 22, kDomain},
      {"DynamicQuantizeLSTM", quantized_lstm, 1, 22, kDomain},
      {"DynamicQuantizeMatMul", dynamic_matmul, 1, 22, kDomain},
      {"EmbedLayerNormalization", embed, 1, 22, kDomain},
      {"ExpandDims", [](G& g) { g.x(0, 3), g.known(Tensor::scalar_int(DType::i32, -1)); }, 1, 22, kDomain},
      {"FastGelu", fast_gelu, 1, 22, kDomain},
      {"FusedConv", fused_conv, 1, 22, kDomain},
      {"FusedGemm", fused_gemm, 1, 22, kDomain},
      {"FusedMatMul", fused_matmul, 1, 22, kDomain},
      {"GatherND", gather_nd, 1, 22, kDomain},
      {"Gelu", [](G& g) { g.x(); }, 1, 22, kDomain},
      {"Inverse", inverse, 1, 22, kDomain},
      {"Irfft", [](G& g) { spectrum(g, true); }, 1, 22, kDomain},
      {"LayerNormalization", [](G& g) { layer_norm(g, true); }, 1, 22, kDomain},
      {"MatMulIntegerToFloat", matmul_to_float, 1, 22, kDomain},
      {"MultiHeadAttention", multi_head, 1, 22, kDomain},
      {"NhwcMaxPool", pool_nhwc, 1, 22, kDomain},
      {"Pad", pad, 1, 22, kDomain},
      {"QAttention", qattention, 1, 22, kDomain},
      {"QGemm", qgemm, 1, 22, kDomain},
      {"QLinearAdd", qlinear_binary, 1, 22, kDomain},
      {"QLinearAveragePool", [](G& g) { qlinear_pool(g, false); }, 1, 22, kDomain},
      {"QLinearConcat", qlinear_concat, 1, 22, kDomain},
      {"QLinearConv", qlinear_conv, 1, 22, kDomain},
      {"QLinearGlobalAveragePool", [](G& g) { qlinear_pool(g, true); }, 1, 22, kDomain},
      {"QLinearLeakyRelu", [](G& g) { qlinear_unary(g, g.sizes(0, 3)), g.maybe_real("alpha"); }, 1, 22, kDomain},
      {"QLinearMul", qlinear_binary, 1, 22, kDomain},
      {"QLinearReduceMean", qlinear_mean, 1, 22, kDomain},
      {"QLinearSigmoid", [](G& g) { qlinear_unary(g, g.sizes(0, 3)); }, 1, 22, kDomain},
      {"QLinearSoftmax", qlinear_softmax, 1, 22, kDomain},
      {"QLinearWhere", qlinear_where, 1, 22, kDomain},
      {"QuantizeLinear", [](G& g) { quantize(g, false); }, 1, 22, kDomain},
      {"QuickGelu", [](G& g) { g.x(), g.maybe_real("alpha", 1, 2); }, 1, 22, kDomain},
      {"Range", range, 1, 22, kDomain},
      {"Rfft", [](G& g) { spectrum(g, false); }, 1, 22, kDomain},
      {"SimplifiedLayerNormalization", [](G& g) { layer_norm(g, false); }, 1, 22, kDomain},
      {"SimplifiedLayerNormalization", [](G& g) { layer_norm(g, false); }},
      {"SkipLayerNormalization", [](G& g) { skip_norm(g, true); }, 1, 22, kDomain},
      {"SkipSimplifiedLayerNormalization", [](G& g) { skip_norm(g, false); }, 1, 22, kDomain},
      {"TransposeMatMul", fused_matmul, 1, 22, kDomain},
      {"Trilu", trilu, 1, 22, kDomain},
  };
  return kTable;
}

}  // namespace seqc::test
