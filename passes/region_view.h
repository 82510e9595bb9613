/// Scans and loops seen as lists of carries, scanned inputs and emitted outputs, with edits that keep all parts in step.
#pragma once

#include "ir/ir.h"

namespace seqc::passes {

/// A scan or a loop: what is carried from step to step. (A loop's yield has the condition in front, its region the step.)
class CarryView {
 public:
  explicit CarryView(ir::Op* op);

  ir::Op* op() const { return op_; }
  ir::Block& body() const { return op_->region(); }
  int64_t carries() const { return carries_; }
  ir::Value* initial(int64_t i) const { return op_->operand(first_operand_ + i); }
  ir::Value* argument(int64_t i) const { return body().argument(first_argument_ + i); }
  ir::Value* next(int64_t i) const { return body().terminator()->operand(first_yield_ + i); }
  ir::Value* final(int64_t i) const { return op_->result(i); }

  /// Removes a carry whose result is unused and whose argument is used by nothing but its own place in the yield.
  void erase_carry(int64_t i);

 protected:
  ir::Op* op_;
  int64_t carries_ = 0;
  int64_t first_operand_ = 0, first_argument_ = 0, first_yield_ = 0;
};

/// A scan; scanned inputs and emitted outputs are counted from 0 behind the carries.
class ScanView : public CarryView {
 public:
  explicit ScanView(ir::Op* op) : CarryView(op) {}

  const ir::Dim& length() const { return op_->as<ir::ScanAttr>().length; }
  bool reverse() const { return op_->as<ir::ScanAttr>().reverse; }
  int64_t inputs() const { return static_cast<int64_t>(op_->operands().size()) - carries_; }
  ir::Value* input(int64_t i) const { return op_->operand(carries_ + i); }
  ir::Value* step_input(int64_t i) const { return body().argument(carries_ + i); }
  int64_t outputs() const { return static_cast<int64_t>(op_->result_count()) - carries_; }
  ir::Value* step_output(int64_t i) const { return body().terminator()->operand(carries_ + i); }
  ir::Value* output(int64_t i) const { return op_->result(carries_ + i); }

  /// Removes a scanned input whose argument is unused.
  void erase_input(int64_t i);
  /// Removes an emitted output that is unused outside.
  void erase_output(int64_t i);
  /// Scans `value` as well; returns its argument in the body.
  ir::Value* add_input(ir::Value* value);
  void set_reverse(bool reverse);
};

/// Removes one entry of an op's operands.
void erase_operand(ir::Op* op, size_t i);

}  // namespace seqc::passes
