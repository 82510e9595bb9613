#include "ir/dim.h"

#include <doctest/doctest.h>

#include <functional>

#include "ir/error.h"
#include "tests/support/random_inputs.h"

namespace seqc::ir {
namespace {

const Dim N = Dim::symbol("N"), T = Dim::symbol("T"), H = Dim::symbol("H");

TEST_SUITE_BEGIN("ir");

TEST_CASE("dims have a normal form") {
  CHECK(T + Dim(1) == Dim(1) + T);
  CHECK(T * N == N * T);
  CHECK((T + N) * (T - N) == T * T - N * N);
  CHECK(T - T == Dim(0));
  CHECK((T - T).is_constant());
  CHECK(Dim(2) * (T + Dim(3)) == T + T + Dim(6));
  CHECK_FALSE(T == N);
  CHECK_FALSE(T == Dim(3));
  CHECK(Dim(3) == Dim(3));
  CHECK(T.is_symbol());
  CHECK(T.symbol_name() == "T");
  CHECK_FALSE((T + Dim(1)).is_symbol());
  CHECK_FALSE((T * N).is_symbol());
  CHECK_FALSE((Dim(2) * T).is_symbol());
}

TEST_CASE("dims print as people write them") {
  CHECK((Dim(1) + T * Dim(2) * N).str() == "2*N*T + 1");
  CHECK((Dim(-1) * T - Dim(3)).str() == "-T - 3");
  CHECK(floordiv(T - Dim(3), Dim(2)).str() == "floordiv(T - 3, 2)");
  CHECK(Dim(-7).str() == "-7");
  CHECK(Dim::symbol("batch size").str() == "`batch size`");
  CHECK(str(Shape{T, N, Dim(28)}) == "[T,N,28]");
}

TEST_CASE("division, remainder, minimum and maximum") {
  for (const int64_t a : {-7, -1, 0, 1, 6, 7})
    for (const int64_t b : {-3, -1, 1, 2, 3}) {
      const int64_t q = floordiv(Dim(a), Dim(b)).constant(), r = mod(Dim(a), Dim(b)).constant();
      CHECK(q * b + r == a);
      CHECK((b > 0 ? (r >= 0 && r < b) : (r <= 0 && r > b)));
    }
  CHECK(floordiv(Dim(4) * T + Dim(3), Dim(2)) == Dim(2) * T + Dim(1));
  CHECK(floordiv(N * H, H) == N);
  CHECK(floordiv(Dim(6) * N * H, Dim(3) * H) == Dim(2) * N);
  CHECK(floordiv(T, Dim(1)) == T);
  CHECK(ceildiv(Dim(7), Dim(2)) == Dim(4));
  CHECK(ceildiv(Dim(8), Dim(2)) == Dim(4));
  CHECK(mod(T, Dim(1)) == Dim(0));
  CHECK(min(T, T + Dim(1)) == T);
  CHECK(max(Dim(0), T) == T);
  CHECK(min(T, N) == min(N, T));
  CHECK(max(T, Dim(5)) == max(Dim(5), T));
  CHECK_THROWS_AS(floordiv(T, Dim(0)), Error);
  CHECK_THROWS_AS(mod(T, Dim(0)), Error);
  CHECK_THROWS_AS(floordiv(T, N).evaluate({{"T", 3}, {"N", 0}}), Error);
}

TEST_CASE("what can be proved of dims") {
  CHECK(provably_nonnegative(T * N + Dim(2)));
  CHECK(provably_nonnegative(floordiv(T, Dim(2))));
  CHECK(provably_nonnegative(max(T - Dim(3), Dim(0))));
  CHECK_FALSE(provably_nonnegative(T - Dim(1)));
  CHECK_FALSE(provably_nonnegative(floordiv(T - Dim(1), Dim(2))));
  CHECK(provably_le(T, T + N));
  CHECK_FALSE(provably_le(T, N));
}

TEST_CASE("dims are substituted and evaluated") {
  const Dim dim = floordiv(T * N + Dim(5), H) + mod(T, Dim(4)) * min(N, H) - max(N, Dim(2));
  CHECK(dim.substitute({{"T", Dim(6)}, {"N", Dim(3)}, {"H", Dim(2)}}) == Dim(11 + 2 * 2 - 3));
  CHECK(dim.evaluate({{"T", 6}, {"N", 3}, {"H", 2}}) == 12);
  CHECK((T * T).substitute({{"T", N + Dim(1)}}) == N * N + Dim(2) * N + Dim(1));
  CHECK(T.substitute({{"N", Dim(1)}}) == T);
  CHECK_THROWS_WITH_AS(dim.evaluate({{"T", 6}}), doctest::Contains("unbound"), Error);
  std::set<std::string> names;
  dim.collect_symbols(names);
  CHECK(names == std::set<std::string>{"H", "N", "T"});
}

/// A random expression together with its value, computed beside it.
struct Sample {
  Dim dim;
  std::function<int64_t(const std::map<std::string, int64_t>&)> value;
};

Sample random_dim(test::Random& random, int depth) {
  if (depth == 0 || random.integer(0, 4) == 0) {
    if (random.integer(0, 1) == 0) {
      const int64_t number = random.integer(-9, 9);
      return {Dim(number), [number](const auto&) { return number; }};
    }
    const char* const names[] = {"T", "N", "seq len"};
    const std::string name = names[random.integer(0, 2)];
    return {Dim::symbol(name), [name](const auto& values) { return values.at(name); }};
  }
  const Sample a = random_dim(random, depth - 1), b = random_dim(random, depth - 1);
  const int64_t d = random.integer(1, 5);
  const auto fa = a.value, fb = b.value;
  const auto floor_div = [](int64_t x, int64_t y) { return x >= 0 ? x / y : -((-x + y - 1) / y); };
  switch (random.integer(0, 6)) {
    case 0: return {a.dim + b.dim, [=](const auto& v) { return fa(v) + fb(v); }};
    case 1: return {a.dim - b.dim, [=](const auto& v) { return fa(v) - fb(v); }};
    case 2: return {a.dim * b.dim, [=](const auto& v) { return fa(v) * fb(v); }};
    case 3: return {floordiv(a.dim, Dim(d)), [=](const auto& v) { return floor_div(fa(v), d); }};
    case 4: return {mod(a.dim, Dim(d)), [=](const auto& v) { return fa(v) - floor_div(fa(v), d) * d; }};
    case 5: return {min(a.dim, b.dim), [=](const auto& v) { return std::min(fa(v), fb(v)); }};
    default: return {max(a.dim, b.dim), [=](const auto& v) { return std::max(fa(v), fb(v)); }};
  }
}

TEST_CASE("random dims: the normal form keeps the value, and text parses back") {
  test::Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const Sample sample = random_dim(random, 4);
    CAPTURE(sample.dim.str());
    CHECK(Dim::parse(sample.dim.str()) == sample.dim);
    for (int trial = 0; trial < 3; ++trial) {
      const std::map<std::string, int64_t> values = {
          {"T", random.integer(0, 6)}, {"N", random.integer(0, 6)}, {"seq len", random.integer(0, 6)}};
      CHECK(sample.dim.evaluate(values) == sample.value(values));
      if (provably_nonnegative(sample.dim)) CHECK(sample.value(values) >= 0);
    }
  }
}

TEST_CASE("dims are read from text") {
  CHECK(Dim::parse(" 2 * (T + N)*3 - 4") == Dim(6) * (T + N) - Dim(4));
  CHECK(Dim::parse("-T + 3") == Dim(3) - T);
  CHECK(Dim::parse("min(max(T, 3), N)") == min(max(T, Dim(3)), N));
  CHECK(Dim::parse("min") == Dim::symbol("min"));
  for (const int64_t value : {INT64_MIN, INT64_MIN + 1, INT64_MAX}) CHECK(Dim::parse(Dim(value).str()) == Dim(value));
  for (const char* name : {"batch size", "a`b", "back\\slash", "new\nline", "", "2T", "ünï"}) {
    const Dim symbol = Dim::symbol(name);
    CHECK(Dim::parse((symbol + Dim(1)).str()) == symbol + Dim(1));
    CHECK(Dim::parse(symbol.str()).symbol_name() == name);
  }
  for (const char* text : {"", "T +", "(T", "T)", "2T", "T N", "foo(T, 2)", "min(T)", "min(T, N", "`T",
                           "9223372036854775808", "1e3", "*T", "T * 5000000000000000000 * 5", "$"})
    CHECK_THROWS_AS(Dim::parse(text), Error);
  CHECK_THROWS_AS(Dim::parse(std::string(100000, '(') + "T"), Error);
}

TEST_CASE("sizes that overflow are the model's fault") {
  CHECK_THROWS_AS(Dim(INT64_MAX) + Dim(1), Error);
  CHECK_THROWS_AS(Dim(INT64_MAX) * T * Dim(2), Error);
  CHECK_THROWS_AS(element_count({Dim(1 << 30), Dim(1 << 30), Dim(1 << 30)}), Error);
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
