#include "codegen/point_ops_llvm.h"

#include <cmath>

#include "codegen/vector_math_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

using ir::DType;
using ir::Opcode;
using llvm::Intrinsic::ID;

/// One elementwise op being emitted: operands in registers and their element type.
struct Point {
  Emitter& e;
  const ir::Op& op;
  const std::vector<llvm::Value*>& v;
  DType type;  // of the operands that are computed with

  bool floating() const { return ir::is_float(type); }
  bool is_signed() const { return ir::is_signed_integer(type); }
  llvm::Value* constant(double value) const {
    llvm::Type* t = v.back()->getType();
    return floating() ? llvm::ConstantFP::get(t, value)
                      : llvm::ConstantInt::get(t, static_cast<uint64_t>(static_cast<int64_t>(value)), true);
  }
  llvm::Value* unary(ID id) const { return e.CreateUnaryIntrinsic(id, v[0]); }
};

llvm::Value* sign(const Point& p) {
  llvm::Value *zero = p.constant(0), *one = p.constant(1);
  if (!p.floating()) {
    llvm::Value* positive = p.e.CreateICmpNE(p.v[0], zero);
    llvm::Value* result = p.e.CreateSelect(positive, one, zero);
    return p.is_signed() ? p.e.CreateSelect(p.e.CreateICmpSLT(p.v[0], zero), p.constant(-1), result) : result;
  }
  llvm::Value* negative = p.e.CreateSelect(p.e.CreateFCmpOLT(p.v[0], zero), p.constant(-1), p.v[0]);
  return p.e.CreateSelect(p.e.CreateFCmpOGT(p.v[0], zero), one, negative);
}

llvm::Value* abs(const Point& p) {
  if (p.floating()) return p.unary(llvm::Intrinsic::fabs);
  return p.is_signed() ? p.e.CreateBinaryIntrinsic(llvm::Intrinsic::abs, p.v[0], p.e.getFalse()) : p.v[0];
}

llvm::Value* compare(const Point& p, llvm::CmpInst::Predicate real, llvm::CmpInst::Predicate with_sign,
                     llvm::CmpInst::Predicate without) {
  if (p.floating()) return p.e.CreateFCmp(real, p.v[0], p.v[1]);
  return p.e.CreateICmp(p.is_signed() ? with_sign : without, p.v[0], p.v[1]);
}

/// min and max that give NaN when either operand is NaN.
llvm::Value* extreme(const Point& p, bool larger) {
  llvm::Value *a = p.v[0], *b = p.v[1];
  if (!p.floating()) {
    const ID id = p.is_signed() ? (larger ? llvm::Intrinsic::smax : llvm::Intrinsic::smin)
                                : (larger ? llvm::Intrinsic::umax : llvm::Intrinsic::umin);
    return p.e.CreateBinaryIntrinsic(id, a, b);
  }
  // The compare-and-select form is one minps/maxps, which returns its second operand, here a, when either is NaN and when
  // they are equal (+0 and -0); a NaN in a is therefore kept, and one in b is put back.
  llvm::Value* ordered = larger ? p.e.CreateFCmpOGT(b, a) : p.e.CreateFCmpOLT(b, a);
  return p.e.CreateSelect(p.e.CreateFCmpUNO(b, b), b, p.e.CreateSelect(ordered, b, a));
}

/// Integer division and remainder never trap: a zero divisor gives 0, the smallest value over -1 wraps.
llvm::Value* integer_divide(const Point& p, bool remainder) {
  llvm::Value *zero = p.constant(0), *one = p.constant(1);
  llvm::Value* by_zero = p.e.CreateICmpEQ(p.v[1], zero);
  llvm::Value* divisor = p.e.CreateSelect(by_zero, one, p.v[1]);
  if (!p.is_signed()) {
    llvm::Value* result = remainder ? p.e.CreateURem(p.v[0], divisor) : p.e.CreateUDiv(p.v[0], divisor);
    return p.e.CreateSelect(by_zero, zero, result);
  }
  llvm::Value* by_minus_one = p.e.CreateICmpEQ(divisor, p.constant(-1));
  divisor = p.e.CreateSelect(by_minus_one, one, divisor);
  llvm::Value* result = remainder ? p.e.CreateSRem(p.v[0], divisor) : p.e.CreateSDiv(p.v[0], divisor);
  result = p.e.CreateSelect(by_minus_one, remainder ? zero : p.e.CreateNeg(p.v[0]), result);
  return p.e.CreateSelect(by_zero, zero, result);
}

