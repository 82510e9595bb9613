// The harness of the pass tests must notice when a pass changes the meaning.
#include <doctest/doctest.h>

#include "tests/support/text_test.h"

namespace seqc::test {
namespace {

/// The changes between two bodies of @f(%x: f32[N,T], %i: i32[N]) -> (y, z).
std::vector<std::string> changes(const std::string& before, const std::string& after, bool exact) {
  const auto parse = [](const std::string& body) {
    return ir::parse_module("func @f(%x: f32[N,T], %i: i32[N]) -> (y: f32[N], z: i32[N]) {\n" + body +
                            "return %y, %z\n}");
  };
  const auto a = parse(before), b = parse(after);
  return changes_of_meaning(*a->functions[0], *b->functions[0], exact);
}

TEST_SUITE_BEGIN("ir");

TEST_CASE("changes of meaning are noticed") {
  const std::string z = "%z = neg %i\n", sum = "%y = reduce %x {kind=sum, axes=[1]}\n" + z;
  const std::string halves =
      "%h = mul %x, f32(0.3)\n%g = mul %x, f32(0.7)\n%a = reduce %h {kind=sum, axes=[1]}\n"
      "%b = reduce %g {kind=sum, axes=[1]}\n%y = add %a, %b\n" +
      z;
  CHECK(changes(sum, sum, true).empty());
  CHECK(changes(sum, halves, false).empty());
  CHECK_FALSE(changes(sum, halves, true).empty());
  CHECK_FALSE(changes(sum, "%y = reduce %x {kind=max, axes=[1]}\n" + z, false).empty());
  CHECK_FALSE(changes(sum, "%s = reduce %x {kind=sum, axes=[1]}\n%y = mul %s, f32(1.001)\n" + z, false).empty());
  CHECK_FALSE(changes(sum, "%y = reduce %x {kind=sum, axes=[1]}\n%z = copy %i\n", false).empty());
}

TEST_CASE("sizes that the input refuses are left out, but not all of them") {
  const std::string z = "%z = neg %i\n",
                    first = "%s = slice %x {starts=[0,0], sizes=[N,1], steps=[1,1]}\n%y = reshape %s {shape=[N]}\n" + z;
  CHECK(changes(first, first, true).empty());
  const std::string never =
      "%s = slice %x {starts=[0,T], sizes=[N,1], steps=[1,1]}\n"
      "%y = reshape %s {shape=[N]}\n" +
      z;
  CHECK_FALSE(changes(never, never, true).empty());
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::test
