#include "runtime/training/data/dataset.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using ir::DType;
using ir::Tensor;
using test::contains;
using test::refusal;

namespace {

/// Element [i,j,...] is the number with the digits i, j, ...
Tensor digits(const std::vector<int64_t>& shape) {
  Tensor result(DType::f32, shape);
  for (int64_t i = 0; i < result.count(); ++i) {
    int64_t rest = i, number = 0, digit = 1;
    for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis], digit *= 10)
      number += digit * (rest % shape[axis]);
    result.set_real(i, static_cast<double>(number));
  }
  return result;
}

Tensor i64s(const std::vector<int64_t>& values) { return Tensor::i64({static_cast<int64_t>(values.size())}, values); }

}  // namespace

TEST_CASE("data sets: examples along the first axis") {
  Dataset data;
  data.add("x", digits({5, 3}));
  data.add("y", i64s({10, 11, 12, 13, 14}));
  CHECK(data.size() == 5);
  CHECK(data.inputs() == std::vector<std::string>{"x", "y"});
  const Batch batch = data.gather(std::vector<int64_t>{4, 0, 4});
  CHECK(batch.at("x").identical(Tensor::f32({3, 3}, {40, 41, 42, 0, 1, 2, 40, 41, 42})));
  CHECK(batch.at("y").identical(i64s({14, 10, 14})));
  CHECK(data.gather({}).at("x").shape() == std::vector<int64_t>{0, 3});
}

TEST_CASE("data sets: the axis of examples is chosen, in arrays and in batches") {
  Dataset data;
  data.add("moved", digits({4, 3, 2}), {.batch_axis = 1});                       // [N,T,F] to [T,N,F]
  data.add("kept", digits({3, 4, 2}), {.example_axis = 1, .batch_axis = 1});     // [T,N,F]
  data.add("last", digits({2, 3, 4}), {.example_axis = 2, .batch_axis = 0});     // to [N,2,3]
  data.add("to_last", digits({4, 2, 3}), {.example_axis = 0, .batch_axis = 2});  // to [2,3,N]
  CHECK(data.batch_axis("kept") == 1);
  const Batch batch = data.gather(std::vector<int64_t>{3, 1});
  CHECK(batch.at("moved").identical(
      Tensor::f32({3, 2, 2}, {300, 301, 100, 101, 310, 311, 110, 111, 320, 321, 120, 121})));
  CHECK(batch.at("kept").identical(Tensor::f32({3, 2, 2}, {30, 31, 10, 11, 130, 131, 110, 111, 230, 231, 210, 211})));
  CHECK(batch.at("last").identical(Tensor::f32({2, 2, 3}, {3, 13, 23, 103, 113, 123, 1, 11, 21, 101, 111, 121})));
  CHECK(batch.at("to_last").identical(
      Tensor::f32({2, 3, 2}, {300, 100, 301, 101, 302, 102, 310, 110, 311, 111, 312, 112})));
}

TEST_CASE("data sets: strings and examples of no elements") {
  Dataset data;
  {
    const Tensor names = Tensor::strings({3, 1}, {"a", "bc", ""});
    data.add("names", names);
  }
  data.add("nothing", Tensor(DType::f32, {3, 0}));
  const Batch batch = data.take(std::vector<int64_t>{2, 1}).gather(std::vector<int64_t>{1, 0});
  CHECK(batch.at("names").identical(Tensor::strings({2, 1}, {"bc", ""})));
  CHECK(batch.at("nothing").shape() == std::vector<int64_t>{2, 0});
}

TEST_CASE("data sets: sequences are padded to the longest of a batch, at either end and in either layout") {
  const std::vector<std::vector<int64_t>> texts = {{1, 2, 3}, {}, {4}, {5, 6}};
  Dataset data;
  data.add_sequences("back", texts, {.padding = 9, .lengths = "lengths", .mask = "mask", .lengths_type = DType::i32});
  data.add_sequences(
      "front", texts,
      {.time_major = false, .length = 4, .pad = Side::Front, .mask = "there", .mask_type = DType::boolean}, DType::u8);
  CHECK(data.size() == 4);
  CHECK(data.length("back", 3) == 2);
  const Batch batch = data.gather(std::vector<int64_t>{3, 1, 2});
  CHECK(batch.at("back").identical(Tensor::i64({2, 3}, {5, 9, 4, 6, 9, 9})));
  CHECK(batch.at("mask").identical(Tensor::f32({2, 3}, {1, 0, 1, 1, 0, 0})));
  CHECK(batch.at("lengths").identical(Tensor::of<int32_t>(DType::i32, {3}, std::vector<int32_t>{2, 0, 1})));
  CHECK(batch.at("front").identical(
      Tensor::of<uint8_t>(DType::u8, {3, 4}, std::vector<uint8_t>{0, 0, 5, 6, 0, 0, 0, 0, 0, 0, 0, 4})));
  CHECK(batch.at("there").identical(
      Tensor::of<uint8_t>(DType::boolean, {3, 4}, std::vector<uint8_t>{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1})));
  CHECK(data.batch_axis("mask") == 1);
  CHECK(data.batch_axis("there") == 0);
  CHECK(data.batch_axis("lengths") == 0);
  CHECK(data.gather(std::vector<int64_t>{1}).at("back").shape() == std::vector<int64_t>{0, 1});

  const Dataset part = data.take(std::vector<int64_t>{2, 0});
  CHECK(part.gather(std::vector<int64_t>{0, 1}).at("back").identical(Tensor::i64({3, 2}, {4, 1, 9, 2, 9, 3})));
}

