// Derivatives against central differences in f64: every rule, at odd sizes.
#include <doctest/doctest.h>

#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "tests/support/gradient_check.h"

namespace {

using namespace seqc;
using ir::Tensor;

double worst(const std::string& signature, const std::string& body, const std::string& y, double low, double high,
             uint64_t seed = 1) {
  return test::worst_gradient(test::gradient_text(signature, body, y), {.low = low, .high = high, .seed = seed});
}

constexpr double kBound = 1e-6;

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: elementwise ops") {
  for (const char* op : {"neg", "abs", "exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "asinh", "atan", "tanh",
                         "sigmoid", "erf", "copy", "sign", "floor", "ceil", "round"}) {
    INFO(op);
    CHECK(worst("%x: f64[3,5]", std::string("  %y = ") + op + " %x", "f64[3,5]", -0.9, 1.2) < kBound);
  }
  for (const char* op : {"sqrt", "log", "log1p", "asin", "acos", "atanh"}) {
    INFO(op);
    CHECK(worst("%x: f64[7]", std::string("  %y = ") + op + " %x", "f64[7]", 0.2, 0.8) < kBound);
  }
  CHECK(worst("%x: f64[7]", "  %y = acosh %x", "f64[7]", 1.2, 3) < kBound);
  CHECK(worst("%x: f64[7]", "  %a = cast %x {to=f32}\n  %b = cast %a {to=f64}\n  %y = add %x, %b", "f64[7]", 1, 2) <
        0.5);
}

TEST_CASE("differentiate: two operands, broadcast to each other") {
  for (const char* op : {"add", "sub", "mul", "div", "pow", "min", "max", "rem", "mod"}) {
    INFO(op);
    const std::string line = std::string("  %y = ") + op + " ";
    CHECK(worst("%a: f64[3,5], %b: f64[3,5]", line + "%a, %b", "f64[3,5]", 0.6, 2.3) < kBound);
    CHECK(worst("%a: f64[3,1,5], %b: f64[7,1]", line + "%a, %b", "f64[3,7,5]", 0.6, 2.3) < kBound);
    CHECK(worst("%a: f64[], %b: f64[2,3]", line + "%a, %b", "f64[2,3]", 0.6, 2.3) < kBound);
  }
  CHECK(worst("%c: bool[3,1], %a: f64[3,5], %b: f64[]", "  %y = select %c, %a, %b", "f64[3,5]", -1, 1) < kBound);
  CHECK(worst("%a: f64[3,1], %b: f64[5], %c: f64[3,5]", "  %y = fma %a, %b, %c", "f64[3,5]", -1, 1) < kBound);
  CHECK(worst("%a: f64[4]", "  %b = mul %a, %a\n  %c = mul %b, %a\n  %y = add %c, %b", "f64[4]", -1, 1) < kBound);
}

TEST_CASE("differentiate: data movement") {
  const auto check = [](const std::string& body, const std::string& y, const std::string& more = "") {
    INFO(body);
    CHECK(worst("%x: f64[4,5,3]" + more, body + "\n  %y = mul %z, %z", y, -1, 1) < kBound);
  };
  check("  %z = reshape %x {shape=[20,3]}", "f64[20,3]");
  check("  %z = broadcast %x {shape=[2,4,5,3]}", "f64[2,4,5,3]");
  check("  %z = transpose %x {perm=[2,0,1]}", "f64[3,4,5]");
  check("  %z = slice %x {starts=[1,0,2], sizes=[3,2,1], steps=[1,3,1]}", "f64[3,2,1]");
  check("  %z = slice %x {starts=[3,4,2], sizes=[2,3,3], steps=[-3,-2,-1]}", "f64[2,3,3]");
  check("  %a = neg %x\n  %z = concat %x, %a, %x {axis=1}", "f64[4,15,3]");
  check("  %z = pad %x, f64(0.5) {lo=[1,0,2], hi=[0,3,1]}", "f64[5,8,6]");
  check("  %z = pad %x, f64(0) {lo=[2,0,1], hi=[0,3,2], mode=reflect}", "f64[6,8,6]");
  check("  %z = pad %x, f64(0) {lo=[2,0,1], hi=[0,3,2], mode=edge}", "f64[6,8,6]");
  check("  %z = pad %x, f64(0) {lo=[2,0,1], hi=[0,3,2], mode=wrap}", "f64[6,8,6]");
  check("  %z = gather %x, %i {axis=1}", "f64[4,2,7,3]", ", %i: i64[2,7]");
  check("  %z = gather %x, %i {axis=0}", "f64[5,3]", ", %i: i32[]");
  check("  %z = gather_elements %x, %i {axis=2}", "f64[4,5,3]", ", %i: i64[4,5,3]");
  check("  %z = gather_nd %x, %i", "f64[7,3]", ", %i: i64[7,2]");
  check("  %z = gather_nd %x, %i {batch_dims=1}", "f64[4,2,3]", ", %i: i64[4,2,1]");
  check("  %z = scatter_nd %x, %i, %u", "f64[4,5,3]", ", %i: i64[6,2], %u: f64[6,3]");
  for (const char* kind : {"add", "mul", "max", "min"})
    check(std::string("  %z = scatter_nd %x, %i, %u {kind=") + kind + "}", "f64[4,5,3]",
          ", %i: i64[6,1], %u: f64[6,5,3]");
  CHECK(worst("%x: f64[3], %f: f64[]", "  %z = pad %x, %f {lo=[2], hi=[1]}\n  %y = mul %z, %z", "f64[6]", -1, 1) <
        kBound);
}

