#include "tools/examples/support/series.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using ir::Tensor;

TEST_CASE("series: streams side by side go on from batch to batch") {
  Tensor series(ir::DType::f32, {16, 1});
  for (int64_t t = 0; t < 16; ++t) series.set_real(t, static_cast<double>(t));
  // Of 2 to 15, the last only as what follows: 13 steps, in two streams of 6.
  const auto streams = examples::series_streams(series, 2, 16, {.streams = 2, .steps = 3});
  REQUIRE(streams->size(0) == 2);
  for (int64_t index = 0; index < 2; ++index) {
    const training::Batch batch = streams->batch(7, index);
    CHECK(batch.at("x").type_str() == "f32[3,2,1]");
    for (int64_t t = 0; t < 3; ++t)
      for (int64_t n = 0; n < 2; ++n) {
        CHECK(batch.at("x").real(t * 2 + n) == static_cast<double>(2 + 6 * n + 3 * index + t));
        CHECK(batch.at("y").real(t * 2 + n) == static_cast<double>(3 + 6 * n + 3 * index + t));
      }
  }
  CHECK(streams->batch_axis("x") == 1);
  CHECK(test::contains(test::refusal([&] { examples::series_streams(series, 2, 8, {.streams = 2, .steps = 3}); }),
                       "expected at least 7"));
}

TEST_CASE("series: the waves do not repeat") {
  const Tensor waves = examples::waves(300);
  CHECK(waves.type_str() == "f32[300,1]");
  CHECK(waves.real(0) == 3);
  double low = 9, high = 0;
  for (int64_t t = 0; t < 300; ++t) low = std::min(low, waves.real(t)), high = std::max(high, waves.real(t));
  CHECK(low > 1.4);
  CHECK(high < 4.6);
}
