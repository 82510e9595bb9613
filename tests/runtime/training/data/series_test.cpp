#include "runtime/training/data/series.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "runtime/training/data/split.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using ir::DType;
using ir::Tensor;
using test::contains;
using test::refusal;

namespace {

/// Row t is t, 100+t.
Tensor two_columns(int64_t steps) {
  Tensor series(DType::f32, {steps, 2});
  for (int64_t i = 0; i < 2 * steps; ++i) series.set_real(i, static_cast<double>(i / 2 + i % 2 * 100));
  return series;
}

Batch all(const Dataset& data) {
  std::vector<int64_t> examples;
  for (int64_t i = 0; i < data.size(); ++i) examples.push_back(i);
  return data.gather(examples);
}

}  // namespace

TEST_CASE("series: windows and what follows them") {
  const Dataset data = windows(two_columns(8), {.window = 3, .horizon = 2, .stride = 2, .targets = {1}});
  CHECK(data.size() == 2);
  const Batch batch = all(data);
  CHECK(batch.at("x").identical(Tensor::f32({3, 2, 2}, {0, 100, 2, 102, 1, 101, 3, 103, 2, 102, 4, 104})));
  CHECK(batch.at("y").identical(Tensor::f32({2, 2, 1}, {103, 105, 104, 106})));
  const Batch next = all(windows(Tensor::f32({4}, {1, 2, 3, 4}), {.window = 2, .time_major = false}));
  CHECK(next.at("x").identical(Tensor::f32({2, 2, 1}, {1, 2, 2, 3})));
  CHECK(next.at("y").identical(Tensor::f32({2, 1}, {3, 4})));
}

TEST_CASE("series: parts have their targets to themselves") {
  const Tensor series = two_columns(20);
  const Batch train = all(windows(series, {.window = 4, .end = 13, .targets = {0}}));
  const Batch later = all(windows(series, {.window = 4, .begin = 13, .targets = {0}}));
  CHECK(train.at("y").count() == 9);
  CHECK(train.at("y").real(8) == 12);
  CHECK(later.at("y").count() == 7);
  CHECK(later.at("y").real(0) == 13);  // its window reaches back to step 9
  CHECK(later.at("x").real(0) == 9);
}

TEST_CASE("series: too short, wrong columns") {
  CHECK(refusal([] { windows(two_columns(4), {.window = 3, .horizon = 3}); }) ==
        "steps 0 to 4 hold no window of 3 and 3 after it; 2 are missing");
  CHECK(windows(two_columns(4), {.window = 3}).size() == 1);
  CHECK(contains(refusal([] { windows(two_columns(9), {.window = 3, .inputs = {2}}); }), "no column 2; it has 2"));
  CHECK(contains(refusal([] { windows(two_columns(9), {.stride = 0}); }), "expected 1 or more"));
  CHECK(contains(refusal([] { windows(two_columns(9), {.begin = 5, .end = 10}); }), "no part of a series of 9"));
  CHECK(contains(refusal([] { windows(Tensor::i64({2}, {1, 2}), {}); }), "expected floats"));
}

TEST_CASE("series: scaling is undone, and does not look beyond what it was fitted on") {
  Tensor series = two_columns(10);
  const Scaler scaler = Scaler::standard(first_steps(series, 5));
  CHECK(scaler.shift == std::vector<double>{2, 102});
  CHECK(scaler.scale[0] == doctest::Approx(std::sqrt(2.0)));
  const Tensor scaled = scaler.apply(series);
  CHECK(scaled.real(0) == doctest::Approx(-std::sqrt(2.0)));
  for (int64_t i = 0; i < 20; ++i) CHECK(scaler.undo(scaled).real(i) == doctest::Approx(series.real(i)));
  CHECK(scaler.columns({1}).undo(Tensor::f32({3, 1}, {0, 0, 0})).real(2) == 102);

  const Scaler range = Scaler::range(series, -1, 1);
  CHECK(range.apply(series).real(0) == -1);
  CHECK(range.apply(series).real(19) == doctest::Approx(1));
  CHECK(Scaler::range(Tensor::f32({2}, {7, 7})).apply(Tensor::f32({1}, {7})).real(0) == 0);
  CHECK(contains(refusal([] { Scaler::standard(Tensor::f32({0}, {})); }), "without steps"));
  CHECK(contains(refusal([&] { scaler.apply(Tensor::f32({3}, {1, 2, 3})); }), "counts 2 columns"));
}

TEST_CASE("splits: sizes, seeds and labels") {
  const Split plain = split(17, 0.3, 1);
  CHECK(plain.test.size() == 5);
  CHECK(plain.train.size() == 12);
  std::vector<bool> seen(17);
  for (const auto* part : {&plain.train, &plain.test})
    for (const int64_t i : *part) {
      CHECK(!seen[static_cast<size_t>(i)]);
      seen[static_cast<size_t>(i)] = true;
    }
  CHECK(split(17, 0.3, 1).test == plain.test);
  CHECK(split(17, 0.3, 2).test != plain.test);

  std::vector<int64_t> labels(100, 7);
  for (size_t i = 0; i < 13; ++i) labels[i] = 3;
  const Split even = split(100, 0.25, 1, labels);
  CHECK(even.test.size() == 25);
  CHECK(std::ranges::count_if(even.test, [](int64_t i) { return i < 13; }) == 3);
  CHECK(split(3, 1, 0).train.empty());
  CHECK(split(0, 0.5, 0).test.empty());
  CHECK(contains(refusal([] { split(3, 1.5, 0); }), "expected one from 0 to 1"));
  CHECK(contains(refusal([] { split(3, 0.5, 0, {1}); }), "1 labels for 3 examples"));
}
