#include "passes/saved_values.h"

#include <algorithm>

#include "passes/rewrite.h"

namespace seqc::passes {

using namespace ir;

namespace {

enum class Cost { Free, Cheap, Function, Dear };

/// Cheap: an instruction or so an element. Function: some twenty of them. Dear: a loop an element, or order in memory.
Cost cost(const Op& op) {
  switch (op.code()) {
    case Opcode::Sqrt:
    case Opcode::Exp:
    case Opcode::Expm1:
    case Opcode::Log:
    case Opcode::Log1p:
    case Opcode::Sin:
    case Opcode::Cos:
    case Opcode::Tan:
    case Opcode::Asin:
    case Opcode::Acos:
    case Opcode::Atan:
    case Opcode::Sinh:
    case Opcode::Cosh:
    case Opcode::Asinh:
    case Opcode::Acosh:
    case Opcode::Atanh:
    case Opcode::Tanh:
    case Opcode::Sigmoid:
    case Opcode::Erf:
    case Opcode::Pow: return Cost::Function;
    case Opcode::Iota:
    case Opcode::Dims: return Cost::Free;
    case Opcode::ScatterNd:
    case Opcode::Positions:
    case Opcode::ArgSort: return Cost::Dear;
    default: break;
  }
  const OpClass kind = op.info().op_class;
  return kind == OpClass::Reduce || kind == OpClass::Control ? Cost::Dear : Cost::Cheap;
}

class Choice {
 public:
  Choice(const Recomputed& clones, Recompute how, const SavePolicy& policy)
      : free_(clones.free), states_(clones.states), how_(how), policy_(policy) {
    for (const Op* op : clones.ops) ops_.insert(op);
  }

  void need(Value* value) {
    Within within;
    reach(value, within);
    for (Value* saved : within.more) save(saved);
  }

  SavedValues take() { return std::move(result_); }

 private:
  bool is_saved(const Value* value) const { return saved_.contains(value); }
  void save(Value* value) {
    if (!saved_.insert(value).second) return;
    result_.values.push_back(value);
    result_.bytes += bytes(value);
  }
  double bytes(const Value* value) const { return free_.contains(value) ? 0 : policy_.bytes(value); }
  double total(const std::vector<Value*>& values) const {
    double sum = 0;
    for (const Value* value : values) sum += bytes(value);
    return sum;
  }

  /// What has to be saved besides what is already, and all that can be had then.
  struct Within {
    std::vector<Value*> more;
    ValueSet had;
  };

  void reach(Value* value, Within& within) {
    if (is_saved(value) || !within.had.insert(value).second) return;
    if (free_.contains(value) || states_.contains(value)) return within.more.push_back(value);
    const Op* op = value->op();
    if (!op || !ops_.contains(op)) return;  // defined outside
    const Cost price = cost(*op);
    if (how_ != Recompute::Everything && price == Cost::Dear) return within.more.push_back(value);
    Within sources = within;
    for_each_operand(op, [&](Value* operand) { reach(operand, sources); });
    const double extra = total(sources.more) - total(within.more), own = policy_.bytes(value);
    const bool keep = how_ != Recompute::Everything &&
                      (extra > own || (price == Cost::Function && (extra == own || how_ == Recompute::Cheap)));
    if (keep)
      within.more.push_back(value);
    else
      within = std::move(sources);
  }

  const ValueSet &free_, &states_;
  const Recompute how_;
  const SavePolicy& policy_;
  std::unordered_set<const Op*> ops_;
  ValueSet saved_;
  SavedValues result_;
};

}  // namespace

SavedValues choose_saved(const Recomputed& clones, const std::vector<Value*>& needed, Recompute how,
                         const SavePolicy& policy) {
  Choice choice(clones, how, policy);
  for (Value* value : needed) choice.need(value);
  return choice.take();
}

void erase_unused(std::vector<Op*>& ops) {
  for (size_t i = ops.size(); i-- > 0;) {
    if (is_terminator(ops[i]) || !ops[i]->unused()) continue;
    ops[i]->erase();
    ops.erase(ops.begin() + static_cast<ptrdiff_t>(i));
  }
}

}  // namespace seqc::passes
