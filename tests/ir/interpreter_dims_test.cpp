#include "tests/ir/interpreter_support.h"

using namespace seqc;
using namespace seqc::ir;

namespace {

/// A function whose arguments x0, x1, ... are f32 with these shapes.
std::unique_ptr<Function> with_shapes(const std::vector<std::vector<std::string>>& shapes) {
  auto function = std::make_unique<Function>("main");
  for (size_t i = 0; i < shapes.size(); ++i) {
    Shape shape;
    for (const std::string& dim : shapes[i]) shape.push_back(Dim::parse(dim));
    function->body().add_argument({DType::f32, shape}, fmt::format("x{}", i));
  }
  return function;
}

std::vector<Tensor> tensors(const std::vector<Index>& shapes) {
  std::vector<Tensor> result;
  for (const Index& shape : shapes) result.emplace_back(DType::f32, shape);
  return result;
}

std::string error(const std::vector<std::vector<std::string>>& types, const std::vector<Index>& shapes) {
  return error_of([&] { bind_dims(*with_shapes(types), tensors(shapes)); });
}

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("bind_dims: names, numbers and expressions") {
    CHECK(bind_dims(*with_shapes({{"T", "N", "28"}, {"N"}}), tensors({{5, 2, 28}, {2}})) ==
          DimBindings{{"T", 5}, {"N", 2}});
    CHECK(bind_dims(*with_shapes({{}, {"4"}}), tensors({{}, {4}})).empty());
    CHECK(bind_dims(*with_shapes({{"T"}}), tensors({{0}})) == DimBindings{{"T", 0}});
    // Solved whatever the order of arguments: first the bare names, then what has one unknown left.
    CHECK(bind_dims(*with_shapes({{"2*T + N - 1"}, {"N"}}), tensors({{12}, {3}})) == DimBindings{{"T", 5}, {"N", 3}});
    CHECK(bind_dims(*with_shapes({{"T + S"}, {"S*N"}, {"N"}}), tensors({{9}, {8}, {2}})) ==
          DimBindings{{"T", 5}, {"N", 2}, {"S", 4}});
    CHECK(bind_dims(*with_shapes({{"floordiv(T, 2)"}, {"T"}}), tensors({{3}, {7}})) == DimBindings{{"T", 7}});
  }

  TEST_CASE("bind_dims: each disagreement is named") {
    CHECK(error({{"T", "5"}}, {{2, 4}}) ==
          "input \"x0\": got f32[2,4], expected f32[T,5]; check the size 4, expected 5");
    CHECK(error({{"N", "2"}, {"N"}}, {{3, 2}, {4}}) ==
          "input \"x1\": got f32[4], expected f32[N]; check the size 4, expected N = 3 (N = 3 from input \"x0\")");
    CHECK(error({{"T"}}, {{2, 4}}) == "input \"x0\": got f32[2,4], expected f32[T]; check rank");
    CHECK(error({{"T"}}, {{2}, {4}}) == "function \"main\": got 2 inputs, expected 1");
    CHECK(contains(error({{"2*T"}}, {{5}}), "no size of T fits"));
    CHECK(contains(error({{"T + 3"}}, {{2}}), "no size of T fits"));
    CHECK(contains(error({{"floordiv(T, 2)"}}, {{2}}), "no size of T fits"));
    CHECK(contains(error({{"floordiv(T, 2)"}, {"T"}}, {{2}, {7}}),
                   "expected floordiv(T, 2) = 3 (T = 7 from input \"x1\")"));
    const auto function = with_shapes({{"T"}});
    CHECK(error_of([&] { bind_dims(*function, {Tensor(DType::f64, {2})}); }) ==
          "input \"x0\": got f64[2], expected f32[T]; check element type");
    function->body().argument(0)->set_name("");
    CHECK(contains(error_of([&] { bind_dims(*function, {Tensor(DType::f64, {2})}); }), "input 0: got f64[2]"));
  }
}
