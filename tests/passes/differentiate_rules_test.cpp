// Each op of the table has a derivative rule that is checked here, or a reason why there is none.
#include <doctest/doctest.h>

#include <map>

#include "passes/derivative_rules.h"
#include "tests/support/gradient_check.h"

namespace {

using namespace seqc;

struct RuleCheck {
  const char *signature, *body, *y;
  double low = -0.9, high = 1.2;
};

constexpr const char* kX = "%x: f64[3,5]";

RuleCheck one(const char* body, double low = -0.9, double high = 1.2) { return {kX, body, "f64[3,5]", low, high}; }
RuleCheck two(const char* body) { return {"%a: f64[3,1,5], %b: f64[7,1]", body, "f64[3,7,5]", 0.6, 2.3}; }

/// A function that uses the op, and where its arguments lie.
const std::map<std::string, RuleCheck>& checks() {
  static const std::map<std::string, RuleCheck> kTable = {
      {"neg", one("  %y = neg %x")},
      {"abs", one("  %y = abs %x")},
      {"sqrt", one("  %y = sqrt %x", 0.2, 2)},
      {"exp", one("  %y = exp %x")},
      {"expm1", one("  %y = expm1 %x")},
      {"log", one("  %y = log %x", 0.2, 2)},
      {"log1p", one("  %y = log1p %x", -0.6, 2)},
      {"sin", one("  %y = sin %x")},
      {"cos", one("  %y = cos %x")},
      {"tan", one("  %y = tan %x")},
      {"asin", one("  %y = asin %x", -0.8, 0.8)},
      {"acos", one("  %y = acos %x", -0.8, 0.8)},
      {"atan", one("  %y = atan %x")},
      {"sinh", one("  %y = sinh %x")},
      {"cosh", one("  %y = cosh %x")},
      {"asinh", one("  %y = asinh %x")},
      {"acosh", one("  %y = acosh %x", 1.2, 3)},
      {"atanh", one("  %y = atanh %x", -0.8, 0.8)},
      {"tanh", one("  %y = tanh %x")},
      {"sigmoid", one("  %y = sigmoid %x")},
      {"erf", one("  %y = erf %x")},
      {"cast", one("  %a = mul %x, %x\n  %y = cast %a {to=f64}")},
      {"copy", one("  %a = copy %x\n  %y = mul %a, %x")},
      {"add", two("  %z = add %a, %b\n  %y = mul %z, %z")},
      {"sub", two("  %z = sub %a, %b\n  %y = mul %z, %z")},
      {"mul", two("  %y = mul %a, %b")},
      {"div", two("  %y = div %a, %b")},
      {"pow", two("  %y = pow %a, %b")},
      {"min", two("  %y = min %a, %b")},
      {"max", two("  %y = max %a, %b")},
      {"rem", two("  %y = rem %a, %b")},
      {"mod", two("  %y = mod %a, %b")},
      {"select", {"%c: bool[3,1], %a: f64[3,5], %b: f64[]", "  %y = select %c, %a, %b", "f64[3,5]"}},
      {"fma", {"%a: f64[3,1], %b: f64[5], %c: f64[3,5]", "  %y = fma %a, %b, %c", "f64[3,5]"}},
      {"reshape", {kX, "  %z = reshape %x {shape=[5,3]}\n  %y = mul %z, %z", "f64[5,3]"}},
      {"broadcast", {"%x: f64[3,1]", "  %z = broadcast %x {shape=[2,3,5]}\n  %y = mul %z, %z", "f64[2,3,5]"}},
      {"transpose", {kX, "  %z = transpose %x {perm=[1,0]}\n  %y = mul %z, %z", "f64[5,3]"}},
      {"slice", {kX, "  %z = slice %x {starts=[2,1], sizes=[3,2], steps=[-1,3]}\n  %y = mul %z, %z", "f64[3,2]"}},
      {"concat", {kX, "  %a = neg %x\n  %z = concat %x, %a, %x {axis=1}\n  %y = exp %z", "f64[3,15]"}},
      {"pad", {"%x: f64[3,5], %f: f64[]", "  %z = pad %x, %f {lo=[1,0], hi=[2,3]}\n  %y = exp %z", "f64[6,8]"}},
      {"gather", {"%x: f64[3,5], %i: i32[2,7]", "  %z = gather %x, %i {axis=1}\n  %y = exp %z", "f64[3,2,7]"}},
      {"gather_elements",
       {"%x: f64[3,5], %i: i64[3,7]", "  %z = gather_elements %x, %i {axis=1}\n  %y = exp %z", "f64[3,7]"}},
      {"gather_nd", {"%x: f64[3,5], %i: i64[7,2]", "  %z = gather_nd %x, %i\n  %y = exp %z", "f64[7]"}},
      {"scatter_nd",
       {"%x: f64[3,5], %i: i64[4,1], %u: f64[4,5]", "  %z = scatter_nd %x, %i, %u\n  %y = exp %z", "f64[3,5]"}},
      {"reduce", {kX, "  %z = reduce %x {kind=prod, axes=[0]}\n  %y = exp %z", "f64[5]"}},
      {"contract",
       {"%x: f64[3,5], %w: f64[7,5]", "  %z = contract %x, %w {spec=\"ni,ji->nj\"}\n  %y = mul %z, %z", "f64[3,7]"}},
      {"conv",
       {"%x: f64[2,3,7], %w: f64[5,3,3]",
        "  %z = conv %x, %w {strides=[2], dilations=[1], input_dilations=[1], pads_lo=[1], pads_hi=[0]}\n"
        "  %y = mul %z, %z",
        "f64[2,5,3]"}},
      {"reduce_window",
       {"%x: f64[2,7]",
        "  %z = reduce_window %x {kind=max, window=[3], strides=[2], dilations=[1], pads_lo=[1], pads_hi=[1]}\n"
        "  %y = mul %z, %z",
        "f64[2,4]"}},
      {"scan",
       {"%h: f64[3], %x: f64[5,3]",
        "  %y = scan {length=5} carry(%a = %h) in(%b = %x) {\n    %c = mul %a, %b\n    %d = sin %c\n    yield %d\n  }",
        "f64[3]"}},
      {"loop",
       {"%h: f64[3], %w: f64[3]",
        "  %y = loop %i < i64(4) while bool(true) carry(%a = %h) {\n    %c = mul %a, %w\n    %d = sin %c\n"
        "    yield %d while bool(true)\n  }",
        "f64[3]"}},
      {"if",
       {"%c: bool[], %x: f64[3]",
        "  %y = if %c {\n    %a = sin %x\n    yield %a\n  } else {\n    %b = mul %x, %x\n    yield %b\n  }", "f64[3]"}},
  };
  return kTable;
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: every op has a rule that is checked, or a reason why there is none") {
  size_t checked = 0;
  for (int i = 0; i < ir::kOpcodeCount; ++i) {
    const auto code = static_cast<ir::Opcode>(i);
    const std::string name(ir::info(code).mnemonic);
    CAPTURE(name);
    const bool has_rule = passes::why_no_derivative(code).empty();
    const auto check = checks().find(name);
    CHECK((check != checks().end()) == has_rule);
    if (check == checks().end()) continue;
    const RuleCheck& c = check->second;
    for (const uint64_t seed : {1, 2})
      CHECK(test::worst_gradient(test::gradient_text(c.signature, c.body, c.y),
                                 {.low = c.low, .high = c.high, .seed = seed}) < 1e-6);
    ++checked;
  }
  CHECK(checked == checks().size());
}

TEST_SUITE_END();

}  // namespace
