// Random operators: their distributions, and that draws depend on seed and position alone.
#include <algorithm>
#include <bit>
#include <numbers>

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Numbers = std::vector<double>;

NodeModel uniform_model(double seed, std::vector<int64_t> shape, int dtype = 1, double low = 0, double high = 1) {
  return node_model(15, "RandomUniform", {}, 1, [=](NodeRef& node) {
    node.attr("seed", seed).ints("shape", shape).attr("dtype", dtype).attr("low", low).attr("high", high);
  });
}
Numbers draw(const NodeModel& node) { return numbers(run_built(node.model, node.feeds)[0]); }

double mean(const Numbers& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}
/// The correlation of x and y over their common length.
double correlation(const Numbers& x, const Numbers& y) {
  const size_t n = std::min(x.size(), y.size());
  const double mx = mean(x), my = mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < n; ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return xy / std::sqrt(xx * yy);
}
double variance(const Numbers& x) {
  const double m = mean(x);
  double sum = 0;
  for (const double v : x) sum += (v - m) * (v - m);
  return sum / static_cast<double>(x.size());
}

constexpr int64_t kMany = 1 << 16;
constexpr double kSigma = 1.0 / 256;  // of a mean of kMany numbers with deviation 1

/// SplitMix64 as its paper gives it.
uint64_t split_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

TEST_CASE("RandomUniform: SplitMix64 by position, the same bits interpreted and compiled") {
  const uint64_t gamma = 0x9e3779b97f4a7c15;
  const uint64_t key = split_mix(split_mix(std::bit_cast<uint32_t>(7.5f) + gamma));
  for (const int dtype : {1, 11}) {
    const bool wide = dtype == 11;
    Tensor want(wide ? DType::f64 : DType::f32, {3, 7, 11});
    for (int64_t i = 0; i < want.count(); ++i) {
      const uint64_t bits = split_mix(key + (static_cast<uint64_t>(i) + 1) * gamma);
      want.set_real(i, wide ? static_cast<double>(bits >> 11) * 0x1p-53 : static_cast<double>(bits >> 40) * 0x1p-24);
    }
    check_node(uniform_model(7.5, {3, 7, 11}, dtype), {want}, {0, 0});
  }
}

TEST_CASE("RandomUniform: mean, variance, every bit, neighbours, seeds") {
  const Numbers x = draw(uniform_model(1, {kMany}));
  const double deviation = std::sqrt(1.0 / 12);
  CHECK(std::fabs(mean(x) - 0.5) < 4 * kSigma * deviation);
  CHECK(std::fabs(variance(x) - 1.0 / 12) < 0.002);
  for (int bit = 1; bit <= 24; ++bit) {  // each bit of the fraction is set half of the time
    int64_t set = 0;
    for (const double v : x) set += static_cast<int64_t>(std::ldexp(v, bit)) & 1;
    CAPTURE(bit);
    CHECK(std::fabs(static_cast<double>(set) / kMany - 0.5) < 4 * kSigma / 2);
  }
  std::vector<int64_t> bins(64);  // chi-square with 63 degrees of freedom: 63 +- 4 * 11.2
  for (const double v : x) ++bins[static_cast<size_t>(v * 64)];
  double chi = 0;
  for (const int64_t n : bins) chi += std::pow(static_cast<double>(n) - kMany / 64.0, 2) / (kMany / 64.0);
  CHECK(chi > 20);
  CHECK(chi < 108);
  for (const int64_t lag : {1, 2, 3, 7, 64, 256}) {
    CAPTURE(lag);
    CHECK(std::fabs(correlation(x, Numbers(x.begin() + lag, x.end()))) < 4 * kSigma);
  }
  for (const double seed : {0.0, 1.0000001, 2.0, 3.0, -1.0, 1e30}) {  // close seeds share nothing
    CAPTURE(seed);
    CHECK(std::fabs(correlation(x, draw(uniform_model(seed, {kMany})))) < 4 * kSigma);
  }
}

