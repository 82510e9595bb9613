#include "frontend/onnx/export_in_use.h"

#include <algorithm>

#include "ir/clone.h"
#include "ir/interpreter.h"

namespace seqc::frontend {

using ir::Function;
using ir::Op;
using ir::Opcode;
using ir::Value;

namespace {

bool is_number(const Value* value) {
  return value->is_constant() && value->rank() == 0 && ir::is_arithmetic(value->dtype());
}

/// An elementwise op on numbers alone.
bool is_known(const Op* op) {
  return ir::is_elementwise(op->code()) && std::all_of(op->operands().begin(), op->operands().end(), is_number);
}

/// Replaces what numbers decide; true if a choice was among it.
bool fold_choices(Function& function) {
  bool found = false;
  ir::walk(function.body(), [&](Op* op) {
    if (is_known(op)) {
      std::vector<ir::Tensor> operands;
      for (const Value* operand : op->operands()) operands.push_back(operand->constant());
      op->result()->replace_all_uses_with(function.constant(ir::evaluate(*op, operands).at(0)));
    } else if (op->code() == Opcode::Select && is_number(op->operand(0))) {
      Value* chosen = op->operand(op->operand(0)->constant().integer(0) != 0 ? 1 : 2);
      if (!(chosen->type() == op->result()->type())) return;
      op->result()->replace_all_uses_with(chosen);
      found = true;
    }
  });
  return found;
}

}  // namespace

std::unique_ptr<Function> without_decided_choices(const Function& function) {
  bool any = false;
  ir::walk(function.body(), [&](const Op* op) {
    const Op* condition = op->code() == Opcode::Select ? op->operand(0)->op() : nullptr;
    any = any || (op->code() == Opcode::Select && (is_number(op->operand(0)) || (condition && is_known(condition))));
  });
  if (!any) return nullptr;
  auto copy = ir::clone(function);
  return fold_choices(*copy) ? std::move(copy) : nullptr;
}

}  // namespace seqc::frontend
