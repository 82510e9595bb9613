// Attention, QAttention and MultiHeadAttention against plain loops in double: masks, the past, sizes.
#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

constexpr const char* kDomain = "com.microsoft";
constexpr int64_t N = 2, S = 5, H = 3;  // batch, queries, heads

/// x [N, S, heads * size] by batch, head, position, element.
using Element = std::function<double(int64_t n, int64_t h, int64_t s, int64_t d)>;
Element split(const Tensor& x, int64_t offset = 0, int64_t size = 2) {
  return [x, offset, size](int64_t n, int64_t h, int64_t s, int64_t d) {
    return x.real((n * x.shape()[1] + s) * x.shape()[2] + offset + h * size + d);
  };
}
/// The same from [N, heads, T, size].
Element heads(const Tensor& x) {
  return [x](int64_t n, int64_t h, int64_t s, int64_t d) {
    return x.real(((n * x.shape()[1] + h) * x.shape()[2] + s) * x.shape()[3] + d);
  };
}
/// `first` for positions below `count`, then `second`.
Element joined(Element first, int64_t count, Element second) {
  return [=](int64_t n, int64_t h, int64_t s, int64_t d) {
    return s < count ? first(n, h, s, d) : second(n, h, s - count, d);
  };
}

struct Reference {
  Element q, k, v;
  int64_t keys = S, size = 2, value_size = 2;
  double scale = 1 / std::sqrt(2.0);
  std::function<double(int64_t n, int64_t h, int64_t s, int64_t t)> added = [](auto...) { return 0.0; };

  Tensor result() const {
    return floats({N, S, H * value_size}, [&](int64_t i) {
      const int64_t n = i / (S * H * value_size), s = i / (H * value_size) % S, h = i / value_size % H,
                    d = i % value_size;
      double sum = 0, y = 0;
      for (int64_t t = 0; t < keys; ++t) {
        double score = 0;
        for (int64_t e = 0; e < size; ++e) score += q(n, h, s, e) * k(n, h, t, e);
        const double weight = std::exp(scale * score + added(n, h, s, t));
        sum += weight;
        y += weight * v(n, h, t, d);
      }
      return y / sum;
    });
  }
};

/// x W + b in double, rounded once.
Tensor projected(const Tensor& x, const Tensor& w, const Tensor& b) {
  const int64_t K = w.shape()[0], M = w.shape()[1];
  return floats({x.shape()[0], x.shape()[1], M}, [&](int64_t i) {
    double sum = b.real(i % M);
    for (int64_t k = 0; k < K; ++k) sum += x.real(i / M * K + k) * w.real(k * M + i % M);
    return sum;
  });
}

TEST_CASE("Attention: masks of every form") {
  TestNumbers numbers(61);
  const Tensor x = numbers.floats({N, S, 7}), w = numbers.floats({7, 18}), b = numbers.floats({18});
  const Tensor qkv = projected(x, w, b);
  const auto ints = [](std::vector<int64_t> shape, const std::vector<int64_t>& values) {
    Tensor result(DType::i32, std::move(shape));
    for (int64_t i = 0; i < result.count(); ++i) result.set_integer(i, values[static_cast<size_t>(i)]);
    return result;
  };
  const Tensor keys = ints({N, S}, {1, 1, 0, 1, 0, 1, 1, 1, 0, 1}),
               pairs = numbers.integers(DType::i32, {N, S, S}, 0, 1);
  const Tensor lengths = ints({N}, {3, 5}), ranges = ints({2 * N}, {4, 5, 1, 2});
  const std::vector<std::pair<NodeInput, std::function<bool(int64_t n, int64_t s, int64_t t)>>> masks = {
      {missing(), [](auto...) { return true; }},
      {keys, [&](int64_t n, int64_t, int64_t t) { return keys.integer(n * S + t) == 1; }},
      {pairs, [&](int64_t n, int64_t s, int64_t t) { return pairs.integer((n * S + s) * S + t) == 1; }},
      {lengths, [&](int64_t n, int64_t, int64_t t) { return t < lengths.integer(n); }},
      {ranges, [&](int64_t n, int64_t, int64_t t) { return t < ranges.integer(n) && t >= ranges.integer(N + n); }},
  };
  for (size_t k = 0; k < masks.size(); ++k)
    for (const bool causal : {false, true}) {
      CAPTURE(k);
      CAPTURE(causal);
      Reference reference{.q = split(qkv), .k = split(qkv, 6), .v = split(qkv, 12)};
      reference.added = [&, visible = masks[k].second](int64_t n, int64_t, int64_t s, int64_t t) {
        return (visible(n, s, t) ? 0 : -5) - (causal && t > s ? 1e30 : 0);
      };
      check_node(node_model(
                     17, "Attention", {x, w, b, masks[k].first}, 1,
                     [&](NodeRef& n) {
                       n.attr("num_heads", H).attr("mask_filter_value", -5.0).attr("unidirectional", causal ? 1 : 0);
                     },
                     kDomain),
                 {reference.result()}, {1e-4, 1e-5});
    }
}

