#include <llvm/IR/Constants.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>
#include <vector>

#include "codegen/vector_math_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

/// `scalar` in the shape of `type`: itself for a scalar, a vector of as many lanes for a vector.
llvm::Type* shaped_like(llvm::Type* type, llvm::Type* scalar) {
  return type->isVectorTy() ? llvm::VectorType::get(scalar, llvm::cast<llvm::VectorType>(type)) : scalar;
}

bool is_integer(const Lanes& a) { return a.value->getType()->isIntOrIntVectorTy(); }

}  // namespace

VectorMath::VectorMath(llvm::IRBuilder<>& builder, const Machine& machine)
    : builder_(builder), machine_(machine), restores_flags_(builder) {
  builder.clearFastMathFlags();
}

llvm::Value* VectorMath::apply(llvm::Value* x, Function f64, Function f32) {
  const Lanes lanes{&builder_, &machine_, x};
  if (lanes.is_f64()) return f64(lanes).value;
  SEQC_CHECK(x->getType()->getScalarType()->isFloatTy(), "vector math knows f32 and f64 only");
  if (f32) return f32(lanes).value;
  return f64(lanes.converted_to(builder_.getDoubleTy())).converted_to(builder_.getFloatTy()).value;
}

Lanes Lanes::splat(double number) const { return with(llvm::ConstantFP::get(value->getType(), number)); }

Lanes Lanes::splat_bits(std::uint64_t bits) const {
  llvm::Type* type = value->getType();
  if (!type->isIntOrIntVectorTy()) type = shaped_like(type, ir->getIntNTy(type->getScalarSizeInBits()));
  return with(llvm::ConstantInt::get(type, bits));
}

Lanes Lanes::bits() const {
  llvm::Type* type = value->getType();
  return with(ir->CreateBitCast(value, shaped_like(type, ir->getIntNTy(type->getScalarSizeInBits()))));
}

Lanes Lanes::from_bits(const Lanes& like) const { return with(ir->CreateBitCast(value, like.value->getType())); }

Lanes Lanes::converted_to(llvm::Type* scalar) const {
  return with(ir->CreateFPCast(value, shaped_like(value->getType(), scalar)));
}

Lanes operator+(const Lanes& a, const Operand& b) {
  llvm::Value* right = b.in(a).value;
  return a.with(is_integer(a) ? a.ir->CreateAdd(a.value, right) : a.ir->CreateFAdd(a.value, right));
}

Lanes operator-(const Lanes& a, const Operand& b) {
  llvm::Value* right = b.in(a).value;
  return a.with(is_integer(a) ? a.ir->CreateSub(a.value, right) : a.ir->CreateFSub(a.value, right));
}

Lanes operator*(const Lanes& a, const Operand& b) { return a.with(a.ir->CreateFMul(a.value, b.in(a).value)); }
Lanes operator/(const Lanes& a, const Operand& b) { return a.with(a.ir->CreateFDiv(a.value, b.in(a).value)); }
Lanes operator-(double a, const Lanes& b) { return b.splat(a) - b; }
Lanes operator/(double a, const Lanes& b) { return b.splat(a) / b; }
Lanes operator-(const Lanes& a) { return a.with(a.ir->CreateFNeg(a.value)); }

Lanes operator<(const Lanes& a, const Operand& b) { return a.with(a.ir->CreateFCmpOLT(a.value, b.in(a).value)); }
Lanes operator>(const Lanes& a, const Operand& b) { return a.with(a.ir->CreateFCmpOGT(a.value, b.in(a).value)); }
Lanes operator>=(const Lanes& a, const Operand& b) { return a.with(a.ir->CreateFCmpOGE(a.value, b.in(a).value)); }
Lanes equal(const Lanes& a, const Operand& b) { return a.with(a.ir->CreateFCmpOEQ(a.value, b.in(a).value)); }
Lanes is_nan(const Lanes& a) { return a.with(a.ir->CreateFCmpUNO(a.value, a.value)); }

