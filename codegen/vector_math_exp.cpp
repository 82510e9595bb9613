// exp, expm1, sigmoid, softplus: all by  e^x = 2^n e^r,  n = round(x/ln 2),  r = x - n ln 2,  |r| <= ln(2)/2 .
#include <cmath>

#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {
namespace {

constexpr double kLog2E = 1.4426950408889634074;

/// `shifted` = n + bias + 1.5*2^fraction, whose low bits are the integer n + bias: adding so large a number rounds to
/// an integer and makes an exponent field at once, without a conversion instruction.
struct Reduced {
  Lanes shifted, n, r;
};

// ln 2 in two parts (Cody and Waite); the high part has enough trailing zeros that n * high is exact without a fused
// multiply-add too.
Reduced reduce_f32(const Lanes& x, int bias) {
  const double magic = 0x1.8p23 + bias;
  const Lanes shifted = fma(x, kLog2E, magic);
  const Lanes n = shifted - magic;
  const Lanes r = fma(n, 2.12194440e-4, fma(n, -0.693359375, x));
  return {shifted, n, r};
}

Reduced reduce_f64(const Lanes& x, int bias) {
  const double magic = 0x1.8p52 + bias;
  const Lanes shifted = fma(x, kLog2E, magic);
  const Lanes n = shifted - magic;
  const Lanes r = fma(n, -1.90821492927058770002e-10, fma(n, -6.93147180369123816490e-01, x));
  return {shifted, n, r};
}

/// 2^n from `shifted` with the format's exponent bias in it.
Lanes power_of_two(const Lanes& shifted) { return (shifted.bits() << (shifted.is_f64() ? 52 : 23)).from_bits(shifted); }

/// m * 2^n, rounded once below the normal range and infinite above it: by one instruction, or by two factors 2^floor(n/2),
/// 2^ceil(n/2) from `shifted` with twice the exponent bias in it.
Lanes scale(const Lanes& m, const Reduced& reduced) {
  if (llvm::Value* result = scale_at_once(m, reduced.n)) return m.with(result);
  const unsigned fraction = m.is_f64() ? 52 : 23;
  const Lanes whole = reduced.shifted.bits(), half = whole >> 1;
  return m * (half << fraction).from_bits(m) * ((whole - half) << fraction).from_bits(m);
}

/// (e^r - 1 - r) / r^2, minimax on |r| <= ln(2)/2, relative error of the whole 3e-19.
Lanes exp_tail_f64(const Lanes& r) {
  return polynomial(r, {0.5, 0.16666666666666677, 0.041666666666666702, 0.0083333333333215783, 0.0013888888888866723,
                        0.00019841269886266405, 2.4801587360781838e-5, 2.7557244061640226e-6, 2.755724257034243e-7,
                        2.5109090545672192e-8, 2.0924500453018697e-9});
}

// Polynomials for f32: minimax with constant term 1, relative errors 2e-9 and 9e-8.

// Outside the clamp the result has overflowed or is below half of the least denormal.
Lanes exp_f32(const Lanes& x) {
  const Reduced a = reduce_f32(clamp(x, -104.0, 89.0), 2 * 127);
  const Lanes p = polynomial(a.r, {1.0, 1.0000000322574025, 0.49999994191912317, 0.16666430803692767,
                                   0.041668004788061401, 0.0083741954501290852, 0.0013843599926558746});
  return scale(p, a);
}

// 1 + e^-x. The clamp keeps 2^n within a float: at its lower end n = 128, which is infinity, and 1/inf = 0. The signs of
// x are in the coefficients, because LLVM would move a negation into the clamp and no longer find min and max there.
Lanes sigmoid_denominator_f32(const Lanes& x) {
  const double magic = 0x1.8p23 + 127;
  const Lanes clamped = clamp(x, -88.7, 87.0);
  const Lanes shifted = fma(clamped, -kLog2E, magic);
  const Lanes n = shifted - magic;
  const Lanes r = fma(n, -2.12194440e-4, fma(n, 0.693359375, clamped));  // x + n ln 2
  const Lanes p = parallel_polynomial(r, {1.0, -0.99999970631165102, 0.49999147849370608, -0.16667638046420141,
                                          0.041898159596509247, -0.0082902795905186696});
  return fma(p, power_of_two(shifted), 1.0);
}

Lanes sigmoid_f32(const Lanes& x) { return 1.0 / sigmoid_denominator_f32(x); }

Lanes sigmoid_f64(const Lanes& x) {
  const Reduced a = reduce_f64(-clamp(x, -709.9, 708.0), 1023);
  const Lanes p = fma(a.r * a.r, exp_tail_f64(a.r), a.r) + 1.0;
  return 1.0 / fma(p, power_of_two(a.shifted), 1.0);
}

// 2^n (e^r - 1) + (2^n - 1), halved while it could overflow; e^r - 1 with relative error 1.4e-8. Tiny x, whose halves might
// be denormal, are their own results.
Lanes expm1_f32(const Lanes& x) {
  const Reduced a = reduce_f32(clamp(x, -18.0, 89.0), 126);
  const Lanes q = polynomial(a.r, {0.500000006, 0.166665428, 0.0416662814, 0.00836661062, 0.00139464967});
  const Lanes power = power_of_two(a.shifted);
  const Lanes half = fma(power, fma(a.r * a.r, q, a.r), power - 0.5);
  return select(abs(x) < 0x1p-25, x, half + half);
}

// Halved while it could overflow; tiny x, whose halves might be denormal, are their own results.
Lanes expm1_f64(const Lanes& x) {
  const Lanes result = expm1_scaled_f64(clamp(x, -60.0, 710.0), -1) * 2.0;
  return select(abs(x) < 0x1p-54, x, result);
}

Lanes softplus_f32(const Lanes& x) { return select(x > 0.0, x, 0.0) + log1p_unit_f32(exp_f32(-abs(x))); }
Lanes softplus_f64(const Lanes& x) { return select(x > 0.0, x, 0.0) + log1p_f64(exp_f64(-abs(x))); }

}  // namespace

