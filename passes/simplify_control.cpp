#include "passes/region_view.h"
#include "passes/rewrite.h"
#include "passes/simplify_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

bool simplify_if(Op* op) {
  if (const Tensor* condition = single_element(op->operand(0))) {
    replace_op(op, inline_region(op->region(condition->integer(0) != 0 ? 0 : 1), {}, op));
    return true;
  }
  // A result that is the same outer value either way needs no decision.
  bool changed = false;
  for (size_t i = 0; i < op->result_count(); ++i) {
    Value* value = op->region(0).terminator()->operand(i);
    if (value != op->region(1).terminator()->operand(i) || op->result(i)->unused()) continue;
    if (is_defined_inside(value, op->region(0)) || is_defined_inside(value, op->region(1))) continue;
    op->result(i)->replace_all_uses_with(value);
    changed = true;
  }
  return changed;
}

// No step: carries stay as they are, emitted outputs are empty.
bool scan_of_none(Op* op, Builder& b) {
  const ScanView scan(op);
  std::vector<Value*> values;
  for (int64_t i = 0; i < scan.carries(); ++i) values.push_back(scan.initial(i));
  for (int64_t i = 0; i < scan.outputs(); ++i)
    values.push_back(b.broadcast(b.blank_like(scan.output(i)), scan.output(i)->shape()));
  replace_op(op, values);
  return true;
}

// One step is no loop: its input is the scanned value without its leading 1.
bool scan_of_one(Op* op, Builder& b) {
  const ScanView scan(op);
  std::vector<Value*> arguments;
  for (int64_t i = 0; i < scan.carries(); ++i) arguments.push_back(scan.initial(i));
  for (int64_t i = 0; i < scan.inputs(); ++i)
    arguments.push_back(b.reshape(scan.input(i), scan.step_input(i)->shape()));
  std::vector<Value*> values = inline_region(scan.body(), arguments, op);
  for (int64_t i = 0; i < scan.outputs(); ++i) {
    Value*& value = values[static_cast<size_t>(scan.carries() + i)];
    value = b.reshape(value, scan.output(i)->shape());
  }
  replace_op(op, values);
  return true;
}

bool simplify_loop(Op* op, Builder& b) {
  const CarryView loop(op);
  if (static_cast<int64_t>(op->result_count()) > loop.carries()) return false;
  const Tensor *trips = single_element(op->operand(0)), *condition = single_element(op->operand(1));
  std::vector<Value*> initial;
  for (int64_t i = 0; i < loop.carries(); ++i) initial.push_back(loop.initial(i));
  if ((trips && trips->integer(0) <= 0) || (condition && condition->integer(0) == 0)) {
    replace_op(op, initial);
    return true;
  }
  if (!trips || trips->integer(0) != 1 || !condition) return false;
  std::vector<Value*> arguments = {b.constant(Tensor::scalar_int(DType::i64, 0))};
  arguments.insert(arguments.end(), initial.begin(), initial.end());
  std::vector<Value*> values = inline_region(loop.body(), arguments, op);
  values.erase(values.begin());  // whether it would go on
  replace_op(op, values);
  return true;
}

}  // namespace

bool simplify_control(Op* op, Builder& b) {
  switch (op->code()) {
    case Opcode::If: return simplify_if(op);
    case Opcode::Loop: return simplify_loop(op, b);
    case Opcode::Scan:
      if (op->as<ScanAttr>().length == Dim(0)) return scan_of_none(op, b);
      return op->as<ScanAttr>().length == Dim(1) && scan_of_one(op, b);
    default: return false;
  }
}

}  // namespace seqc::passes
