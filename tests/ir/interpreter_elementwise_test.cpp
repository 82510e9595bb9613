#include <cmath>

#include "tests/ir/interpreter_support.h"

using namespace seqc;
using namespace seqc::ir;

namespace {

const std::vector<DType> kIntegers = {DType::i8, DType::i16, DType::i32, DType::i64,
                                      DType::u8, DType::u16, DType::u32, DType::u64};
const std::vector<DType> kFloats = {DType::f16, DType::bf16, DType::f32, DType::f64};

using Wide = __int128;

int bit_count(DType type) { return static_cast<int>(8 * size_of(type)); }

/// A mathematical integer cut to the type's bits.
Wide cut(Wide value, DType type) {
  const Wide modulus = Wide{1} << bit_count(type);
  Wide rest = value % modulus;
  if (rest < 0) rest += modulus;
  return is_signed_integer(type) && rest >= modulus / 2 ? rest - modulus : rest;
}

Wide element(const Tensor& tensor, int64_t i) {
  const auto stored = tensor.integer(i);
  return tensor.dtype() == DType::u64 ? Wide{static_cast<uint64_t>(stored)} : Wide{stored};
}

/// a * b without overflow; right up to 128 bits.
Wide times(Wide a, Wide b) {
  return static_cast<Wide>(static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b));
}

Wide oracle_pow(Wide a, Wide b, DType type) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  if (b > 1000 && a % 2 == 0) return 0;           // more factors 2 than bits
  if (b > 1000) b %= Wide{1} << bit_count(type);  // the order of odd numbers divides 2^bits
  Wide result = 1;
  if (b > 1000) {  // odd base: square and multiply from the top bit
    for (int bit = bit_count(type); bit-- > 0;) {
      result = cut(times(result, result), type);
      if (((b >> bit) & 1) != 0) result = cut(times(result, a), type);
    }
    return result;
  }
  for (Wide i = 0; i < b; ++i) result = cut(times(result, a), type);
  return result;
}

/// The table's words for integers, in wide arithmetic.
Wide oracle(Opcode code, Wide a, Wide b, DType type) {
  const int bits = bit_count(type);
  const bool too_far = b < 0 || b >= bits;
  Wide mod = b == 0 ? 0 : a % b;
  if (mod != 0 && (mod < 0) != (b < 0)) mod += b;
  switch (code) {
    case Opcode::Add: return a + b;
    case Opcode::Sub: return a - b;
    case Opcode::Mul: return times(a, b);
    case Opcode::Div: return b == 0 ? 0 : a / b;
    case Opcode::Rem: return b == 0 ? 0 : a % b;
    case Opcode::Mod: return mod;
    case Opcode::Pow: return oracle_pow(a, b, type);
    case Opcode::Min: return a < b ? a : b;
    case Opcode::Max: return a < b ? b : a;
    case Opcode::And: return a & b;
    case Opcode::Or: return a | b;
    case Opcode::Xor: return a ^ b;
    case Opcode::Shl: return too_far ? 0 : times(a, Wide{1} << b);
    case Opcode::Shr: return too_far ? (a < 0 ? -1 : 0) : a >> static_cast<int>(b);
    case Opcode::Eq: return a == b;
    case Opcode::Ne: return a != b;
    case Opcode::Lt: return a < b;
    case Opcode::Le: return a <= b;
    case Opcode::Gt: return a > b;
    case Opcode::Ge: return a >= b;
    default: break;
  }
  FAIL("no oracle");
  return 0;
}

Tensor limits_of(DType type) {
  const uint64_t top = uint64_t{1} << (bit_count(type) - 1);  // of signed types the smallest number
  return integers(type, {13},
                  {0, 1, 2, 3, 7, 8, 13, -1, -2, -3, static_cast<int64_t>(top), static_cast<int64_t>(top - 1),
                   static_cast<int64_t>(top + 1)});
}

double nan_aware(double value) { return std::isnan(value) ? 12345 : value; }

