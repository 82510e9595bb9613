/// Elementary functions on vector lanes, emitted as straight-line LLVM IR without calls, branches or tables.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "codegen/emit_llvm.h"

namespace seqc::codegen {

struct Lanes;

/// Emits elementary functions at the insertion point of `builder`.
///
/// Operands are f32 or f64: scalars, or fixed vectors of any width; the result has the operand's type. A lane's bits
/// depend on that lane's input and on the machine's `has_fma` alone: every width gives the same bits, scalars included. No
/// instruction carries fast-math flags (a VectorMath clears the builder's defaults while it lives), none becomes a
/// library call. With `has_fma` the target must fuse (AVX2+FMA, AVX-512, NEON); without it a product is rounded before
/// it is added, which suits plain SSE2 and gives other last bits. With `has_scale` multiplications by 2^n are one
/// instruction, with the same bits.
///
/// Errors are in units in the last place (ulp) of the exact result, the larger one of fused and unfused where one
/// number stands. For f32, exp, expm1, log, log1p, tanh, sigmoid, softplus and erf are measured over all 2^32 inputs; the others are evaluated
/// in f64 and rounded once, so they are correctly rounded but for near ties: <= 0.51. For f64 errors are measured on
/// samples, which include special values, their neighbours and all magnitudes.
/// Everywhere NaN gives NaN (pow names two exceptions), functions that are odd keep the sign of zero, and denormals are
/// read and produced with the same error bounds, provided that the thread does not flush them to zero.
class VectorMath {
 public:
  /// What is still to be divided.
  struct Quotient {
    llvm::Value *numerator, *denominator;
  };
  /// `machine` must outlive it.
  VectorMath(llvm::IRBuilder<>& builder, const Machine& machine);

  /// e^x. f32 1.1 (unfused 1.4), f64 1.0. exp(-inf) = 0, exp(+-0) = 1, inf exactly where the rounded result overflows.
  llvm::Value* exp(llvm::Value* x);
  /// e^x - 1. f32 1.8, f64 2.2. -1 at -inf, inf on overflow.
  llvm::Value* expm1(llvm::Value* x);
  /// Natural logarithm. f32 0.9, f64 0.9. log(+-0) = -inf, log(inf) = inf, NaN below zero.
  llvm::Value* log(llvm::Value* x);
  /// log(1 + x). f32 1.6, f64 2.0. -inf at -1, inf at inf, NaN below -1.
  llvm::Value* log1p(llvm::Value* x);
  /// The same for 0 <= x <= 1, with half the instructions in f32. NaN gives NaN, anything else has no meaning.
  llvm::Value* log1p_unit(llvm::Value* x);
  /// 1/(1 + e^-x), in f32 15 instructions, one of them a division. f32 4.3 (unfused 4.1), f64 2.2, relative also where the
  /// result is small. 1/2 at +-0, 1 at inf, 0 at -inf; exactly 0 below x = -88.37 in f32 and -709.43 in f64, where the
  /// true result is less than 4.2e-39 and 8e-309. Never above 1.
  llvm::Value* sigmoid(llvm::Value* x);
  /// What 1 is divided by in it, from 1 to infinity. f32 only.
  llvm::Value* sigmoid_denominator(llvm::Value* x);
  /// log(1 + e^x). f32 1.9, f64 2.2. 0 at -inf, inf at inf.
  llvm::Value* softplus(llvm::Value* x);
  /// Error function. f32 4.6 (unfused 4.3), f64 2.0. +-1 at +-inf; magnitude never above 1.
  llvm::Value* erf(llvm::Value* x);
  /// x^y with ISO C's special cases: pow(x, 0) = pow(1, y) = 1 even for NaN; negative x only with integer y, else NaN;
  /// signed zeros and infinities for odd y. f32 0.51, f64 1.5.
  llvm::Value* pow(llvm::Value* x, llvm::Value* y);

