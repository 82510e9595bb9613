#include <array>
#include <vector>

#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/simplify_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

using Table = std::array<std::vector<Rewrite>, kOpcodeCount>;

const Table& rules() {
  static const Table table = [] {
    Table result;
    for (const auto group : {elementwise_rules(), movement_rules(), contraction_rules()})
      for (const Rule& rule : group) result[static_cast<size_t>(rule.code)].push_back(rule.rewrite);
    for (int i = 0; i < kOpcodeCount; ++i)
      if (is_elementwise(static_cast<Opcode>(i)))
        for (const Rewrite rewrite : {pull_broadcasts, push_reshape}) result[static_cast<size_t>(i)].push_back(rewrite);
    return result;
  }();
  return table;
}

bool simplify_op(Op* op) {
  if (op->unused()) return false;  // dead, or a terminator
  Builder b = Builder::before(op);
  if (op->region_count() > 0) return simplify_control(op, b);
  for (const Rewrite rewrite : rules()[static_cast<size_t>(op->code())]) {
    if (Value* value = rewrite(op, b)) {
      replace_op(op, {value});
      return true;
    }
  }
  return false;
}

bool simplify_block(Block& block) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= simplify_block(op->region(i));
    changed |= simplify_op(op);
  }
  return changed;
}

}  // namespace

/// Applies the rules of simplify_*.cpp until none fires.
/// After: fold, as rules look at constants. Exact: a rule that could change a bit (x + 0 turns -0 into 0) is no rule.
/// Does not fire on: kernels.
bool simplify(Function& f, PassContext&) {
  constexpr int kMaxRounds = 100;  // rules only shrink, move slices up or broadcasts down; this is a net, not a plan
  bool changed = false;
  for (int round = 0; round < kMaxRounds && simplify_block(f.body()); ++round) changed = true;
  return changed;
}

}  // namespace seqc::passes
