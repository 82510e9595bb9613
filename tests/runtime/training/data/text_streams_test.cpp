#include "runtime/training/data/text_streams.h"

#include <doctest/doctest.h>

#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using ir::DType;
using ir::Tensor;
using test::contains;
using test::refusal;

namespace {

Tensor counting(int64_t count) {
  Tensor tokens(DType::i32, {count});
  for (int64_t i = 0; i < count; ++i) tokens.set_integer(i, i);
  return tokens;
}

}  // namespace

TEST_CASE("text streams: rows go on from batch to batch, targets are the tokens that follow") {
  for (const int64_t count : {2, 8, 24, 25, 26, 100})
    for (const int64_t streams : {1, 3})
      for (const int64_t steps : {1, 4, 100})
        for (const bool time_major : {true, false}) {
          const int64_t length = (count - 1) / streams;
          if (length == 0) continue;
          const Batches source =
              text_streams(counting(count), {.streams = streams, .steps = steps, .time_major = time_major});
          std::vector<std::vector<int64_t>> seen(static_cast<size_t>(streams));
          for (int64_t i = 0; i < source->size(0); ++i) {
            const Batch batch = source->batch(i, i);
            const Tensor &x = batch.at("x"), &y = batch.at("y");
            CHECK(rows(*source, batch) == streams);
            const int64_t here = x.shape()[time_major ? 0 : 1];
            CHECK(here == std::min(steps, length - i * steps));
            for (int64_t n = 0; n < streams; ++n)
              for (int64_t t = 0; t < here; ++t) {
                const int64_t at = time_major ? t * streams + n : n * here + t;
                seen[static_cast<size_t>(n)].push_back(x.integer(at));
                CHECK(y.integer(at) == x.integer(at) + 1);
              }
          }
          for (int64_t n = 0; n < streams; ++n)
            for (int64_t t = 0; t < length; ++t)
              CHECK(seen[static_cast<size_t>(n)].at(static_cast<size_t>(t)) == n * length + t);
        }
}

TEST_CASE("text streams: partial batches are dropped on request") {
  const Batches source = text_streams(counting(24), {.streams = 2, .steps = 4, .drop_partial = true});
  CHECK(source->size(0) == 2);  // 11 tokens a stream
  CHECK(source->batch(0, 1).at("x").type_str() == "i32[4,2]");
}

TEST_CASE("text streams: texts that are too short, and no texts") {
  CHECK(refusal([] { text_streams(counting(3), {.streams = 3}); }) ==
        "a text of 3 tokens, expected 4 or more for 3 streams; take fewer of them or a longer text");
  CHECK(contains(refusal([] { text_streams(counting(0), {.streams = 1}); }), "0 tokens, expected 2"));
  CHECK(contains(refusal([] { text_streams(counting(9), {.streams = 2, .steps = 5, .drop_partial = true}); }),
                 "expected 11"));
  CHECK(contains(refusal([] { text_streams(Tensor::f32({3}, {1, 2, 3})); }), "expected the numbers of its tokens"));
  CHECK(contains(refusal([] { text_streams(counting(9), {.target = "x"}); }), "expected two names"));
  CHECK(contains(refusal([] { text_streams(counting(9), {.streams = 1})->batch(0, 1); }), "no batch 1"));
}
