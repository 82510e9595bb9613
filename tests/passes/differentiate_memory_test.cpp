// Save or recompute: what a limit on memory changes, and what it does not.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ir/interpreter.h"
#include "ir/parser.h"
#include "passes/checkpoints.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using ir::Tensor;

/// A GRU-like cell over T steps whose loss looks at the last state only.
std::string cell(const std::string& steps) {
  return "func @f(%x: f64[" + steps +
         ",2,3], %h0: f64[2,8], %w: f64[8,3], %r: f64[8,8], %v: f64[8,8]) -> (y: f64[]) {\n"
         "  %h = scan {length=" +
         steps +
         "} carry(%a = %h0) in(%xt = %x) {\n"
         "    %p = contract %xt, %w {spec=\"ni,ji->nj\"}\n    %q = contract %a, %r {spec=\"ni,ji->nj\"}\n"
         "    %s = add %p, %q\n    %z = sigmoid %s\n    %u = contract %a, %v {spec=\"ni,ji->nj\"}\n"
         "    %g = tanh %u\n    %d = sub %g, %a\n    %e = mul %z, %d\n    %n = add %a, %e\n    yield %n\n  }\n"
         "  %s = mul %h, %h\n  %y = reduce %s {kind=sum, axes=[0,1]}\n  return %y\n}\n";
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: ten thousand steps in a tenth of the memory, with the same gradients") {
  for (const char* steps : {"10000", "T"}) {
    CAPTURE(steps);
    const auto module = ir::parse_module(cell(steps));
    const ir::Function& f = *module->functions[0];
    auto inputs = test::random_inputs(f, {{"T", 10000}}, 3);
    const auto fast = test::with_gradients(f);
    size_t fast_bytes = 0;
    const auto want = test::run_compiled(*fast, inputs, &fast_bytes);
    const int64_t limit = static_cast<int64_t>(fast_bytes) / 40;
    const auto small = test::with_gradients(f, {.max_saved_bytes = limit, .expected_dims = {{"T", 10000}}});
    size_t small_bytes = 0;
    const auto got = test::run_compiled(*small, inputs, &small_bytes);
    CHECK(small_bytes * 10 <= fast_bytes);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i) CHECK(test::distance(got[i], want[i]) < 1e-9);
  }
}

TEST_CASE("differentiate: segments are as long as the limit lets them be") {
  // 1000 steps of 100 bytes, states of 10: what needs least are segments of 10.
  CHECK(passes::segment_steps(1000, 10, 100, 0) == 10);
  for (const double limit : {2500.0, 5000.0, 20000.0}) {
    CAPTURE(limit);
    const auto steps = static_cast<double>(passes::segment_steps(1000, 10, 100, limit));
    CHECK(1000 / steps * 10 + steps * 100 <= limit);
    CHECK(steps * 100 > limit / 4);
  }
  CHECK(passes::segment_steps(7, 1000, 1, 0) == 7);
  CHECK(passes::segment_steps(5, 1, 1000, 0) == 1);
}

TEST_CASE("differentiate: a limit first makes cheap functions be computed again") {
  const auto count = [](int64_t limit) {
    const auto module = ir::parse_module(
        "func @f(%x: f64[100,2,3], %h0: f64[2,3]) -> (y: f64[]) {\n"
        "  %h = scan {length=100} carry(%a = %h0) in(%xt = %x) {\n    %s = add %xt, %a\n    %t = tanh %s\n"
        "    %u = sin %t\n    yield %u\n  }\n  %y = reduce %h {kind=sum, axes=[0,1]}\n  return %y\n}\n");
    const auto f = test::with_gradients(*module->functions[0], {.max_saved_bytes = limit});
    std::vector<int64_t> counts;  // of tanh in each scan
    for (const ir::Op* op : f->body().op_list()) {
      if (op->code() != ir::Opcode::Scan) continue;
      counts.push_back(0);
      ir::walk(op->region(), [&](const ir::Op* inner) { counts.back() += inner->code() == ir::Opcode::Tanh; });
    }
    return counts;
  };
  CHECK(count(-1) == std::vector<int64_t>{1, 0});
  CHECK(count(100 * 2 * 3 * 8) == std::vector<int64_t>{1, 1});
}

TEST_SUITE_END();

}  // namespace
