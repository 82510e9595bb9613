// Quantised operators of the domain com.microsoft against integer sums and doubles. Scales are powers of two, so that
// every product is exact and halves round to even in both.
#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

NodeModel microsoft(const std::string& op, const std::vector<NodeInput>& inputs, const Attributes& attributes = {}) {
  return node_model(17, op, inputs, 1, attributes, "com.microsoft");
}
Tensor scale(double value) { return Tensor::scalar(DType::f32, value); }

struct Range {
  DType type;
  int64_t low, high;
};
constexpr Range kTypes[] = {{DType::u8, 0, 255}, {DType::i8, -128, 127}};

int64_t saturated(double value, const Range& range) {
  return static_cast<int64_t>(
      std::clamp(std::nearbyint(value), static_cast<double>(range.low), static_cast<double>(range.high)));
}
Tensor quantized(const Range& range, std::vector<int64_t> shape, double scale, int64_t zero,
                 const std::function<double(int64_t)>& element) {
  Tensor result(range.type, std::move(shape));
  for (int64_t i = 0; i < result.count(); ++i)
    result.set_integer(i, saturated(std::nearbyint(element(i) / scale) + static_cast<double>(zero), range));
  return result;
}
Tensor point(const Range& range, int64_t value) { return Tensor::scalar_int(range.type, value); }

TEST_CASE("QLinearAdd, QLinearMul, QLinearSigmoid, QLinearLeakyRelu, QLinearWhere") {
  TestNumbers numbers(71);
  for (const Range& range : kTypes) {
    const Tensor a = numbers.integers(range.type, {3, 5}, range.low, range.high),
                 b = numbers.integers(range.type, {5}, range.low, range.high);
    const double sa = 1.0 / 64, sb = 1.0 / 32, sc = 1.0 / 16;
    for (const bool zeros : {true, false}) {
      const int64_t za = zeros ? 7 : 0, zb = zeros ? 100 : 0, zc = zeros ? 11 : 0;
      const auto va = [&](int64_t i) { return sa * static_cast<double>(a.integer(i) - za); };
      const auto vb = [&](int64_t i) { return sb * static_cast<double>(b.integer(i % 5) - zb); };
      const auto zero = [&](int64_t value) { return zeros ? NodeInput(point(range, value)) : missing(); };
      const std::vector<NodeInput> both = {a, scale(sa), zero(za), b, scale(sb), zero(zb), scale(sc), zero(zc)};
      check_node(microsoft("QLinearAdd", both),
                 {quantized(range, {3, 5}, sc, zc, [&](int64_t i) { return va(i) + vb(i); })});
      check_node(microsoft("QLinearMul", both),
                 {quantized(range, {3, 5}, sc, zc, [&](int64_t i) { return va(i) * vb(i); })});
      const std::vector<NodeInput> one = {a, scale(sa), zero(za), scale(sc / 8), zero(zc)};
      check_node(microsoft("QLinearSigmoid", one),
                 {quantized(range, {3, 5}, sc / 8, zc, [&](int64_t i) { return 1 / (1 + std::exp(-va(i))); })});
      check_node(microsoft("QLinearLeakyRelu", one, [](NodeRef& n) { n.attr("alpha", 0.25); }),
                 {quantized(range, {3, 5}, sc / 8, zc, [&](int64_t i) { return va(i) < 0 ? va(i) / 4 : va(i); })});
      const Tensor condition = numbers.integers(DType::boolean, {3, 1}, 0, 1);
      std::vector<NodeInput> where = both;
      where.insert(where.begin(), condition);
      check_node(
          microsoft("QLinearWhere", where),
          {quantized(range, {3, 5}, sc, zc, [&](int64_t i) { return condition.integer(i / 5) ? va(i) : vb(i); })});
    }
  }
}

