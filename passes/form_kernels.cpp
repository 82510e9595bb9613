#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/kept_states.h"
#include "ir/named_dims.h"
#include "passes/kernel_classes.h"
#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Ops that cost so much that a kernel should not compute them again for every element of a larger shape.
bool is_expensive(Opcode code) {
  switch (code) {
    case Opcode::Add:
    case Opcode::Sub:
    case Opcode::Mul:
    case Opcode::Neg:
    case Opcode::Abs:
    case Opcode::Min:
    case Opcode::Max:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Not:
    case Opcode::Eq:
    case Opcode::Ne:
    case Opcode::Lt:
    case Opcode::Le:
    case Opcode::Gt:
    case Opcode::Ge:
    case Opcode::Select:
    case Opcode::Cast: return false;
    default: return true;
  }
}

KernelKind kernel_kind(Opcode root) {
  switch (root) {
    case Opcode::Contract: return KernelKind::Contract;
    case Opcode::Reduce: return KernelKind::Reduce;
    case Opcode::Conv:
    case Opcode::ReduceWindow: return KernelKind::Window;
    case Opcode::Concat:
    case Opcode::ScatterNd:
    case Opcode::Pack:
    case Opcode::Positions:
    case Opcode::ArgSort:
    case Opcode::Dims: return KernelKind::Move;
    default: return KernelKind::Map;
  }
}

/// Ops that will be one kernel. `domain` is the shape of every value computed in it.
struct Group {
  KernelKind kind;
  Shape domain;
  std::vector<Op*> members;  // in program order
  bool dead = false;         // merged into another group
};

/// Forms the kernels of one block; its regions are done already.
class BlockFormer {
 public:
  BlockFormer(Block& block, const std::map<std::string, Op*>& binders, Remarks* remarks)
      : block_(block), binders_(binders), remarks_(in_loop(block) ? remarks : nullptr), ops_(block.op_list()) {
    for (size_t i = 0; i < ops_.size(); ++i) position_[ops_[i]] = i;
  }

  bool run() {
    decide_inlining();
    for (Op* op : ops_) place(op);
    if (groups_.empty()) return false;
    schedule();
    for (const auto& unit : order_) emit(unit);
    for (auto it = ops_.rbegin(); it != ops_.rend(); ++it)
      if ((inlined_.count(*it) || group_of_.count(*it)) && (*it)->unused()) (*it)->erase();
    return true;
  }

 private:
  bool is_here(const Value* value) const { return value->op() && value->op()->parent() == &block_; }

  /// Only what is repeated is worth a word.
  static bool in_loop(const Block& block) {
    const Op* parent = block.parent_op();
    return parent && (parent->code() == Opcode::Scan || parent->code() == Opcode::Loop);
  }

  // --- what is computed again in each reader instead of being stored --------------------------------------------

  void decide_inlining() {
    // Readers first: an op may be folded only into ops whose own fate is known.
    for (auto it = ops_.rbegin(); it != ops_.rend(); ++it)
      if (can_inline(**it)) inlined_.insert(*it);
  }

  bool can_inline(const Op& op) {
    if (op.unused()) return false;
    if (is_read_in_place(op)) return true;
    const KernelRole kernel_role = role(op);
    if (kernel_role != KernelRole::Index && kernel_role != KernelRole::Point) return false;
    const auto& users = op.result()->users();
    if (kernel_role == KernelRole::Point) {
      // The only reader of a value computes each element once, at whatever cost.
      if (users.size() == 1 && users[0]->parent() == &block_ &&
          (users[0]->code() == Opcode::Reduce || (inlined_.count(users[0]) && feeds_reduction_.count(users[0]) &&
                                                  users[0]->result()->shape() == op.result()->shape()))) {
        feeds_reduction_.insert(&op);
        return true;
      }
      if (is_expensive(op.code())) return false;
      return std::all_of(users.begin(), users.end(), [&](const Op* user) {
        return user->parent() == &block_ && role(*user) == KernelRole::Point &&
               user->result()->shape() != op.result()->shape();
      });
    }
    const bool free = is_affine(op) || op.code() == Opcode::Iota;
    if (!free && users.size() > 1) return false;
    return std::all_of(users.begin(), users.end(),
                       [&](const Op* user) { return user->parent() == &block_ && can_fold_into(op, *user); });
  }

