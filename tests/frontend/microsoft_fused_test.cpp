// Fused and renamed operators of the domain com.microsoft against plain loops in double.
#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

constexpr const char* kDomain = "com.microsoft";
double f32(double value) { return static_cast<float>(value); }

NodeModel microsoft(const std::string& op, const std::vector<NodeInput>& inputs, const Attributes& attributes = {},
                    size_t outputs = 1) {
  return node_model(17, op, inputs, outputs, attributes, kDomain);
}

TEST_CASE("FusedMatMul: every transposition of [2,3,5] x [2,5,7]") {
  TestNumbers numbers(41);
  const int64_t B = 2, M = 3, K = 5, N = 7;
  for (int flags = 0; flags < 16; ++flags) {
    const bool ta = flags & 1, tb = flags & 2, ba = flags & 4, bb = flags & 8;
    CAPTURE(flags);
    // Rows and columns as transA says; the batch goes inside as transBatchA says.
    const auto shape = [&](int64_t rows, int64_t columns, bool swap, bool inside) {
      if (swap) std::swap(rows, columns);
      return inside ? std::vector<int64_t>{rows, B, columns} : std::vector<int64_t>{B, rows, columns};
    };
    const auto at = [&](const Tensor& x, int64_t batch, int64_t row, int64_t column, bool swap, bool inside) {
      if (swap) std::swap(row, column);
      const auto& s = x.shape();
      return inside ? x.real((row * s[1] + batch) * s[2] + column) : x.real((batch * s[1] + row) * s[2] + column);
    };
    const Tensor a = numbers.floats(shape(M, K, ta, ba)), b = numbers.floats(shape(K, N, tb, bb));
    const Tensor want = floats({B, M, N}, [&](int64_t i) {
      double sum = 0;
      for (int64_t k = 0; k < K; ++k)
        sum += at(a, i / (M * N), i / N % M, k, ta, ba) * at(b, i / (M * N), k, i % N, tb, bb);
      return f32(0.7) * sum;
    });
    check_node(microsoft("FusedMatMul", {a, b},
                         [&](NodeRef& n) {
                           n.attr("transA", ta ? 1 : 0).attr("transB", tb ? 1 : 0).attr("alpha", 0.7);
                           n.attr("transBatchA", ba ? 1 : 0).attr("transBatchB", bb ? 1 : 0);
                         }),
               {want});
    if (!ba && !bb)
      check_node(
          microsoft("TransposeMatMul", {a, b},
                    [&](NodeRef& n) { n.attr("transA", ta ? 1 : 0).attr("transB", tb ? 1 : 0).attr("alpha", 0.7); }),
          {want});
  }
}

using Function = std::function<double(double)>;
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST_CASE("FusedGemm: alpha, beta, activations") {
  TestNumbers numbers(42);
  const Tensor a = numbers.floats({5, 3}), b = numbers.floats({5, 7}), c = numbers.floats({7});
  const std::vector<std::pair<Attributes, Function>> activations = {
      {[](NodeRef&) {}, [](double x) { return x; }},
      {[](NodeRef& n) { n.attr("activation", "Relu"); }, [](double x) { return std::max(x, 0.0); }},
      {[](NodeRef& n) { n.attr("activation", "Tanh"); }, [](double x) { return std::tanh(x); }},
      {[](NodeRef& n) { n.attr("activation", "LeakyRelu").attr("activation_alpha", 0.3); },
       [](double x) { return x < 0 ? f32(0.3) * x : x; }},
      {[](NodeRef& n) {
         n.attr("activation", "HardSigmoid").attr("activation_alpha", 0.3).attr("activation_beta", 0.4);
       },
       [](double x) { return std::clamp(f32(0.3) * x + f32(0.4), 0.0, 1.0); }},
  };
  for (const auto& [attributes, activation] : activations)
    check_node(microsoft("FusedGemm", {a, b, c},
                         [&](NodeRef& n) {
                           n.attr("transA", 1).attr("alpha", 0.5).attr("beta", 0.25);
                           attributes(n);
                         }),
               {floats({3, 7}, [&, f = activation](int64_t i) {
                 double sum = 0;
                 for (int64_t k = 0; k < 5; ++k) sum += a.real(k * 3 + i / 7) * b.real(k * 7 + i % 7);
                 return f(0.5 * sum + 0.25 * c.real(i % 7));
               })});
  const NodeModel odd =
      microsoft("FusedGemm", {a, a}, [](NodeRef& n) { n.attr("transA", 1).attr("activation", "Sine"); });
  CHECK(contains(error_of([&] { import_built(odd.model); }), "Sine"));
}

