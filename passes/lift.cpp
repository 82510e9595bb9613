#include "passes/lift.h"

#include "ir/error.h"

namespace seqc::passes {

using namespace ir;

void Lifter::lift(const Op* op) {
  b_.set_location(op->location());
  const Op* all = create(op);
  for (size_t i = 0; i < op->result_count(); ++i) {
    all->result(i)->set_name(op->result(i)->name());
    lifted_[op->result(i)] = all->result(i);
  }
}

Value* Lifter::lifted(const Value* value) const {
  const auto it = lifted_.find(value);
  return it == lifted_.end() ? nullptr : it->second;
}

Value* Lifter::shared(Value* value) const {
  const auto it = shared_.find(value);
  return it == shared_.end() ? value : it->second;
}

Value* Lifter::all_steps(Value* value) {
  Value* all = lifted(value);
  return all ? all : b_.broadcast(shared(value), with_steps(value->shape()));
}

Lifter Lifter::within(const Builder& b) const {
  Lifter inner = *this;
  inner.b_ = b;
  return inner;
}

/// All steps of `value` as operand of an op of `rank` dims a step: 1s behind the steps keep NumPy's alignment from the
/// right.
Value* Lifter::aligned(Value* value, int64_t rank) {
  Value* all = lifted(value);
  if (!all) return shared(value);
  Shape shape = all->shape();
  shape.insert(shape.begin() + 1, static_cast<size_t>(rank - value->rank()), Dim(1));
  return b_.reshape(all, std::move(shape));
}

Shape Lifter::with_steps(const Shape& shape) const {
  Shape result = {steps_};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

const Op* Lifter::contraction(const Op* op) {
  ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  std::vector<Value*> operands = op->operands();
  // contract w x[t]: the steps become rows of the left-hand side; the sum keeps its order over one label.
  const bool swap = lifted(operands[1]) && operands[0]->dtype() == operands[1]->dtype() &&
                    parse_contract_spec(spec.rhs + "," + spec.lhs + "->" + spec.out).summed == spec.summed;
  if (swap) {
    std::swap(operands[0], operands[1]);
    std::swap(spec.lhs, spec.rhs);
  }
  const char step = unused_label(spec.str(), 't');
  (lifted(operands[0]) ? spec.lhs : spec.rhs).insert(0, 1, step);
  spec.out.insert(0, 1, step);
  for (Value*& operand : operands) operand = any(operand);
  return b_.create(Opcode::Contract, std::move(operands), ContractAttr{.spec = spec.str(), .columns = {}});
}

const Op* Lifter::concat(const Op* op) {
  std::vector<Value*> parts;
  for (Value* part : op->operands()) parts.push_back(all_steps(part));
  return b_.create(Opcode::Concat, std::move(parts), AxisAttr{op->as<AxisAttr>().axis + 1});
}

const Op* Lifter::create(const Op* op) {
  const int64_t rank = op->result()->rank();
  if (is_elementwise(op->code())) {
    std::vector<Value*> operands;
    for (Value* operand : op->operands()) operands.push_back(aligned(operand, rank));
    return b_.create(op->code(), std::move(operands), op->attr());
  }
  std::vector<Value*> operands;
  for (Value* operand : op->operands()) operands.push_back(any(operand));
  const auto again = [&](Attr attr) { return b_.create(op->code(), operands, std::move(attr)); };
  switch (op->code()) {
    case Opcode::Contract: return contraction(op);
    case Opcode::Concat: return concat(op);
    case Opcode::Gather: return again(op->attr());
    case Opcode::Broadcast: operands[0] = aligned(op->operand(0), rank); [[fallthrough]];
    case Opcode::Reshape: return again(ShapeAttr{with_steps(op->as<ShapeAttr>().shape)});
    case Opcode::Transpose: {
      TransposeAttr attr{{0}};
      for (const int64_t axis : op->as<TransposeAttr>().perm) attr.perm.push_back(axis + 1);
      return again(attr);
    }
    case Opcode::Slice: {
      auto attr = op->as<SliceAttr>();
      attr.starts.insert(attr.starts.begin(), Dim(0));
      attr.sizes.insert(attr.sizes.begin(), steps_);
      attr.steps.insert(attr.steps.begin(), 1);
      return again(attr);
    }
    case Opcode::Pad: {
      auto attr = op->as<PadAttr>();
      attr.lo.insert(attr.lo.begin(), Dim(0));
      attr.hi.insert(attr.hi.begin(), Dim(0));
      return again(attr);
    }
    case Opcode::Reduce: {
      auto attr = op->as<ReduceAttr>();
      for (int64_t& axis : attr.axes) ++axis;
      return again(attr);
    }
    default: internal_error(__FILE__, __LINE__, "can_lift", std::string(op->info().mnemonic));
  }
}

}  // namespace seqc::passes
