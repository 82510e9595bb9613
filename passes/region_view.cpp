#include "passes/region_view.h"

#include "ir/error.h"

namespace seqc::passes {

using namespace ir;

CarryView::CarryView(Op* op) : op_(op) {
  if (op->code() == Opcode::Scan) {
    carries_ = op->as<ScanAttr>().carries;
  } else {
    SEQC_CHECK(op->code() == Opcode::Loop, "{} has no carries", op->info().mnemonic);
    first_operand_ = 2;                  // trip count, condition
    first_argument_ = first_yield_ = 1;  // step; condition
    carries_ = static_cast<int64_t>(op->operands().size()) - 2;
  }
}

void CarryView::erase_carry(int64_t i) {
  erase_operand(body().terminator(), static_cast<size_t>(first_yield_ + i));
  body().erase_argument(static_cast<size_t>(first_argument_ + i));
  erase_operand(op_, static_cast<size_t>(first_operand_ + i));
  op_->erase_result(static_cast<size_t>(i));
  --carries_;
  if (op_->code() == Opcode::Scan) {
    auto attr = op_->as<ScanAttr>();
    attr.carries = carries_;
    op_->set_attr(attr);
  }
}

void ScanView::erase_input(int64_t i) {
  body().erase_argument(static_cast<size_t>(carries_ + i));
  erase_operand(op_, static_cast<size_t>(carries_ + i));
}

void ScanView::erase_output(int64_t i) {
  erase_operand(body().terminator(), static_cast<size_t>(carries_ + i));
  op_->erase_result(static_cast<size_t>(carries_ + i));
}

Value* ScanView::add_input(Value* value) {
  auto operands = op_->operands();
  operands.push_back(value);
  op_->set_operands(std::move(operands));
  const Shape& shape = value->shape();
  return body().add_argument({value->dtype(), Shape(shape.begin() + 1, shape.end())}, value->name());
}

void ScanView::set_reverse(bool reverse) {
  auto attr = op_->as<ScanAttr>();
  attr.reverse = reverse;
  op_->set_attr(attr);
}

void erase_operand(Op* op, size_t i) {
  auto operands = op->operands();
  operands.erase(operands.begin() + static_cast<ptrdiff_t>(i));
  op->set_operands(std::move(operands));
}

}  // namespace seqc::passes