  /// In f32 14 instructions, one of them a division. f32 4.0 (unfused 3.8), f64 2.8, relative: tanh(x) ~ x for tiny x.
  /// +-1 at +-inf; magnitude never above 1.
  llvm::Value* tanh(llvm::Value* x);
  /// The same before its division, f32 with fused multiply-adds only. The denominator is between 3.4 and 2500, the numerator not larger.
  Quotient tanh_quotient(llvm::Value* x);
  /// f32 0.51, f64 2.8. +-inf on overflow.
  llvm::Value* sinh(llvm::Value* x);
  /// f32 0.51, f64 1.8. inf on overflow.
  llvm::Value* cosh(llvm::Value* x);
  /// f32 0.51, f64 2.8. +-inf at +-inf.
  llvm::Value* asinh(llvm::Value* x);
  /// f32 0.51, f64 2.8. +0 at 1, inf at inf, NaN below 1.
  llvm::Value* acosh(llvm::Value* x);
  /// f32 0.51, f64 2.8. +-inf at +-1, NaN beyond.
  llvm::Value* atanh(llvm::Value* x);

  /// For |x| <= 2^31 f32 0.51, f64 2.5; beyond that some number in [-1, 1]. NaN at +-inf.
  llvm::Value* sin(llvm::Value* x);
  /// As sin.
  llvm::Value* cos(llvm::Value* x);
  /// For |x| <= 2^31 f32 0.51, f64 4.0; beyond that some number. NaN at +-inf.
  llvm::Value* tan(llvm::Value* x);
  /// f32 0.51, f64 2.5. NaN beyond +-1.
  llvm::Value* asin(llvm::Value* x);
  /// f32 0.51, f64 1.5. NaN beyond +-1.
  llvm::Value* acos(llvm::Value* x);
  /// f32 0.51, f64 1.0. +-pi/2 at +-inf.
  llvm::Value* atan(llvm::Value* x);

 private:
  using Function = Lanes (*)(const Lanes&);
  /// Applies `f32` to f32 lanes and `f64` to f64 lanes; without an `f32`, f32 lanes go through f64.
  llvm::Value* apply(llvm::Value* x, Function f64, Function f32 = nullptr);

  llvm::IRBuilder<>& builder_;
  const Machine& machine_;
  llvm::IRBuilderBase::FastMathFlagGuard restores_flags_;
};

// What follows is the language that the functions are written in.

/// One SIMD value under construction: f32, f64, integer or i1 (mask) lanes, a scalar or a fixed vector. Operators
/// append instructions to `ir`; a plain number stands for its splat in the type of the other operand.
struct Lanes {
  llvm::IRBuilder<>* ir;
  const Machine* machine;
  llvm::Value* value;

