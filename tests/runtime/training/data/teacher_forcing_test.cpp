#include "runtime/training/data/teacher_forcing.h"

#include <doctest/doctest.h>

#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using ir::Tensor;

TEST_CASE("teacher forcing: each token and the one before it, of sequences of different lengths") {
  Dataset data;
  add_teacher_forcing(data, {{8, 1, 2, 9}, {8, 9}});
  const Batch batch = data.gather(std::vector<int64_t>{1, 0});
  CHECK(batch.at("before").identical(Tensor::i64({3, 2}, {8, 8, 0, 1, 0, 2})));
  CHECK(batch.at("target").identical(Tensor::i64({3, 2}, {9, 1, 0, 2, 0, 9})));
  CHECK(batch.at("target_lengths").identical(Tensor::i64({2}, {1, 3})));
  add_teacher_forcing(data, {{1, 2}, {3, 4}}, {.before = "a", .target = "b", .lengths = ""});
  CHECK(data.inputs() == std::vector<std::string>{"a", "b", "before", "target", "target_lengths"});
}

TEST_CASE("teacher forcing: sequences without a beginning or an end") {
  Dataset data;
  CHECK(test::contains(test::refusal([&] { add_teacher_forcing(data, {{8, 9}, {8}}); }), "example 1 has 1 tokens"));
}
