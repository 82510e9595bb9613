#include "tools/seqc/train_logits.h"

#include <algorithm>
#include <vector>

#include "ir/builder.h"

namespace seqc::tools {
namespace {

using ir::Op;
using ir::Opcode;
using ir::Value;

const Op* made_by(const Value* value, Opcode code) {
  return value->op() && value->op()->code() == code ? value->op() : nullptr;
}

/// Casts between floats among them.
bool moves(const Op& op) {
  if (op.code() == Opcode::Cast) return ir::is_float(op.operand(0)->dtype()) && ir::is_float(op.result()->dtype());
  return op.code() == Opcode::Reshape || op.code() == Opcode::Transpose || op.code() == Opcode::Copy;
}

/// A cast to fewer digits: fit for probabilities, but not for a loss.
bool narrows(const Op& op) {
  return op.code() == Opcode::Cast && ir::size_of(op.result()->dtype()) < ir::size_of(op.operand(0)->dtype());
}

/// The reduction below reshapes and broadcasts that keep its dims.
const Op* reduction(const Value* value, ir::ReduceKind kind) {
  while (value->op() && (value->op()->code() == Opcode::Reshape || value->op()->code() == Opcode::Broadcast))
    value = value->op()->operand(0);
  const Op* op = made_by(value, Opcode::Reduce);
  return op && op->as<ir::ReduceAttr>().kind == kind ? op : nullptr;
}

/// e^(x - max x) / sum e^(x - max x): its x and its axes.
Value* softmax_of(const Value* value, std::vector<int64_t>& axes) {
  const Op* quotient = made_by(value, Opcode::Div);
  const Op* exponentials = quotient ? made_by(quotient->operand(0), Opcode::Exp) : nullptr;
  const Op* shifted = exponentials ? made_by(exponentials->operand(0), Opcode::Sub) : nullptr;
  if (!shifted) return nullptr;
  const Op *sum = reduction(quotient->operand(1), ir::ReduceKind::Sum),
           *largest = reduction(shifted->operand(1), ir::ReduceKind::Max);
  if (!sum || !largest || sum->operand(0) != quotient->operand(0) || largest->operand(0) != shifted->operand(0))
    return nullptr;
  axes = sum->as<ir::ReduceAttr>().axes;
  return axes == largest->as<ir::ReduceAttr>().axes ? shifted->operand(0) : nullptr;
}

/// Whether the op leaves the values along the last axis together, and where the axis comes from.
bool follow_last(const Op& op, int64_t& axis) {
  const ir::Shape &from = op.operand(0)->shape(), &to = op.result()->shape();
  if (op.code() == Opcode::Transpose) {
    axis = op.as<ir::TransposeAttr>().perm.at(static_cast<size_t>(axis));
    return true;
  }
  if (op.code() == Opcode::Copy || op.code() == Opcode::Cast) return true;
  if (axis + 1 != static_cast<int64_t>(to.size()) || from.empty() || !(from.back() == to.back())) return false;
  axis = static_cast<int64_t>(from.size()) - 1;
  return true;
}

}  // namespace

Logits find_logits(Value* output) {
  std::vector<const Op*> moved;
  Value* at = output;
  for (; at->op() && moves(*at->op()); at = at->op()->operand(0)) moved.push_back(at->op());
  Logits result;
  std::vector<int64_t> axes;
  Value* before = softmax_of(at, axes);
  if (before) {
    int64_t axis = output->rank() - 1;
    bool followed = true;
    for (const Op* op : moved) followed = followed && follow_last(*op, axis);
    if (!followed || axes != std::vector<int64_t>{axis}) return {.ending = Ending::SoftmaxElsewhere};
    result.ending = Ending::Softmax;
  } else if (const Op* op = made_by(at, Opcode::Sigmoid)) {
    before = op->operand(0);
    result.ending = Ending::Sigmoid;
  } else {
    return {};
  }
  Op* end = output->op()->parent()->terminator();
  ir::Builder builder = ir::Builder::before(end);
  for (auto op = moved.rbegin(); op != moved.rend(); ++op)
    if (!narrows(**op)) before = builder.emit((*op)->code(), {before}, (*op)->attr());
  result.value = before;
  return result;
}

}  // namespace seqc::tools
