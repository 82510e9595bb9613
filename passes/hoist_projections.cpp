#include <algorithm>
#include <unordered_set>
#include <vector>

#include "ir/named_dims.h"
#include "passes/lift.h"
#include "passes/pass.h"
#include "passes/region_view.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// True if each step has rows enough for the tiles of a matrix product, and weights that stay in cache from step to step:
/// then the product gains nothing outside, while its results would go through memory.
bool fills_tiles(const Op& contract) {
  constexpr int64_t kRows = 4, kWeights = 1 << 20;
  const ContractSpec spec = parse_contract_spec(contract.as<ContractAttr>().spec);
  if (!spec.batch.empty()) return false;
  Dim rows(1), weights(1);
  for (size_t i = 0; i < spec.out.size(); ++i)
    if (spec.rows.find(spec.out[i]) != std::string::npos) rows = rows * contract.result()->shape()[i];
  for (const Dim& dim : contract.operand(1)->shape()) weights = weights * dim;
  weights = weights * Dim(static_cast<int64_t>(contract.result_count()));
  return rows.is_constant() && rows.constant() >= kRows && weights.is_constant() && weights.constant() <= kWeights;
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

 private:
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
      if (fills_tiles(*op)) return false;
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

bool hoist_block(Block& block) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= hoist_block(op->region(i));
    if (op->code() != Opcode::Scan || binds_dims(op->region())) continue;
    const ScanView scan(op);
    const Plan plan(scan);
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
/// Does not fire on: products of several rows a step with weights of up to 4 MiB (see fills_tiles), carried operands,
/// nested regions, scans without a contraction on their inputs (cheap arithmetic alone stays, as its results for all
/// steps would go through memory), scans that bind dims (their sizes differ by step).
bool hoist_projections(Function& f, PassContext&) { return hoist_block(f.body()); }

}  // namespace seqc::passes