TEST_CASE("Attention: past and present, a bias of the scores, a scale, values of another size") {
  TestNumbers numbers(62);
  const Tensor x = numbers.floats({N, S, 7}), w = numbers.floats({7, 18}), b = numbers.floats({18}),
               past = numbers.floats({2, N, H, 4, 2});
  const Tensor qkv = projected(x, w, b);
  const auto old = [&](int64_t which) -> Element {
    return [=](int64_t n, int64_t h, int64_t s, int64_t d) {
      return past.real((((which * N + n) * H + h) * 4 + s) * 2 + d);
    };
  };
  Reference reference{
      .q = split(qkv), .k = joined(old(0), 4, split(qkv, 6)), .v = joined(old(1), 4, split(qkv, 12)), .keys = 9};
  reference.added = [](int64_t, int64_t, int64_t s, int64_t t) { return t > s + 4 ? -1e30 : 0; };
  const Tensor present = floats({2, N, H, 9, 2}, [&](int64_t i) {
    const Element& from = i < N * H * 18 ? reference.k : reference.v;
    return from(i / (H * 18) % N, i / 18 % H, i / 2 % 9, i % 2);
  });
  check_node(node_model(
                 17, "Attention", {x, w, b, missing(), past}, 2,
                 [](NodeRef& n) { n.attr("num_heads", H).attr("unidirectional", 1); }, kDomain),
             {reference.result(), present}, {1e-4, 1e-5});

  const Tensor bias = numbers.floats({1, H, S, S}), wide = numbers.floats({7, 21}), wide_b = numbers.floats({21});
  const Tensor wide_qkv = projected(x, wide, wide_b);
  Reference sized{
      .q = split(wide_qkv), .k = split(wide_qkv, 6), .v = split(wide_qkv, 12, 3), .value_size = 3, .scale = 0.25};
  sized.added = [&](int64_t, int64_t h, int64_t s, int64_t t) { return bias.real((h * S + s) * S + t); };
  check_node(
      node_model(
          17, "Attention", {x, wide, wide_b, missing(), missing(), bias}, 1,
          [](NodeRef& n) { n.attr("num_heads", H).attr("scale", 0.25).ints("qkv_hidden_sizes", {6, 6, 9}); }, kDomain),
      {sized.result()}, {1e-4, 1e-5});
  const NodeModel rotary = node_model(
      17, "Attention", {x, w, b}, 1, [](NodeRef& n) { n.attr("num_heads", H).attr("do_rotary", 1); }, kDomain);
  CHECK(contains(error_of([&] { import_built(rotary.model); }), "do_rotary"));
}

TEST_CASE("QAttention: the projection of quantised numbers") {
  TestNumbers numbers(63);
  const Tensor x = numbers.integers(DType::u8, {N, S, 7}, 0, 255), w = numbers.integers(DType::i8, {7, 18}, -127, 127),
               b = numbers.floats({18});
  const double x_scale = 0.0078125, w_scale = 0.015625;  // exact in f32
  const Tensor real_x = floats({N, S, 7}, [&](int64_t i) { return x_scale * static_cast<double>(x.integer(i) - 120); });
  const Tensor real_w = floats({7, 18}, [&](int64_t i) { return w_scale * static_cast<double>(w.integer(i) - 3); });
  const Tensor qkv = projected(real_x, real_w, b);
  const Reference reference{.q = split(qkv), .k = split(qkv, 6), .v = split(qkv, 12)};
  check_node(node_model(
                 17, "QAttention",
                 {x, w, b, Tensor::scalar(DType::f32, x_scale), Tensor::scalar(DType::f32, w_scale), missing(),
                  Tensor::scalar_int(DType::u8, 120), Tensor::scalar_int(DType::i8, 3)},
                 1, [](NodeRef& n) { n.attr("num_heads", H); }, kDomain),
             {reference.result()}, {1e-4, 1e-5});
}

TEST_CASE("MultiHeadAttention: cross attention, bias, mask, split keys, past") {
  TestNumbers numbers(64);
  const Tensor q = numbers.floats({N, S, 6}), k = numbers.floats({N, 4, 6}), v = numbers.floats({N, 4, 9}),
               bias = numbers.floats({21}), keys = numbers.integers(DType::i32, {N, 4}, 0, 1);
  const auto with_bias = [&](const Tensor& x, int64_t from) {
    return floats(x.shape(), [&](int64_t i) { return x.real(i) + bias.real(from + i % x.shape()[2]); });
  };
  Reference cross{.q = split(with_bias(q, 0)),
                  .k = split(with_bias(k, 6)),
                  .v = split(with_bias(v, 12), 0, 3),
                  .keys = 4,
                  .value_size = 3};
  cross.added = [&](int64_t n, int64_t, int64_t, int64_t t) { return keys.integer(n * 4 + t) == 1 ? 0 : -5; };
  const auto attributes = [](NodeRef& n) { n.attr("num_heads", H).attr("mask_filter_value", -5.0); };
  check_node(node_model(17, "MultiHeadAttention", {q, k, v, bias, keys}, 1, attributes, kDomain), {cross.result()},
             {1e-4, 1e-5});

  const Tensor hk = numbers.floats({N, H, 4, 2}), hv = numbers.floats({N, H, 4, 2}), pk = numbers.floats({N, H, 3, 2}),
               pv = numbers.floats({N, H, 3, 2});
  const Reference past{
      .q = split(q), .k = joined(heads(pk), 3, heads(hk)), .v = joined(heads(pv), 3, heads(hv)), .keys = 7};
  const auto all = [](const Element& from) {
    return floats({N, H, 7, 2}, [&](int64_t i) { return from(i / (H * 14), i / 14 % H, i / 2 % 7, i % 2); });
  };
  check_node(node_model(17, "MultiHeadAttention", {q, hk, hv, missing(), missing(), missing(), pk, pv}, 3, attributes,
                        kDomain),
             {past.result(), all(past.k), all(past.v)}, {1e-4, 1e-5});
}

}  // namespace
