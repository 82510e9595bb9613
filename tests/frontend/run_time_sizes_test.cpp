// Control flow whose result sizes a run decides: branches of different sizes, loops that end by their data and stack rows.
#include "tests/frontend/all_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

Tensor truth(bool value) { return Tensor::scalar_int(DType::boolean, value); }

Tensor counted(std::vector<int64_t> shape) {
  Tensor x(DType::f32, std::move(shape));
  for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, static_cast<double>(i % 7) - 2);
  return x;
}

TEST_CASE("If: branches of different sizes, by numbers, by names and by data") {
  GraphBuilder then_branch("then"), else_branch("else");
  then_branch.output("a", DType::f32, {"", 3}).output("p", DType::i64, {""});
  then_branch.node("Concat", {"x", "x"}, {"a"}).attr("axis", 0);
  then_branch.constant("p", Tensor::i64({2}, {4, 5}));
  else_branch.output("b", DType::f32, {"", 3}).output("q", DType::i64, {""});
  else_branch.node("Compress", {"x", "keep"}, {"b"}).attr("axis", 0);
  else_branch.node("NonZero", {"keep"}, {"nz"});
  else_branch.constant("row", Tensor::i64({1}, {0}));
  else_branch.node("Squeeze", {"nz", "row"}, {"q"});
  ModelBuilder model(13);
  model.input("c", DType::boolean, {}).input("x", DType::f32, {"N", 3}).input("keep", DType::boolean, {"N"});
  model.output("y", DType::f32, {"", 3}).output("z", DType::i64, {""}).output("s", DType::i64, {2});
  model.node("If", {"c"}, {"r", "z"}).attr("then_branch", then_branch).attr("else_branch", else_branch);
  model.node("Neg", {"r"}, {"y"});
  model.node("Shape", {"r"}, {"s"});
  for (const int64_t n : {1, 2, 5, 9}) {
    Tensor keep(DType::boolean, {n});
    for (int64_t i = 0; i < n; i += 2) keep.set_integer(i, 1);
    const int64_t kept = (n + 1) / 2;
    const auto first = run_all_ways(model, {truth(true), counted({n, 3}), keep});
    CHECK(first[0].shape() == std::vector<int64_t>{2 * n, 3});
    CHECK(first[0].real(3 * n) == -counted({n, 3}).real(0));
    CHECK(numbers(first[1]) == std::vector<double>{4, 5});
    const auto second = run_all_ways(model, {truth(false), counted({n, 3}), keep});
    CHECK(second[0].shape() == std::vector<int64_t>{kept, 3});
    CHECK(numbers(second[2]) == std::vector<double>{static_cast<double>(kept), 3});
    REQUIRE(second[1].count() == kept);
    for (int64_t i = 0; i < kept; ++i) {
      CHECK(second[1].integer(i) == 2 * i);
      CHECK(second[0].real(3 * i) == -counted({n, 3}).real(6 * i));
    }
  }
}

TEST_CASE("If: branches of different rank are refused") {
  GraphBuilder then_branch("then"), else_branch("else");
  then_branch.output("a", DType::f32, {2});
  then_branch.constant("a", Tensor::f32({2}, {1, 2}));
  else_branch.output("b", DType::f32, {2, 1});
  else_branch.constant("b", Tensor::f32({2, 1}, {1, 2}));
  ModelBuilder model(13);
  model.input("x", DType::f32, {}).output("y", DType::f32, {});
  model.constant("zero", Tensor::f32({}, {0}));
  model.node("Greater", {"x", "zero"}, {"c"});
  model.node("If", {"c"}, {"y"}).attr("then_branch", then_branch).attr("else_branch", else_branch).name("choose");
  const Error error = error_of([&] { import_built(model); });
  CHECK(contains(error, "If \"choose\""));
  CHECK(contains(error, "branches must agree in rank and element type"));
}