TEST_CASE("FusedConv: a sum before the activation, parameters of activations") {
  TestNumbers numbers(43);
  const Tensor x = numbers.floats({1, 2, 7}), w = numbers.floats({3, 2, 3}), b = numbers.floats({3}),
               z = numbers.floats({1, 3, 5});
  const std::vector<std::tuple<const char*, std::vector<float>, Function>> activations = {
      {"", {}, [](double v) { return v; }},
      {"Relu", {}, [](double v) { return std::max(v, 0.0); }},
      {"Sigmoid", {}, sigmoid},
      {"LeakyRelu", {0.3f}, [](double v) { return v < 0 ? f32(0.3) * v : v; }},
      {"Clip", {-0.25f, 0.75f}, [](double v) { return std::clamp(v, -0.25, 0.75); }},
  };
  for (const auto& [name, parameters, activation] : activations) {
    CAPTURE(name);
    const Tensor want = floats({1, 3, 5}, [&, f = activation](int64_t i) {
      double sum = b.real(i / 5) + z.real(i);
      for (int64_t c = 0; c < 2; ++c)
        for (int64_t k = 0; k < 3; ++k) sum += x.real(c * 7 + i % 5 + k) * w.real(((i / 5) * 2 + c) * 3 + k);
      return f(sum);
    });
    check_node(microsoft("FusedConv", {x, w, b, z},
                         [&, n = std::string(name), p = parameters](NodeRef& node) {
                           if (!n.empty()) node.attr("activation", n);
                           if (!p.empty()) node.floats("activation_params", p);
                         }),
               {want});
  }
}

TEST_CASE("Gelu and its kin") {
  TestNumbers numbers(44);
  const Tensor x = numbers.floats({3, 7}, 4), bias = numbers.floats({7});
  const auto exact = [](double v) { return v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))); };
  const auto by_tanh = [](double v) {
    return v * 0.5 * (1 + std::tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v)));
  };
  const auto each = [&](const Function& f, bool biased) {
    return floats({3, 7}, [&](int64_t i) { return f(x.real(i) + (biased ? bias.real(i % 7) : 0)); });
  };
  check_node(microsoft("Gelu", {x}), {each(exact, false)});
  check_node(microsoft("BiasGelu", {x, bias}), {each(exact, true)});
  check_node(microsoft("FastGelu", {x}), {each(by_tanh, false)});
  check_node(microsoft("FastGelu", {x, bias}), {each(by_tanh, true)});
  check_node(microsoft("QuickGelu", {x}), {each([](double v) { return v * sigmoid(f32(1.702) * v); }, false)});
  check_node(microsoft("QuickGelu", {x}, [](NodeRef& n) { n.attr("alpha", 0.5); }),
             {each([](double v) { return v * sigmoid(0.5 * v); }, false)});
}

TEST_CASE("BiasSoftmax: over the dims from the axis on together") {
  TestNumbers numbers(45);
  const Tensor x = numbers.floats({2, 3, 5}), bias = numbers.floats({2, 1, 5});
  for (const int64_t axis : {1, 2, -1}) {
    CAPTURE(axis);
    const int64_t group = axis == 1 ? 15 : 5;
    const auto score = [&](int64_t i) { return std::exp(x.real(i) + bias.real(i / 15 * 5 + i % 5)); };
    const Tensor want = floats({2, 3, 5}, [&](int64_t i) {
      double sum = 0;
      for (int64_t k = 0; k < group; ++k) sum += score(i / group * group + k);
      return score(i) / sum;
    });
    check_node(
        microsoft("BiasSoftmax", {x, bias}, [&](NodeRef& n) { n.attr("axis", axis).attr("is_inner_broadcast", 1); }),
        {want});
  }
  const NodeModel flat =
      microsoft("BiasSoftmax", {x, numbers.floats({2, 5})}, [](NodeRef& n) { n.attr("is_inner_broadcast", 1); });
  CHECK(error_of([&] { import_built(flat.model); }).kind() == ErrorKind::Unsupported);
}

TEST_CASE("operators that ONNX has as well") {
  TestNumbers numbers(46);
  const Tensor x = numbers.floats({3, 5});
  const auto i32 = [](int64_t v) { return fixed(Tensor::scalar_int(DType::i32, v)); };
  check_node(microsoft("ExpandDims", {x, i32(-1)}), {x.reshaped({3, 5, 1})});
  check_node(microsoft("ExpandDims", {x, i32(1)}), {x.reshaped({3, 1, 5})});
  const auto counted = [](int64_t n, int64_t start, int64_t delta) {
    Tensor result(DType::i32, {n});
    for (int64_t i = 0; i < n; ++i) result.set_integer(i, start + i * delta);
    return result;
  };
  check_node(microsoft("Range", {i32(2), i32(17), i32(4)}), {counted(4, 2, 4)});
  check_node(microsoft("Range", {i32(2), i32(7)}), {counted(5, 2, 1)});
  check_node(microsoft("Range", {i32(7), i32(2)}), {Tensor(DType::i32, {0})});
  check_node(microsoft("Range", {fixed(Tensor::scalar(DType::f32, 2.5)), fixed(Tensor::scalar(DType::f32, 5))}),
             {Tensor::f32({3}, {2.5, 3.5, 4.5})});
  check_node(microsoft("Pad", {x, fixed(Tensor::i64({4}, {0, 1, 0, 0})), fixed(Tensor::scalar(DType::f32, 9))}),
             {floats({3, 6}, [&](int64_t i) { return i % 6 == 0 ? 9 : x.real(i / 6 * 5 + i % 6 - 1); })});
  check_node(microsoft("Trilu", {x, fixed(Tensor::scalar_int(DType::i64, 1))}, [](NodeRef& n) { n.attr("upper", 0); }),
             {floats({3, 5}, [&](int64_t i) { return i % 5 - i / 5 <= 1 ? x.real(i) : 0; })});
  check_node(microsoft("GatherND", {x, Tensor::i64({2, 2}, {0, 3, 2, 1})}),
             {floats({2}, [&](int64_t i) { return x.real(i == 0 ? 3 : 11); })});
}

