#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "ir/named_dims.h"
#include "passes/lift.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A product of a step: its rows, and the elements of its weights.
struct StepProduct {
  Dim rows = 1, weights = 1;
  bool shares_weights = true;  ///< all rows have the same

  /// True if each step has rows enough for the tiles of a matrix product, and weights that stay in cache from step to
  /// step: then the product gains nothing outside, while its results would go through memory.
  bool fills_tiles() const {
    constexpr int64_t kRows = 4, kWeights = 1 << 20;
    return shares_weights && rows.is_constant() && rows.constant() >= kRows && weights.is_constant() &&
           weights.constant() <= kWeights;
  }
};

StepProduct step_product(const Op& contract) {
  const ContractSpec spec = parse_contract_spec(contract.as<ContractAttr>().spec);
  StepProduct product{.shares_weights = spec.batch.empty()};
  for (size_t i = 0; i < spec.out.size(); ++i)
    if (spec.rows.find(spec.out[i]) != std::string::npos) product.rows = product.rows * contract.result()->shape()[i];
  for (const Dim& dim : contract.operand(1)->shape()) product.weights = product.weights * dim;
  product.weights = product.weights * Dim(static_cast<int64_t>(contract.result_count()));
  return product;
}

/// Which ops of a scan's body leave it.
class Plan {
 public:
  explicit Plan(const ScanView& scan) : body_(scan.body()) {
    for (int64_t i = 0; i < scan.inputs(); ++i) by_input_.insert(scan.step_input(i));
    std::vector<Op*> liftable;
    for (Op* op : body_.op_list()) {
      if (!depends_on_inputs_only(op)) continue;
      liftable.push_back(op);
      for (size_t i = 0; i < op->result_count(); ++i) by_input_.insert(op->result(i));
      if (!is_worth(op)) continue;
      worth_.insert(op);
    }
    // Backwards, so that what a leaving op reads leaves as well.
    std::unordered_set<const Op*> leaving;
    for (auto it = liftable.rbegin(); it != liftable.rend(); ++it) {
      bool leaves = worth_.contains(*it);
      for (size_t i = 0; i < (*it)->result_count() && !leaves; ++i)
        for (const Op* user : (*it)->result(i)->users()) leaves = leaves || leaving.contains(user);
      if (leaves) leaving.insert(*it);
    }
    for (Op* op : liftable)
      if (leaving.contains(op)) ops_.push_back(op);
  }

  const std::vector<Op*>& ops() const { return ops_; }

  /// Tells of every product of the body, before it changes.
  void tell(Remarks& remarks) const {
    for (const Op* op : body_.op_list()) {
      if (op->code() != Opcode::Contract) continue;
      if (std::find(ops_.begin(), ops_.end(), op) != ops_.end())
        remarks.did(op, "leaves the scan as one product over all steps", "it depends on the step's inputs alone");
      else
        remarks.left(op, "stays in the scan", why_not(op));
    }
  }

 private:
  std::string why_not(const Op* op) const {
    for (const Value* operand : op->operands()) {
      if (by_input_.contains(operand) || operand->is_constant() || !is_defined_inside(operand, body_)) continue;
      if (const Value* carry = carry_behind(operand))
        return fmt::format("it depends on what the scan carries, {}", short_text(*carry));
      return fmt::format("\"{}\" in front of it cannot be written for all steps at once", short_text(*operand->op()));
    }
    const auto varies = [&](const Value* value) { return by_input_.contains(value); };
    if (std::none_of(op->operands().begin(), op->operands().end(), varies)) return "it is the same in every step";
    if (!Lifter::can_lift(op, varies)) return "both of its sides differ from step to step, or are packed";
    const StepProduct product = step_product(*op);
    if (product.fills_tiles())
      return fmt::format(
          "{} rows a step fill the register tiles, and its {} weights stay in cache from step to step; "
          "outside, its results would go through memory",
          product.rows.str(), product.weights.str());
    return "it is part of a region";
  }

  /// The first carry that a value of the body depends on; null if there is none.
  const Value* carry_behind(const Value* value) const {
    std::unordered_set<const Value*> seen;
    std::vector<const Value*> open = {value};
    while (!open.empty()) {
      const Value* here = open.back();
      open.pop_back();
      if (here->is_constant() || !is_defined_inside(here, body_) || !seen.insert(here).second) continue;
      if (!here->op()) {
        if (!by_input_.contains(here)) return here;
        continue;
      }
      for_each_operand(here->op(), [&](const Value* operand) { open.push_back(operand); });
    }
    return nullptr;
  }

