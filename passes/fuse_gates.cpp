#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// The spec with its labels renamed in the order in which they appear.
std::string canonical_spec(const std::string& spec) {
  std::map<char, char> names;
  std::string result;
  for (const char c : spec) {
    const bool label = std::isalpha(static_cast<unsigned char>(c));
    result += label ? names.try_emplace(c, static_cast<char>('a' + names.size())).first->second : c;
  }
  return result;
}

/// How many contractions of a block lie on the way to a value, and on the way to the sum that it becomes a part of.
class Phases {
 public:
  explicit Phases(const Block& block) : block_(block) {
    for (const auto& op : block.ops())
      for (size_t i = 0; i < op->result_count(); ++i)
        of_[op->result(i)] = inputs_phase(*op) + (op->code() == Opcode::Contract ? 1 : 0);
  }

  int of(const Value* value) const {
    const auto it = of_.find(value);
    return it == of_.end() ? 0 : it->second;
  }

  int of_sum(const Value* value) const {
    if (value->users().size() != 1) return of(value);
    const Op& user = *value->users().front();
    if (user.parent() != &block_) return of(value);
    if (user.code() == Opcode::Select && user.operand(1) == value) return of_sum(user.result());  // masked rows
    if (user.code() != Opcode::Add) return of(value);
    const int other = of(user.operand(user.operand(0) == value ? 1 : 0));
    return other == 0 ? of_sum(user.result()) : std::max(other, of(value));
  }

 private:
  int inputs_phase(const Op& op) const {
    int phase = 0;
    for (const Value* operand : op.operands()) phase = std::max(phase, of(operand));
    return phase;
  }

  const Block& block_;
  std::unordered_map<const Value*, int> of_;
};

/// The scans whose steps read values of a block, or what elementwise ops make of them.
class Readers {
 public:
  /// The only one that reads `value`; null: none, several, or something else reads it, too.
  const Op* of(const Value* value) {
    const auto [it, fresh] = of_.try_emplace(value, nullptr);
    if (!fresh) return it->second;
    const Op* scan = nullptr;
    for (const Op* user : value->users()) {
      const bool passes_on = user->code() == Opcode::Reshape || is_elementwise(user->code());
      const Op* reader = user->code() == Opcode::Scan ? user : passes_on ? of(user->result()) : nullptr;
      if (!reader || (scan && reader != scan)) return nullptr;
      scan = reader;
    }
    return of_[value] = scan;
  }

 private:
  std::unordered_map<const Value*, const Op*> of_;
};

/// Contractions of one block that differ in their weights only, that are parts of sums of one phase, and that the same scan
/// reads, in order.
using Group = std::vector<Op*>;

/// What contractions that are joined have in common: left operand, labels, types of results and weights, phase, and the scan
/// that reads them, so that their rows can be made while it runs.
using Key = std::tuple<const Value*, std::string, std::string, DType, int, const Op*>;

bool is_candidate(const Op* op) { return op->code() == Opcode::Contract && op->as<ContractAttr>().lanes == 0; }

class Keys {
 public:
  explicit Keys(const Block& block) : phases_(block) {}

  Key of(const Op* op) {
    return {op->operand(0),
            canonical_spec(op->as<ContractAttr>().spec),
            op->result()->type().str(),
            op->operand(1)->dtype(),
            phases_.of_sum(op->result()),
            readers_.of(op->result())};
  }

 private:
  const Phases phases_;
  Readers readers_;
};

std::vector<Group> find_groups(const Block& block, Keys& keys) {
  std::map<Key, size_t> index;  // only looked up, never walked: its order depends on addresses
  std::vector<Group> groups;
  for (const auto& op : block.ops()) {
    if (!is_candidate(op.get())) continue;
    Key key = keys.of(op.get());
    const auto [it, inserted] = index.try_emplace(std::move(key), groups.size());
    if (inserted) groups.emplace_back();
    groups[it->second].push_back(op.get());
  }
  std::erase_if(groups, [](const Group& group) { return group.size() < 2; });
  return groups;
}

/// Moves the definitions of weights in front of a contraction, as far as nothing holds them.
class Gatherer {
 public:
  explicit Gatherer(const Block& block) : block_(block) {
    for (const auto& op : block.ops()) position_[op.get()] = static_cast<int64_t>(2 * position_.size());
  }

  /// True if all weights of `op` are, or were now, defined in front of `first`.
  bool gather(const Op* op, Op* first) {
    std::vector<Op*> moves;
    std::unordered_set<const Op*> visited;
    for (size_t i = 1; i < op->operands().size(); ++i)
      if (!collect(op->operand(i), first, moves, visited)) return false;
    for (Op* move : moves) {
      move->move_before(first);
      position_[move] = position_.at(first) - 1;
    }
    return true;
  }
  void replaced(const Op* first, const Op* fused) { position_[fused] = position_.at(first); }

 private:
  /// Lists in `moves`, definitions before uses, what must move; false if `value` depends on `first`, on another
  /// contraction behind it, or on an op with regions.
  bool collect(const Value* value, const Op* first, std::vector<Op*>& moves, std::unordered_set<const Op*>& visited) {
    Op* op = value->op();
    if (!op || op->parent() != &block_ || position_.at(op) < position_.at(first)) return true;
    if (op->region_count() > 0 || op->code() == Opcode::Contract) return false;
    if (!visited.insert(op).second) return true;
    for (const Value* operand : op->operands())
      if (!collect(operand, first, moves, visited)) return false;
    moves.push_back(op);
    return true;
  }

