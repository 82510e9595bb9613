#include "runtime/ports.h"

#include <doctest/doctest.h>

#include "ir/error.h"

using namespace seqc;
using ir::Dim;
using ir::DType;
using ir::Tensor;

namespace {

const Dim N = Dim::symbol("N"), T = Dim::symbol("T");
const std::vector<runtime::Port> kPorts = {{"x", {DType::f32, {T, N, 5}}}, {"h", {DType::f32, {N, 2 * T}}}};

ir::DimBindings check(const std::vector<Tensor>& tensors) {
  std::vector<seqc_tensor> views;
  for (const Tensor& tensor : tensors) views.push_back(runtime::view(tensor));
  return runtime::check_inputs(kPorts, views);
}

Tensor f32(std::vector<int64_t> shape) { return Tensor(DType::f32, std::move(shape)); }

}  // namespace

TEST_CASE("ports: names in shapes get their values from inputs") {
  CHECK(check({f32({3, 2, 5}), f32({2, 6})}) == ir::DimBindings{{"N", 2}, {"T", 3}});
  CHECK(check({f32({0, 2, 5}), f32({2, 0})}) == ir::DimBindings{{"N", 2}, {"T", 0}});
}

TEST_CASE("ports: what does not fit is said with what was expected") {
  CHECK_THROWS_WITH_AS(check({f32({3, 2, 5})}), "got 1 inputs, expected 2: x: f32[T,N,5], h: f32[N,2*T]", Error);
  CHECK_THROWS_WITH_AS(check({f32({3, 5}), f32({2, 6})}),
                       "input \"x\": got f32[3,5], expected f32[T,N,5]: the rank must be 3", Error);
  CHECK_THROWS_WITH_AS(check({Tensor(DType::f64, {3, 2, 5}), f32({2, 6})}),
                       "input \"x\": got f64[3,2,5], expected f32[T,N,5]: the element type must be f32", Error);
  CHECK_THROWS_WITH_AS(check({f32({3, 2, 4}), f32({2, 6})}),
                       "input \"x\": got f32[3,2,4], expected f32[T,N,5]: dim 2 must be 5", Error);
  CHECK_THROWS_WITH_AS(check({f32({3, 2, 5}), f32({4, 6})}),
                       "input \"h\": got f32[4,6], expected f32[N,2*T]: N is 4 here and 2 in input \"x\"", Error);
  CHECK_THROWS_WITH_AS(check({f32({3, 2, 5}), f32({2, 7})}),
                       "input \"h\": got f32[2,7], expected f32[N,2*T]: dim 1 must be 2*T = 6", Error);
}

TEST_CASE("ports: sizes beyond the machine are errors") {
  seqc_tensor tensor{nullptr, SEQC_F32, 2, {int64_t{1} << 40, int64_t{1} << 40}};
  CHECK_THROWS_WITH_AS(
      runtime::byte_size(tensor, "input \"x\""),
      "input \"x\": f32[1099511627776,1099511627776] does not fit this machine's memory; choose smaller dims", Error);
  tensor.shape[1] = -1;
  CHECK_THROWS_AS(runtime::byte_size(tensor, "input \"x\""), Error);
  CHECK_THROWS_AS(runtime::check_memory(uint64_t{1} << 60, "a run"), Error);
  CHECK_NOTHROW(runtime::check_memory(1 << 20, "a run"));
}