  bool depends_on_inputs_only(const Op* op) {
    if (is_terminator(op) || op->region_count() > 0 || op->result_count() == 0) return false;
    bool varies = false;
    for (const Value* operand : op->operands()) {
      if (by_input_.contains(operand))
        varies = true;
      else if (!operand->is_constant() && is_defined_inside(operand, body_))
        return false;
    }
    return varies && Lifter::can_lift(op, [&](const Value* value) { return by_input_.contains(value); });
  }

  /// Contractions, and arithmetic on their results that makes nothing larger. Other arithmetic on inputs is cheap, and
  /// would have to be stored for all steps.
  bool is_worth(const Op* op) {
    if (op->code() == Opcode::Contract) {
      if (step_product(*op).fills_tiles()) return false;
      for (size_t i = 0; i < op->result_count(); ++i) projected_.insert(op->result(i));
      return true;
    }
    bool of_projection = false, grows = true;
    for (const Value* operand : op->operands()) {
      of_projection = of_projection || projected_.contains(operand);
      grows = grows && !(projected_.contains(operand) && operand->shape() == op->result()->shape());
    }
    if (!of_projection || op->code() == Opcode::Broadcast) return false;
    projected_.insert(op->result());
    return op->code() == Opcode::Reduce || (is_elementwise(op->code()) && !grows);
  }

  const Block& body_;
  std::unordered_set<const Value*> by_input_;   // depends on the step's input and on outer values only
  std::unordered_set<const Value*> projected_;  // depends on a contraction among those
  std::unordered_set<const Op*> worth_;
  std::vector<Op*> ops_;
};

/// Gives the body what left it: as another scanned input, or, where it was only emitted, not at all.
void reconnect(ScanView scan, const Lifter& lifter, const std::vector<Op*>& left) {
  for (int64_t i = scan.outputs(); i-- > 0;) {
    Value* all = scan.step_output(i)->op() ? lifter.lifted(scan.step_output(i)) : nullptr;
    if (!all) continue;
    if (!scan.output(i)->unused()) scan.output(i)->replace_all_uses_with(all);
    scan.erase_output(i);
  }
  const std::unordered_set<const Op*> gone(left.begin(), left.end());
  for (const Op* op : left) {
    for (size_t i = 0; i < op->result_count(); ++i) {
      Value* value = op->result(i);
      const auto stays = [&](const Op* user) { return !gone.contains(user); };
      if (std::any_of(value->users().begin(), value->users().end(), stays))
        value->replace_all_uses_with(scan.add_input(lifter.lifted(value)));
    }
  }
  for (auto op = left.rbegin(); op != left.rend(); ++op) (*op)->erase();
}

bool hoist_block(Block& block, Remarks* remarks) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= hoist_block(op->region(i), remarks);
    if (op->code() != Opcode::Scan) continue;
    if (binds_dims(op->region())) {
      if (remarks) remarks->left(op, "its products stay in it", "sizes in its body differ from step to step");
      continue;
    }
    const ScanView scan(op);
    const Plan plan(scan);
    if (remarks) plan.tell(*remarks);
    if (plan.ops().empty()) continue;
    Lifter lifter(scan.length(), Builder::before(op));
    for (int64_t i = 0; i < scan.inputs(); ++i) lifter.set(scan.step_input(i), scan.input(i));
    for (const Op* leaving : plan.ops()) lifter.lift(leaving);
    reconnect(scan, lifter, plan.ops());
    changed = true;
  }
  return changed;
}

}  // namespace

/// Moves what depends only on the step's input out of a scan, so that it becomes one product over all steps.
///   scan x: contract "ni,ji->nj" x[t] w + b    becomes    contract "tni,ji->tnj" x w + b, scanned
/// Before: fuse-gates. After: hoist-invariants. Exact: reassociates nothing.
/// Does not fire on: products of several rows a step with weights of up to 4 MiB (see StepProduct), carried operands,
/// nested regions, scans without a contraction on their inputs (cheap arithmetic alone stays, as its results for all
/// steps would go through memory), scans that bind dims (their sizes differ by step).
bool hoist_projections(Function& f, PassContext& context) { return hoist_block(f.body(), context.remarks); }

}  // namespace seqc::passes