TEST_CASE("QLinearConcat, QLinearReduceMean, QLinearSoftmax") {
  TestNumbers numbers(72);
  for (const Range& range : kTypes) {
    const Tensor a = numbers.integers(range.type, {2, 3, 5}, range.low, range.high),
                 b = numbers.integers(range.type, {2, 1, 5}, range.low, range.high);
    const double sa = 1.0 / 64, sb = 1.0 / 32, sy = 1.0 / 16;
    const auto va = [&](int64_t i) { return sa * static_cast<double>(a.integer(i) - 7); };
    const auto vb = [&](int64_t i) { return sb * static_cast<double>(b.integer(i)); };
    check_node(microsoft("QLinearConcat",
                         {scale(sy), point(range, 9), a, scale(sa), point(range, 7), b, scale(sb), point(range, 0)},
                         [](NodeRef& n) { n.attr("axis", -2); }),
               {quantized(range, {2, 4, 5}, sy, 9, [&](int64_t i) {
                 const int64_t batch = i / 20, row = i / 5 % 4;
                 return row < 3 ? va((batch * 3 + row) * 5 + i % 5) : vb(batch * 5 + i % 5);
               })});
    const auto mean = [&](int64_t i) {
      return (va(i / 5 * 15 + i % 5) + va(i / 5 * 15 + 5 + i % 5) + va(i / 5 * 15 + 10 + i % 5)) / 3;
    };
    for (const bool keep : {true, false})
      check_node(microsoft("QLinearReduceMean", {a, scale(sa), point(range, 7), scale(sy), point(range, 9)},
                           [&](NodeRef& n) { n.ints("axes", {-2}).attr("keepdims", keep ? 1 : 0); }),
                 {quantized(range, keep ? std::vector<int64_t>{2, 1, 5} : std::vector<int64_t>{2, 5}, sy, 9, mean)});
    for (const int64_t opset : {12, 13}) {
      const int64_t group = opset < 13 ? 15 : 5;
      check_node(microsoft("QLinearSoftmax", {a, scale(sa), point(range, 7), scale(1.0 / 256), point(range, range.low)},
                           [&](NodeRef& n) { n.attr("opset", opset).attr("axis", opset < 13 ? 1 : -1); }),
                 {quantized(range, {2, 3, 5}, 1.0 / 256, range.low, [&](int64_t i) {
                   double sum = 0;
                   for (int64_t k = 0; k < group; ++k) sum += std::exp(va(i / group * group + k));
                   return std::exp(va(i)) / sum;
                 })});
    }
  }
}

TEST_CASE("QLinearAveragePool and QLinearGlobalAveragePool: channels first and last") {
  TestNumbers numbers(73);
  for (const Range& range : kTypes)
    for (const bool last : {false, true}) {
      const Tensor x = numbers.integers(
          range.type, last ? std::vector<int64_t>{2, 7, 3} : std::vector<int64_t>{2, 3, 7}, range.low, range.high);
      const auto at = [&](int64_t n, int64_t c, int64_t i) {
        return static_cast<double>(x.integer(last ? (n * 7 + i) * 3 + c : (n * 3 + c) * 7 + i) - 7) / 64;
      };
      const auto pooled = [&](int64_t out, const std::function<double(int64_t n, int64_t c, int64_t i)>& value) {
        return quantized(range, last ? std::vector<int64_t>{2, out, 3} : std::vector<int64_t>{2, 3, out}, 1.0 / 32, 9,
                         [&](int64_t i) {
                           return last ? value(i / (3 * out), i % 3, i / 3 % out)
                                       : value(i / (3 * out), i / out % 3, i % out);
                         });
      };
      const std::vector<NodeInput> inputs = {x, scale(1.0 / 64), point(range, 7), scale(1.0 / 32), point(range, 9)};
      for (const bool counted : {false, true})
        check_node(microsoft("QLinearAveragePool", inputs,
                             [&](NodeRef& n) {
                               n.ints("kernel_shape", {3}).ints("pads", {1, 1}).ints("strides", {2});
                               n.attr("channels_last", last ? 1 : 0).attr("count_include_pad", counted ? 1 : 0);
                             }),
                   {pooled(4, [&](int64_t n, int64_t c, int64_t i) {
                     double sum = 0;
                     int64_t count = 0;
                     for (int64_t k = 2 * i - 1; k < 2 * i + 2; ++k)
                       if (k >= 0 && k < 7) sum += at(n, c, k), ++count;
                     return sum / static_cast<double>(counted ? 3 : count);
                   })});
      check_node(
          microsoft("QLinearGlobalAveragePool", inputs, [&](NodeRef& n) { n.attr("channels_last", last ? 1 : 0); }),
          {pooled(1, [&](int64_t n, int64_t c, int64_t) {
            double sum = 0;
            for (int64_t k = 0; k < 7; ++k) sum += at(n, c, k);
            return sum / 7;
          })});
    }
}

