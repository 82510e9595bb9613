/// Computes what a body computes step by step for all steps at once.
#pragma once

#include <unordered_map>

#include "ir/builder.h"
#include "passes/rewrite.h"

namespace seqc::passes {

/// Builds "lifted" values: those of all steps at once, with the steps as their first dim.
class Lifter {
 public:
  Lifter(ir::Dim steps, ir::Builder b) : steps_(std::move(steps)), b_(std::move(b)) {}

  /// True if lift() knows how, given that operands for which varies() holds are lifted.
  template <class F>
  static bool can_lift(const ir::Op* op, F&& varies);

  /// Says what the values of all steps of `value` are.
  void set(const ir::Value* value, ir::Value* all) { lifted_[value] = all; }
  void lift(const ir::Op* op);
  /// The values of all steps; null if `value` is the same in each.
  ir::Value* lifted(const ir::Value* value) const;
  /// The same; values that do not change are repeated.
  ir::Value* all_steps(ir::Value* value);

  /// Says that `value` is the same in all steps, and what stands for it where the lifted values are.
  void set_shared(const ir::Value* value, ir::Value* other) { shared_[value] = other; }
  ir::Value* shared(ir::Value* value) const;
  /// One that knows the same, and builds in a region inside.
  Lifter within(const ir::Builder& b) const;

  const ir::Dim& steps() const { return steps_; }
  ir::Builder& builder() { return b_; }

 private:
  ir::Value* aligned(ir::Value* value, int64_t rank);
  ir::Value* any(ir::Value* value) const { return lifted(value) ? lifted(value) : shared(value); }
  ir::Shape with_steps(const ir::Shape& shape) const;
  const ir::Op* contraction(const ir::Op* op);
  const ir::Op* concat(const ir::Op* op);
  const ir::Op* create(const ir::Op* op);

  ir::Dim steps_;
  ir::Builder b_;
  std::unordered_map<const ir::Value*, ir::Value*> lifted_, shared_;
};

template <class F>
bool Lifter::can_lift(const ir::Op* op, F&& varies) {
  using ir::Opcode;
  switch (op->code()) {
    case Opcode::Contract:
      // Weights of each step's own would have to be packed step by step; only one side may vary.
      for (size_t i = 1; i < op->operands().size(); ++i)
        if (varies(op->operand(i)) && (varies(op->operand(0)) || op->result_count() > 1)) return false;
      return op->as<ir::ContractAttr>().lanes == 0;
    case Opcode::Gather: return !varies(op->operand(0)) && op->as<ir::AxisAttr>().axis == 0;
    case Opcode::Pad: return !varies(op->operand(1));
    case Opcode::Reshape:
    case Opcode::Broadcast:
    case Opcode::Transpose:
    case Opcode::Slice:
    case Opcode::Concat:
    case Opcode::Reduce: return true;
    default: return ir::is_elementwise(op->code());
  }
}

}  // namespace seqc::passes
