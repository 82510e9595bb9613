#include <algorithm>
#include <cmath>

#include "ir/interpreter.h"
#include "passes/rewrite.h"
#include "passes/simplify_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

bool is_int(const Op* op) { return is_integer(op->result()->dtype()); }

/// `x` in the type of `op`'s result.
Value* like_result(Op* op, Builder& b, Value* x) { return b.broadcast(x, op->result()->shape()); }

/// The constant that an elementwise op makes of constants.
Value* compute(Builder& b, Opcode code, const std::vector<Value*>& constants) {
  Op* op = b.create(code, constants);
  std::vector<Tensor> operands;
  for (const Value* value : constants) operands.push_back(value->constant());
  Tensor result = evaluate(*op, operands)[0];
  op->erase();
  return b.constant(std::move(result));
}

/// The operand beside one that is all `number`, or null.
Value* other_than(const Op* op, double number) {
  if (is_splat(op->operand(1), number)) return op->operand(0);
  return is_splat(op->operand(0), number) ? op->operand(1) : nullptr;
}

// x + 0 = x. Among floats that holds for -0 only: -0 + 0 is 0.
Value* add_zero(Op* op, Builder& b) {
  Value* x = other_than(op, is_int(op) ? 0.0 : -0.0);
  return x ? like_result(op, b, x) : nullptr;
}

// x - 0 = x, also when x is -0.
Value* subtract_zero(Op* op, Builder& b) {
  return is_splat(op->operand(1), 0) ? like_result(op, b, op->operand(0)) : nullptr;
}

// x * 1 = x
Value* multiply_by_one(Op* op, Builder& b) {
  Value* x = other_than(op, 1);
  return x ? like_result(op, b, x) : nullptr;
}

// x * 0 = 0 among integers.
Value* multiply_by_zero(Op* op, Builder& b) {
  return is_int(op) && other_than(op, 0) ? like_result(op, b, b.scalar_like(op->result(), 0)) : nullptr;
}

// x / 1 = x
Value* divide_by_one(Op* op, Builder& b) {
  return is_splat(op->operand(1), 1) ? like_result(op, b, op->operand(0)) : nullptr;
}

// x / 2^k = x * 2^-k, where 2^-k is a normal number.
Value* divide_by_power_of_two(Op* op, Builder& b) {
  const DType type = op->result()->dtype();
  if ((type != DType::f32 && type != DType::f64) || !op->operand(1)->is_constant()) return nullptr;
  const Tensor& divisor = op->operand(1)->constant();
  if (divisor.count() > 4096) return nullptr;
  Tensor factor(type, divisor.shape());
  for (int64_t i = 0; i < divisor.count(); ++i) {
    int exponent = 0;
    const double d = divisor.real(i);
    if (!std::isfinite(d) || std::abs(std::frexp(d, &exponent)) != 0.5 || std::abs(exponent) > 120) return nullptr;
    factor.set_real(i, 1 / d);
  }
  return b.mul(op->operand(0), b.constant(std::move(factor)));
}

// a + (-b) = a - b, (-a) + b = b - a
Value* add_negated(Op* op, Builder& b) {
  for (const size_t i : {1, 0}) {
    const Op* neg = defining(op->operand(i), Opcode::Neg);
    if (neg) return b.sub(op->operand(1 - i), neg->operand(0));
  }
  return nullptr;
}

// a - (-b) = a + b
Value* subtract_negated(Op* op, Builder& b) {
  const Op* neg = defining(op->operand(1), Opcode::Neg);
  return neg ? b.add(op->operand(0), neg->operand(0)) : nullptr;
}

// (x op c1) op c2 = x op (c1 op c2) among integers, which wrap; `op` is add or mul.
Value* gather_constants(Op* op, Builder& b) {
  if (!is_int(op)) return nullptr;
  const int outer = op->operand(1)->is_constant() ? 1 : 0;
  const Op* inner = defining(op->operand(1 - outer), op->code());
  if (!op->operand(outer)->is_constant() || !inner) return nullptr;
  const int constant = inner->operand(1)->is_constant() ? 1 : 0;
  if (!inner->operand(constant)->is_constant()) return nullptr;
  Value* both = compute(b, op->code(), {inner->operand(constant), op->operand(outer)});
  return b.emit(op->code(), {inner->operand(1 - constant), both});
}

