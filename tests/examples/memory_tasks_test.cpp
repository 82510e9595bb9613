#include "tools/examples/support/memory_tasks.h"

#include <doctest/doctest.h>

#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::examples;
using ir::Tensor;
using training::Batch;

TEST_CASE("memory tasks: the sum of the two numbers that are marked") {
  const auto source = memory_batches({.steps = 7}, {.rows = 5, .batches = 3});
  CHECK(source->size(0) == 3);
  const Batch batch = source->batch(2, 1);
  const Tensor &x = batch.at("x"), &y = batch.at("y");
  CHECK(x.type_str() == "f32[7,5,2]");
  CHECK(y.type_str() == "f32[1,5,1]");
  for (int64_t n = 0; n < 5; ++n) {
    double sum = 0, marks[2] = {};
    for (int64_t t = 0; t < 7; ++t) {
      const double number = x.real((t * 5 + n) * 2), mark = x.real((t * 5 + n) * 2 + 1);
      CHECK(number >= 0);
      CHECK(number < 1);
      sum += number * mark;
      marks[t < 3 ? 0 : 1] += mark;
    }
    CHECK(marks[0] == 1);
    CHECK(marks[1] == 1);
    CHECK(y.real(n) == doctest::Approx(sum));
  }
}

TEST_CASE("memory tasks: symbols first, the mark where they are due") {
  const MemoryTask task{.steps = 9, .copied = 3, .symbols = 2};
  const Batch batch = memory_batches(task, {.rows = 4})->batch(0, 0);
  const Tensor &x = batch.at("x"), &y = batch.at("y");
  CHECK(x.type_str() == "f32[9,4,3]");
  CHECK(y.type_str() == "i64[3,4]");
  for (int64_t n = 0; n < 4; ++n)
    for (int64_t t = 0; t < 9; ++t)
      for (int64_t i = 0; i < 3; ++i) {
        const bool one = (t < 3 && i == y.integer(t * 4 + n)) || (t == 6 && i == 2);
        CHECK(x.real((t * 4 + n) * 3 + i) == (one ? 1 : 0));
      }
}

TEST_CASE("memory tasks: seed, epoch and number decide a batch") {
  const auto hash = [](const MemoryBatches& options, int64_t epoch, int64_t index) {
    return memory_batches({.steps = 10}, options)->batch(epoch, index).at("x").hash();
  };
  CHECK(hash({}, 1, 2) == hash({}, 1, 2));
  CHECK(hash({}, 1, 2) != hash({}, 2, 1));
  CHECK(hash({}, 1, 2) != hash({.seed = 2}, 1, 2));
  CHECK(hash({.fresh = false}, 1, 2) == hash({.fresh = false}, 5, 2));
  CHECK(hash({.fresh = false}, 1, 2) != hash({.fresh = false}, 1, 3));
  CHECK(test::contains(test::refusal([] { memory_batches({.steps = 1}); }), "expected at least 2"));
  CHECK(test::contains(test::refusal([] { memory_batches({.steps = 9, .copied = 5}); }), "expected at least 10"));
}

TEST_CASE("memory tasks: answers as text") {
  CHECK(memory_answers({}, {{"y", Tensor::i64({1, 2, 1}, {1, 0})}}, Tensor::i64({1, 2, 1}, {2, 0}), 1) ==
        "2.000, should be 1.000\n");
  CHECK(memory_answers({.copied = 2, .symbols = 2}, {{"y", Tensor::i64({2, 1}, {1, 0})}},
                       Tensor::i64({2, 1, 2}, {0, 9, 1, 2}), 1) == "bb, should be ba\n");
}