/// Moves a truncated remainder to the divisor's side; a zero has the divisor's sign.
llvm::Value* floored(const Point& p, llvm::Value* remainder) {
  llvm::Value *zero = p.constant(0), *b = p.v[1];
  if (p.floating()) {
    llvm::Value* wrong = p.e.CreateAnd(p.e.CreateFCmpUNE(remainder, zero),
                                       p.e.CreateXor(p.e.CreateFCmpOLT(remainder, zero), p.e.CreateFCmpOLT(b, zero)));
    llvm::Value* moved = p.e.CreateSelect(wrong, p.e.CreateFAdd(remainder, b), remainder);
    return p.e.CreateSelect(p.e.CreateFCmpOEQ(remainder, zero),
                            p.e.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, remainder, b), moved);
  }
  if (!p.is_signed()) return remainder;
  llvm::Value* wrong =
      p.e.CreateAnd(p.e.CreateICmpNE(remainder, zero), p.e.CreateICmpSLT(p.e.CreateXor(remainder, b), zero));
  return p.e.CreateSelect(wrong, p.e.CreateAdd(remainder, b), remainder);
}

llvm::Value* shift(const Point& p, bool left) {
  const auto bits = static_cast<double>(8 * ir::size_of(p.type));
  llvm::Value* too_far = p.e.CreateICmpUGE(p.v[1], p.constant(bits));
  llvm::Value* amount = p.e.CreateSelect(too_far, p.constant(0), p.v[1]);
  if (left) return p.e.CreateSelect(too_far, p.constant(0), p.e.CreateShl(p.v[0], amount));
  if (!p.is_signed()) return p.e.CreateSelect(too_far, p.constant(0), p.e.CreateLShr(p.v[0], amount));
  return p.e.CreateAShr(p.v[0], p.e.CreateSelect(too_far, p.constant(bits - 1), p.v[1]));
}

/// a^b by squaring: 64 rounds at most, without branches; negative exponents give 0 unless |a| = 1.
llvm::Value* integer_power(const Point& p) {
  llvm::Value *zero = p.constant(0), *one = p.constant(1), *minus_one = p.constant(-1);
  llvm::Value *base = p.v[0], *exponent = p.v[1], *result = one;
  llvm::Value* odd_exponent = p.e.CreateICmpNE(p.e.CreateAnd(exponent, one), zero);
  const auto bits = static_cast<int64_t>(8 * ir::size_of(p.type));
  llvm::Value* rest = exponent;
  for (int64_t i = 0; i < bits; ++i) {
    result = p.e.CreateSelect(p.e.CreateICmpNE(p.e.CreateAnd(rest, one), zero), p.e.CreateMul(result, base), result);
    base = p.e.CreateMul(base, base);
    rest = p.e.CreateLShr(rest, one);
  }
  if (!p.is_signed()) return result;
  llvm::Value* alternating = p.e.CreateSelect(odd_exponent, minus_one, one);
  llvm::Value* inverse = p.e.CreateSelect(p.e.CreateICmpEQ(p.v[0], one), one,
                                          p.e.CreateSelect(p.e.CreateICmpEQ(p.v[0], minus_one), alternating, zero));
  return p.e.CreateSelect(p.e.CreateICmpSLT(exponent, zero), inverse, result);
}

llvm::Type* like(llvm::Type* element, llvm::Value* value) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return vector ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