TEST_CASE("RandomUniform: low and high bound the draws in every type") {
  for (const int dtype : {1, 10, 11, 16})
    for (const auto& [low, high] : {std::pair{-3.0, 2.0}, {1.0, 1.0009765625}, {5.0, 5.0}, {-2.0, 0.0}, {0.0, 64.0}}) {
      CAPTURE(dtype);
      CAPTURE(low);
      const Numbers x = draw(uniform_model(3, {4099}, dtype, low, high));
      CHECK(*std::min_element(x.begin(), x.end()) >= low);
      if (low < high && high - low > 0.1) CHECK(*std::max_element(x.begin(), x.end()) < high);
      CHECK(*std::max_element(x.begin(), x.end()) <= high);
      CHECK(std::fabs(mean(x) - (low + high) / 2) < 0.05 * (high - low) + 0.002);
    }
  CHECK(contains(error_of([] { import_built(uniform_model(1, {2}, 6).model); }), "floats"));
  CHECK(contains(error_of([] { import_built(uniform_model(1, {2}, 1, 1, 0).model); }), "low"));
}

TEST_CASE("RandomNormal: moments, tails, no correlation") {
  for (const int dtype : {1, 11}) {
    const NodeModel node = node_model(15, "RandomNormal", {}, 1, [&](NodeRef& n) {
      n.attr("seed", 5.0).ints("shape", {kMany}).attr("dtype", dtype).attr("mean", 2.0).attr("scale", 3.0);
    });
    const Numbers x = numbers(run_both_ways(node.model, {}, {1e-5, 1e-5})[0]);
    CHECK(std::fabs(mean(x) - 2) < 4 * kSigma * 3);
    CHECK(std::fabs(variance(x) / 9 - 1) < 4 * kSigma * std::sqrt(2));
    double third = 0, fourth = 0;
    int64_t beyond = 0;
    for (const double v : x) {
      const double z = (v - 2) / 3;
      third += z * z * z / kMany;
      fourth += z * z * z * z / kMany;
      beyond += std::fabs(z) > 1.959964 ? 1 : 0;
    }
    CHECK(std::fabs(third) < 4 * kSigma * std::sqrt(15));
    CHECK(std::fabs(fourth - 3) < 4 * kSigma * std::sqrt(96));
    CHECK(std::fabs(static_cast<double>(beyond) / kMany - 0.05) < 4 * kSigma * 0.218);
    CHECK(std::fabs(correlation(x, Numbers(x.begin() + 1, x.end()))) < 4 * kSigma);
  }
}

TEST_CASE("RandomUniformLike, RandomNormalLike: shape and type of the input, dims with names") {
  for (const char* op : {"RandomUniformLike", "RandomNormalLike"}) {
    CAPTURE(op);
    ModelBuilder model(15);
    model.input("x", DType::f64, {"N", 3}).output("y").output("z");
    model.node(op, {"x"}, {"y"}).attr("seed", 1.0);
    model.node(op, {"x"}, {"z"}).attr("seed", 1.0).attr("dtype", 1);
    for (const int64_t rows : {1, 5, 0}) {
      const auto got = run_both_ways(model, {Tensor(DType::f64, {rows, 3})}, {1e-12, 1e-12});
      CHECK(got[0].type_str() == fmt::format("f64[{},3]", rows));
      CHECK(got[1].type_str() == fmt::format("f32[{},3]", rows));
    }
    // A longer tensor starts with the numbers of a shorter one.
    const Numbers few = numbers(run_built(model, {Tensor(DType::f64, {2, 3})})[0]);
    const Numbers more = numbers(run_built(model, {Tensor(DType::f64, {7, 3})})[0]);
    CHECK(std::equal(few.begin(), few.end(), more.begin()));
  }
  CHECK(contains(error_of([] { import_built(node_model(15, "RandomUniformLike", {Tensor(DType::i64, {2})}).model); }),
                 "floats"));
}

TEST_CASE("without a seed each node draws its own numbers, the same in every run") {
  ModelBuilder model(15);
  model.output("a").output("b").output("c");
  model.node("RandomUniform", {}, {"a"}).ints("shape", {257});
  model.node("RandomUniform", {}, {"b"}).ints("shape", {257}).name("named");
  model.node("RandomUniform", {}, {"c"}).ints("shape", {257}).name("named");  // names need not differ
  const auto first = run_both_ways(model, {}, {0, 0}), again = run_built(model, {});
  for (size_t i = 0; i < 3; ++i) CHECK(first[i].identical(again[i]));
  for (const auto& [i, j] : {std::pair{0, 1}, {0, 2}, {1, 2}})
    CHECK(std::fabs(correlation(numbers(first[i]), numbers(first[j]))) < 0.25);
}

