// log, log1p: log x = e ln 2 + log m,  x = 2^e m,  m in [sqrt(1/2), sqrt(2)).
#include <limits>

#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The logarithm's values outside (0, inf), given `result` inside it.
Lanes log_edges(const Lanes& x, const Lanes& result) {
  const Lanes finite = select(x < kInfinity, result, x);
  const Lanes negative = select(x < 0.0, x.splat(kNan), finite);
  return select(equal(x, 0.0), x.splat(-kInfinity), negative);
}

// e ln 2 + log(1+f),  log(1+f) = f - f^2/2 + f^3 P(f), P minimax on [sqrt(1/2)-1, sqrt(2)-1], relative error of the whole
// 6e-9.
Lanes log_parts_f32(const Lanes& exponent, const Lanes& f) {
  const Lanes square = f * f;
  const Lanes p = parallel_polynomial(f, {0.333333317123, -0.250008210233, 0.200012265935, -0.166233576553,
                                          0.142017634826, -0.13160184023, 0.12761544691, -0.076344565293});
  // Smallest first; ln 2 = 0.693359375 - 2.12194440e-4, and exponent * 0.693359375 is exact.
  const Lanes tail = fma(exponent, -2.12194440e-4, f * square * p);
  return fma(exponent, 0.693359375, f + fma(square, -0.5, tail));
}

Lanes log_f32(const Lanes& x) {
  const Split s = split_exponent(x);
  return log_edges(x, log_parts_f32(s.exponent, s.mantissa - 1.0));
}

// As log(u), u = 1+x rounded, with what the sum lost added to f. It is nothing where 2^-exponent is cut off.
Lanes log1p_f32(const Lanes& x) {
  const Lanes u = x + 1.0, lost = x - (u - 1.0);
  const Split s = split_exponent(u);
  const Lanes downscale = ((clamp(-s.exponent, -100.0, 100.0) + (0x1.8p23 + 127)).bits() << 23).from_bits(x);
  const Lanes result = log_edges(u, log_parts_f32(s.exponent, fma(lost, downscale, s.mantissa - 1.0)));
  return select(equal(x, 0.0), x, result);
}

}  // namespace

// log(1+f) = f - (f^2/2 - s (f^2/2 + R(s^2))),  s = f/(2+f); coefficients of R from FreeBSD's e_log.c.
Lanes log_f64(const Lanes& x) {
  const Split split = split_exponent(x);
  const Lanes f = split.mantissa - 1.0, half_square = f * f * 0.5;
  const Lanes s = f / (f + 2.0), z = s * s;
  const Lanes r = z * polynomial(z, {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                                     2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                                     1.479819860511658591e-01});
  const Lanes tail = fma(s, half_square + r, split.exponent * 1.90821492927058770002e-10);
  return log_edges(x, fma(split.exponent, 6.93147180369123816490e-01, f - (half_square - tail)));
}

// log(u) + (x - (u-1))/u with u = 1+x rounded: the second term restores what the sum lost.
Lanes log1p_f64(const Lanes& x) {
  const Lanes u = x + 1.0;
  const Lanes lost = (x - (u - 1.0)) / u;
  const Lanes regular = (u > 0.0) & (u < kInfinity);
  const Lanes result = log_f64(u) + select(regular, lost, 0.0);
  return select(equal(x, 0.0), x, result);
}

// log(2^n (1+f)), n = 0 or 1: 1 + x needs no look at its bits.
Lanes log1p_unit_f32(const Lanes& x) {
  const Lanes upper = x > 0.41421356;
  return log_parts_f32(select(upper, x.splat(1.0), 0.0), select(upper, fma(x, 0.5, -0.5), x));
}

llvm::Value* VectorMath::log(llvm::Value* x) { return apply(x, log_f64, log_f32); }
llvm::Value* VectorMath::log1p(llvm::Value* x) { return apply(x, log1p_f64, log1p_f32); }
llvm::Value* VectorMath::log1p_unit(llvm::Value* x) { return apply(x, log1p_f64, log1p_unit_f32); }

}  // namespace seqc::codegen
