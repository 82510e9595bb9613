#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ir/infer.h"
#include "passes/lift.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// True if dim by dim, the last one aside, `shape` is what `mask` has one value for.
bool has_rows_of(const Shape& shape, const Value* mask) {
  return !shape.empty() && shape.size() == mask->shape().size() &&
         std::equal(shape.begin(), shape.end() - 1, mask->shape().begin());
}

/// True if a contraction makes row i of its results of row i of its left operand.
bool keeps_rows(const Op& contract) {
  const ContractSpec spec = parse_contract_spec(contract.as<ContractAttr>().spec);
  return spec.columns.size() == 1 && spec.summed.size() == 1 && spec.lhs.back() == spec.summed[0] &&
         spec.out.back() == spec.columns[0] &&
         spec.lhs.substr(0, spec.lhs.size() - 1) == spec.out.substr(0, spec.out.size() - 1);
}

/// What a scan's body needs only in rows where a mask holds.
class Demand {
 public:
  Demand(const ScanView& scan, const Value* mask) : scan_(scan), mask_(mask) {}

  /// True if every use of `value`, row by row, ends in a select that drops it where the mask is false.
  bool masked(const Value* value) {
    if (const auto it = known_.find(value); it != known_.end()) return it->second;
    known_[value] = false;
    const auto& users = value->users();
    const bool result =
        has_rows_of(value->shape(), mask_) && !users.empty() &&
        std::all_of(users.begin(), users.end(), [&](const Op* user) { return masked_in(*user, value); });
    return known_[value] = result;
  }

  /// True if `value` reaches another contraction before it is dropped.
  bool feeds_contraction(const Value* value) const {
    return std::any_of(value->users().begin(), value->users().end(), [&](const Op* user) {
      if (user->code() == Opcode::Contract) return true;
      return is_elementwise(user->code()) && !drops(*user, value) && feeds_contraction(user->result());
    });
  }

 private:
  bool drops(const Op& user, const Value* value) const {
    return user.code() == Opcode::Select && user.operand(0) == mask_ && user.operand(1) == value &&
           user.operand(2) != value && user.result()->rank() == mask_->rank();
  }

  bool masked_in(const Op& user, const Value* value) {
    if (user.parent() != &scan_.body()) return false;
    if (drops(user, value)) return true;
    if (is_elementwise(user.code())) return masked(user.result());
    if (user.code() != Opcode::Contract || user.operand(0) != value || !keeps_rows(user)) return false;
    for (size_t i = 1; i < user.operands().size(); ++i)
      if (user.operand(i) == value) return false;
    for (size_t i = 0; i < user.result_count(); ++i)
      if (!masked(user.result(i))) return false;
    return true;
  }

  const ScanView scan_;
  const Value* mask_;
  std::unordered_map<const Value*, bool> known_;
};

/// True if a contraction is among what makes `value`, with nothing but elementwise ops behind it.
bool is_projection(const Value* value) {
  const Op* op = value->op();
  if (!op) return false;
  if (op->code() == Opcode::Contract) return keeps_rows(*op);
  return is_elementwise(op->code()) &&
         std::any_of(op->operands().begin(), op->operands().end(), [](const Value* v) { return is_projection(v); });
}

Value* masked_value(Builder& b, Value* mask, Value* value) {
  return b.select(mask, value, b.scalar(value->dtype(), 0));
}

/// What a mask is computed from in a scan's body: ops that can leave it, operands first. False if it depends on state.
bool liftable_ops(const ScanView& scan, const Value* value, std::vector<const Op*>& ops,
                  std::unordered_set<const Value*>& varying) {
  if (varying.contains(value) || value->is_constant() || !is_defined_inside(value, scan.body())) return true;
  const Op* op = value->op();
  if (!op || op->region_count() > 0) return false;
  for (const Value* operand : op->operands())
    if (!liftable_ops(scan, operand, ops, varying)) return false;
  if (!Lifter::can_lift(op, [&](const Value* v) { return varying.contains(v); })) return false;
  ops.push_back(op);
  varying.insert(op->result());
  return true;
}

/// The mask's values of all steps, as an outer value; null if it depends on the scan's state.
Value* mask_of_all_steps(const ScanView& scan, Value* mask) {
  std::unordered_set<const Value*> varying;
  for (int64_t i = 0; i < scan.inputs(); ++i) varying.insert(scan.step_input(i));
  std::vector<const Op*> ops;
  if (!liftable_ops(scan, mask, ops, varying)) return nullptr;
  if (ops.empty() && !varying.contains(mask)) return nullptr;  // the same in all steps
  Lifter lifter(scan.length(), Builder::before(scan.op()));
  for (int64_t i = 0; i < scan.inputs(); ++i) lifter.set(scan.step_input(i), scan.input(i));
  for (const Op* op : ops) lifter.lift(op);
  return lifter.lifted(mask);
}

