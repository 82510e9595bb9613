#include "passes/value_ranges.h"

#include "ir/dtype.h"

namespace seqc::passes {
namespace {

using namespace ir;

Range hull(const Range& a, const Range& b) { return {std::min(a.least, b.least), std::max(a.most, b.most)}; }

Range of_constant(const Tensor& tensor) {
  if (!is_float(tensor.dtype()) || tensor.count() == 0) return {};
  Range range{tensor.real(0), tensor.real(0)};
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (std::isnan(tensor.real(i))) return {};
    range = hull(range, {tensor.real(i), tensor.real(i)});
  }
  return range;
}

/// Infinite times zero is no number: products are bounded only where both are.
Range product(const Range& a, const Range& b) {
  if (!std::isfinite(a.magnitude()) || !std::isfinite(b.magnitude())) return {};
  const auto [least, most] = std::minmax({a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most});
  return {least, most};
}

}  // namespace

Range ValueRanges::of(const Value* value) {
  if (!is_float(value->dtype())) return {};
  if (const auto it = known_.find(value); it != known_.end()) return it->second;
  known_[value] = {};
  Range range;
  if (value->is_constant())
    range = of_constant(value->constant());
  else if (value->op())
    range = computed(*value->op(), value->index());
  else if (value->block())
    range = of_argument(value);
  if (std::isnan(range.least) || std::isnan(range.most)) range = {};
  return known_[value] = range;
}

Range ValueRanges::computed(const Op& op, int result) {
  const auto operand = [&](size_t i) { return of(op.operand(i)); };
  switch (op.code()) {
    case Opcode::Sigmoid: return {0, 1};
    case Opcode::Tanh:
    case Opcode::Erf:
    case Opcode::Sin:
    case Opcode::Cos: return {-1, 1};
    case Opcode::Neg: return {-operand(0).most, -operand(0).least};
    case Opcode::Abs: return {0, operand(0).magnitude()};
    case Opcode::Copy:
    case Opcode::Reshape:
    case Opcode::Broadcast:
    case Opcode::Transpose:
    case Opcode::Slice:
    case Opcode::Gather: return operand(0);
    case Opcode::Add: return {operand(0).least + operand(1).least, operand(0).most + operand(1).most};
    case Opcode::Sub: return {operand(0).least - operand(1).most, operand(0).most - operand(1).least};
    case Opcode::Mul: return product(operand(0), operand(1));
    case Opcode::Min: return {std::min(operand(0).least, operand(1).least), std::min(operand(0).most, operand(1).most)};
    case Opcode::Max: return {std::max(operand(0).least, operand(1).least), std::max(operand(0).most, operand(1).most)};
    case Opcode::Select: return hull(operand(1), operand(2));
    case Opcode::Concat: {
      Range range = operand(0);
      for (size_t i = 1; i < op.operands().size(); ++i) range = hull(range, operand(i));
      return range;
    }
    case Opcode::Scan:
      if (result < op.as<ScanAttr>().carries) return of_carry(op, result);
      return of(op.region().terminator()->operand(static_cast<size_t>(result)));
    default: return {};
  }
}

Range ValueRanges::of_argument(const Value* argument) {
  const Op* parent = argument->block()->parent_op();
  if (!parent || parent->code() != Opcode::Scan) return {};
  const auto carries = static_cast<int>(parent->as<ScanAttr>().carries);
  if (argument->index() < carries) return of_carry(*parent, argument->index());
  return of(parent->operand(static_cast<size_t>(argument->index())));  // rows of what is scanned
}

/// What every step yields, whatever the states were before it, and what the first one begins with.
Range ValueRanges::of_carry(const Op& scan, int carry) {
  const auto number = static_cast<size_t>(carry);
  return hull(of(scan.operand(number)), of(scan.region().terminator()->operand(number)));
}

}  // namespace seqc::passes