/// Adds up rows of x until the sum is above a limit, at most `trips` of them; stacks the square of each sum.
ModelBuilder until_above(const ModelDim& trips) {
  GraphBuilder body("body");
  body.input("i", DType::i64, {}).input("go", DType::boolean, {}).input("sum", DType::f32, {2});
  body.output("more", DType::boolean, {}).output("next", DType::f32, {2}).output("row", DType::f32, {2});
  body.node("Gather", {"x", "i"}, {"xi"});
  body.node("Add", {"sum", "xi"}, {"next"});
  body.node("ReduceMax", {"next"}, {"top"}).attr("keepdims", 0);
  body.node("Less", {"top", "limit"}, {"more"});
  body.node("Mul", {"next", "next"}, {"row"});
  ModelBuilder model(13);
  model.input("x", DType::f32, {"T", 2}).input("limit", DType::f32, {}).input("go", DType::boolean, {});
  model.output("y", DType::f32, {2}).output("rows", DType::f32, {"", 2}).output("size", DType::i64, {2});
  model.constant("start", Tensor::f32({2}, {0, 0})).constant("first", Tensor::scalar_int(DType::i64, 0));
  if (trips.number >= 0) {
    model.constant("m", Tensor::scalar_int(DType::i64, trips.number));
  } else {
    model.node("Shape", {"x"}, {"shape"});
    model.node("Gather", {"shape", "first"}, {"m"});
  }
  model.node("Loop", {"m", "go", "start"}, {"y", "rows"}).attr("body", body);
  model.node("Shape", {"rows"}, {"size"});
  return model;
}

TEST_CASE("Loop: rows stacked until the data end it") {
  for (const ModelDim& trips : {ModelDim("T"), ModelDim(3)}) {
    const ModelBuilder model = until_above(trips);
    for (const int64_t steps : {3, 5, 8}) {
      for (const double limit : {-100.0, 0.5, 100.0}) {
        for (const bool go : {true, false}) {
          const Tensor x = counted({steps, 2});
          double sums[2] = {0, 0};
          std::vector<double> rows;
          bool more = go;
          for (int64_t t = 0; more && t < (trips.number >= 0 ? trips.number : steps); ++t) {
            for (int64_t j = 0; j < 2; ++j) rows.push_back(std::pow(sums[j] += x.real(2 * t + j), 2));
            more = std::max(sums[0], sums[1]) < limit;
          }
          Tensor bound(DType::f32, {});
          bound.set_real(0, limit);
          const auto got = run_all_ways(model, {x, bound, truth(go)});
          CHECK(numbers(got[0]) == std::vector<double>{sums[0], sums[1]});
          CHECK(numbers(got[1]) == rows);
          CHECK(got[1].shape() == std::vector<int64_t>{static_cast<int64_t>(rows.size() / 2), 2});
          CHECK(got[2].integer(0) == static_cast<int64_t>(rows.size() / 2));
        }
      }
    }
  }
}

TEST_CASE("Loop: a sequence that grows until the data end it") {
  GraphBuilder body("body");
  body.input("i", DType::i64, {}).input("go", DType::boolean, {});
  body.graph().add_input()->set_name("seq");
  body.output("more", DType::boolean, {});
  body.output("grown");
  body.node("Gather", {"x", "i"}, {"xi"});
  body.node("SequenceInsert", {"seq", "xi"}, {"grown"});
  body.node("ReduceSum", {"xi"}, {"total"}).attr("keepdims", 0);
  body.node("Greater", {"total", "limit"}, {"more"});
  ModelBuilder model(13);
  model.input("x", DType::f32, {"T", 2}).input("limit", DType::f32, {}).output("y", DType::f32, {"", 2});
  model.node("Shape", {"x"}, {"shape"});
  model.constant("first", Tensor::scalar_int(DType::i64, 0));
  model.node("Gather", {"shape", "first"}, {"m"});
  model.node("SequenceEmpty", {}, {"none"});
  model.constant("yes", Tensor::scalar_int(DType::boolean, 1));
  model.node("Loop", {"m", "yes", "none"}, {"all"}).attr("body", body);
  model.node("ConcatFromSequence", {"all"}, {"y"}).attr("axis", 0).attr("new_axis", 1);
  for (const double limit : {-100.0, -3.5, 100.0}) {
    Tensor bound(DType::f32, {});
    bound.set_real(0, limit);
    const Tensor x = counted({6, 2});
    std::vector<double> want;
    for (int64_t t = 0; t < 6; ++t) {
      want.insert(want.end(), {x.real(2 * t), x.real(2 * t + 1)});
      if (!(x.real(2 * t) + x.real(2 * t + 1) > limit)) break;
    }
    CHECK(numbers(run_all_ways(model, {x, bound})[0]) == want);
  }
}

}  // namespace