// x - c = x + (-c) among integers, so that chains of both are gathered.
Value* subtract_constant(Op* op, Builder& b) {
  if (!is_int(op) || !op->operand(1)->is_constant() || op->operand(0)->is_constant()) return nullptr;
  return b.add(op->operand(0), compute(b, Opcode::Neg, {op->operand(1)}));
}

// x^1 = x; x^2 = x * x, which f64 holds exactly for the narrower floats (and where it does not, pow may round otherwise).
Value* small_power(Op* op, Builder& b) {
  if (is_splat(op->operand(1), 1)) return like_result(op, b, op->operand(0));
  if (op->result()->dtype() == DType::f64) return nullptr;
  return is_splat(op->operand(1), 2) ? like_result(op, b, b.mul(op->operand(0), op->operand(0))) : nullptr;
}

// f(f(x)) = x for neg and not
Value* involution(Op* op, Builder&) {
  const Op* inner = defining(op->operand(0), op->code());
  return inner ? inner->operand(0) : nullptr;
}

// ||x|| = |x|, |-x| = |x|
Value* absolute(Op* op, Builder& b) {
  for (const Opcode code : {Opcode::Abs, Opcode::Neg})
    if (const Op* inner = defining(op->operand(0), code)) return b.abs(inner->operand(0));
  return nullptr;
}

// min(min(x, c), c) = min(x, c), likewise max: clipping twice by the same bound
Value* clip_twice(Op* op, Builder&) {
  const Op* inner = defining(op->operand(0), op->code());
  return inner && inner->operand(1) == op->operand(1) && inner->result()->type() == op->result()->type()
             ? inner->result()
             : nullptr;
}

Value* select_known(Op* op, Builder& b) {
  if (op->operand(1) == op->operand(2)) return like_result(op, b, op->operand(1));
  if (is_splat(op->operand(0), 1)) return like_result(op, b, op->operand(1));
  if (is_splat(op->operand(0), 0)) return like_result(op, b, op->operand(2));
  return nullptr;
}

// not a ? b : c = a ? c : b
Value* select_not(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Not);
  return inner ? b.select(inner->operand(0), op->operand(2), op->operand(1)) : nullptr;
}

int float_digits(DType type) {
  return type == DType::f16 ? 11 : type == DType::bf16 ? 8 : type == DType::f32 ? 24 : 53;
}
int integer_digits(DType type) { return static_cast<int>(8 * size_of(type)) - (is_signed_integer(type) ? 1 : 0); }

/// True if `wide` holds every value of `narrow`.
bool holds_all(DType wide, DType narrow) {
  if (wide == narrow || narrow == DType::boolean) return true;
  if (wide == DType::boolean) return false;
  if (is_float(narrow))
    return is_float(wide) && float_digits(wide) >= float_digits(narrow) && size_of(wide) > size_of(narrow);
  // f16 ends at 65504, below what 16-bit integers reach; its digits already exclude them.
  if (is_float(wide)) return float_digits(wide) >= integer_digits(narrow);
  return integer_digits(wide) >= integer_digits(narrow) && (is_signed_integer(wide) || is_unsigned_integer(narrow));
}

// a -> b -> c = a -> c when b holds all of a. Integers that pass through floats saturate where they else would wrap.
Value* cast_twice(Op* op, Builder& b) {
  const DType to = op->result()->dtype();
  if (op->operand(0)->dtype() == to) return op->operand(0);
  const Op* inner = defining(op->operand(0), Opcode::Cast);
  if (!inner) return nullptr;
  const DType from = inner->operand(0)->dtype(), middle = inner->result()->dtype();
  const bool wraps = is_integer(from) && is_float(middle) && is_integer(to);
  if (!holds_all(middle, from) || wraps) return nullptr;
  return b.cast(inner->operand(0), to);
}