TEST_CASE("Bernoulli: ones with the probabilities of the input") {
  const Tensor p = floats({5, 8192}, [](int64_t i) { return static_cast<double>(i / 8192) / 4; });
  for (const int dtype : {0, 1, 7, 9}) {
    const NodeModel node = node_model(15, "Bernoulli", {p}, 1, [&](NodeRef& n) {
      n.attr("seed", 2.0);
      if (dtype != 0) n.attr("dtype", dtype);
    });
    const Tensor y = run_both_ways(node.model, node.feeds, {0, 0})[0];
    CHECK(y.dtype() == (dtype == 7 ? DType::i64 : dtype == 9 ? DType::boolean : DType::f32));
    const Numbers x = numbers(y);
    for (int64_t row = 0; row < 5; ++row) {
      const double share = mean(Numbers(x.begin() + row * 8192, x.begin() + (row + 1) * 8192)), want = 0.25 * row;
      CAPTURE(row);
      CHECK(std::fabs(share - want) <= 4 * std::sqrt(want * (1 - want) / 8192));
    }
  }
}

TEST_CASE("Multinomial: classes by their weights; impossible ones never") {
  const double none = -std::numeric_limits<double>::infinity();
  const Numbers weights = {0.1, 0, 0.4, 0.2, 0.3, 0};
  const Tensor x = floats({2, 6}, [&](int64_t i) {  // logarithms up to a constant of the row
    const double w = weights[i % 6];
    return w > 0 ? std::log(w) + (i < 6 ? 0 : 50) : none;
  });
  for (const int dtype : {6, 7}) {
    const NodeModel node = node_model(15, "Multinomial", {x}, 1, [&](NodeRef& n) {
      n.attr("seed", 4.0).attr("sample_size", 8191).attr("dtype", dtype);
    });
    const Tensor y = run_both_ways(node.model, node.feeds, {0, 0})[0];
    CHECK(y.type_str() == (dtype == 6 ? "i32[2,8191]" : "i64[2,8191]"));
    for (int64_t row = 0; row < 2; ++row) {
      std::vector<int64_t> counts(6);
      for (int64_t i = 0; i < 8191; ++i) ++counts.at(static_cast<size_t>(y.integer(row * 8191 + i)));
      for (size_t k = 0; k < 6; ++k) {
        const double share = static_cast<double>(counts[k]) / 8191;
        CHECK(std::fabs(share - weights[k]) <= 4 * std::sqrt(weights[k] * (1 - weights[k]) / 8191));
      }
    }
  }
}

/// The step of a loop's body that emits what it draws.
GraphBuilder drawing_body(bool loop) {
  GraphBuilder body("body");
  if (loop) body.input("i", DType::i64, {}).input("go", DType::boolean, {});
  body.input("s", DType::f32, {2});
  if (!loop) body.input("x", DType::f32, {2});
  if (loop) body.node("Identity", {"go"}, {"on"});
  body.node("RandomUniformLike", {"s"}, {"r"});
  body.node("Add", {"s", loop ? "r" : "x"}, {"next"});
  if (loop) body.output("on");
  body.output("next").output("r");
  return body;
}

TEST_CASE("every step of a Loop and of a Scan draws other numbers") {
  for (const bool loop : {true, false}) {
    CAPTURE(loop);
    ModelBuilder model(15);
    model.input("s", DType::f32, {2}).output("last").output("all");
    if (loop) {
      model.initializer("n", Tensor::scalar_int(DType::i64, 300)).initializer("yes", Tensor::scalar(DType::boolean, 1));
      model.node("Loop", {"n", "yes", "s"}, {"last", "all"}).attr("body", drawing_body(true));
    } else {
      model.input("xs", DType::f32, {300, 2});
      model.node("Scan", {"s", "xs"}, {"last", "all"}).attr("body", drawing_body(false)).attr("num_scan_inputs", 1);
    }
    std::vector<Tensor> feeds = {Tensor(DType::f32, {2})};
    if (!loop) feeds.emplace_back(DType::f32, std::vector<int64_t>{300, 2});
    const Numbers x = numbers(run_both_ways(model, feeds, {1e-6, 0})[1]);
    CHECK(std::fabs(mean(x) - 0.5) < 0.05);
    Numbers sorted = x;
    std::sort(sorted.begin(), sorted.end());
    CHECK(std::unique(sorted.begin(), sorted.end()) - sorted.begin() >= 598);
    CHECK(std::fabs(correlation(x, Numbers(x.begin() + 2, x.end()))) < 0.17);
  }
}

}  // namespace