/// A float as an integer: the nearest one where it is out of range, 0 for NaN. LLVM's own saturating conversions of
/// vectors go element by element.
llvm::Value* saturated(const Point& p, DType to) {
  llvm::Value* x = p.v[0];
  llvm::Type* target = like(register_type(p.e.getContext(), to), x);
  const bool is_signed = ir::is_signed_integer(to);
  const auto bits = static_cast<unsigned>(8 * ir::size_of(to));
  if (!x->getType()->isVectorTy() || bits - (is_signed ? 1 : 0) >= 32) {
    const ID id = is_signed ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return p.e.CreateIntrinsic(id, {target, x->getType()}, {x});
  }
  const double end = std::ldexp(1.0, static_cast<int>(bits) - (is_signed ? 1 : 0)), least = is_signed ? -end : 0;
  llvm::Type* words = like(p.e.getInt32Ty(), x);
  const auto word = [&](double value) { return llvm::ConstantInt::getSigned(words, static_cast<int64_t>(value)); };
  llvm::Value* above = p.e.CreateFCmpOGE(x, p.constant(end));
  llvm::Value* inside = p.e.CreateAnd(p.e.CreateFCmpOGE(x, p.constant(least)), p.e.CreateFCmpOLT(x, p.constant(end)));
  llvm::Value* result = p.e.CreateFPToSI(p.e.CreateSelect(inside, x, p.constant(0)), words);
  result = p.e.CreateSelect(above, word(end - 1), result);
  if (is_signed) result = p.e.CreateSelect(p.e.CreateFCmpOLT(x, p.constant(least)), word(least), result);
  return p.e.CreateTrunc(result, target);
}

llvm::Value* cast(const Point& p, DType to) {
  if (p.type == to) return p.v[0];
  llvm::Value* x = p.v[0];
  llvm::Type* target = like(register_type(p.e.getContext(), to), x);
  if (to == DType::boolean)
    return p.floating() ? p.e.CreateFCmpUNE(x, p.constant(0)) : p.e.CreateICmpNE(x, p.constant(0));
  if (p.floating()) {
    if (ir::is_float(to)) return p.e.CreateFPCast(x, target);
    return saturated(p, to);
  }
  if (ir::is_float(to)) return p.is_signed() ? p.e.CreateSIToFP(x, target) : p.e.CreateUIToFP(x, target);
  return p.e.CreateIntCast(x, target, p.is_signed());
}

/// a*b + c; without hardware support for a single rounding in f64, where products of f32 are exact.
llvm::Value* fused(const Point& p) {
  if (p.e.machine.has_fma)
    return p.e.CreateIntrinsic(llvm::Intrinsic::fma, {p.v[0]->getType()}, {p.v[0], p.v[1], p.v[2]});
  if (!p.v[0]->getType()->getScalarType()->isFloatTy()) return p.e.CreateFAdd(p.e.CreateFMul(p.v[0], p.v[1]), p.v[2]);
  llvm::Type* wide = like(p.e.getDoubleTy(), p.v[0]);
  llvm::Value* product = p.e.CreateFMul(p.e.CreateFPExt(p.v[0], wide), p.e.CreateFPExt(p.v[1], wide));
  return p.e.CreateFPTrunc(p.e.CreateFAdd(product, p.e.CreateFPExt(p.v[2], wide)), p.v[0]->getType());
}

/// True if `value` is from 0 to 1, or no number, whatever it is computed from: e^-|x|, as in softplus.
bool is_unit(const ir::Value* value) {
  const auto defined_by = [](const ir::Value* v, Opcode code) { return v->op() && v->op()->code() == code; };
  if (!defined_by(value, Opcode::Exp)) return defined_by(value, Opcode::Sigmoid);
  const ir::Value* exponent = value->op()->operand(0);
  return defined_by(exponent, Opcode::Neg) && defined_by(exponent->op()->operand(0), Opcode::Abs);
}