TEST_CASE("differentiate: reductions and contractions") {
  for (const char* kind : {"sum", "prod", "max", "min"})
    for (const char* axes : {"[0]", "[1]", "[0,2]", "[0,1,2]"}) {
      INFO(kind << " " << axes);
      const std::string shape = axes == std::string("[0]")     ? "f64[5,3]"
                                : axes == std::string("[1]")   ? "f64[4,3]"
                                : axes == std::string("[0,2]") ? "f64[5]"
                                                               : "f64[]";
      CHECK(worst("%x: f64[4,5,3]",
                  std::string("  %z = reduce %x {kind=") + kind + ", axes=" + axes + "}\n  %y = mul %z, %z", shape, -1,
                  1) < kBound);
    }
  // A zero among the factors.
  CHECK(worst("%x: f64[5]",
              "  %a = slice %x {starts=[0], sizes=[3], steps=[1]}\n  %z = reduce %a {kind=prod, axes=[0]}\n  %y = add "
              "%z, f64(0)",
              "f64[]", 0, 0) < kBound);
  CHECK(worst("%x: f64[2,3,5], %w: f64[7,5]", "  %z = contract %x, %w {spec=\"tni,ji->tnj\"}\n  %y = mul %z, %z",
              "f64[2,3,7]", -1, 1) < kBound);
  CHECK(worst("%x: f64[2,3,5], %w: f64[2,5,4]", "  %z = contract %x, %w {spec=\"bni,bij->bnj\"}\n  %y = mul %z, %z",
              "f64[2,3,4]", -1, 1) < kBound);
  CHECK(worst("%x: f64[3,5], %v: f64[7,5], %w: f64[7,5]",
              "  %a, %b = contract %x, %v, %w {spec=\"ni,ji->nj\"}\n  %y = mul %a, %b", "f64[3,7]", -1, 1) < kBound);
}

TEST_CASE("differentiate: what y does not depend on, inputs among each other, gradients of gradients") {
  CHECK(worst("%x: f64[3], %u: f64[2,2]", "  %y = sin %x", "f64[3]", -1, 1) < kBound);
  const auto module = ir::parse_module(R"(func @f(%x: f64[3]) -> (d: f64[3], dd: f64[3], h: f64[3]) {
  %h = mul %x, %x
  %y = mul %h, %x
  %d = gradient %y, %x
  %dd = gradient %d, %x
  %dh, %dx = gradient %y, %h, %x
  %s = sub %dh, %dx
  return %d, %dd, %s
})",
                                       "test");
  passes::PassContext context;
  passes::differentiate(*module->functions[0], context);
  ir::verify_or_throw(*module->functions[0], "differentiate");
  Tensor x(ir::DType::f64, {3});
  for (int64_t i = 0; i < 3; ++i) x.set_real(i, 0.5 * static_cast<double>(i) - 0.3);
  const auto got = ir::interpret(*module->functions[0], {x});
  for (int64_t i = 0; i < 3; ++i) {
    const double v = x.real(i);
    CHECK(got[0].real(i) == doctest::Approx(3 * v * v));
    CHECK(got[1].real(i) == doctest::Approx(6 * v));
    CHECK(got[2].real(i) == doctest::Approx(v - v * v));  // h counts as independent
  }
}

TEST_SUITE_END();

}  // namespace
