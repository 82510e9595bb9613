// tanh, sinh, cosh and their inverses.
#include <limits>

#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {
namespace {

// 2ab/(a^2 + b^2), a/b near tanh(x/2), minimax with weight 1/cosh x, error 8e-9; then scaled, and moved by ulps, until
// roundings were small. At the limit tanh rounds to 1.
Ratio tanh_ratio_f32(const Lanes& x) {
  return odd_saturating(x, 9.02, {0.926557899, 0.0275726169, 0.000105547289},
                        {1.8531158, 0.209571481, 0.00223282701, 2.26415295e-06});
}

Lanes tanh_f32(const Lanes& x) { return saturated(tanh_ratio_f32(x)); }

// -e/(e + 2), e = expm1(-2|x|), which loses nothing at either end; a tiny x is its own result.
Lanes tanh_f64(const Lanes& x) {
  const Lanes magnitude = clamp(abs(x), 0.0, 20.0);
  const Lanes e = expm1_scaled_f64(magnitude * -2.0, 0);
  return select(abs(x) < 0x1p-54, x, with_sign_of(-e / (e + 2.0), x));
}

// h + h/(2h + 1), h = (e^|x| - 1)/2, kept as h/2 so that it overflows where sinh does; beyond 2^60 the rest is nothing.
Lanes sinh_f64(const Lanes& x) {
  const Lanes h = expm1_scaled_f64(clamp(abs(x), 0.0, 710.6), -2) * 2.0;
  const Lanes magnitude = select(h < 0x1p60, h + h / (h + h + 1.0), h);
  return select(abs(x) < 0x1p-54, x, with_sign_of(magnitude, x));
}

// g + 1/(4g), g = e^|x|/2.
Lanes cosh_f64(const Lanes& x) {
  const Lanes g = expm1_scaled_f64(clamp(abs(x), 0.0, 710.6), -2) * 2.0 + 0.5;
  return g + 0.25 / g;
}

/// log(1 + a), or log(2 big) where `is_big`: squares in `a` would overflow there.
Lanes log1p_or_double(const Lanes& is_big, const Lanes& big, const Lanes& a) {
  const double ln2 = 0.69314718055994530942;
  return log1p_f64(select(is_big, big, a)) + select(is_big, a.splat(ln2), 0.0);
}

// log1p(|x| + x^2/(1 + sqrt(1 + x^2)))
Lanes asinh_f64(const Lanes& x) {
  const Lanes a = abs(x), square = a * a;
  const Lanes argument = a + square / (sqrt(square + 1.0) + 1.0);
  return with_sign_of(log1p_or_double(a > 0x1p500, a, argument), x);
}

// log1p(t + sqrt(2t + t^2)),  t = x - 1 ; NaN below 1.
Lanes acosh_f64(const Lanes& x) {
  const Lanes t = x - 1.0;
  const Lanes result = log1p_or_double(x > 0x1p500, x, t + sqrt(fma(t, t, t + t)));
  return select(x >= 1.0, result, x.splat(std::numeric_limits<double>::quiet_NaN()));
}

// log1p(2|x|/(1 - |x|))/2
Lanes atanh_f64(const Lanes& x) {
  const Lanes a = abs(x);
  return with_sign_of(log1p_f64((a + a) / (1.0 - a)) * 0.5, x);
}

}  // namespace

llvm::Value* VectorMath::tanh(llvm::Value* x) { return apply(x, tanh_f64, tanh_f32); }
VectorMath::Quotient VectorMath::tanh_quotient(llvm::Value* x) {
  const auto [numerator, denominator] = tanh_ratio_f32({&builder_, &machine_, x});
  return {numerator.value, denominator.value};
}
llvm::Value* VectorMath::sinh(llvm::Value* x) { return apply(x, sinh_f64); }
llvm::Value* VectorMath::cosh(llvm::Value* x) { return apply(x, cosh_f64); }
llvm::Value* VectorMath::asinh(llvm::Value* x) { return apply(x, asinh_f64); }
llvm::Value* VectorMath::acosh(llvm::Value* x) { return apply(x, acosh_f64); }
llvm::Value* VectorMath::atanh(llvm::Value* x) { return apply(x, atanh_f64); }

}  // namespace seqc::codegen
