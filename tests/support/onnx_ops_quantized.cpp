// Random nodes: quantisation and products of quantised numbers.
#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

Tensor scale(G& g, const Sizes& shape = {}, DType type = DType::f32) {
  return g.given(g.reals(0.01, 0.5, shape, type));
}

Tensor zero_point(G& g, DType type, const Sizes& shape = {}) {
  const bool is_signed = ir::is_signed_integer(type);
  return g.given(g.ints(is_signed ? -5 : 0, is_signed ? 5 : 130, shape, {type}));
}

Tensor bytes(G& g, const Sizes& shape, const std::vector<DType>& types = kBytes) {
  const DType type = g.pick(types);
  const bool is_signed = ir::is_signed_integer(type);
  return g.given(g.ints(is_signed ? -128 : 0, is_signed ? 127 : 255, shape, {type}));
}

/// The shape of scales for all of x, for each index of an axis, or for blocks along it; sets the attributes.
Sizes granularity(G& g, const Sizes& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  if (g.opset < 13 || rank == 0 || g.chance(40)) return {};
  const int64_t axis = g.axis(rank);
  const auto at = static_cast<size_t>((axis + rank) % rank);
  if (g.opset >= 21 && shape[at] > 0 && g.chance(50)) {
    const int64_t block = g.integer(1, shape[at]);
    Sizes blocks = shape;
    blocks[at] = (shape[at] + block - 1) / block;
    g.attr("axis", axis);
    g.attr("block_size", block);
    return blocks;
  }
  if (axis != 1 || g.chance(50)) g.attr("axis", axis);
  return {shape[at]};
}

void quantize(G& g) {
  const Tensor x = g.x();
  const DType real = ir::is_float(x.dtype()) && g.opset >= 19 ? x.dtype() : DType::f32;
  const Sizes shape = granularity(g, x.shape());
  scale(g, shape, real);
  std::vector<DType> types = kBytes;
  if (g.opset >= 21) types.insert(types.end(), {DType::i16, DType::u16});
  if (g.chance(70)) {
    zero_point(g, g.pick(types), shape);
    if (g.opset >= 21 && g.chance(20)) g.attr("output_dtype", onnx_type(types.back()));
    g.cancel_unless(g.node().proto().attribute_size() == 0 ||
                    g.node().proto().attribute().rbegin()->name() != "output_dtype");
  } else if (g.opset >= 21 && g.chance(60)) {
    g.attr("output_dtype", onnx_type(g.pick(types)));
  }
}

void dequantize(G& g) {
  std::vector<DType> types = {DType::i8, DType::u8, DType::i32};
  if (g.opset >= 21) types.insert(types.end(), {DType::i16, DType::u16});
  const Tensor x = g.x(0, 4, types);
  const Sizes shape = granularity(g, x.shape());
  scale(g, shape, g.opset >= 19 ? g.pick<DType>({DType::f32, DType::f16}) : DType::f32);
  if (g.chance(60)) {
    if (x.dtype() == DType::i32)
      g.given(Tensor(DType::i32, shape));
    else
      zero_point(g, x.dtype(), shape);
  }
}

void matmul_integer(G& g) {
  const int64_t m = g.size(), k = g.size(), n = g.size();
  const bool batched = g.chance(30);
  const Tensor a = bytes(g, batched ? Sizes{2, m, k} : Sizes{m, k}), b = bytes(g, {k, n});
  if (g.chance(60)) zero_point(g, a.dtype(), batched || g.chance(60) ? Sizes{} : Sizes{m});
  if (g.input_count() == 3 && g.chance(60)) zero_point(g, b.dtype(), g.chance(50) ? Sizes{} : Sizes{n});
}

void qlinear_matmul(G& g) {
  const int64_t m = g.size(), k = g.size(), n = g.size();
  const Tensor a = bytes(g, {m, k});
  scale(g);
  zero_point(g, a.dtype());
  const Tensor b = bytes(g, {k, n});
  const Sizes columns = g.chance(50) ? Sizes{} : Sizes{n};
  scale(g, columns);
  zero_point(g, b.dtype(), columns);
  scale(g);
  zero_point(g, a.dtype());
}

struct Convolved {
  Sizes x, w;
  int64_t out;
};

Convolved convolution(G& g) {
  const int64_t groups = g.integer(1, 2), in = g.integer(1, 3), out = groups * g.integer(1, 2), dims = g.integer(1, 2);
  Convolved shapes{{g.integer(1, 2), groups * in}, {out, in}, out};
  for (int64_t i = 0; i < dims; ++i) {
    shapes.w.push_back(g.integer(1, 3));
    shapes.x.push_back(g.integer(5, 8));
  }
  if (groups > 1) g.attr("group", groups);
  const auto all = [&](int64_t low, int64_t high) {
    Sizes values;
    for (int64_t i = 0; i < dims; ++i) values.push_back(g.integer(low, high));
    return values;
  };
  if (g.chance(40)) g.ints_attr("strides", all(1, 3));
  if (g.chance(40)) g.ints_attr("dilations", all(1, 2));
  if (g.chance(40)) {
    Sizes pads = all(0, 2);
    const Sizes ends = all(0, 2);
    pads.insert(pads.end(), ends.begin(), ends.end());
    g.ints_attr("pads", pads);
  }
  return shapes;
}

void conv_integer(G& g) {
  const Convolved shapes = convolution(g);
  const Tensor x = bytes(g, shapes.x), w = bytes(g, shapes.w);
  if (g.chance(60)) zero_point(g, x.dtype());
  if (g.input_count() == 3 && g.chance(60)) zero_point(g, w.dtype(), g.chance(50) ? Sizes{} : Sizes{shapes.out});
}

void qlinear_conv(G& g) {
  const Convolved shapes = convolution(g);
  const Tensor x = bytes(g, shapes.x);
  scale(g);
  zero_point(g, x.dtype());
  const Tensor w = bytes(g, shapes.w);
  const Sizes channels = g.chance(50) ? Sizes{} : Sizes{shapes.out};
  scale(g, channels);
  zero_point(g, w.dtype(), channels);
  scale(g);
  zero_point(g, x.dtype());
  if (g.chance(50)) g.given(g.ints(-100, 100, {shapes.out}, {DType::i32}));
}

}  // namespace

std::span<const OnnxOperator> onnx_quantized_operators() {
  static const OnnxOperator kTable[] = {
      {"ConvInteger", conv_integer, 10},
      {"DequantizeLinear", dequantize, 10},
      {"DynamicQuantizeLinear", [](G& g) { g.filled(), g.outputs(3); }, 11},
      {"MatMulInteger", matmul_integer, 10},
      {"QLinearConv", qlinear_conv, 10},
      {"QLinearMatMul", qlinear_matmul, 10},
      {"QuantizeLinear", quantize, 10},
  };
  return kTable;
}

}  // namespace seqc::test