/// Conditions of selects with one value a row.
std::vector<Value*> masks_of(const Block& body) {
  std::vector<Value*> masks;
  for (const Op* op : body.op_list()) {
    if (op->code() != Opcode::Select) continue;
    Value* mask = op->operand(0);
    if (mask->rank() == 0 || mask->rank() != op->result()->rank() || !(mask->shape().back() == Dim(1))) continue;
    if (std::find(masks.begin(), masks.end(), mask) == masks.end()) masks.push_back(mask);
  }
  return masks;
}

bool skip_in(ScanView scan, Value* mask, Remarks* remarks) {
  Demand demand(scan, mask);
  std::vector<int64_t> inputs;
  for (int64_t i = 0; i < scan.inputs(); ++i) {
    const Value* outer = scan.input(i);
    if (outer->users().size() == 1 && is_projection(outer) && demand.masked(scan.step_input(i))) inputs.push_back(i);
  }
  // One product that feeds another ends a kernel in which others may be: then all say what is needed of them.
  std::vector<size_t> inner;  // places in the body
  bool feeds = false;
  const std::vector<Op*> ops = scan.body().op_list();
  for (size_t place = 0; place < ops.size(); ++place) {
    const Op* op = ops[place];
    if (op->code() != Opcode::Contract || !keeps_rows(*op)) continue;
    bool masked = true;
    for (size_t i = 0; i < op->result_count(); ++i) masked = masked && demand.masked(op->result(i));
    if (!masked) continue;
    inner.push_back(place);
    for (size_t i = 0; i < op->result_count(); ++i) feeds = feeds || demand.feeds_contraction(op->result(i));
  }
  if (!feeds) inner.clear();
  const auto left = [&](const char* why) {
    if (remarks)
      remarks->left(scan.op(), fmt::format("rows that the mask {} drops are computed", short_text(*mask)), why);
    return false;
  };
  if (inputs.empty() && inner.empty())
    return left(
        "no product whose rows are only read where the mask holds would save enough: what it makes is read elsewhere, "
        "or it ends the kernel of all products");
  Value* all = mask_of_all_steps(scan, mask);
  if (!all) return left("the mask depends on the scan's state, or is the same in all steps");
  if (remarks)
    remarks->did(scan.op(), fmt::format("products skip the rows that the mask {} drops", short_text(*mask)),
                 fmt::format("{} product(s) of all steps and {} of a step are only read where it holds", inputs.size(),
                             inner.size()));
  Builder before = Builder::before(scan.op());
  for (const int64_t i : inputs)
    scan.op()->set_operand(static_cast<size_t>(scan.carries() + i), masked_value(before, all, scan.input(i)));
  if (!inner.empty() && mask->op()) {  // it may be computed behind the products
    Value* argument = scan.add_input(all);
    mask->replace_all_uses_with(argument);
    mask = argument;
  }
  for (const size_t place : inner) {
    Builder behind = Builder::before(ops[place + 1]);
    for (size_t i = 0; i < ops[place]->result_count(); ++i) {
      Value* result = ops[place]->result(i);
      const std::vector<Op*> users = result->users();
      Value* kept = masked_value(behind, mask, result);
      for (Op* user : users)
        for (size_t k = 0; k < user->operands().size(); ++k)
          if (user->operand(k) == result) user->set_operand(k, kept);
    }
  }
  return true;
}

bool skip_block(Block& block, Remarks* remarks) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= skip_block(op->region(i), remarks);
    if (op->code() != Opcode::Scan) continue;
    for (Value* mask : masks_of(op->region()))
      if (skip_in(ScanView(op), mask, remarks)) {
        changed = true;
        break;
      }
  }
  return changed;
}

}  // namespace

/// Says of products that a scan drops in some rows (steps behind the end of a sequence) that they are zero there, so that
/// code generation skips those rows and the work follows the sum of the lengths.
///   p = contract x w; scan p: y = select m, f(p), old    becomes    p = select all m, contract x w, 0; scan p: ...
/// After: hoist-projections. Exact: what changes is not looked at.
/// Does not fire on: masks that depend on the scan's state, results that others read, or that leave their row.
bool skip_masked_rows(Function& f, PassContext& context) { return skip_block(f.body(), context.remarks); }

}  // namespace seqc::passes