  /// Whether `user` can compute the addresses of index op `op` while reading.
  bool can_fold_into(const Op& op, const Op& user) const {
    if (role(user) == KernelRole::Point) return true;
    if (user.code() == Opcode::Contract)
      return is_affine(op) && user.operand(0) == op.result() &&
             std::count(user.operands().begin(), user.operands().end(), op.result()) == 1;
    if (user.code() == Opcode::Reduce) return true;
    // Chains of affine ops collapse into one address; a gather of a gather is better stored in between.
    return inlined_.count(const_cast<Op*>(&user)) && is_affine(op) && user.operand(0) == op.result();
  }

  /// True if reading `value` inside a kernel needs more than an affine address.
  bool needs_general_access(const Value* value) const {
    if (!is_here(value) || !inlined_.count(value->op())) return false;
    const Op& op = *value->op();
    if (role(op) == KernelRole::Index && !is_affine(op)) return true;
    return std::any_of(op.operands().begin(), op.operands().end(),
                       [&](const Value* operand) { return needs_general_access(operand); });
  }

  // --- groups -----------------------------------------------------------------------------------------------------

  void place(Op* op) {
    const KernelRole kernel_role = role(*op);
    if (kernel_role == KernelRole::Control || kernel_role == KernelRole::View || inlined_.count(op)) return;
    if (kernel_role == KernelRole::Point) {
      std::optional<size_t> home;
      std::string why_not;  // of the last kernel that it could have become a part of
      for (const Value* operand : op->operands()) {
        const auto candidate = group_computing(operand);
        if (!candidate) continue;
        if (const std::string reason = why_apart(op, *candidate); !reason.empty()) {
          why_not = reason;
          continue;
        }
        if (!home)
          home = candidate;
        else if (*home != *candidate)
          home = merge(*home, *candidate);
      }
      if (home) {
        groups_[*home].members.push_back(op);
        group_of_[op] = *home;
        return;
      }
      if (remarks_ && !why_not.empty()) remarks_->left(op, "begins a kernel of its own", why_not);
    } else if (remarks_) {
      tell_root(op);
    }
    group_of_[op] = groups_.size();
    groups_.push_back(
        {kernel_role == KernelRole::Root ? kernel_kind(op->code()) : KernelKind::Map, op->result()->shape(), {op}});
  }

  std::optional<size_t> group_computing(const Value* value) const {
    if (!is_here(value)) return std::nullopt;
    const auto it = group_of_.find(value->op());
    return it == group_of_.end() ? std::nullopt : std::optional(it->second);
  }

  /// A product, reduction, ... that reads all of what another kernel of the step computes.
  void tell_root(const Op* op) {
    for (const Value* operand : op->operands())
      if (group_computing(operand)) {
        remarks_->left(op, "begins a kernel of its own",
                       fmt::format("each of its results needs many elements of {}, which must all be there",
                                   short_text(*operand)));
        return;
      }
  }

  /// Why an op cannot be part of a group that computes one of its operands; empty if it can.
  std::string why_apart(const Op* op, size_t index) const {
    const Group& group = groups_[index];
    if (group.kind == KernelKind::Move) return "the kernel before it moves data and computes nothing";
    if (group.domain != op->result()->shape())
      return fmt::format("its shape {} is not the {} of the kernel before it", ir::str(op->result()->shape()),
                         ir::str(group.domain));
    for (const Value* operand : op->operands()) {
      if (group.kind != KernelKind::Map && needs_general_access(operand))
        return fmt::format("it reads {} at addresses that the data decide", short_text(*operand));
      if (group_computing(operand) == index) {
        if (operand->shape() != group.domain)
          return fmt::format("it reads {}, of another shape than the kernel that computes it", short_text(*operand));
      } else if (depends_on(operand, index)) {
        return fmt::format("it also needs {}, which another kernel makes of this one's results", short_text(*operand));
      }
    }
    return "";
  }

  /// Whether two groups of contractions can share a walk over the columns: blocks of one width, none reads another's.
  bool can_share_columns(size_t a, size_t b) const {
    if (groups_[a].kind != KernelKind::Contract || groups_[b].kind != KernelKind::Contract) return false;
    std::optional<std::pair<int64_t, DType>> block;
    for (const size_t group : {a, b})
      for (const Op* op : groups_[group].members) {
        if (op->code() != Opcode::Contract) continue;
        const std::pair here{op->as<ContractAttr>().lanes, op->result()->dtype()};
        if (block && *block != here) return false;
        block = here;
        for (const Value* operand : op->operands())
          if (const auto home = group_computing(operand); home == a || home == b) return false;
      }
    return true;
  }