  const Block& block_;
  std::unordered_map<const Op*, int64_t> position_;  // in the order of the block; even, so that there is room between
};

/// One contraction with the weights and results of all.
void fuse(const Group& group, Gatherer& gatherer) {
  Op* first = group.front();
  std::vector<Value*> operands = {first->operand(0)};
  for (const Op* op : group) operands.insert(operands.end(), op->operands().begin() + 1, op->operands().end());
  Builder b = Builder::before(first);
  Op* fused = b.create(Opcode::Contract, std::move(operands), first->attr());
  gatherer.replaced(first, fused);
  size_t at = 0;
  for (Op* op : group) {
    std::vector<Value*> results;
    for (size_t i = 0; i < op->result_count(); ++i) results.push_back(fused->result(at++));
    replace_op(op, results);
  }
}

size_t results(const Group& group) {
  size_t count = 0;
  for (const Op* op : group) count += op->result_count();
  return count;
}

/// Splits a group into equal parts of at most `limit` results (a single op that has more stays alone).
std::vector<Group> split(const Group& group, size_t limit) {
  const size_t parts = (results(group) + limit - 1) / limit;
  const size_t share = (results(group) + parts - 1) / parts;
  std::vector<Group> result(1);
  for (Op* op : group) {
    if (!result.back().empty() && results(result.back()) + op->result_count() > share) result.emplace_back();
    result.back().push_back(op);
  }
  return result;
}

/// Why no other contraction of the block is joined with this one.
std::string why_alone(const Op* op, Keys& keys) {
  const Key own = keys.of(op);
  std::string reason = fmt::format("no other product of the block reads {}", short_text(*op->operand(0)));
  for (const auto& other : op->parent()->ops()) {
    if (other.get() == op || !is_candidate(other.get()) || other->operand(0) != op->operand(0)) continue;
    const Key key = keys.of(other.get());
    if (std::get<1>(key) != std::get<1>(own) || std::get<2>(key) != std::get<2>(own))
      reason = fmt::format("the other product of {} gives {}, this one {}", short_text(*op->operand(0)),
                           other->result()->type().str(), op->result()->type().str());
    else if (std::get<3>(key) != std::get<3>(own))
      reason = "the weights of the other products of its operand have another element type";
    else if (std::get<5>(key) != std::get<5>(own))
      reason = fmt::format("the other product of {} is read by other steps", short_text(*op->operand(0)));
    else
      reason = fmt::format(
          "the other product of {} is added to another sum, which needs {} product(s) before it, this one {}",
          short_text(*op->operand(0)), std::get<4>(key) - 1, std::get<4>(own) - 1);
  }
  return reason;
}

/// Tells of the products of a block that have no group.
void tell_alone(const Block& block, const std::vector<Group>& groups, Keys& keys, Remarks& remarks) {
  std::unordered_set<const Op*> grouped;
  for (const Group& group : groups) grouped.insert(group.begin(), group.end());
  for (const auto& op : block.ops())
    if (is_candidate(op.get()) && !grouped.contains(op.get()) && op->result_count() == 1)
      remarks.left(op.get(), "is a product of its own", why_alone(op.get(), keys));
}

bool fuse_block(Block& block, size_t limit, Remarks* remarks) {
  bool changed = false;
  for (const auto& op : block.ops())
    for (size_t i = 0; op->code() != Opcode::Kernel && i < op->region_count(); ++i)
      changed |= fuse_block(op->region(i), limit, remarks);
  Keys keys(block);
  const auto groups = find_groups(block, keys);
  if (remarks) tell_alone(block, groups, keys, *remarks);
  if (groups.empty()) return changed;
  Gatherer gatherer(block);
  for (const Group& candidates : groups) {
    for (Group part : split(candidates, limit)) {
      Op* first = part.front();
      std::erase_if(part, [&](const Op* op) {
        if (op == first || gatherer.gather(op, first)) return false;
        if (remarks)
          remarks->left(op, "is a product of its own",
                        "its weights depend on the first product of the same operand, or on a region");
        return true;
      });
      if (part.size() < 2) continue;
      if (remarks) {
        const std::string of_all =
            part.size() == candidates.size()
                ? ""
                : fmt::format(
                      " of {}; a group has at most {} results, so that the sums of two rows stay "
                      "in registers",
                      candidates.size(), limit);
        remarks->did(first, fmt::format("{} products become one", part.size()),
                     fmt::format("all read {} and differ in their weights{}", short_text(*first->operand(0)), of_all));
      }
      fuse(part, gatherer);
      changed = true;
    }
  }
  return changed;
}

}  // namespace

/// Joins contractions of one block that share their left operand, and differ in weights of one shape, into one
/// contraction of several results: one walk over the operand, and all gates of a hidden unit at hand together.
///   %i = contract %h, @Ri   %f = contract %h, @Rf    becomes    %i, %f = contract %h, @Ri, @Rf
/// Before: pack-weights, which lays these weights out side by side. After: hoist-projections. Exact.
/// Does not fire on: weights that depend on the first product, products of which one is added to a later product, or that
/// different scans read (the rows of each are made while its scan runs, see codegen/deferred.h), more
/// results than leave registers for accumulators of two rows (they form several groups), packed contractions, kernels.
bool fuse_gates(Function& f, PassContext& context) {
  const auto limit = static_cast<size_t>(std::clamp<int64_t>((context.vector_registers - 4) / 2, 2, 8));
  return fuse_block(f.body(), limit, context.remarks);
}

}  // namespace seqc::passes