TEST_CASE("NhwcMaxPool") {
  TestNumbers numbers(47);
  const Tensor x = numbers.integers(DType::u8, {2, 7, 3}, 0, 255);
  Tensor want(DType::u8, {2, 4, 3});
  for (int64_t i = 0; i < want.count(); ++i) {
    int64_t largest = 0;
    for (int64_t k = 0; k < 3; ++k)
      if (const int64_t at = i / 3 % 4 * 2 + k - 1; at >= 0 && at < 7)
        largest = std::max(largest, x.integer((i / 12 * 7 + at) * 3 + i % 3));
    want.set_integer(i, largest);
  }
  check_node(microsoft("NhwcMaxPool", {x},
                       [](NodeRef& n) { n.ints("kernel_shape", {3}).ints("pads", {1, 1}).ints("strides", {2}); }),
             {want});
}

TEST_CASE("Rfft and Irfft: one dim and two, back and forth") {
  TestNumbers numbers(48);
  const auto attributes = [](int64_t dims) {
    return [dims](NodeRef& n) { n.attr("signal_ndim", dims).attr("onesided", 1).attr("normalized", 0); };
  };
  const Tensor x = numbers.floats({3, 5, 8});
  const double turn = 2 * std::acos(-1.0);
  const Tensor one = floats({3, 5, 5, 2}, [&](int64_t i) {
    double sum = 0;
    for (int64_t j = 0; j < 8; ++j) {
      const double angle = turn * static_cast<double>(j * (i / 2 % 5)) / 8;
      sum += x.real(i / 10 * 8 + j) * (i % 2 == 0 ? std::cos(angle) : -std::sin(angle));
    }
    return sum;
  });
  check_node(microsoft("Rfft", {x}, attributes(1)), {one});
  check_node(microsoft("Irfft", {one}, attributes(1)), {x});
  const Tensor two = floats({3, 5, 5, 2}, [&](int64_t i) {
    double sum = 0;
    for (int64_t row = 0; row < 5; ++row)
      for (int64_t j = 0; j < 8; ++j) {
        const double angle =
            turn * (static_cast<double>(j * (i / 2 % 5)) / 8 + static_cast<double>(row * (i / 10 % 5)) / 5);
        sum += x.real((i / 50 * 5 + row) * 8 + j) * (i % 2 == 0 ? std::cos(angle) : -std::sin(angle));
      }
    return sum;
  });
  check_node(microsoft("Rfft", {x}, attributes(2)), {two}, {1e-5, 1e-5});
  check_node(microsoft("Irfft", {two}, attributes(2)), {x}, {1e-5, 1e-5});
}

TEST_CASE("Inverse: with rows in need of swapping, in batches") {
  TestNumbers numbers(49);
  for (const int64_t n : {1, 3, 7}) {
    Tensor x = numbers.floats({2, n, n});
    if (n > 1) x.set_real(0, 0);  // the first pivot
    const NodeModel node = microsoft("Inverse", {x});
    const Tensor y = run_both_ways(node.model, node.feeds, {1e-4, 1e-4})[0];
    for (int64_t batch = 0; batch < 2; ++batch)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t k = 0; k < n; ++k) sum += x.real((batch * n + i) * n + k) * y.real((batch * n + k) * n + j);
          CHECK(std::fabs(sum - (i == j ? 1 : 0)) < 1e-3);
        }
  }
  const Tensor turned = Tensor::f32({3, 3}, {0, 1, 0, 0, 0, 1, 1, 0, 0});
  check_node(microsoft("Inverse", {turned}), {Tensor::f32({3, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 0})});
}

TEST_CASE("other operators of the domain are refused by name") {
  for (const char* op : {"AttnLSTM", "ConvTransposeWithDynamicPads", "CropAndResize", "MatMulInteger16",
                         "MaxpoolWithMask", "Unique", "WordConvEmbedding"}) {
    const Error error = error_of([&] { import_built(microsoft(op, {Tensor(DType::f32, {3})}).model); });
    CHECK(error.kind() == ErrorKind::Unsupported);
    CHECK(contains(error, std::string("operator ") + op + " of domain com.microsoft"));
  }
}

}  // namespace