llvm::Value* unary(const Point& p) {
  VectorMath math(p.e, p.e.machine);
  llvm::Value* x = p.v[0];
  switch (p.op.code()) {
    case Opcode::Neg: return p.floating() ? p.e.CreateFNeg(x) : p.e.CreateNeg(x);
    case Opcode::Abs: return abs(p);
    case Opcode::Sign: return sign(p);
    case Opcode::Floor: return p.unary(llvm::Intrinsic::floor);
    case Opcode::Ceil: return p.unary(llvm::Intrinsic::ceil);
    case Opcode::Round: return p.unary(llvm::Intrinsic::roundeven);
    case Opcode::Sqrt: return p.unary(llvm::Intrinsic::sqrt);
    case Opcode::Exp: return math.exp(x);
    case Opcode::Expm1: return math.expm1(x);
    case Opcode::Log: return math.log(x);
    case Opcode::Log1p: return is_unit(p.op.operand(0)) ? math.log1p_unit(x) : math.log1p(x);
    case Opcode::Sin: return math.sin(x);
    case Opcode::Cos: return math.cos(x);
    case Opcode::Tan: return math.tan(x);
    case Opcode::Asin: return math.asin(x);
    case Opcode::Acos: return math.acos(x);
    case Opcode::Atan: return math.atan(x);
    case Opcode::Sinh: return math.sinh(x);
    case Opcode::Cosh: return math.cosh(x);
    case Opcode::Asinh: return math.asinh(x);
    case Opcode::Acosh: return math.acosh(x);
    case Opcode::Atanh: return math.atanh(x);
    case Opcode::Tanh: return math.tanh(x);
    case Opcode::Sigmoid: return math.sigmoid(x);
    case Opcode::Erf: return math.erf(x);
    case Opcode::Not: return p.e.CreateNot(x);
    case Opcode::IsNan: return p.e.CreateFCmpUNO(x, x);
    case Opcode::IsInf:
      return p.e.CreateFCmpOEQ(p.unary(llvm::Intrinsic::fabs), llvm::ConstantFP::getInfinity(x->getType()));
    case Opcode::Cast: return cast(p, p.op.as<ir::CastAttr>().to);
    case Opcode::Copy: return x;
    default: break;
  }
  internal_error(__FILE__, __LINE__, "opcode", fmt::format("no code for {}", p.op.info().mnemonic));
}

llvm::Value* binary(const Point& p) {
  using P = llvm::CmpInst::Predicate;
  llvm::Value *a = p.v[0], *b = p.v[1];
  const bool real = p.floating();
  switch (p.op.code()) {
    case Opcode::Add: return real ? p.e.CreateFAdd(a, b) : p.e.CreateAdd(a, b);
    case Opcode::Sub: return real ? p.e.CreateFSub(a, b) : p.e.CreateSub(a, b);
    case Opcode::Mul: return real ? p.e.CreateFMul(a, b) : p.e.CreateMul(a, b);
    case Opcode::Div: return real ? p.e.CreateFDiv(a, b) : integer_divide(p, false);
    case Opcode::Pow: return real ? VectorMath(p.e, p.e.machine).pow(a, b) : integer_power(p);
    case Opcode::Min: return extreme(p, false);
    case Opcode::Max: return extreme(p, true);
    case Opcode::Rem: return real ? p.e.CreateFRem(a, b) : integer_divide(p, true);
    case Opcode::Mod: return floored(p, real ? p.e.CreateFRem(a, b) : integer_divide(p, true));
    case Opcode::And: return p.e.CreateAnd(a, b);
    case Opcode::Or: return p.e.CreateOr(a, b);
    case Opcode::Xor: return p.e.CreateXor(a, b);
    case Opcode::Shl: return shift(p, true);
    case Opcode::Shr: return shift(p, false);
    case Opcode::Eq: return compare(p, P::FCMP_OEQ, P::ICMP_EQ, P::ICMP_EQ);
    case Opcode::Ne: return compare(p, P::FCMP_UNE, P::ICMP_NE, P::ICMP_NE);
    case Opcode::Lt: return compare(p, P::FCMP_OLT, P::ICMP_SLT, P::ICMP_ULT);
    case Opcode::Le: return compare(p, P::FCMP_OLE, P::ICMP_SLE, P::ICMP_ULE);
    case Opcode::Gt: return compare(p, P::FCMP_OGT, P::ICMP_SGT, P::ICMP_UGT);
    case Opcode::Ge: return compare(p, P::FCMP_OGE, P::ICMP_SGE, P::ICMP_UGE);
    default: break;
  }
  internal_error(__FILE__, __LINE__, "opcode", fmt::format("no code for {}", p.op.info().mnemonic));
}

}  // namespace

llvm::Value* emit_point_op(Emitter& e, const ir::Op& op, const std::vector<llvm::Value*>& operands) {
  const DType type = op.operand(op.code() == Opcode::Select ? 1 : 0)->dtype();
  const Point p{e, op, operands, type};
  switch (op.info().op_class) {
    case ir::OpClass::Unary: return unary(p);
    case ir::OpClass::Binary: return binary(p);
    case ir::OpClass::Ternary:
      return op.code() == Opcode::Select ? e.CreateSelect(operands[0], operands[1], operands[2]) : fused(p);
    default: break;
  }
  internal_error(__FILE__, __LINE__, "op class", fmt::format("{} is not elementwise", op.info().mnemonic));
}

}  // namespace seqc::codegen