Lanes operator&(const Lanes& a, const Lanes& b) { return a.with(a.ir->CreateAnd(a.value, b.value)); }
Lanes operator|(const Lanes& a, const Lanes& b) { return a.with(a.ir->CreateOr(a.value, b.value)); }
Lanes operator^(const Lanes& a, const Lanes& b) { return a.with(a.ir->CreateXor(a.value, b.value)); }
Lanes operator!(const Lanes& mask) { return mask.with(mask.ir->CreateNot(mask.value)); }
Lanes operator<<(const Lanes& a, unsigned bits) { return a.with(a.ir->CreateShl(a.value, bits)); }
Lanes operator>>(const Lanes& a, unsigned bits) { return a.with(a.ir->CreateLShr(a.value, bits)); }

Lanes bit(const Lanes& a, unsigned index) {
  const Lanes masked = a & a.splat_bits(std::uint64_t{1} << index);
  return a.with(a.ir->CreateICmpNE(masked.value, a.splat_bits(0).value));
}

Lanes fma(const Lanes& a, const Operand& b, const Operand& c) {
  const Lanes factor = b.in(a), addend = c.in(a);
  if (!a.machine->has_fma) return a * factor + addend;
  return a.with(
      a.ir->CreateIntrinsic(llvm::Intrinsic::fma, {a.value->getType()}, {a.value, factor.value, addend.value}));
}

Lanes select(const Lanes& mask, const Lanes& a, const Operand& b) {
  return a.with(a.ir->CreateSelect(mask.value, a.value, b.in(a).value));
}

// The comparisons are written so that each is one minps or maxps, whose second operand wins where one is NaN.
Lanes clamp(const Lanes& x, double low, double high) {
  const Lanes least = x.splat(low), most = x.splat(high);
  const Lanes raised = select(least > x, least, x);
  return select(most < raised, most, raised);
}

Lanes abs(const Lanes& x) { return x.with(x.ir->CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x.value)); }
Lanes sqrt(const Lanes& x) { return x.with(x.ir->CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x.value)); }

llvm::Value* scale_at_once(const Lanes& m, const Lanes& n) {
  using namespace llvm::Intrinsic;
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(m.value->getType());
  if (!m.machine->has_scale || !type) return nullptr;
  ID id = not_intrinsic;
  switch (type->getPrimitiveSizeInBits()) {
    case 128: id = m.is_f64() ? x86_avx512_mask_scalef_pd_128 : x86_avx512_mask_scalef_ps_128; break;
    case 256: id = m.is_f64() ? x86_avx512_mask_scalef_pd_256 : x86_avx512_mask_scalef_ps_256; break;
    case 512: id = m.is_f64() ? x86_avx512_mask_scalef_pd_512 : x86_avx512_mask_scalef_ps_512; break;
    default: return nullptr;
  }
  llvm::Type* mask = m.ir->getIntNTy(std::max(type->getNumElements(), 8U));
  std::vector<llvm::Value*> operands = {m.value, n.value, m.value, llvm::ConstantInt::getAllOnesValue(mask)};
  constexpr uint32_t kCurrentRounding = 4;
  if (type->getPrimitiveSizeInBits() == 512) operands.push_back(m.ir->getInt32(kCurrentRounding));
  return m.ir->CreateIntrinsic(id, {}, operands);
}

Lanes with_sign_of(const Lanes& magnitude, const Lanes& sign) {
  const unsigned width = sign.value->getType()->getScalarSizeInBits();
  const Lanes sign_bit = sign.bits() & sign.splat_bits(std::uint64_t{1} << (width - 1));
  return (magnitude.bits() | sign_bit).from_bits(magnitude);
}

Lanes polynomial(const Lanes& x, std::initializer_list<double> coefficients) {
  const double* c = coefficients.end() - 1;
  Lanes sum = x.splat(*c);
  while (c != coefficients.begin()) sum = fma(sum, x, *--c);
  return sum;
}

