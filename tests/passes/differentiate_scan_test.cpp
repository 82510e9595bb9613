// Derivatives through scans, loops and ifs against central differences in f64, interpreted and compiled.
#include <doctest/doctest.h>

#include "ir/parser.h"
#include "tests/support/gradient_check.h"

namespace {

using namespace seqc;

constexpr double kBound = 1e-6;

double worst(const std::string& signature, const std::string& body, const std::string& y,
             const test::GradientInputs& inputs = {}) {
  return test::worst_gradient(test::gradient_text(signature, body, y), inputs);
}

/// A cell with two states, one of them masked, that reads two sequences and weights from outside.
std::string two_states(const std::string& length, const std::string& options) {
  return "func @f(%x: f64[" + length + ",N,3], %u: f64[" + length + ",N,5], %h0: f64[N,5], %c0: f64[N,5], " +
         "%w: f64[5,3], %r: f64[5,5], %b: f64[5], %p: f64[5], %m: i64[N,1]) -> (y: f64[]) {\n"
         "  %t = iota {length=" +
         length +
         "}\n"
         "  %h, %c, %ys, %cs = scan {length=" +
         length + options +
         "} carry(%a = %h0, %k = %c0) in(%xt = %x, %ut = %u, %n = %t) {\n"
         "    %zx = contract %xt, %w {spec=\"ni,ji->nj\"}\n"
         "    %zr = contract %a, %r {spec=\"ni,ji->nj\"}\n"
         "    %z0 = add %zx, %zr\n"
         "    %z1 = add %z0, %b\n"
         "    %pk = mul %p, %k\n"
         "    %z2 = add %z1, %pk\n"
         "    %g = sigmoid %z2\n"
         "    %k1 = mul %g, %k\n"
         "    %k2 = add %k1, %ut\n"
         "    %th = tanh %k2\n"
         "    %h1 = mul %g, %th\n"
         "    %valid = lt %n, %m\n"
         "    %h2 = select %valid, %h1, %a\n"
         "    %k3 = select %valid, %k2, %k\n"
         "    %o = mul %h2, %h2\n"
         "    yield %h2, %k3 emit %o, %k1\n"
         "  }\n"
         "  %s0 = reduce %h {kind=sum, axes=[0,1]}\n"
         "  %cc = mul %c, %c\n"
         "  %s1 = reduce %cc {kind=sum, axes=[0,1]}\n"
         "  %yy = sin %ys\n"
         "  %s2 = reduce %yy {kind=sum, axes=[0,1,2]}\n"
         "  %s3 = reduce %cs {kind=sum, axes=[0,1,2]}\n"
         "  %a0 = add %s0, %s1\n  %a1 = add %a0, %s2\n  %y = add %a1, %s3\n  return %y\n}\n";
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: scans of two states, forward and reverse, of named and known lengths") {
  for (const char* options : {"", ", reverse=true"})
    for (const char* length : {"T", "0", "1", "7"}) {
      CAPTURE(options);
      CAPTURE(length);
      CHECK(test::worst_gradient(two_states(length, options)) < kBound);
    }
}

TEST_CASE("differentiate: scans whose memory is limited compute the same") {
  for (const char* options : {"", ", reverse=true"})
    for (const char* length : {"T", "12", "13"})
      for (const int64_t limit : {0, 6000}) {
        CAPTURE(options);
        CAPTURE(length);
        CAPTURE(limit);
        CHECK(test::worst_gradient(two_states(length, options), {.compiled = limit == 0},
                                   {.max_saved_bytes = limit, .expected_dims = {{"T", 11}, {"N", 3}}}) < kBound);
      }
}

TEST_CASE("differentiate: what a scan need not vary") {
  // A state that counts, one that stays, one that is only read, a sequence passed on, a final state nobody looks at.
  CHECK(
      worst(
          "%x: f64[5,3], %h: f64[3], %w: f64[3]",
          "  %a, %n, %s, %l, %e, %f = scan {length=5} carry(%p = %h, %i = i64(0), %q = %w, %last = %h) in(%v = %x) {\n"
          "    %c = mul %p, %v\n    %d = mul %c, %q\n    %j = add %i, i64(1)\n    %fj = cast %j {to=f64}\n"
          "    %k = mul %d, %fj\n    yield %k, %j, %q, %p emit %v, %q\n  }\n"
          "  %z = mul %e, %f\n  %s1 = reduce %z {kind=sum, axes=[0]}\n  %y = mul %s1, %a",
          "f64[3]") < kBound);
  // Only the emitted values count; the state does not depend on the input.
  CHECK(worst("%x: f64[4,3]",
              "  %a, %y = scan {length=4} carry(%p = f64(0.5)) in(%v = %x) {\n    %c = mul %p, %v\n"
              "    %d = mul %p, %p\n    yield %d emit %c\n  }",
              "f64[4,3]") < kBound);
}

TEST_CASE("differentiate: scans in scans, and tables that steps read") {
  CHECK(worst("%x: f64[3,4,2], %w: f64[2,2], %h: f64[2]",
              "  %y, %es = scan {length=3} carry(%a = %h) in(%xs = %x) {\n"
              "    %b, %e = scan {length=4} carry(%c = %a) in(%v = %xs) {\n"
              "      %z = contract %c, %w {spec=\"i,ji->j\"}\n      %s = add %z, %v\n      %t = tanh %s\n"
              "      yield %t emit %z\n    }\n"
              "    %q = reduce %e {kind=sum, axes=[0]}\n    %r = mul %b, %q\n    yield %r emit %q\n  }",
              "f64[2]") < kBound);
  CHECK(worst("%table: f64[5,3], %i: i64[7,2], %h: f64[2,3]",
              "  %y = scan {length=7} carry(%a = %h) in(%k = %i) {\n"
              "    %e = gather %table, %k {axis=0}\n    %s = mul %a, %e\n    %t = sin %s\n    yield %t\n  }",
              "f64[2,3]") < kBound);
  CHECK(worst("%table: f64[3,5], %i: i64[7], %h: f64[3]",
              "  %y = scan {length=7} carry(%a = %h) in(%k = %i) {\n"
              "    %e = gather %table, %k {axis=1}\n    %s = mul %a, %e\n    %t = sin %s\n    yield %t\n  }",
              "f64[3]") < kBound);
}

TEST_CASE("differentiate: ifs") {
  for (const uint64_t seed : {1, 2, 3, 4})
    CHECK(worst("%c: bool[], %x: f64[3], %w: f64[3,3], %v: f64[3]",
                "  %y, %z = if %c {\n    %a = contract %x, %w {spec=\"i,ji->j\"}\n    %b = tanh %a\n    yield %b, %x\n"
                "  } else {\n    %a = mul %x, %v\n    yield %a, %v\n  }",
                "f64[3]", {.seed = seed}) < kBound);
  // In a scan, decided by what it carries.
  CHECK(worst("%x: f64[6,3], %h: f64[3], %w: f64[3,3]",
              "  %y = scan {length=6} carry(%a = %h) in(%v = %x) {\n"
              "    %s = reduce %a {kind=sum, axes=[0]}\n    %c = gt %s, f64(0.2)\n"
              "    %n = if %c {\n      %p = contract %a, %w {spec=\"i,ji->j\"}\n      %q = sub %v, %p\n      yield %q\n"
              "    } else {\n      %p = mul %a, %v\n      %q = add %p, %v\n      yield %q\n    }\n    yield %n\n  }",
              "f64[3]") < kBound);
}

TEST_CASE("differentiate: loops") {
  // By a count that the sizes decide, reading row by row.
  CHECK(test::worst_gradient("func @f(%x: f64[T,3], %h: f64[3]) -> (y: f64[]) {\n"
                             "  %d = dims {value=[T]}\n  %n = reshape %d {shape=[]}\n"
                             "  %a = loop %i < %n while bool(true) carry(%b = %h) {\n"
                             "    %v = gather %x, %i {axis=0}\n    %c = mul %b, %v\n    %e = sin %c\n"
                             "    yield %e while bool(true)\n  }\n"
                             "  %y = reduce %a {kind=sum, axes=[0]}\n  return %y\n}\n") < kBound);
  // By a condition, before its bound; rows that did not run are not looked at.
  CHECK(test::worst_gradient(
            "func @f(%h: f64[3], %w: f64[3,3]) -> (y: f64[]) {\n"
            "  %a, %n, %es = loop {at_most=9} %i < i64(7) while bool(true) carry(%b = %h, %k = i64(0)) {\n"
            "    %p = contract %b, %w {spec=\"i,ji->j\"}\n    %q = add %p, f64(0.5)\n    %k1 = add %k, i64(1)\n"
            "    %go = lt %k1, i64(4)\n    yield %q, %k1 emit %p while %go\n  }\n"
            "  %ran = slice %es {starts=[0,0], sizes=[4,3], steps=[1,1]}\n  %s = mul %ran, %ran\n"
            "  %t = reduce %s {kind=sum, axes=[0,1]}\n  %u = reduce %a {kind=sum, axes=[0]}\n  %y = mul %t, %u\n"
            "  return %y\n}\n") < kBound);
  // A count that data decide, with a bound.
  test::GradientInputs inputs;
  for (const int64_t count : {0, 2, 5, 9}) {
    inputs.given = {ir::Tensor::scalar_int(ir::DType::i64, count), ir::Tensor::scalar(ir::DType::f64, 0.7)};
    CHECK(test::worst_gradient("func @f(%n: i64[], %h: f64[]) -> (y: f64[]) {\n"
                               "  %y, %e = loop {at_most=5} %i < %n while bool(true) carry(%b = %h) {\n"
                               "    %p = mul %b, %h\n    yield %p emit %b while bool(true)\n  }\n  return %y\n}\n",
                               inputs) < kBound);
  }
  CHECK_THROWS_WITH(test::worst_gradient("func @f(%n: i64[], %h: f64[]) -> (y: f64[]) {\n"
                                         "  %y = loop %i < %n while bool(true) carry(%b = %h) {\n"
                                         "    %p = mul %b, %h\n    yield %p while bool(true)\n  }\n  return %y\n}\n"),
                    doctest::Contains("needs a bound on its steps"));
}

TEST_SUITE_END();

}  // namespace