constexpr Rule kRules[] = {
    {Opcode::Add, add_zero},
    {Opcode::Add, add_negated},
    {Opcode::Add, gather_constants},
    {Opcode::Sub, subtract_zero},
    {Opcode::Sub, subtract_negated},
    {Opcode::Sub, subtract_constant},
    {Opcode::Mul, multiply_by_one},
    {Opcode::Mul, multiply_by_zero},
    {Opcode::Mul, gather_constants},
    {Opcode::Div, divide_by_one},
    {Opcode::Div, divide_by_power_of_two},
    {Opcode::Pow, small_power},
    {Opcode::Neg, involution},
    {Opcode::Not, involution},
    {Opcode::Abs, absolute},
    {Opcode::Min, clip_twice},
    {Opcode::Max, clip_twice},
    {Opcode::Select, select_known},
    {Opcode::Select, select_not},
    {Opcode::Cast, cast_twice},
};

/// What a broadcast repeats; with `reshapes`, also what a reshape only puts leading 1s in front of.
Value* without_broadcast(Value* x, bool reshapes) {
  while (true) {
    const Op* op = x->op();
    if (op && op->code() == Opcode::Broadcast) {
      x = op->operand(0);
    } else if (reshapes && op && op->code() == Opcode::Reshape && op->operand(0)->rank() < x->rank() &&
               broadcast_shapes(op->operand(0)->shape(), Shape(static_cast<size_t>(x->rank()), Dim(1))) == x->shape()) {
      x = op->operand(0);
    } else {
      return x;
    }
  }
}

/// A reduction, or elementwise ops of one with nothing but scalars beside it.
bool is_of_reduction(const Value* value) {
  while (value->op() && is_elementwise(value->op()->code())) {
    const Value* source = nullptr;
    for (const Value* operand : value->op()->operands()) {
      if (operand->rank() == 0 || operand == source) continue;
      if (source) return false;
      source = operand;
    }
    if (!source) return false;
    value = source;
  }
  return defining(value, Opcode::Reduce) != nullptr;
}

}  // namespace

std::span<const Rule> elementwise_rules() { return kRules; }

Value* pull_broadcasts(Op* op, Builder& b) {
  for (const bool reshapes : {true, false}) {
    std::vector<Value*> operands;
    for (Value* operand : op->operands()) operands.push_back(without_broadcast(operand, reshapes));
    if (operands == op->operands()) continue;
    Shape shape = operands[0]->shape();
    for (size_t i = 1; i < operands.size(); ++i) shape = broadcast_shapes(shape, operands[i]->shape());
    if (reshapes && shape != op->result()->shape()) continue;
    return like_result(op, b, b.emit(op->code(), std::move(operands), op->attr()));
  }
  return nullptr;
}

// Keeping reduced dims as 1s comes last: f(reshape (reduce x)) = reshape (f(reduce x)), one kernel with the reduction. Only
// with scalars beside it.
Value* push_reshape(Op* op, Builder& b) {
  const Op* reshape = nullptr;
  for (const Value* operand : op->operands()) {
    if (operand->rank() == 0) continue;
    const Op* from = defining(operand, Opcode::Reshape);
    if (!from || (reshape && reshape != from)) return nullptr;
    reshape = from;
  }
  if (!reshape || !is_of_reduction(reshape->operand(0)) || reshape->operand(0)->rank() == 0) return nullptr;
  const auto& users = reshape->result()->users();
  if (std::any_of(users.begin(), users.end(), [&](const Op* user) { return user != op; })) return nullptr;
  std::vector<Value*> operands;
  for (Value* operand : op->operands()) operands.push_back(operand->rank() == 0 ? operand : reshape->operand(0));
  return b.reshape(b.emit(op->code(), std::move(operands), op->attr()), op->result()->shape());
}

}  // namespace seqc::passes