// Estrin's scheme: pairs c0 + c1 x, of these pairs with x^2, and so on.
Lanes parallel_polynomial(const Lanes& x, std::initializer_list<double> coefficients) {
  std::vector<Lanes> sums;
  const double* c = coefficients.begin();
  for (; c + 1 < coefficients.end(); c += 2) sums.push_back(fma(x.splat(c[1]), x, c[0]));
  if (c != coefficients.end()) sums.push_back(x.splat(*c));
  for (Lanes power = x * x; sums.size() > 1; power = power * power) {
    std::vector<Lanes> next;
    for (size_t i = 0; i + 1 < sums.size(); i += 2) next.push_back(fma(sums[i + 1], power, sums[i]));
    if (sums.size() % 2 == 1) next.push_back(sums.back());
    sums = std::move(next);
    if (sums.size() == 1) break;
  }
  return sums[0];
}

Lanes saturated(const Ratio& ratio) {
  const Lanes result = ratio.numerator / ratio.denominator;
  return result.machine->has_fma ? result : clamp(result, -1.0, 1.0);
}

Ratio odd_saturating(const Lanes& x, double limit, std::initializer_list<double> p, std::initializer_list<double> q) {
  const Lanes clamped = clamp(x, -limit, limit), square = clamped * clamped;
  const Lanes a = clamped * parallel_polynomial(square, p), b = parallel_polynomial(square, q);
  const Lanes half = a * b;
  return {half + half, fma(a, a, b * b)};
}

// Knuth's two-sum: six additions, no condition on the magnitudes.
DoubleLanes exact_sum(const Lanes& a, const Lanes& b) {
  const Lanes sum = a + b;
  const Lanes b_share = sum - a;
  const Lanes a_share = sum - b_share;
  return {sum, (a - a_share) + (b - b_share)};
}

// The error of a product: one fused multiply-subtract, or Dekker's split of f64 factors into 26-bit halves.
DoubleLanes exact_product(const Lanes& a, const Lanes& b) {
  const Lanes product = a * b;
  if (a.machine->has_fma) return {product, fma(a, b, -product)};
  const auto halves = [](const Lanes& v) {
    const Lanes scaled = v * 134217729.0;  // 2^27 + 1
    const Lanes high = scaled - (scaled - v);
    return DoubleLanes{high, v - high};
  };
  const DoubleLanes p = halves(a), q = halves(b);
  return {product, ((p.high * q.high - product) + p.high * q.low + p.low * q.high) + p.low * q.low};
}

Split split_exponent(const Lanes& x) {
  const bool f64 = x.is_f64();
  const unsigned fraction = f64 ? 52 : 23;
  const double smallest_normal = f64 ? 0x1p-1022 : 0x1p-126, two_to_fraction = f64 ? 0x1p52 : 0x1p23;
  const std::uint64_t one = f64 ? 0x3ff0000000000000 : 0x3f800000;
  const std::uint64_t sqrt_half = f64 ? 0x3fe6a09e667f3bcd : 0x3f3504f3;

  const Lanes denormal = x < smallest_normal;
  const Lanes bits = select(denormal, x * two_to_fraction, x).bits();
  // Biased exponent, rounded up from sqrt(1/2); turned into a number by placing it in the fraction of 2^fraction.
  const Lanes biased = (bits + bits.splat_bits(one - sqrt_half)) >> fraction;
  const double bias = two_to_fraction + (f64 ? 1023 : 127);
  const Lanes offset = select(denormal, x.splat(bias + fraction), bias);
  const Lanes number = (biased | x.splat(two_to_fraction).bits()).from_bits(x);
  const Lanes mantissa = (bits - (biased << fraction) + bits.splat_bits(one)).from_bits(x);
  return {mantissa, number - offset};
}

}  // namespace seqc::codegen
