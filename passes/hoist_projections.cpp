#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/error.h"
#include "ir/named_dims.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Builds, in front of a scan, the values of all steps at once: "lifted" values have the steps as their first dim.
class Lifter {
 public:
  Lifter(const ScanView& scan, Builder b) : scan_(scan), b_(std::move(b)) {
    for (int64_t i = 0; i < scan.inputs(); ++i) lifted_[scan.step_input(i)] = scan.input(i);
  }

  /// True if lift() knows how, given that operands for which varies() holds are lifted.
  template <class F>
  static bool can_lift(const Op* op, F&& varies) {
    switch (op->code()) {
      case Opcode::Contract:
        // Weights of each step's own would have to be packed step by step; only one side may vary.
        for (size_t i = 1; i < op->operands().size(); ++i)
          if (varies(op->operand(i)) && (varies(op->operand(0)) || op->result_count() > 1)) return false;
        return op->as<ContractAttr>().lanes == 0;
      case Opcode::Gather: return !varies(op->operand(0)) && op->as<AxisAttr>().axis == 0;
      case Opcode::Pad: return !varies(op->operand(1));
      case Opcode::Reshape:
      case Opcode::Broadcast:
      case Opcode::Transpose:
      case Opcode::Slice:
      case Opcode::Concat:
      case Opcode::Reduce: return true;
      default: return is_elementwise(op->code());
    }
  }

  void lift(const Op* op) {
    b_.set_location(op->location());
    const Op* all = create(op);
    for (size_t i = 0; i < op->result_count(); ++i) {
      all->result(i)->set_name(op->result(i)->name());
      lifted_[op->result(i)] = all->result(i);
    }
  }
  Value* lifted(const Value* value) const {
    const auto it = lifted_.find(value);
    return it == lifted_.end() ? nullptr : it->second;
  }

 private:
  const Dim& steps() const { return scan_.length(); }

  /// All steps of `value` as operand of an op of `rank` dims a step: 1s behind the steps keep NumPy's alignment from the
  /// right.
  Value* aligned(Value* value, int64_t rank) {
    Value* all = lifted(value);
    if (!all) return value;
    Shape shape = all->shape();
    shape.insert(shape.begin() + 1, static_cast<size_t>(rank - value->rank()), Dim(1));
    return b_.reshape(all, std::move(shape));
  }
  Value* or_outer(Value* value) const { return lifted(value) ? lifted(value) : value; }

  Shape with_steps(const Shape& shape) const {
    Shape result = {steps()};
    result.insert(result.end(), shape.begin(), shape.end());
    return result;
  }

  const Op* contraction(const Op* op) {
    ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
    std::vector<Value*> operands = op->operands();
    // contract w x[t]: the steps become rows of the left-hand side; the sum keeps its order over one label.
    const bool swap =
        lifted(operands[1]) && parse_contract_spec(spec.rhs + "," + spec.lhs + "->" + spec.out).summed == spec.summed;
    if (swap) {
      std::swap(operands[0], operands[1]);
      std::swap(spec.lhs, spec.rhs);
    }
    const char step = unused_label(spec.str(), 't');
    (lifted(operands[0]) ? spec.lhs : spec.rhs).insert(0, 1, step);
    spec.out.insert(0, 1, step);
    for (Value*& operand : operands) operand = or_outer(operand);
    return b_.create(Opcode::Contract, std::move(operands), ContractAttr{.spec = spec.str(), .columns = {}});
  }

  const Op* concat(const Op* op) {
    std::vector<Value*> parts;
    for (Value* part : op->operands())
      parts.push_back(lifted(part) ? lifted(part) : b_.broadcast(part, with_steps(part->shape())));
    return b_.create(Opcode::Concat, std::move(parts), AxisAttr{op->as<AxisAttr>().axis + 1});
  }

  const Op* create(const Op* op) {
    const int64_t rank = op->result()->rank();
    if (is_elementwise(op->code())) {
      std::vector<Value*> operands;
      for (Value* operand : op->operands()) operands.push_back(aligned(operand, rank));
      return b_.create(op->code(), std::move(operands), op->attr());
    }
    std::vector<Value*> operands;
    for (Value* operand : op->operands()) operands.push_back(or_outer(operand));
    const auto again = [&](Attr attr) { return b_.create(op->code(), operands, std::move(attr)); };
    switch (op->code()) {
      case Opcode::Contract: return contraction(op);
      case Opcode::Concat: return concat(op);
      case Opcode::Gather: return again(op->attr());
      case Opcode::Broadcast: operands[0] = aligned(op->operand(0), rank); [[fallthrough]];
      case Opcode::Reshape: return again(ShapeAttr{with_steps(op->as<ShapeAttr>().shape)});
      case Opcode::Transpose: {
        TransposeAttr attr{{0}};
        for (const int64_t axis : op->as<TransposeAttr>().perm) attr.perm.push_back(axis + 1);
        return again(attr);
      }
      case Opcode::Slice: {
        auto attr = op->as<SliceAttr>();
        attr.starts.insert(attr.starts.begin(), Dim(0));
        attr.sizes.insert(attr.sizes.begin(), steps());
        attr.steps.insert(attr.steps.begin(), 1);
        return again(attr);
      }
      case Opcode::Pad: {
        auto attr = op->as<PadAttr>();
        attr.lo.insert(attr.lo.begin(), Dim(0));
        attr.hi.insert(attr.hi.begin(), Dim(0));
        return again(attr);
      }
      case Opcode::Reduce: {
        auto attr = op->as<ReduceAttr>();
        for (int64_t& axis : attr.axes) ++axis;
        return again(attr);
      }
      default: internal_error(__FILE__, __LINE__, "can_lift", std::string(op->info().mnemonic));
    }
  }

  const ScanView& scan_;
  Builder b_;
  std::unordered_map<const Value*, Value*> lifted_;
};

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
    Lifter lifter(scan, Builder::before(op));
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
/// Does not fire on: carried operands, nested regions, scans without a contraction on their inputs (cheap arithmetic
/// alone stays, as its results for all steps would go through memory), scans that bind dims (their sizes differ by step).
bool hoist_projections(Function& f, PassContext&) { return hoist_block(f.body()); }

}  // namespace seqc::passes
