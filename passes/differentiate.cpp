#include <map>
#include <set>

#include "ir/error.h"
#include "passes/derivative_rules.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace seqc::passes {

using namespace ir;

std::vector<Value*> derivative(Builder& b, const Op& op, const std::vector<Value*>& adjoints,
                               const std::vector<bool>& wanted) {
  switch (op.info().op_class) {
    case OpClass::Unary:
    case OpClass::Binary:
    case OpClass::Ternary: return elementwise_derivative(b, op, adjoints[0]);
    case OpClass::Leaf: return {};  // no operands
    case OpClass::Move: return movement_derivative(b, op, adjoints[0]);
    default: break;
  }
  if (op.code() == Opcode::Reduce) return reduce_derivative(b, op, adjoints[0]);
  if (op.code() == Opcode::Contract) return contract_derivative(b, op, adjoints, wanted);
  fail(ErrorKind::Unsupported, "{}: the derivative of {} is not supported", op.location(), op.info().mnemonic);
}

namespace {

/// One `gradient` op: dL/dx for L = the sum of y's elements, by reverse mode over the ops of its block.
class Sweep {
 public:
  explicit Sweep(Op* gradient)
      : gradient_(gradient),
        b_(Builder::before(gradient)),
        inputs_(gradient->operands().begin() + 1, gradient->operands().end()) {
    find_dependents();
  }

  std::vector<Value*> run() {
    Value* y = gradient_->operand(0);
    if (varies(y)) add(y, b_.broadcast(b_.scalar_like(y, 1), y->shape()));
    const auto ops = gradient_->parent()->op_list();
    bool before = false;
    for (auto it = ops.rbegin(); it != ops.rend(); ++it) {
      if (before) step(**it);
      before = before || *it == gradient_;
    }
    std::vector<Value*> results;
    for (const Value* x : std::vector<Value*>(gradient_->operands().begin() + 1, gradient_->operands().end())) {
      const auto it = adjoints_.find(x);
      results.push_back(it != adjoints_.end() ? it->second : b_.broadcast(b_.scalar_like(x, 0), x->shape()));
    }
    return results;
  }

 private:
  bool varies(const Value* value) const { return dependent_.contains(value); }
  bool is_input(const Value* value) const { return inputs_.contains(const_cast<Value*>(value)); }

  /// Float values of this block that depend on the inputs. An input that others decide counts as independent.
  void find_dependents() {
    dependent_.insert(inputs_.begin(), inputs_.end());
    for (const Op* op : gradient_->parent()->op_list()) {
      if (op == gradient_) break;
      bool reads = false;
      for_each_operand(op, [&](const Value* value) { reads = reads || varies(value); });
      if (!reads) continue;
      for (size_t i = 0; i < op->result_count(); ++i)
        if (is_float(op->result(i)->dtype())) dependent_.insert(op->result(i));
    }
  }

  void add(Value* value, Value* adjoint) {
    Value*& sum = adjoints_[value];
    sum = sum ? b_.add(sum, adjoint) : adjoint;
  }

  void step(const Op& op) {
    std::vector<Value*> given;
    bool any = false;
    for (size_t i = 0; i < op.result_count(); ++i) {
      const auto it = adjoints_.find(op.result(i));
      given.push_back(it == adjoints_.end() || is_input(op.result(i)) ? nullptr : it->second);
      any = any || given.back();
    }
    if (!any) return;
    std::vector<bool> wanted;
    bool one_wanted = false;
    for (const Value* operand : op.operands()) wanted.push_back(varies(operand));
    for_each_operand(&op, [&](const Value* operand) { one_wanted = one_wanted || varies(operand); });
    if (!one_wanted) return;
    b_.set_location(op.location());
    const auto by_operand = derivative(b_, op, given, wanted);
    for (size_t i = 0; i < by_operand.size(); ++i)
      if (by_operand[i] && wanted[i]) add(op.operand(i), by_operand[i]);
  }

  Op* gradient_;
  Builder b_;
  std::set<Value*> inputs_;
  std::set<const Value*> dependent_;
  std::map<const Value*, Value*> adjoints_;
};

bool differentiate_block(Block& block) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    for (size_t i = 0; i < op->region_count(); ++i) changed |= differentiate_block(op->region(i));
    if (op->code() != Opcode::Gradient) continue;
    replace_op(op, Sweep(op).run());
    changed = true;
  }
  return changed;
}

}  // namespace

/// Replaces each `gradient` by the ops that compute it: reverse mode, one rule an op (derivative_*.cpp). A gradient of a
/// gradient is expanded from the first to the last. Before: everything else. Exact.
/// Does not fire on: values that no gradient asks for. Refuses ops whose rule is not written (regions, convolutions).
bool differentiate(Function& f, PassContext&) { return differentiate_block(f.body()); }

}  // namespace seqc::passes
