// Loops with carried tensors that grow, as exporters write `out = torch.cat([out, h])` of scripted models.
#include <algorithm>

#include "tests/frontend/all_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

Tensor truth(bool value) { return Tensor::scalar_int(DType::boolean, value); }

Tensor counted(std::vector<int64_t> shape) {
  Tensor x(DType::f32, std::move(shape));
  for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, static_cast<double>(i + 1));
  return x;
}

/// Where the number of steps comes from: a number, the dim T of x, the same with a condition that ends the loop when a
/// row's first element reaches `limit`.
enum class Trips { Fixed, Named, Ended };

/// A loop over the rows of x [T, 2], of which `grow` makes the carried value "out" from "in" and the row "row" [1, 2].
ModelBuilder over_rows(Trips trips, const Tensor& start, const std::function<void(GraphBuilder&)>& grow) {
  GraphBuilder body("body");
  body.input("i", DType::i64, {}).input("go", DType::boolean, {}).input("in", DType::f32, {"", ""});
  body.output("more").output("out");
  body.constant("0", Tensor::i64({1}, {0}));
  body.node("Unsqueeze", {"i", "0"}, {"at"});
  body.node("Gather", {"x", "at"}, {"row"}).attr("axis", 0);
  if (trips == Trips::Ended) {
    body.node("ReduceMin", {"row"}, {"first"}).attr("keepdims", 0);
    body.node("Less", {"first", "limit"}, {"more"});
  } else {
    body.node("Identity", {"go"}, {"more"});
  }
  grow(body);
  ModelBuilder model(13);
  model.input("x", DType::f32, {"T", 2}).output("y", DType::f32, {"", ""}).output("s", DType::i64, {2});
  model.constant("yes", truth(true)).constant("four", Tensor::scalar_int(DType::i64, 4));
  model.constant("limit", Tensor::scalar(DType::f32, 5)).constant("zero", Tensor::scalar_int(DType::i64, 0));
  model.initializer("start", start);
  model.node("Shape", {"x"}, {"shape"});
  model.node("Gather", {"shape", "zero"}, {"t"});
  model.node("Loop", {trips == Trips::Fixed ? "four" : "t", "yes", "start"}, {"y"}).attr("body", body).name("loop");
  model.node("Shape", {"y"}, {"s"});
  return model;
}

/// The rows that the loop takes.
int64_t steps_of(Trips trips, int64_t t) {
  if (trips == Trips::Fixed) return 4;
  return trips == Trips::Named ? t : std::min<int64_t>(t, 3);  // rows begin with 1, 3, 5
}

void check_rows(const ModelBuilder& model, Trips trips,
                const std::function<std::vector<double>(int64_t steps, int64_t& rows)>& want, int64_t columns = 2) {
  for (const int64_t t : {4, 5, 9, 1, 0}) {
    if (trips == Trips::Fixed && t < 4) continue;
    CAPTURE(t);
    const auto got = run_all_ways(model, {counted({t, 2})});
    int64_t rows = 0;
    const auto expected = want(steps_of(trips, t), rows);
    CHECK(got[0].shape() == std::vector<int64_t>{rows, columns});
    CHECK(numbers(got[0]) == expected);
    CHECK(got[1].integer(0) == rows);
  }
}

const Trips kTrips[] = {Trips::Fixed, Trips::Named, Trips::Ended};

TEST_CASE("a carried tensor that grows behind: empty and filled at first, two rows a step") {
  for (const Trips trips : kTrips) {
    for (const int64_t before : {0, 1, 3}) {
      const auto model = over_rows(trips, Tensor(DType::f32, {before, 2}), [](GraphBuilder& body) {
        body.node("Neg", {"row"}, {"negative"});
        body.node("Concat", {"in", "row", "negative"}, {"joined"}).attr("axis", -2);
        body.node("Identity", {"joined"}, {"out"});
      });
      CHECK(count_ops(*import_built(model), ir::Opcode::Scan) == (trips != Trips::Ended));
      check_rows(model, trips, [&](int64_t steps, int64_t& rows) {
        rows = before + 2 * steps;
        std::vector<double> want(static_cast<size_t>(2 * before), 0.0);
        for (int64_t i = 0; i < steps; ++i) {
          const auto first = static_cast<double>(2 * i + 1);
          want.insert(want.end(), {first, first + 1, -first, -first - 1});
        }
        return want;
      });
    }
  }
}