  /// Joins two groups of one domain when at most one of them is more than a map, or when both are contractions that fit;
  /// returns the group that remains of `a`.
  size_t merge(size_t a, size_t b) {
    Group &into = groups_[a], &from = groups_[b];
    const bool both = into.kind != KernelKind::Map && from.kind != KernelKind::Map;
    if (both && !can_share_columns(a, b)) {
      tell_apart(b, "both are more than elementwise, and their columns do not fit");
      return a;
    }
    const auto general = [&](const Group& group) {
      return std::any_of(group.members.begin(), group.members.end(), [&](const Op* op) {
        return std::any_of(op->operands().begin(), op->operands().end(),
                           [&](const Value* value) { return needs_general_access(value); });
      });
    };
    if ((into.kind != KernelKind::Map && general(from)) || (from.kind != KernelKind::Map && general(into))) {
      tell_apart(b, "one reads at addresses that the data decide");
      return a;
    }
    if (reaches_through_others(a, b) || reaches_through_others(b, a)) {
      tell_apart(b, "a third kernel has to run between them");
      return a;
    }
    if (from.kind != KernelKind::Map) into.kind = from.kind;
    for (Op* op : from.members) group_of_[op] = a;
    into.members.insert(into.members.end(), from.members.begin(), from.members.end());
    std::sort(into.members.begin(), into.members.end(),
              [&](Op* x, Op* y) { return position_.at(x) < position_.at(y); });
    from.members.clear();
    from.dead = true;
    return a;
  }

  /// Of two groups that one op reads.
  void tell_apart(size_t index, const char* why) {
    if (remarks_) remarks_->left(groups_[index].members.front(), "is no part of the kernel that reads it", why);
  }

  // --- dependencies -------------------------------------------------------------------------------------------------

  /// Values that an op reads, those read inside its regions and those that bind its dims included.
  std::vector<Value*> reads(const Op& op) const {
    std::vector<Value*> values;
    const auto add = [&](const Op* inner) {
      values.insert(values.end(), inner->operands().begin(), inner->operands().end());
      if (binders_.empty()) return;
      for (const std::string& name : symbols_of(*inner))
        if (const auto it = binders_.find(name); it != binders_.end() && it->second != inner)
          values.push_back(it->second->result());
    };
    add(&op);
    for (size_t i = 0; i < op.region_count(); ++i) walk(op.region(i), add);
    return values;
  }

  /// Whether `value` needs group `index`, through any ops between.
  bool depends_on(const Value* value, size_t index) const {
    std::set<const Op*> seen;
    return search(value, index, seen);
  }

  bool search(const Value* value, size_t index, std::set<const Op*>& seen) const {
    if (!is_here(value)) return false;
    const Op* op = value->op();
    const auto home = group_of_.find(const_cast<Op*>(op));
    if (home != group_of_.end() && home->second == index) return true;
    // Nothing before the first member of the group can depend on it, unless it was grouped with a later op.
    if (home == group_of_.end() && position_.at(op) < position_.at(groups_[index].members.front())) return false;
    if (!seen.insert(op).second) return false;
    const auto search_op = [&](const Op* member) {
      const auto values = reads(*member);
      return std::any_of(values.begin(), values.end(), [&](const Value* v) { return search(v, index, seen); });
    };
    if (home == group_of_.end()) return search_op(op);
    const auto& members = groups_[home->second].members;
    for (const Op* member : members) seen.insert(member);
    return std::any_of(members.begin(), members.end(), search_op);
  }

  /// Whether group `a` needs group `b` by a way that leaves both: then they cannot be one kernel.
  bool reaches_through_others(size_t a, size_t b) const {
    for (const Op* op : groups_[a].members)
      for (const Value* value : op->operands()) {
        const auto home = group_computing(value);
        if (home == a || home == b) continue;
        if (depends_on(value, b)) return true;
      }
    return false;
  }

  // --- order and emission ---------------------------------------------------------------------------------------------

  using Unit = std::vector<Op*>;  // the members of a group, or one op that stays as it is

