#include "runtime/cost.h"

#include <doctest/doctest.h>

#include "ir/parser.h"

using namespace seqc;

namespace {

runtime::Cost cost_of(const char* text) { return runtime::cost(*ir::parse_module(text)->functions[0]); }

}  // namespace

TEST_CASE("cost: products and convolutions, times the steps around them") {
  const auto cost = cost_of(R"(
func @main(%x: f32[T,N,2], %h0: f32[N,3]) -> (h: f32[N,3]) {
  const @w: f32[3,2] = [[1, 2], [3, 4], [5, 6]]
  const @r: f32[3,3] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
  %h = scan {length=T} carry(%ht = %h0) in(%xt = %x) {
    %a = contract %xt, @w {spec="ni,ji->nj"}
    %b = contract %ht, @r {spec="nk,jk->nj"}
    %c = add %a, %b
    yield %c
  }
  return %h
}
)");
  CHECK(cost.multiply_adds.str() == "15*N*T");
  CHECK(cost.parameters == 15);
  CHECK_FALSE(cost.at_least);
}

TEST_CASE("cost: a constant that two ops read is counted once") {
  const auto cost = cost_of(R"(
func @main(%x: f32[4,2]) -> (y: f32[4,3]) {
  const @w: f32[3,2] = [[1, 2], [3, 4], [5, 6]]
  %a = contract %x, @w {spec="ni,ji->nj"}
  %b = contract %x, @w {spec="ni,ji->nj"}
  %c = add %a, %b
  return %c
}
)");
  CHECK(cost.multiply_adds == ir::Dim(48));
  CHECK(cost.parameters == 6);
}

TEST_CASE("cost: what products ask of the memory they read their weights from") {
  const auto module = ir::parse_module(R"(
func @main(%x: f32[T,N,2], %h0: f32[N,3]) -> (h: f32[N,3]) {
  const @w: f32[3,2] = [[1, 2], [3, 4], [5, 6]]
  const @r: f32[3,3] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
  const @v: f32[3,3] = [[1, 2, 3], [4, 5, 6], [7, 8, 1]]
  %p = contract %x, @w {spec="tni,ji->tnj"}
  %h = scan {length=T} carry(%ht = %h0) in(%pt = %p) {
    %a = contract %ht, @r {spec="nk,jk->nj"}
    %b = contract %a, @v {spec="nk,jk->nj"}
    %c = add %b, %pt
    yield %c
  }
  return %h
}
)");
  const auto products = runtime::product_costs(*module->functions[0]);
  REQUIRE(products.size() == 3);
  CHECK(products[0].multiply_adds.str() == "6*N*T");
  CHECK(products[0].sweeps == ir::Dim(1));
  CHECK(products[0].weight_bytes == ir::Dim(24));
  CHECK(products[0].swept_bytes == ir::Dim(24 + 36 + 36));
  for (const size_t i : {1, 2}) {
    CHECK(products[i].multiply_adds.str() == "9*N*T");
    CHECK(products[i].sweeps.str() == "T");
    CHECK(products[i].weight_bytes == ir::Dim(36));
    CHECK(products[i].swept_bytes == ir::Dim(72));
  }
}
