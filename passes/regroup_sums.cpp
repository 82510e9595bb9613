#include <fmt/format.h>

#include <unordered_set>
#include <vector>

#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// What the values of a scan's body depend on.
class Dependence {
 public:
  explicit Dependence(const Block& body) : body_(body) {
    for (int64_t i = 0; i < body.parent_op()->as<ScanAttr>().carries; ++i)
      carried_.insert(body.argument(static_cast<size_t>(i)));
  }

  /// To be called for each op in order.
  void look_at(const Op* op) {
    bool carried = false, varies = false, projected = op->code() == Opcode::Contract;
    for_each_operand(op, [&](const Value* operand) {
      carried = carried || carried_.contains(operand);
      varies = varies || !is_invariant(operand);
      projected = projected || projected_.contains(operand);
    });
    for (size_t i = 0; i < op->result_count(); ++i) {
      if (carried)
        carried_.insert(op->result(i));
      else if (!varies)
        invariant_.insert(op->result(i));
      else if (projected)
        projected_.insert(op->result(i));
    }
  }

  bool is_carried(const Value* value) const { return carried_.contains(value); }
  /// True for what leaves the scan: what no step changes, and products of its inputs.
  bool leaves(const Value* value) const { return projected_.contains(value) || is_invariant(value); }

 private:
  bool is_invariant(const Value* value) const {
    return value->is_constant() || invariant_.contains(value) || !is_defined_inside(value, body_);
  }

  const Block& body_;
  std::unordered_set<const Value*> carried_, invariant_, projected_;
};

/// Sums of floats; integers need no order.
bool is_sum(const Op* op) { return op->code() == Opcode::Add && is_float(op->result()->dtype()); }

/// True if `value` is a sum that only `user` reads, and can be part of its sum.
bool continues(const Value* value, const Op* user, const Dependence& dependence) {
  const Op* op = value->op();
  return op && is_sum(op) && dependence.is_carried(value) && op->parent() == user->parent() &&
         value->users().size() == 1 && value->type() == user->result()->type();
}

/// The terms of a sum in order, and the ops that add them up, users first. Sums of nothing carried are one term.
void collect(Op* op, const Dependence& dependence, std::vector<Value*>& terms, std::vector<Op*>& sums) {
  sums.push_back(op);
  for (Value* operand : op->operands()) {
    if (continues(operand, op, dependence))
      collect(operand->op(), dependence, terms, sums);
    else
      terms.push_back(operand);
  }
}

/// True for a sum that is not part of another one.
bool is_largest_sum(const Op* op, const Dependence& dependence) {
  if (!is_sum(op) || !dependence.is_carried(op->result())) return false;
  const auto& users = op->result()->users();
  return users.size() != 1 || !is_sum(users[0]) || !continues(op->result(), users[0], dependence);
}

bool regroup(Op* op, const Dependence& dependence, Remarks* remarks) {
  std::vector<Value*> terms;
  std::vector<Op*> sums;
  collect(op, dependence, terms, sums);
  std::vector<Value*> leaving, staying;
  for (Value* term : terms) (dependence.leaves(term) ? leaving : staying).push_back(term);
  if (leaving.size() < 2) return false;
  if (remarks)
    remarks->did(
        op, "adds up first what can leave the scan",
        fmt::format("{} of its {} terms do not depend on what the scan carries", leaving.size(), terms.size()));
  terms = leaving;
  terms.insert(terms.end(), staying.begin(), staying.end());
  Builder b = Builder::before(op);
  Value* sum = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) sum = b.add(sum, terms[i]);
  op->result()->replace_all_uses_with(sum);
  for (Op* dead : sums) dead->erase();
  return true;
}

bool regroup_block(Block& block, Remarks* remarks) {
  bool changed = false;
  const auto ops = block.op_list();
  for (const Op* op : ops)
    for (size_t i = 0; op->code() != Opcode::Kernel && i < op->region_count(); ++i)
      changed |= regroup_block(op->region(i), remarks);
  if (!block.parent_op() || block.parent_op()->code() != Opcode::Scan) return changed;
  Dependence dependence(block);
  for (const Op* op : ops) dependence.look_at(op);
  std::vector<Op*> sums;
  for (Op* op : ops)
    if (is_largest_sum(op, dependence)) sums.push_back(op);
  for (Op* op : sums) changed |= regroup(op, dependence, remarks);
  return changed;
}

}  // namespace

/// Adds up, in the body of a scan, first what does not depend on its carries, so that those sums leave it:
///   add (add (contract x[t] w) (contract h r)) b    becomes    add (add (contract x[t] w) b) (contract h r)
/// Before: hoist-invariants, hoist-projections. After: split-gates, which brings sums to each gate.
/// Reassociates. Does not fire on: sums with fewer than two terms that could leave the scan, terms that cost nothing
/// where they are (cheap functions of the inputs), integers.
bool regroup_sums(Function& f, PassContext& context) { return regroup_block(f.body(), context.remarks); }

}  // namespace seqc::passes