  Lanes with(llvm::Value* v) const { return {ir, machine, v}; }
  bool is_f64() const { return value->getType()->getScalarType()->isDoubleTy(); }
  Lanes splat(double number) const;              ///< `number` in every lane, rounded to this floating point type
  Lanes splat_bits(std::uint64_t bits) const;    ///< the same integer in every lane, as wide as these lanes
  Lanes bits() const;                            ///< floating point lanes reinterpreted as integers
  Lanes from_bits(const Lanes& like) const;      ///< integer lanes reinterpreted in the type of `like`
  Lanes converted_to(llvm::Type* scalar) const;  ///< f32 <-> f64, rounded to nearest
};

/// A second operand: lanes, or a number that becomes a splat.
struct Operand {
  Operand(const Lanes& l) : lanes(&l) {}            // NOLINT: implicit by design
  Operand(double n) : lanes(nullptr), number(n) {}  // NOLINT: implicit by design
  Lanes in(const Lanes& like) const { return lanes ? *lanes : like.splat(number); }
  const Lanes* lanes;
  double number = 0;
};

Lanes operator+(const Lanes& a, const Operand& b);
Lanes operator-(const Lanes& a, const Operand& b);
Lanes operator*(const Lanes& a, const Operand& b);
Lanes operator/(const Lanes& a, const Operand& b);
Lanes operator-(double a, const Lanes& b);
Lanes operator/(double a, const Lanes& b);
Lanes operator-(const Lanes& a);  ///< flips the sign bit

Lanes operator<(const Lanes& a, const Operand& b);  ///< ordered comparisons: false where either is NaN
Lanes operator>(const Lanes& a, const Operand& b);
Lanes operator>=(const Lanes& a, const Operand& b);
Lanes equal(const Lanes& a, const Operand& b);
Lanes is_nan(const Lanes& a);

Lanes operator&(const Lanes& a, const Lanes& b);  ///< integers and masks
Lanes operator|(const Lanes& a, const Lanes& b);
Lanes operator^(const Lanes& a, const Lanes& b);
Lanes operator!(const Lanes& mask);
Lanes operator<<(const Lanes& a, unsigned bits);
Lanes operator>>(const Lanes& a, unsigned bits);  ///< logical
Lanes bit(const Lanes& a, unsigned index);        ///< mask of the lanes whose bit `index` is set

Lanes fma(const Lanes& a, const Operand& b, const Operand& c);  ///< a*b+c, one rounding where the target fuses
Lanes select(const Lanes& mask, const Lanes& a, const Operand& b);
Lanes clamp(const Lanes& x, double low, double high);  ///< NaN stays NaN
Lanes abs(const Lanes& x);
Lanes sqrt(const Lanes& x);
/// m * 2^n for whole n, rounded once, by one instruction; null where the machine has none for so many lanes.
llvm::Value* scale_at_once(const Lanes& m, const Lanes& n);
Lanes with_sign_of(const Lanes& magnitude, const Lanes& sign);  ///< magnitude must not be negative

/// c0 + c1 x + c2 x^2 + ... by Horner's rule, coefficients in rising order.
Lanes polynomial(const Lanes& x, std::initializer_list<double> coefficients);
/// The same in a tree of pairs: one or two multiplications more, half the latency.
Lanes parallel_polynomial(const Lanes& x, std::initializer_list<double> coefficients);

struct Ratio {
  Lanes numerator, denominator;
};
/// The ratio of an odd_saturating, not above 1 without fused multiply-adds too, whose roundings can pass it by an ulp.
Lanes saturated(const Ratio& ratio);

/// 2ab/(a^2 + b^2) with a = x P(x^2), b = Q(x^2) and x clamped to +-limit: the sine of twice the angle whose tangent is
/// a/b. Short and exact for an odd function that saturates at +-1: where a = b, their errors cancel to first order.
Ratio odd_saturating(const Lanes& x, double limit, std::initializer_list<double> p, std::initializer_list<double> q);

/// An unevaluated sum high + low with |low| <= ulp(high)/2: about twice the precision.
struct DoubleLanes {
  Lanes high, low;
};
DoubleLanes exact_sum(const Lanes& a, const Lanes& b);
DoubleLanes exact_product(const Lanes& a, const Lanes& b);  ///< f64

/// x = mantissa * 2^exponent with mantissa in [sqrt(1/2), sqrt(2)), for positive finite x, denormals included.
struct Split {
  Lanes mantissa, exponent;
};
Split split_exponent(const Lanes& x);

// The kernels that other functions are built of.
Lanes exp_f64(const Lanes& x);
Lanes exp_f64(const DoubleLanes& x);
Lanes log_f64(const Lanes& x);
Lanes log1p_unit_f32(const Lanes& x);  ///< for 0 <= x <= 1
Lanes log1p_f64(const Lanes& x);
/// 2^exponent (e^x - 1), relative error about 1 ulp, where 2^exponent e^x is in the normal range.
Lanes expm1_scaled_f64(const Lanes& x, int exponent);

}  // namespace seqc::codegen