Lanes exp_f64(const DoubleLanes& x) {
  const Reduced a = reduce_f64(clamp(x.high, -746.0, 710.0), 2 * 1023);
  const Lanes r = a.r + x.low;
  return scale(fma(r * r, exp_tail_f64(r), r) + 1.0, a);
}

Lanes exp_f64(const Lanes& x) {
  const Reduced a = reduce_f64(clamp(x, -746.0, 710.0), 2 * 1023);
  return scale(fma(a.r * a.r, exp_tail_f64(a.r), a.r) + 1.0, a);
}

// 2^n (e^r - 1) + (2^n - 1), with 2^n replaced by 2^(n+exponent).
Lanes expm1_scaled_f64(const Lanes& x, int exponent) {
  const Reduced a = reduce_f64(x, 1023 + exponent);
  const Lanes power = power_of_two(a.shifted);
  const Lanes fraction = fma(a.r * a.r, exp_tail_f64(a.r), a.r);
  return fma(power, fraction, power - std::ldexp(1.0, exponent));
}

llvm::Value* VectorMath::exp(llvm::Value* x) { return apply(x, exp_f64, exp_f32); }
llvm::Value* VectorMath::expm1(llvm::Value* x) { return apply(x, expm1_f64, expm1_f32); }
llvm::Value* VectorMath::sigmoid(llvm::Value* x) { return apply(x, sigmoid_f64, sigmoid_f32); }
llvm::Value* VectorMath::sigmoid_denominator(llvm::Value* x) {
  return sigmoid_denominator_f32({&builder_, &machine_, x}).value;
}
llvm::Value* VectorMath::softplus(llvm::Value* x) { return apply(x, softplus_f64, softplus_f32); }

}  // namespace seqc::codegen