/// sum over k of (a - za)(b - zb), for a [3,5] and b [5,7]; zb may hold one number a column.
double integer_sum(const Tensor& a, int64_t za, const Tensor& b, const Tensor& zb, int64_t i) {
  int64_t sum = 0;
  for (int64_t k = 0; k < 5; ++k)
    sum += (a.integer(i / 7 * 5 + k) - za) * (b.integer(k * 7 + i % 7) - zb.integer(i % 7 % zb.count()));
  return static_cast<double>(sum);
}

TEST_CASE("MatMulIntegerToFloat, DynamicQuantizeMatMul: scales of all and of columns, zero points, bias") {
  TestNumbers numbers(74);
  for (const Range& range : kTypes)
    for (const bool columns : {false, true})
      for (const bool more : {false, true}) {
        const Tensor a = numbers.integers(DType::u8, {3, 5}, 0, 255),
                     b = numbers.integers(range.type, {5, 7}, range.low, range.high);
        const std::vector<int64_t> shape = columns ? std::vector<int64_t>{7} : std::vector<int64_t>{};
        const Tensor sb = floats(shape, [](int64_t i) { return 1.0 / (64 << (i % 3)); });
        const Tensor zb = more ? numbers.integers(range.type, shape, 0, 9) : Tensor(range.type, shape);
        const Tensor bias = more ? numbers.floats({7}) : Tensor(DType::f32, {7});
        const auto value = [&](const Tensor& x, int64_t zero, double s, int64_t i) {
          return s * sb.real(i % 7 % sb.count()) * integer_sum(x, zero, b, zb, i) + bias.real(i % 7);
        };
        const int64_t za = more ? 120 : 0;
        check_node(microsoft("MatMulIntegerToFloat",
                             {a, b, scale(0.125), sb, more ? NodeInput(point(kTypes[0], za)) : missing(),
                              more ? NodeInput(zb) : missing(), more ? NodeInput(bias) : missing()}),
                   {floats({3, 7}, [&](int64_t i) { return value(a, za, 0.125, i); })});
        // x spans 255/32 around 0, so that its scale is 1/32 exactly.
        Tensor x = numbers.floats({3, 5}, 2);
        x.set_real(4, -100.0 / 32);
        x.set_real(9, 155.0 / 32);
        const Tensor bytes = quantized(kTypes[0], {3, 5}, 1.0 / 32, 100, [&](int64_t i) { return x.real(i); });
        check_node(microsoft("DynamicQuantizeMatMul",
                             {x, fixed(b), sb, more ? NodeInput(zb) : missing(), more ? NodeInput(bias) : missing()}),
                   {floats({3, 7}, [&](int64_t i) { return value(bytes, 100, 1.0 / 32, i); })});
      }
  const Tensor zeros(DType::f32, {3, 5}), w = numbers.integers(DType::i8, {5, 7}, -9, 9);
  check_node(microsoft("DynamicQuantizeMatMul", {zeros, w, scale(0.5)}), {Tensor(DType::f32, {3, 7})}, {0, 0});
}