  void schedule() {
    std::map<const Op*, size_t> unit_of;
    std::vector<Unit> units;
    for (Op* op : ops_) {
      if (inlined_.count(op)) continue;
      const auto home = group_of_.find(op);
      const Unit unit = home == group_of_.end() ? Unit{op} : groups_[home->second].members;
      if (unit.front() != op) continue;
      for (const Op* member : unit) unit_of[member] = units.size();
      units.push_back(unit);
    }
    std::vector<char> state(units.size(), 0);
    for (size_t i = 0; i < units.size(); ++i) visit(i, units, unit_of, state);
  }

  void visit(size_t i, const std::vector<Unit>& units, const std::map<const Op*, size_t>& unit_of,
             std::vector<char>& state) {
    if (state[i] == 2) return;
    SEQC_CHECK(state[i] == 0, "form-kernels: kernels depend on each other in a circle");
    state[i] = 1;
    for (const Op* member : units[i]) {
      std::set<const Op*> needed;
      collect_needed(*member, needed);
      for (const Op* op : needed)
        if (const size_t other = unit_of.at(op); other != i) visit(other, units, unit_of, state);
    }
    state[i] = 2;
    order_.push_back(units[i]);
  }

  /// Ops of this block whose results `op` reads, looking through inlined ones.
  void collect_needed(const Op& op, std::set<const Op*>& needed) const {
    for (const Value* value : reads(op)) {
      if (!is_here(value)) continue;
      if (inlined_.count(value->op()))
        collect_needed(*value->op(), needed);
      else
        needed.insert(value->op());
    }
  }

  void emit(const Unit& unit) {
    const auto home = group_of_.find(unit.front());
    if (home == group_of_.end()) {
      unit.front()->move_to_end(block_);
      return;
    }
    Op* kernel = block_.create(Opcode::Kernel, {}, KernelAttr{groups_[home->second].kind});
    kernel->set_location(unit.front()->location());
    Block& region = kernel->add_region();
    ValueMap map;
    std::vector<Value*> yielded, originals;
    for (const Op* member : unit) {
      clone_inlined(*member, region, map);
      clone(*member, region, nullptr, map);
    }
    const std::set<const Op*> members(unit.begin(), unit.end());
    for (const Op* member : unit) {
      for (size_t i = 0; i < member->result_count(); ++i) {
        Value* result = member->result(i);
        if (std::all_of(result->users().begin(), result->users().end(),
                        [&](const Op* user) { return members.count(user) > 0; }))
          continue;
        yielded.push_back(map.at(result));
        originals.push_back(result);
      }
    }
    region.create(Opcode::Yield, yielded, NoAttr{});
    for (size_t i = 0; i < originals.size(); ++i)
      originals[i]->replace_all_uses_with(kernel->add_result(originals[i]->type(), originals[i]->name()));
  }

  void clone_inlined(const Op& op, Block& region, ValueMap& map) {
    for (const Value* operand : op.operands()) {
      if (!is_here(operand) || !inlined_.count(operand->op()) || map.count(operand)) continue;
      clone_inlined(*operand->op(), region, map);
      clone(*operand->op(), region, nullptr, map);
    }
  }

  Block& block_;
  const std::map<std::string, Op*>& binders_;
  Remarks* const remarks_;
  std::vector<Op*> ops_;
  std::map<const Op*, size_t> position_;
  std::set<Op*> inlined_;
  std::set<const Op*> feeds_reduction_;  // inlined elementwise ops that a reduction reads
  std::vector<Group> groups_;
  std::map<Op*, size_t> group_of_;
  std::vector<Unit> order_;
};

/// True if a kernel can write `value` straight into memory that somebody else chose.
bool is_storable(const Value* value, const Block& block, bool from_control) {
  const Op* op = value->op();
  if (!op || op->parent() != &block) return false;
  switch (role(*op)) {
    case KernelRole::View: return false;
    case KernelRole::Control:
      if (op->code() == Opcode::Kernel) return true;
      if (!from_control) return false;
      if (op->code() == Opcode::If) return true;
      if (op->code() == Opcode::Loop) return value->index() + 2 >= static_cast<int>(op->operands().size());
      return op->code() == Opcode::Scan && value->index() >= op->as<ScanAttr>().carries;
    default: return true;
  }
}

