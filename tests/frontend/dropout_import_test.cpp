// Dropout in all opsets, and BiasDropout of com.microsoft: what is kept, its scale, its mask.
#include <algorithm>

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

Tensor on(bool value) { return Tensor::scalar(DType::boolean, value ? 1 : 0); }
Tensor ratio(double value) { return Tensor::scalar(DType::f32, value); }

/// y is x / (1 - ratio) where the mask says so and 0 elsewhere; about `ratio` of the elements are dropped.
void check_dropped(const Tensor& x, const Tensor& y, const Tensor& mask, double ratio) {
  REQUIRE(y.shape() == x.shape());
  REQUIRE(mask.shape() == x.shape());
  int64_t dropped = 0;
  bool right = true;
  for (int64_t i = 0; i < x.count(); ++i) {
    const double want = mask.real(i) != 0 ? x.real(i) / (1 - ratio) : 0;
    right = right && std::fabs(y.real(i) - want) <= 1e-5 * std::fabs(want);
    dropped += mask.real(i) == 0 ? 1 : 0;
  }
  CHECK(right);
  const auto n = static_cast<double>(x.count());
  CHECK(std::fabs(static_cast<double>(dropped) / n - ratio) <= 4 * std::sqrt(ratio * (1 - ratio) / n));
}

TEST_CASE("Dropout that trains, its switches known when compiling or not") {
  TestNumbers numbers(31);
  const Tensor x = numbers.floats({33, 7, 9});
  for (const double r : {0.1, 0.5, 0.75})
    for (const bool known : {true, false}) {
      CAPTURE(r);
      CAPTURE(known);
      const float rounded = static_cast<float>(r);
      const NodeModel node = node_model(13, "Dropout", {x, {ratio(r), known}, {on(true), known}}, 2,
                                        [](NodeRef& n) { n.attr("seed", 3); });
      const auto got = run_both_ways(node.model, node.feeds, {1e-6, 0});
      CHECK(got[1].dtype() == DType::boolean);
      check_dropped(x, got[0], got[1], rounded);
    }
  const NodeModel half = node_model(13, "Dropout", {x, missing(), fixed(on(true))}, 2);  // ratio 0.5, no seed
  const auto got = run_both_ways(half.model, half.feeds, {1e-6, 0});
  check_dropped(x, got[0], got[1], 0.5);
}

TEST_CASE("Dropout that does not train copies; a ratio of 1 drops everything") {
  TestNumbers numbers(32);
  const Tensor x = numbers.floats({3, 5});
  const Tensor ones = numbers.integers(DType::boolean, {3, 5}, 1, 1), none(DType::boolean, {3, 5});
  const Tensor zeros(DType::f32, {3, 5});
  for (const bool known : {true, false}) {
    check_node(node_model(13, "Dropout", {x, {ratio(0.9), known}, {on(false), known}}, 2), {x, ones}, {0, 0});
    check_node(node_model(13, "Dropout", {x, {ratio(0), known}, {on(true), known}}, 2), {x, ones}, {0, 0});
    check_node(node_model(13, "Dropout", {x, {ratio(1), known}, {on(true), known}}, 2), {zeros, none}, {0, 0});
  }
  check_node(node_model(13, "Dropout", {x}, 2, [](NodeRef& n) { n.attr("seed", 3); }), {x, ones}, {0, 0});
  check_node(node_model(10, "Dropout", {x}, 2, [](NodeRef& n) { n.attr("ratio", 0.9); }), {x, ones}, {0, 0});
  check_node(node_model(6, "Dropout", {x}, 1, [](NodeRef& n) { n.attr("is_test", 1); }), {x}, {0, 0});
}

TEST_CASE("Dropout before opset 7: is_test=0 trains, the mask is of the data's type") {
  TestNumbers numbers(33);
  const Tensor x = numbers.floats({41, 37});
  const NodeModel node = node_model(6, "Dropout", {x}, 2, [](NodeRef& n) { n.attr("ratio", 0.25); });
  const auto got = run_both_ways(node.model, node.feeds, {1e-6, 0});
  CHECK(got[1].dtype() == DType::f32);
  check_dropped(x, got[0], got[1], 0.25);
}

TEST_CASE("seeds decide what Dropout drops") {
  const Tensor x = floats({999}, [](int64_t) { return 1; });
  const auto mask = [&](int64_t seed) {
    const NodeModel node = node_model(13, "Dropout", {x, fixed(ratio(0.5)), fixed(on(true))}, 2,
                                      [&](NodeRef& n) { n.attr("seed", seed); });
    return run_built(node.model, node.feeds)[1];
  };
  CHECK(mask(1).identical(mask(1)));
  int64_t same = 0;
  const Tensor a = mask(1), b = mask(2);
  for (int64_t i = 0; i < 999; ++i) same += a.integer(i) == b.integer(i) ? 1 : 0;
  CHECK(std::abs(same - 500) < 64);
}

TEST_CASE("BiasDropout: bias before, residual after") {
  TestNumbers numbers(34);
  const Tensor x = numbers.floats({65, 33}), bias = numbers.floats({33}), rest = numbers.floats({65, 33});
  const Tensor sum = floats({65, 33}, [&](int64_t i) { return x.real(i) + bias.real(i % 33); });
  const auto model = [&](bool training) {
    return node_model(
        17, "BiasDropout", {x, bias, rest, fixed(ratio(0.25)), fixed(on(training))}, 2,
        [](NodeRef& n) { n.attr("seed", 3); }, "com.microsoft");
  };
  const Tensor copied = floats({65, 33}, [&](int64_t i) { return sum.real(i) + rest.real(i); });
  check_node(model(false), {copied, numbers.integers(DType::boolean, {65, 33}, 1, 1)});
  const NodeModel training = model(true);
  const auto got = run_both_ways(training.model, training.feeds, {1e-5, 1e-6});
  int64_t kept = 0;
  for (int64_t i = 0; i < sum.count(); ++i) {
    kept += got[1].integer(i);
    const double want = got[1].integer(i) != 0 ? sum.real(i) / 0.75 + rest.real(i) : rest.real(i);
    REQUIRE(std::fabs(got[0].real(i) - want) < 1e-5);
  }
  CHECK(std::fabs(static_cast<double>(kept) / 2145 - 0.75) < 0.04);
}

}  // namespace
