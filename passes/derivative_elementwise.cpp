// Derivatives of elementwise ops: one line each. Operands that were broadcast get the sum over what they were spread to.
#include <cmath>

#include "ir/error.h"
#include "passes/derivative_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// The sum of `g` over the dims along which a value of shape `shape` was broadcast to it.
Value* sum_to(Builder& b, Value* g, const Shape& shape) {
  std::vector<int64_t> axes;
  const size_t shift = g->shape().size() - shape.size();
  for (size_t i = 0; i < g->shape().size(); ++i)
    if (i < shift || (shape[i - shift] == Dim(1) && !(g->shape()[i] == Dim(1))))
      axes.push_back(static_cast<int64_t>(i));
  if (!axes.empty()) g = b.reduce(ReduceKind::Sum, g, axes);
  return b.reshape(g, shape);
}

/// a / b rounded to zero, for remainders.
Value* truncated_quotient(Builder& b, Value* a, Value* c) {
  Value* quotient = b.div(a, c);
  return b.mul(b.emit(Opcode::Sign, {quotient}), b.emit(Opcode::Floor, {b.abs(quotient)}));
}

Adjoints unary(Builder& b, const Op& op, Value* g) {
  Value *a = op.operand(0), *y = op.result();
  const auto one_plus = [&](Value* v) { return b.add(v, 1.0); };
  const auto one_minus = [&](Value* v) { return b.sub(1.0, v); };
  const auto square = [&](Value* v) { return b.mul(v, v); };
  switch (op.code()) {
    case Opcode::Neg: return {b.neg(g)};
    case Opcode::Abs: return {b.mul(g, b.emit(Opcode::Sign, {a}))};
    case Opcode::Sqrt: return {b.div(b.mul(g, 0.5), y)};
    case Opcode::Exp: return {b.mul(g, y)};
    case Opcode::Expm1: return {b.mul(g, one_plus(y))};
    case Opcode::Log: return {b.div(g, a)};
    case Opcode::Log1p: return {b.div(g, one_plus(a))};
    case Opcode::Sin: return {b.mul(g, b.emit(Opcode::Cos, {a}))};
    case Opcode::Cos: return {b.neg(b.mul(g, b.emit(Opcode::Sin, {a})))};
    case Opcode::Tan: return {b.mul(g, one_plus(square(y)))};
    case Opcode::Asin: return {b.div(g, b.sqrt(one_minus(square(a))))};
    case Opcode::Acos: return {b.neg(b.div(g, b.sqrt(one_minus(square(a)))))};
    case Opcode::Atan: return {b.div(g, one_plus(square(a)))};
    case Opcode::Sinh: return {b.mul(g, b.emit(Opcode::Cosh, {a}))};
    case Opcode::Cosh: return {b.mul(g, b.emit(Opcode::Sinh, {a}))};
    case Opcode::Asinh: return {b.div(g, b.sqrt(one_plus(square(a))))};
    case Opcode::Acosh: return {b.div(g, b.sqrt(b.add(square(a), -1.0)))};
    case Opcode::Atanh: return {b.div(g, one_minus(square(a)))};
    case Opcode::Tanh: return {b.mul(g, one_minus(square(y)))};
    case Opcode::Sigmoid: return {b.mul(g, b.mul(y, one_minus(y)))};
    case Opcode::Erf: return {b.mul(g, b.mul(b.exp(b.neg(square(a))), M_2_SQRTPI))};
    case Opcode::Copy: return {g};
    case Opcode::Cast: return {is_float(a->dtype()) ? b.cast(g, a->dtype()) : nullptr};
    default: return {nullptr};  // piecewise constant
  }
}

Adjoints binary(Builder& b, const Op& op, Value* g) {
  Value *a = op.operand(0), *c = op.operand(1), *y = op.result();
  // At a tie the second operand takes it all: relu as max(x, 0) has slope 0 at 0.
  const auto where = [&](Value* condition) -> Adjoints {
    Value* zero = b.scalar_like(g, 0);
    return {b.select(condition, g, zero), b.select(condition, zero, g)};
  };
  switch (op.code()) {
    case Opcode::Add: return {g, g};
    case Opcode::Sub: return {g, b.neg(g)};
    case Opcode::Mul: return {b.mul(g, c), b.mul(g, a)};
    case Opcode::Div: return {b.div(g, c), b.neg(b.div(b.mul(g, y), c))};
    case Opcode::Pow: {
      Value* safe = b.select(b.gt(a, b.scalar_like(a, 0)), a, b.scalar_like(a, 1));  // 0^b has slope 0 in b
      return {b.mul(g, b.mul(c, b.pow(a, b.add(c, -1.0)))), b.mul(g, b.mul(y, b.log(safe)))};
    }
    case Opcode::Min: return where(b.lt(a, c));
    case Opcode::Max: return where(b.gt(a, c));
    case Opcode::Rem: return {g, b.neg(b.mul(g, truncated_quotient(b, a, c)))};
    case Opcode::Mod: return {g, b.neg(b.mul(g, b.emit(Opcode::Floor, {b.div(a, c)})))};
    default: return {nullptr, nullptr};  // comparisons, bits
  }
}

Adjoints ternary(Builder& b, const Op& op, Value* g) {
  if (op.code() == Opcode::Fma) return {b.mul(g, op.operand(1)), b.mul(g, op.operand(0)), g};
  Value* zero = b.scalar_like(g, 0);
  return {nullptr, b.select(op.operand(0), g, zero), b.select(op.operand(0), zero, g)};
}

}  // namespace

Adjoints elementwise_derivative(Builder& b, const Op& op, Value* g) {
  const size_t count = op.operands().size();
  Adjoints result = count == 1 ? unary(b, op, g) : count == 2 ? binary(b, op, g) : ternary(b, op, g);
  for (size_t i = 0; i < count; ++i)
    if (result[i]) result[i] = sum_to(b, result[i], op.operand(i)->shape());
  return result;
}

}  // namespace seqc::passes
