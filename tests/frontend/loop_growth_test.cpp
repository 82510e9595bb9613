// Loops with carried tensors that grow, as exporters write `out = torch.cat([out, h])` of scripted models.
#include <algorithm>
#include <cmath>

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
  for (const int64_t t : {5, 1, 0}) {
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
    for (const int64_t before : {0, 3}) {
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

/// Attends to all rows so far, and keeps what it found: the cache is read in the step that makes it larger.
TEST_CASE("a growing carried tensor that steps read: attention over a cache") {
  for (const Trips trips : kTrips) {
    for (const int64_t before : {0, 2}) {
      const auto model =
          over_rows(trips, Tensor::f32({before, 2}, std::vector<float>(static_cast<size_t>(2 * before), 0.5f)),
                    [](GraphBuilder& body) {
                      body.node("Concat", {"in", "row"}, {"out"}).attr("axis", 0);
                      body.node("Transpose", {"out"}, {"keys"});
                      body.constant("small", Tensor::scalar(DType::f32, 0.01));
                      body.node("MatMul", {"row", "keys"}, {"products"});
                      body.node("Mul", {"products", "small"}, {"scores"});
                      body.node("Softmax", {"scores"}, {"weights"}).attr("axis", -1);
                      body.node("MatMul", {"weights", "out"}, {"found"});
                      body.output("found");
                    });
      ModelBuilder full = model;
      full.graph().mutable_node(full.graph().node_size() - 2)->add_output("found_rows");
      full.output("found_rows");
      CHECK(count_ops(*import_built(full), ir::Opcode::BindDim) >= 1);
      for (const int64_t t : {5, 0}) {
        if (trips == Trips::Fixed && t < 4) continue;
        CAPTURE(t);
        const Tensor x = counted({t, 2});
        const auto got = run_all_ways(full, {x});
        const int64_t steps = steps_of(trips, t);
        CHECK(got[0].shape() == std::vector<int64_t>{before + steps, 2});
        REQUIRE(got[2].shape() == std::vector<int64_t>{steps, 1, 2});
        std::vector<std::pair<double, double>> rows(static_cast<size_t>(before), {0.5, 0.5});
        for (int64_t i = 0; i < steps; ++i) {
          const double a = x.real(2 * i), b = x.real(2 * i + 1);
          rows.emplace_back(a, b);
          double sum = 0, first = 0, second = 0;
          for (const auto& [p, q] : rows) {
            const double weight = std::exp(0.01 * (a * p + b * q));
            sum += weight, first += weight * p, second += weight * q;
          }
          CHECK(got[2].real(2 * i) == doctest::Approx(first / sum).epsilon(1e-5));
          CHECK(got[2].real(2 * i + 1) == doctest::Approx(second / sum).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("a growing carried tensor that steps read before and after: sums along the growing axis, two caches") {
  for (const Trips trips : kTrips) {
    GraphBuilder body("body");
    body.input("i", DType::i64, {}).input("go", DType::boolean, {});
    body.input("a", DType::f32, {"", ""}).input("b", DType::f32, {"", ""}).input("h", DType::f32, {1});
    body.output("more").output("a1").output("b1").output("h1").output("total");
    body.constant("0", Tensor::i64({1}, {0})).constant("1", Tensor::i64({1}, {1}));
    body.node("Unsqueeze", {"i", "0"}, {"at"});
    body.node("Gather", {"x", "at"}, {"row"}).attr("axis", 0);
    body.node("ReduceMin", {"row"}, {"first"}).attr("keepdims", 0);
    body.node("Less", {"first", trips == Trips::Ended ? "limit" : "huge"}, {"more"});
    body.node("Concat", {"row", "a"}, {"a1"}).attr("axis", 0);
    body.node("Transpose", {"row"}, {"column"});
    body.node("Concat", {"b", "column"}, {"b1"}).attr("axis", 1);
    body.node("MatMul", {"b1", "a1"}, {"product"});  // [2, n] [n, 2]
    body.node("ReduceSum", {"product"}, {"all"}).attr("keepdims", 0);
    body.node("Unsqueeze", {"all", "0"}, {"sums"});
    body.node("ReduceSum", {"a", "0"}, {"columns"}).attr("keepdims", 0);
    body.node("ReduceMax", {"columns"}, {"largest"}).attr("keepdims", 0);
    body.node("Add", {"sums", "h"}, {"h1"});
    body.node("Identity", {"largest"}, {"total"});
    ModelBuilder model(13);
    model.input("x", DType::f32, {"T", 2}).output("a_all").output("b_all").output("h_all").output("totals");
    model.constant("yes", truth(true)).constant("four", Tensor::scalar_int(DType::i64, 4));
    model.constant("limit", Tensor::scalar(DType::f32, 5)).constant("huge", Tensor::scalar(DType::f32, 1e6));
    model.constant("zero", Tensor::scalar_int(DType::i64, 0));
    model.initializer("a0", Tensor(DType::f32, {0, 2})).initializer("b0", Tensor(DType::f32, {2, 0}));
    model.initializer("h0", Tensor::f32({1}, {1}));
    model.node("Shape", {"x"}, {"shape"});
    model.node("Gather", {"shape", "zero"}, {"t"});
    model
        .node("Loop", {trips == Trips::Fixed ? "four" : "t", "yes", "a0", "b0", "h0"},
              {"a_all", "b_all", "h_all", "totals"})
        .attr("body", body);
    for (const int64_t t : {6, 0}) {
      if (trips == Trips::Fixed && t < 4) continue;
      CAPTURE(t);
      const Tensor x = counted({t, 2});
      const auto got = run_all_ways(model, {x});
      const int64_t steps = steps_of(trips, t);
      REQUIRE(got[0].shape() == std::vector<int64_t>{steps, 2});
      REQUIRE(got[1].shape() == std::vector<int64_t>{2, steps});
      double h = 1;
      std::vector<double> totals;
      for (int64_t n = 0; n < steps; ++n) {
        double largest = 0;
        for (int64_t k = 0; k < n; ++k) largest += x.real(2 * k + 1);
        totals.push_back(largest);
        for (int64_t k = 0; k <= n; ++k)  // column k of b, row k of a: the newest row first
          h += (x.real(2 * k) + x.real(2 * k + 1)) * (x.real(2 * (n - k)) + x.real(2 * (n - k) + 1));
      }
      CHECK(got[2].real(0) == doctest::Approx(h));
      CHECK(numbers(got[3]) == totals);
      for (int64_t k = 0; k < steps; ++k) {
        CHECK(got[0].real(2 * k) == x.real(2 * (steps - 1 - k)));
        CHECK(got[1].real(k) == x.real(2 * k));
      }
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