void check_reals(const Tensor& got, const std::vector<double>& expected) {
  REQUIRE(got.count() == static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(nan_aware(got.real(static_cast<int64_t>(i))) == nan_aware(expected[i]));
    CHECK(std::signbit(got.real(static_cast<int64_t>(i))) == std::signbit(expected[i]));
  }
}

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("interpreter: binary ops of all pairs of limits, every integer type") {
    const std::vector<Opcode> codes = {Opcode::Add, Opcode::Sub, Opcode::Mul, Opcode::Div, Opcode::Rem,
                                       Opcode::Mod, Opcode::Pow, Opcode::Min, Opcode::Max, Opcode::And,
                                       Opcode::Or,  Opcode::Xor, Opcode::Shl, Opcode::Shr, Opcode::Eq,
                                       Opcode::Ne,  Opcode::Lt,  Opcode::Le,  Opcode::Gt,  Opcode::Ge};
    for (const DType type : kIntegers) {
      const Tensor limits = limits_of(type);
      const Tensor rows = limits.reshaped({13, 1});
      for (const Opcode code : codes) {
        const Tensor got = apply(code, {rows, limits});
        REQUIRE(got.shape() == Index{13, 13});
        for (int64_t i = 0; i < 169; ++i) {
          const Wide a = element(limits, i / 13), b = element(limits, i % 13);
          const Wide expected = oracle(code, a, b, type);
          const bool is_bool = got.dtype() == DType::boolean;
          const bool equal = element(got, i) == (is_bool ? expected : cut(expected, type));
          if (!equal) FAIL_CHECK(info(code).mnemonic, " ", name(type), " of ", i / 13, " and ", i % 13);
        }
      }
    }
  }

  TEST_CASE("interpreter: unary ops of integers and bools") {
    for (const DType type : kIntegers) {
      const Tensor limits = limits_of(type);
      for (int64_t i = 0; i < limits.count(); ++i) {
        const Wide a = element(limits, i);
        CHECK(bool(element(apply(Opcode::Neg, {limits}), i) == cut(-a, type)));
        CHECK(bool(element(apply(Opcode::Abs, {limits}), i) == cut(a < 0 ? -a : a, type)));
        CHECK(bool(element(apply(Opcode::Sign, {limits}), i) == (a > 0) - (a < 0)));
        CHECK(bool(element(apply(Opcode::Not, {limits}), i) == cut(-a - 1, type)));
      }
    }
    const Tensor both = bools({2}, {0, 1});
    CHECK(integers_of(apply(Opcode::Not, {both})) == Index{1, 0});
    const Tensor column = both.reshaped({2, 1});
    CHECK(integers_of(apply(Opcode::And, {column, both})) == Index{0, 0, 0, 1});
    CHECK(integers_of(apply(Opcode::Or, {column, both})) == Index{0, 1, 1, 1});
    CHECK(integers_of(apply(Opcode::Xor, {column, both})) == Index{0, 1, 1, 0});
    CHECK(integers_of(apply(Opcode::Eq, {column, both})) == Index{1, 0, 0, 1});
    CHECK(integers_of(apply(Opcode::Lt, {column, both})) == Index{0, 1, 0, 0});
  }

  TEST_CASE("interpreter: float ops with special values") {
    for (const DType type : kFloats) {
      CAPTURE(name(type));
      const Tensor a = reals(type, {9}, {1, -1, 0, -0.0, kInf, -kInf, kNan, 5.5, -5.5});
      const Tensor b = reals(type, {9}, {kNan, 2, -0.0, 0, 3, kInf, 1, -3, 3});
      check_reals(apply(Opcode::Min, {a, b}), {kNan, -1, 0, -0.0, 3, -kInf, kNan, -3, -5.5});
      check_reals(apply(Opcode::Max, {a, b}), {kNan, 2, 0, -0.0, kInf, kInf, kNan, 5.5, 3});
      check_reals(apply(Opcode::Min, {b, a}), {kNan, -1, -0.0, 0, 3, -kInf, kNan, -3, -5.5});
      const Tensor rem = apply(Opcode::Rem, {a, b}), mod = apply(Opcode::Mod, {a, b});
      CHECK(rem.real(7) == 2.5);
      CHECK(rem.real(8) == -2.5);
      CHECK(mod.real(7) == -0.5);
      CHECK(mod.real(8) == 0.5);
      CHECK(rem.real(1) == -1);
      CHECK(mod.real(1) == 1);
      CHECK(std::isnan(rem.real(2)));
      CHECK(std::isnan(mod.real(4)));
      CHECK(integers_of(apply(Opcode::Lt, {a, b})) == Index{0, 1, 0, 0, 0, 1, 0, 0, 1});
      CHECK(integers_of(apply(Opcode::Ge, {a, b})) == Index{0, 0, 1, 1, 1, 0, 0, 1, 0});
      CHECK(integers_of(apply(Opcode::Eq, {a, a})) == Index{1, 1, 1, 1, 1, 1, 0, 1, 1});
      CHECK(integers_of(apply(Opcode::Ne, {a, a})) == Index{0, 0, 0, 0, 0, 0, 1, 0, 0});
      CHECK(integers_of(apply(Opcode::IsNan, {a})) == Index{0, 0, 0, 0, 0, 0, 1, 0, 0});
      CHECK(integers_of(apply(Opcode::IsInf, {a})) == Index{0, 0, 0, 0, 1, 1, 0, 0, 0});
      const Tensor zero = reals(type, {}, {0});
      CHECK(apply(Opcode::Div, {a, zero}).real(0) == kInf);
      CHECK(apply(Opcode::Div, {a, zero}).real(1) == -kInf);
      CHECK(std::isnan(apply(Opcode::Div, {a, zero}).real(2)));
      check_reals(apply(Opcode::Neg, {a}), {-1, 1, -0.0, 0, -kInf, kInf, -kNan, -5.5, 5.5});
      check_reals(apply(Opcode::Abs, {reals(type, {3}, {-0.0, -kInf, -2})}), {0, kInf, 2});
      check_reals(apply(Opcode::Sign, {a}), {1, -1, 0, 0, 1, -1, kNan, 1, -1});
      const Tensor halves = reals(type, {8}, {0.5, 1.5, 2.5, -0.5, -1.5, 2.25, -kInf, 3});
      check_reals(apply(Opcode::Round, {halves}), {0, 2, 2, -0.0, -2, 2, -kInf, 3});
      check_reals(apply(Opcode::Floor, {halves}), {0, 1, 2, -1, -2, 2, -kInf, 3});
      check_reals(apply(Opcode::Ceil, {halves}), {1, 2, 3, -0.0, -1, 3, -kInf, 3});
      const Tensor exponents = reals(type, {5}, {0, 2, -1, 0.5, 3});
      check_reals(apply(Opcode::Pow, {reals(type, {5}, {kNan, -3, 2, 4, 0}), exponents}), {1, 9, 0.5, 2, 0});
    }
  }

  TEST_CASE("interpreter: 16-bit floats are computed in f32 and rounded after each op") {
    // 2049 is no f16, its neighbours 2048 and 2050 are.
    CHECK(apply(Opcode::Add, {reals(DType::f16, {}, {2048}), reals(DType::f16, {}, {1})}).real(0) == 2048);
    CHECK(apply(Opcode::Add, {reals(DType::f16, {}, {2050}), reals(DType::f16, {}, {1})}).real(0) == 2052);
    CHECK(apply(Opcode::Mul, {reals(DType::f16, {}, {65504}), reals(DType::f16, {}, {2})}).real(0) == kInf);
    CHECK(apply(Opcode::Add, {reals(DType::bf16, {}, {256}), reals(DType::bf16, {}, {1})}).real(0) == 256);
    CHECK(apply(Opcode::Add, {reals(DType::bf16, {}, {258}), reals(DType::bf16, {}, {1})}).real(0) == 260);
  }

  TEST_CASE("interpreter: functions of real numbers against long double") {
    struct Row {
      Opcode code;
      long double (*function)(long double);
      double low, high;
    };
    const std::vector<Row> rows = {{Opcode::Sqrt, std::sqrt, 0, 100},
                                   {Opcode::Exp, std::exp, -90, 90},
                                   {Opcode::Expm1, std::expm1, -2, 2},
                                   {Opcode::Log, std::log, 1e-3, 100},
                                   {Opcode::Log1p, std::log1p, -0.9, 9},
                                   {Opcode::Sin, std::sin, -9, 9},
                                   {Opcode::Cos, std::cos, -9, 9},
                                   {Opcode::Tan, std::tan, -1.5, 1.5},
                                   {Opcode::Asin, std::asin, -1, 1},
                                   {Opcode::Acos, std::acos, -1, 1},
                                   {Opcode::Atan, std::atan, -9, 9},
                                   {Opcode::Sinh, std::sinh, -9, 9},
                                   {Opcode::Cosh, std::cosh, -9, 9},
                                   {Opcode::Asinh, std::asinh, -9, 9},
                                   {Opcode::Acosh, std::acosh, 1, 9},
                                   {Opcode::Atanh, std::atanh, -0.9, 0.9},
                                   {Opcode::Tanh, std::tanh, -9, 9},
                                   {Opcode::Erf, std::erf, -3, 3},
                                   {Opcode::Sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); }, -80, 80}};
    for (const Row& row : rows) {
      CAPTURE(info(row.code).mnemonic);
      Tensor x(DType::f32, {331});
      for (int64_t i = 0; i < 331; ++i) x.set_real(i, row.low + (row.high - row.low) * static_cast<double>(i) / 331);
      const Tensor y = apply(row.code, {x});
      const Tensor x64 = apply(Opcode::Cast, {x}, CastAttr{DType::f64}), y64 = apply(row.code, {x64});
      for (int64_t i = 0; i < 331; ++i) {
        const long double expected = row.function(static_cast<long double>(x.real(i)));
        CHECK(static_cast<float>(y.real(i)) == static_cast<float>(expected));
        CHECK(std::abs(static_cast<double>(y64.real(i) - expected)) <= 5e-16 * std::abs(static_cast<double>(expected)));
      }
    }
    check_reals(apply(Opcode::Sigmoid, {reals(DType::f32, {5}, {kInf, -kInf, 0, -1000, 1000})}), {1, 0, 0.5, 0, 1});
    check_reals(apply(Opcode::Tanh, {reals(DType::f32, {3}, {kInf, -kInf, -0.0})}), {1, -1, -0.0});
    CHECK(std::isnan(apply(Opcode::Sqrt, {reals(DType::f32, {}, {-1})}).real(0)));
    CHECK(apply(Opcode::Log, {reals(DType::f32, {}, {0})}).real(0) == -kInf);
  }

  TEST_CASE("interpreter: casts saturate from floats, wrap between integers") {
    const auto cast = [](const Tensor& x, DType to) { return apply(Opcode::Cast, {x}, CastAttr{to}); };
    for (const DType from : kFloats) {
      const Tensor x = reals(from, {7}, {kNan, kInf, -kInf, -1.75, 1.75, 0, 300});
      CHECK(integers_of(cast(x, DType::i8)) == Index{0, 127, -128, -1, 1, 0, 127});
      CHECK(integers_of(cast(x, DType::u8)) == Index{0, 255, 0, 0, 1, 0, 255});
      CHECK(integers_of(cast(x, DType::boolean)) == Index{1, 1, 1, 1, 1, 0, 1});
      const int64_t top = std::numeric_limits<int64_t>::max(), bottom = std::numeric_limits<int64_t>::min();
      CHECK(integers_of(cast(x, DType::i64)) == Index{0, top, bottom, -1, 1, 0, 300});
      CHECK(integers_of(cast(x, DType::u64)) == Index{0, -1, 0, 0, 1, 0, 300});
      CHECK(integers_of(cast(x, DType::i32)) == Index{0, 2147483647, -2147483648, -1, 1, 0, 300});
    }
    const Tensor edges = reals(DType::f64, {3}, {2147483647.5, -2147483648.5, 2147483646.9});
    CHECK(integers_of(cast(edges, DType::i32)) == Index{2147483647, -2147483648, 2147483646});
    CHECK(integers_of(cast(integers(DType::i64, {3}, {300, -129, 1 << 16}), DType::i8)) == Index{44, 127, 0});
    CHECK(integers_of(cast(integers(DType::i8, {1}, {-1}), DType::u32)) == Index{4294967295});
    CHECK(cast(integers(DType::u64, {1}, {-1}), DType::f64).real(0) == 18446744073709551616.0);
    CHECK(cast(integers(DType::i64, {1}, {16777217}), DType::f32).real(0) == 16777216);
    CHECK(reals_of(cast(bools({2}, {0, 1}), DType::bf16)) == std::vector<double>{0, 1});
    // Rounded once: through f32 the first would become exactly half way and round to the even neighbour below.
    const double above_half = 1 + std::ldexp(1.0, -8) + std::ldexp(1.0, -40);
    CHECK(cast(reals(DType::f64, {1}, {above_half}), DType::bf16).real(0) == 1 + std::ldexp(1.0, -7));
    CHECK(cast(reals(DType::f64, {1}, {1 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40)}), DType::f16).real(0) ==
          1 + std::ldexp(1.0, -10));
    CHECK(cast(reals(DType::f64, {1}, {1e300}), DType::bf16).real(0) == kInf);
    CHECK(cast(reals(DType::f64, {1}, {1e-300}), DType::bf16).real(0) == 0);
    CHECK(cast(reals(DType::f32, {1}, {65519}), DType::f16).real(0) == 65504);
    CHECK(std::isnan(cast(reals(DType::f64, {1}, {kNan}), DType::f16).real(0)));
  }

  TEST_CASE("interpreter: operands broadcast as in NumPy") {
    const auto check = [](const Index& a, const Index& b, const Index& expected) {
      const Tensor x = ramp(DType::i32, a, 1), y = ramp(DType::i32, b, 100);
      const Tensor got = apply(Opcode::Sub, {x, y});
      REQUIRE(got.shape() == expected);
      for_each_index(expected, [&](const Index& index) {
        const auto source = [&](const Index& shape) {
          Index local(index.end() - static_cast<ptrdiff_t>(shape.size()), index.end());
          for (size_t d = 0; d < shape.size(); ++d) local[d] = shape[d] == 1 ? 0 : local[d];
          return at(shape, local);
        };
        CHECK(got.integer(at(expected, index)) == x.integer(source(a)) - y.integer(source(b)));
      });
    };
    check({}, {}, {});
    check({7}, {}, {7});
    check({3, 1}, {1, 5}, {3, 5});
    check({7}, {3, 7}, {3, 7});
    check({2, 1, 3}, {4, 1}, {2, 4, 3});
    check({1, 1}, {9}, {1, 9});
    check({0, 3}, {3}, {0, 3});
    check({1}, {0}, {0});
    check({5, 1, 1}, {0, 2}, {5, 0, 2});
    CHECK(contains(error_of([] { apply(Opcode::Add, {ramp(DType::f32, {3}), ramp(DType::f32, {4})}); }), "[3]"));
  }

  TEST_CASE("interpreter: select and fma") {
    const Tensor c = bools({3, 1}, {1, 0, 1});
    for (const DType type : {DType::f16, DType::f32, DType::i64, DType::u8, DType::boolean}) {
      const Tensor a = integers(type, {2}, {1, 0}), b = integers(type, {}, {0});
      const Tensor got = apply(Opcode::Select, {c, a, b});
      CHECK(got.dtype() == type);
      CHECK(integers_of(got) == Index{1, 0, 0, 0, 1, 0});
    }
    const float almost = std::nextafter(1.0f, 2.0f);
    const Tensor x = reals(DType::f32, {1}, {almost}), one = reals(DType::f32, {}, {-1});
    const Tensor squared = apply(Opcode::Mul, {x, x});
    const Tensor residual = apply(Opcode::Fma, {x, x, apply(Opcode::Mul, {squared, one})});
    CHECK(residual.real(0) == std::ldexp(1.0, -46));  // what rounding the product lost
    CHECK(apply(Opcode::Fma, {reals(DType::f16, {}, {2048}), reals(DType::f16, {}, {1}), reals(DType::f16, {}, {1})})
              .real(0) == 2048);
    CHECK(error_of([] { apply(Opcode::Fma, {ramp(DType::i32, {1}), ramp(DType::i32, {1}), ramp(DType::i32, {1})}); }) !=
          "");
    CHECK(error_of([] { apply(Opcode::Exp, {ramp(DType::i32, {1})}); }) != "");
  }
}