TEST_CASE("QGemm: transposed, with C, quantised or not") {
  TestNumbers numbers(75);
  const Range& range = kTypes[1];
  const Tensor a = numbers.integers(DType::u8, {3, 5}, 0, 255), b = numbers.integers(DType::i8, {5, 7}, -127, 127),
               c = numbers.integers(DType::i32, {7}, -500, 500), zb = numbers.integers(DType::i8, {7}, -5, 5);
  const auto turned = [](const Tensor& x) {
    Tensor result(x.dtype(), {x.shape()[1], x.shape()[0]});
    for (int64_t i = 0; i < x.count(); ++i)
      result.set_integer(i % x.shape()[1] * x.shape()[0] + i / x.shape()[1], x.integer(i));
    return result;
  };
  const Tensor sb = floats({7}, [](int64_t i) { return 1.0 / (64 << (i % 3)); });
  for (const bool transposed : {false, true})
    for (const bool with_c : {false, true}) {
      const auto value = [&](int64_t i) {
        return 0.5 * 0.125 * sb.real(i % 7) *
               (integer_sum(a, 120, b, zb, i) + (with_c ? static_cast<double>(c.integer(i % 7)) : 0));
      };
      const auto attributes = [&](NodeRef& n) {
        n.attr("alpha", 0.5).attr("transA", transposed ? 1 : 0).attr("transB", transposed ? 1 : 0);
      };
      std::vector<NodeInput> inputs = {transposed ? turned(a) : a,       scale(0.125), point(kTypes[0], 120),
                                       transposed ? turned(b) : b,       sb,           zb,
                                       with_c ? NodeInput(c) : missing()};
      check_node(microsoft("QGemm", inputs, attributes), {floats({3, 7}, value)});
      inputs.insert(inputs.end(), {scale(4), point(range, 3)});
      check_node(microsoft("QGemm", inputs, attributes), {quantized(range, {3, 7}, 4, 3, value)});
    }
}

TEST_CASE("QuantizeLinear, DequantizeLinear and QLinearConv of the domain") {
  TestNumbers numbers(76);
  for (const Range& range : kTypes) {
    const Tensor x = numbers.floats({3, 5}, 4), s = floats({5}, [](int64_t i) { return 1.0 / (16 << i); });
    const Tensor zero = numbers.integers(range.type, {5}, 0, 50);
    Tensor want(range.type, {3, 5});
    for (int64_t i = 0; i < 15; ++i)
      want.set_integer(
          i, saturated(std::nearbyint(x.real(i) / s.real(i % 5)) + static_cast<double>(zero.integer(i % 5)), range));
    const auto axis = [](NodeRef& n) { n.attr("axis", 1); };
    check_node(microsoft("QuantizeLinear", {x, s, zero}, axis), {want});
    check_node(microsoft("DequantizeLinear", {want, s, zero}, axis), {floats({3, 5}, [&](int64_t i) {
                 return s.real(i % 5) * static_cast<double>(want.integer(i) - zero.integer(i % 5));
               })});
    check_node(microsoft("QuantizeLinear", {x, scale(0.25), point(range, 9)}),
               {quantized(range, {3, 5}, 0.25, 9, [&](int64_t i) { return x.real(i); })});
  }
  const Tensor x = numbers.integers(DType::u8, {2, 7, 3}, 0, 255), w = numbers.integers(DType::i8, {4, 3, 2}, -60, 60);
  const Tensor want = quantized(kTypes[0], {2, 6, 4}, 8, 128, [&](int64_t i) {
    int64_t sum = 0;
    for (int64_t k = 0; k < 2; ++k)
      for (int64_t c = 0; c < 3; ++c)
        sum += (x.integer((i / 24 * 7 + i / 4 % 6 + k) * 3 + c) - 120) * w.integer((i % 4 * 3 + c) * 2 + k);
    return static_cast<double>(sum) / 64;
  });
  check_node(microsoft("QLinearConv",
                       {x, scale(0.125), point(kTypes[0], 120), w, scale(0.125), point(kTypes[1], 0), scale(8),
                        point(kTypes[0], 128)},
                       [](NodeRef& n) { n.attr("channels_last", 1); }),
             {want});
}

}  // namespace