/// Copies yielded and returned values that no kernel of the block can write in place: arguments, constants, values
/// yielded twice, results of inner loops.
void legalize_terminator(Block& block) {
  Op* terminator = block.terminator();
  const Op* parent = block.parent_op();
  if (parent && parent->code() == Opcode::Kernel) return;
  // The carries of a loop live elsewhere than what it emits, so one value may be both.
  size_t first_emitted = 0;
  if (parent && parent->code() == Opcode::Scan) first_emitted = static_cast<size_t>(parent->as<ScanAttr>().carries);
  if (parent && parent->code() == Opcode::Loop) first_emitted = parent->operands().size() - 1;
  const bool in_loop = parent && (parent->code() == Opcode::Scan || parent->code() == Opcode::Loop);
  std::set<Value*> taken;
  std::set<const Value*> kept;
  if (parent && parent->code() == Opcode::Scan)
    for (const KeptState& state : kept_states(*parent)) kept.insert(block.argument(state.carry));
  std::map<const Op*, const Op*> copied;  // the last copy of what an op writes
  for (size_t i = 0; i < terminator->operands().size(); ++i) {
    if (i == first_emitted) taken.clear();
    Value* value = terminator->operand(i);
    if (i >= first_emitted && kept.contains(value)) continue;
    Value* root = strip_reshapes(value);
    if (is_storable(root, block, !in_loop) && taken.insert(root).second) continue;
    if (parent && parent->code() == Opcode::Loop && i == 0) continue;  // the condition is read, not kept
    // What the function returns is copied as soon as it is there, for those who wait for it (see codegen::OutputListener).
    const bool early = !parent && root->op() && root->op()->parent() == &block;
    const Op* writer = root->op();
    Builder b(*block.function(), block,
              early ? next_op(copied.contains(writer) ? copied[writer] : writer) : terminator);
    b.set_location(terminator->location());
    // The kernel that computes the value can write it twice.
    Value* copy = root->op() && root->op()->parent() == &block ? b.copy(root) : b.copy(value);
    Value* shaped = copy->shape() == value->shape() ? copy : b.reshape(copy, value->shape());
    shaped->set_name(value->name());
    terminator->set_operand(i, shaped);
    if (early) copied[writer] = shaped->op();
    taken.insert(copy);
  }
}

/// A state whose collection before the steps could be kept, if the one behind them did not live where somebody else
/// decides: that one becomes a copy, which the kernel that computes the state writes, too.
void separate_collections(Op* scan) {
  Block& body = scan->region();
  Op* yield = body.terminator();
  const auto carries = static_cast<size_t>(scan->as<ScanAttr>().carries);
  for (size_t k = 0; k < carries; ++k) {
    Value* next = strip_reshapes(yield->operand(k));
    if (!next->op() || next->op()->parent() != &body) continue;
    bool keeps = false;
    std::vector<size_t> elsewhere;
    for (size_t i = carries; i < yield->operands().size(); ++i) {
      if (yield->operand(i) == body.argument(k)) keeps = keeps || !leaves_block(scan->result(i));
      if (strip_reshapes(yield->operand(i)) == next && leaves_block(scan->result(i))) elsewhere.push_back(i);
    }
    if (!keeps) continue;
    for (const size_t i : elsewhere) {
      Builder b = Builder::before(yield);
      b.set_location(yield->location());
      yield->set_operand(i, b.reshape(b.copy(next), yield->operand(i)->shape()));
    }
  }
}

/// States that are kept start in an array of theirs.
void copy_first_states(Op* scan) {
  Builder b = Builder::before(scan);
  b.set_location(scan->location());
  for (const KeptState& state : kept_states(*scan)) scan->set_operand(state.carry, b.copy(scan->operand(state.carry)));
}

void form(Block& block, const std::map<std::string, Op*>& binders, Remarks* remarks, bool& changed) {
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    if (op->code() == Opcode::Scan) {
      separate_collections(op);
      copy_first_states(op);
    }
    for (size_t i = 0; i < op->region_count(); ++i) form(op->region(i), binders, remarks, changed);
  }
  legalize_terminator(block);
  changed = BlockFormer(block, binders, remarks).run() || changed;
}

}  // namespace

/// Groups ops into kernels: a contraction, reduction or window with the elementwise ops that follow it as its epilogue,
/// or elementwise ops of one shape; data movement that a reader can do in its addressing is folded into the reader.
/// After: everything else. Exact. Does not fire on: views (reshapes, contiguous slices), control flow.
bool form_kernels(Function& f, PassContext& context) {
  bool changed = false;
  form(f.body(), dim_binders(f), context.remarks, changed);
  return changed;
}

}  // namespace seqc::passes