TEST_CASE("a carried tensor that grows in front, and on both sides") {
  for (const Trips trips : kTrips) {
    for (const bool both : {false, true}) {
      const auto model = over_rows(trips, Tensor::f32({1, 2}, {100, 200}), [&](GraphBuilder& body) {
        body.node("Neg", {"row"}, {"negative"});
        const std::vector<std::string> parts =
            both ? std::vector<std::string>{"row", "negative", "in", "row"} : std::vector<std::string>{"row", "in"};
        body.node("Concat", parts, {"out"}).attr("axis", 0);
      });
      check_rows(model, trips, [&](int64_t steps, int64_t& rows) {
        std::vector<double> want = {100, 200};
        for (int64_t i = 0; i < steps; ++i) {
          const auto a = static_cast<double>(2 * i + 1), b = a + 1;
          const std::vector<double> front = both ? std::vector<double>{a, b, -a, -b} : std::vector<double>{a, b};
          want.insert(want.begin(), front.begin(), front.end());
          if (both) want.insert(want.end(), {a, b});
        }
        rows = static_cast<int64_t>(want.size()) / 2;
        return want;
      });
    }
  }
}

TEST_CASE("a carried tensor that grows along its last axis") {
  for (const Trips trips : kTrips) {
    const auto model = over_rows(trips, Tensor(DType::f32, {1, 0}), [](GraphBuilder& body) {
      body.node("Concat", {"in", "row"}, {"out"}).attr("axis", 1);
    });
    for (const int64_t t : {4, 7}) {
      const auto got = run_all_ways(model, {counted({t, 2})});
      const int64_t steps = steps_of(trips, t);
      CHECK(got[0].shape() == std::vector<int64_t>{1, 2 * steps});
      for (int64_t i = 0; i < got[0].count(); ++i) CHECK(got[0].real(i) == static_cast<double>(i + 1));
    }
  }
}

TEST_CASE("a Loop without the input cond ignores what its body says of it; one without M has no end then") {
  const auto make = [](bool with_condition, const char* trips) {
    GraphBuilder body("body");
    body.input("i", DType::i64, {}).input("go", DType::boolean, {}).input("in", DType::f32, {});
    body.output("more").output("out").output("row");
    body.constant("one", Tensor::scalar(DType::f32, 1)).constant("no", truth(false));
    body.node("Add", {"in", "one"}, {"out"});
    body.node("Less", {"out", "limit"}, {"less"});
    body.node("And", {"less", "no"}, {"more"});
    body.node("Identity", {"in"}, {"row"});
    ModelBuilder model(13);
    model.input("x", DType::f32, {}).input("limit", DType::f32, {}).input("m", DType::i64, {});
    model.output("y", DType::f32, {}).output("rows", DType::f32, {""});
    model.constant("yes", truth(true)).constant("three", Tensor::scalar_int(DType::i64, 3));
    model.node("Loop", {trips, with_condition ? "yes" : "", "x"}, {"y", "rows"}).attr("body", body).name("loop");
    return model;
  };
  const Tensor x = Tensor::scalar(DType::f32, 2), limit = Tensor::scalar(DType::f32, 9);
  const Tensor three = Tensor::scalar_int(DType::i64, 3);
  for (const char* trips : {"three", "m"}) {
    const frontend::ImportOptions options{.input_values = {{"m", three}}};
    auto got = run_all_ways(make(false, trips), {x, limit, three}, options);
    CHECK(numbers(got[0]) == std::vector<double>{5});
    CHECK(numbers(got[1]) == std::vector<double>{2, 3, 4});
    got = run_all_ways(make(true, trips), {x, limit, three}, options);
    CHECK(numbers(got[0]) == std::vector<double>{3});
    CHECK(numbers(got[1]) == std::vector<double>{2});
  }
  const Error error = error_of([&] { import_built(make(false, "")); });
  CHECK(contains(error, "Loop \"loop\": it has neither M nor cond, and so no end"));
}

}  // namespace
