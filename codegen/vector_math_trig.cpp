// sin, cos, tan and their inverses, in f64; f32 goes through them.
#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {
namespace {

constexpr double kHalfPi = 1.5707963267948966, kHalfPiLow = 6.123233995736766e-17;  // the sum is pi/2 to 107 bits

/// |x| = quadrant * pi/2 + r with |r| <= pi/4 and `quadrant` in the low bits of an integer.
struct Quadrant {
  Lanes quadrant, r;
};

// Cody and Waite with pi/2 in four parts of 22 bits and a rest: products with a quadrant below 2^31 are exact, with and
// without a fused multiply-add. Beyond that r is meaningless; its clamp keeps results within [-1, 1].
Quadrant reduce(const Lanes& magnitude) {
  const double magic = 0x1.8p52;
  const Lanes shifted = fma(magnitude, 0x1.45f306dc9c883p-1, magic);
  const Lanes n = shifted - magic;
  Lanes r = magnitude;
  for (const double part : {0x1.921fb0p+0, 0x1.5110bp-22, 0x1.184698p-44, 0x1.3198ap-69, 0x1.701b839a25205p-92})
    r = fma(n, -part, r);
  return {shifted.bits(), clamp(r, -0.8, 0.8)};
}

// On |r| <= pi/4; coefficients from FreeBSD's k_sin.c and k_cos.c.
Lanes sin_kernel(const Lanes& r) {
  const Lanes z = r * r;
  const Lanes p = polynomial(z, {-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
                                 2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10});
  return fma(r * z, p, r);
}

Lanes cos_kernel(const Lanes& r) {
  const Lanes z = r * r, half = z * 0.5, rest = 1.0 - half;
  const Lanes p = polynomial(z, {4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
                                 -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11});
  return rest + fma(z * z, p, (1.0 - rest) - half);
}

/// sin(r + quadrant pi/2)
Lanes sin_of(const Lanes& quadrant, const Lanes& r) {
  const Lanes value = select(bit(quadrant, 0), cos_kernel(r), sin_kernel(r));
  return select(bit(quadrant, 1), -value, value);
}

/// Odd functions are computed for |x| and given back x's sign bit, so that -0 gives -0.
Lanes flip_by_sign_of(const Lanes& value, const Lanes& x) {
  return (value.bits() ^ (x.bits() & x.splat_bits(std::uint64_t{1} << 63))).from_bits(x);
}

Lanes sin_f64(const Lanes& x) {
  const Quadrant q = reduce(abs(x));
  return flip_by_sign_of(sin_of(q.quadrant, q.r), x);
}

Lanes cos_f64(const Lanes& x) {
  const Quadrant q = reduce(abs(x));
  return sin_of(q.quadrant + q.quadrant.splat_bits(1), q.r);
}

Lanes tan_f64(const Lanes& x) {
  const Quadrant q = reduce(abs(x));
  const Lanes s = sin_kernel(q.r), c = cos_kernel(q.r), odd = bit(q.quadrant, 0);
  return flip_by_sign_of(select(odd, -c, s) / select(odd, s, c), x);
}

/// asin(t) for 0 <= t <= 1/2; the rational function is that of FreeBSD's e_asin.c.
Lanes asin_kernel(const Lanes& t, const Lanes& square) {
  const Lanes p =
      polynomial(square, {1.66666666666666657415e-01, -3.25565818622400915405e-01, 2.01212532134862925881e-01,
                          -4.00555345006794114027e-02, 7.91534994289814532176e-04, 3.47933107596021167570e-05});
  const Lanes q = polynomial(square, {1.0, -2.40339491173441421878e+00, 2.02094576023350569471e+00,
                                      -6.88283971605453293030e-01, 7.70381505559019352791e-02});
  return fma(t, square * p / q, t);
}

/// `angle` = asin|x| where |x| is small, else half of acos|x| = asin(sqrt((1-|x|)/2)); NaN beyond 1.
struct HalfAngle {
  Lanes is_small, angle;
};

HalfAngle half_angle(const Lanes& x) {
  const Lanes a = abs(x), is_small = a < 0.5;
  const Lanes square = select(is_small, a * a, (1.0 - a) * 0.5);
  return {is_small, asin_kernel(select(is_small, a, sqrt(square)), square)};
}

Lanes asin_f64(const Lanes& x) {
  const HalfAngle h = half_angle(x);
  const Lanes large = kHalfPi - (h.angle + h.angle - kHalfPiLow);
  return with_sign_of(select(h.is_small, h.angle, large), x);
}

Lanes acos_f64(const Lanes& x) {
  const HalfAngle h = half_angle(x);
  const Lanes middle = kHalfPi - (with_sign_of(h.angle, x) - kHalfPiLow), twice = h.angle + h.angle;
  const Lanes outer = select(x < 0.0, 2 * kHalfPi - (twice - 2 * kHalfPiLow), twice);
  return select(h.is_small, middle, outer);
}

// atan a = base + atan(t) with |t| <= tan(pi/8) or 0.66: t = a, (a-1)/(a+1) or -1/a; ranges and rational function from
// Cephes' atan.c.
Lanes atan_f64(const Lanes& x) {
  const Lanes a = abs(x), upper = a > 2.41421356237309504880, middle = a > 0.66;
  const Lanes numerator = select(upper, a.splat(-1.0), select(middle, a - 1.0, a));
  const Lanes denominator = select(upper, a, select(middle, a + 1.0, 1.0));
  const Lanes t = numerator / denominator, z = t * t;
  const Lanes p = polynomial(z, {-6.485021904942025371773e1, -1.228866684490136173410e2, -7.500855792314704667340e1,
                                 -1.615753718733365076637e1, -8.750608600031904122785e-1});
  const Lanes q = polynomial(z, {1.945506571482613964425e2, 4.853903996359136964868e2, 4.328810604912902668951e2,
                                 1.650270098316988542046e2, 2.485846490142306297962e1, 1.0});
  const auto base = [&](double whole) {
    return select(upper, a.splat(whole), select(middle, a.splat(whole / 2), 0.0));
  };
  const Lanes result = base(kHalfPi) + (fma(t, z * p / q, t) + base(kHalfPiLow));
  return flip_by_sign_of(result, x);
}

}  // namespace

llvm::Value* VectorMath::sin(llvm::Value* x) { return apply(x, sin_f64); }
llvm::Value* VectorMath::cos(llvm::Value* x) { return apply(x, cos_f64); }
llvm::Value* VectorMath::tan(llvm::Value* x) { return apply(x, tan_f64); }
llvm::Value* VectorMath::asin(llvm::Value* x) { return apply(x, asin_f64); }
llvm::Value* VectorMath::acos(llvm::Value* x) { return apply(x, acos_f64); }
llvm::Value* VectorMath::atan(llvm::Value* x) { return apply(x, atan_f64); }

}  // namespace seqc::codegen