TEST_CASE("data sets: sequences of rows") {
  Dataset data;
  data.add_sequences("x", {digits({2, 2}), digits({1, 2})}, {.padding = -1});
  CHECK(
      data.gather(std::vector<int64_t>{1, 0}).at("x").identical(Tensor::f32({2, 2, 2}, {0, 1, 0, 1, -1, -1, 10, 11})));
}

TEST_CASE("data sets: what does not fit is refused by name") {
  Dataset data;
  data.add("x", digits({5, 3}));
  CHECK(refusal([&] { data.add("x", digits({5, 3})); }) == "input \"x\" is in the data set twice");
  CHECK(refusal([&] { data.add("y", digits({4})); }) == "input \"y\" has 4 examples, expected 5 as \"x\" has");
  CHECK(contains(refusal([&] { data.add("y", Tensor::scalar(DType::f32, 1)); }), "f32[] has no axis 0"));
  CHECK(contains(refusal([&] { data.add("y", digits({5}), {.batch_axis = 1}); }), "along axis 1"));
  CHECK(contains(refusal([&] { data.add("", digits({5})); }), "no name"));
  CHECK(refusal([&] { data.gather(std::vector<int64_t>{5}); }) == "the data set has no example 5; it has 5");
  CHECK(contains(refusal([&] { data.batch_axis("z"); }), "no input \"z\"; it has x"));
  CHECK(contains(refusal([&] { data.add_sequences("s", i64s({1, 2}), {1, 1, 0, 0, 1}); }), "the lengths add up to 3"));
  CHECK(contains(refusal([&] { data.add_sequences("s", i64s({1, 2}), {1, -1, 0, 0, 2}); }), "example 1 has length -1"));
  CHECK(contains(refusal([&] { data.add_sequences("s", i64s({1, 2}), {2, 0, 0, 0, 0}, {.length = 1}); }),
                 "example 0 has 2 steps, expected at most 1"));
  CHECK(contains(refusal([&] { data.add_sequences("s", i64s({}), {0, 0, 0, 0, 0}, {.padding = 0.5}); }),
                 "padding of 0.5 is no i64"));
  CHECK(
      contains(refusal([&] { data.add_sequences("s", i64s({}), {0, 0, 0, 0, 0}, {.lengths = "x"}); }), "\"x\" is in"));
  CHECK(contains(refusal([&] { data.add_sequences("s", {digits({2, 2}), digits({2, 3})}); }),
                 "sequence 1 is f32[2,3], expected one like f32[2,2]"));
  CHECK(contains(refusal([&] { data.add_sequences("s", {{1, 300}}, {}, DType::u8); }), "300 at [1] is no u8"));
  CHECK(data.inputs() == std::vector<std::string>{"x"});
}

TEST_CASE("data sets: numbers that are none, and labels out of range") {
  Tensor x = digits({2, 3});
  x.set_real(4, std::numeric_limits<double>::quiet_NaN());
  Dataset data;
  CHECK(contains(refusal([&] { data.add("x", x); }), "input \"x\": f32[2,3] holds nan at [1,1]"));
  data.add("x", x, {.allow_nan = true});
  CHECK(contains(refusal([&] { check_labels("y", i64s({0, 9, 10}), 10); }), "the label at [2] is 10, expected 0 to 9"));
  CHECK(contains(refusal([&] { check_labels("y", i64s({-1}), 10); }), "is -1"));
  CHECK(contains(refusal([&] { check_labels("y", digits({1}), 10); }), "expected integers"));
  check_labels("y", i64s({0, 9}), 10);
  CHECK(scaled(Tensor::of<uint8_t>(DType::u8, {2}, std::vector<uint8_t>{0, 255}), 1 / 255.0, -0.5)
            .identical(Tensor::f32({2}, {-0.5f, 0.5f})));
  CHECK(converted(Tensor::f32({2}, {3, -4}), DType::i8).integer(1) == -4);
  CHECK(contains(refusal([] { converted(Tensor::f32({1}, {0.5}), DType::i64); }), "0.5 at [0] is no i64"));
  CHECK(contains(refusal([] { converted(Tensor::f32({1}, {-1}), DType::u64); }), "is no u64"));
}
