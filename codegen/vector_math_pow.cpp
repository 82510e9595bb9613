// pow: e^(y log|x|), with the logarithm in twice the precision for f64, then C's table of special cases.
#include <limits>

#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

DoubleLanes product(const DoubleLanes& a, const DoubleLanes& b) {
  const DoubleLanes p = exact_product(a.high, b.high);
  return {p.high, p.low + (a.high * b.low + a.low * b.high)};
}

// log m = s (2 + z (2/3 + z R(z))),  s = (m-1)/(m+1),  z = s^2 <= 0.0295; R minimax, relative error of the whole 1e-20.
// All but z R(z) is carried in two parts: y log x can reach 745, which takes ten bits from the result.
DoubleLanes precise_log(const Lanes& x) {
  const Split split = split_exponent(x);
  const Lanes& m = split.mantissa;
  const Lanes f = m - 1.0, sum = m + 1.0, sum_low = m - (sum - 1.0);
  const Lanes quotient = f / sum;
  const DoubleLanes back = exact_product(quotient, sum);
  const DoubleLanes s = {quotient, (((f - back.high) - back.low) - quotient * sum_low) / sum};
  const DoubleLanes z = product(s, s);
  const Lanes r = polynomial(z.high, {0.4000000000000000022, 0.2857142857142837397, 0.2222222222229104982,
                                      0.1818181816917829258, 0.1538461676002725736, 0.1333324006344860029,
                                      0.117686858312275219, 0.1042269207606073428, 0.1101488135598348001});
  DoubleLanes inner = exact_sum(m.splat(2.0 / 3.0), z.high * r);
  inner.low = inner.low + 3.700743415417188e-17;  // 2/3 - (double)(2/3)
  const DoubleLanes shifted = product(z, inner);
  DoubleLanes outer = exact_sum(m.splat(2.0), shifted.high);
  outer.low = outer.low + shifted.low;
  const DoubleLanes log_m = product(s, outer);
  const DoubleLanes high = exact_sum(split.exponent * 6.93147180369123816490e-01, log_m.high);
  return exact_sum(high.high, high.low + fma(split.exponent, 1.90821492927058770002e-10, log_m.low));
}

Lanes positive_power_f64(const Lanes& x, const Lanes& y) {
  const DoubleLanes log = precise_log(x);
  const DoubleLanes p = exact_product(log.high, y);
  const Lanes low = fma(log.low, y, p.low);
  return exp_f64(DoubleLanes{p.high, select(abs(p.high) < 800.0, low, 0.0)});
}

Lanes positive_power_f32(const Lanes& x, const Lanes& y) { return exp_f64(log_f64(x) * y); }

/// Adding 2^52 rounds to an integer; from there on every number is one.
Lanes is_integer(const Lanes& y) {
  const Lanes a = abs(y);
  return equal((a + 0x1p52) - 0x1p52, a) | (a >= 0x1p52);
}

// ISO C, annex F.10.4.4, given `power` = |x|^y where that is regular.
Lanes with_special_cases(const Lanes& power, const Lanes& x, const Lanes& y) {
  const Lanes a = abs(x), zero = equal(a, 0.0), infinite = equal(a, kInfinity);
  const Lanes integer = is_integer(y), odd = integer & !is_integer(y * 0.5);
  const Lanes grows = (y > 0.0) ^ (a < 1.0);
  const Lanes at_extreme = select(zero | infinite, select(grows, x.splat(kInfinity), 0.0), power);
  const Lanes magnitude = select(equal(a, 1.0), x.splat(1.0), at_extreme);
  const Lanes is_signed = select(odd, with_sign_of(magnitude, x), magnitude);
  const Lanes undefined = ((x < 0.0) & !integer & !infinite) | is_nan(x) | is_nan(y);
  const Lanes result = select(undefined, x.splat(std::numeric_limits<double>::quiet_NaN()), is_signed);
  return select(equal(y, 0.0) | equal(x, 1.0), x.splat(1.0), result);
}

}  // namespace

llvm::Value* VectorMath::pow(llvm::Value* x, llvm::Value* y) {
  const Lanes base{&builder_, &machine_, x}, exponent{&builder_, &machine_, y};
  if (base.is_f64()) return with_special_cases(positive_power_f64(abs(base), exponent), base, exponent).value;
  llvm::Type* f64 = builder_.getDoubleTy();
  const Lanes b = base.converted_to(f64), e = exponent.converted_to(f64);
  return with_special_cases(positive_power_f32(abs(b), e), b, e).converted_to(builder_.getFloatTy()).value;
}

}  // namespace seqc::codegen
