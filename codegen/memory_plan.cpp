#include "codegen/memory_plan.h"

#include <algorithm>
#include <optional>

#include "codegen/deferred.h"
#include "codegen/repeats.h"
#include "ir/error.h"
#include "ir/kept_states.h"
#include "ir/named_dims.h"
#include "runtime/seqc.h"

namespace seqc::codegen {
namespace {

using namespace ir;

bool is_view(const Op& op) { return op.code() == Opcode::Reshape || op.code() == Opcode::Slice; }

bool is_loop(const Op& op) { return op.code() == Opcode::Scan || op.code() == Opcode::Loop; }

/// Position of the first operand of a loop that is a carry, and of the first yielded one.
size_t first_carry(const Op& loop) { return loop.code() == Opcode::Scan ? 0 : 2; }
size_t first_yield(const Op& loop) { return loop.code() == Opcode::Scan ? 0 : 1; }
size_t carry_count(const Op& loop) {
  return loop.code() == Opcode::Scan ? static_cast<size_t>(loop.as<ScanAttr>().carries) : loop.operands().size() - 2;
}

/// A piece of arena wanted from position `begin` to `end`.
struct Request {
  const Value* value;
  Dim bytes;
  size_t begin, end;
  size_t number;  ///< in program order
};

class Planner {
 public:
  explicit Planner(const Function& function) : function_(function), bounds_(function) {
    number(function.body());
    for (const Deferred& plan : plan_deferred(function)) {
      deferred_.emplace(plan.product, plan.scan);
      for (const Op* op : plan.behind) deferred_.emplace(op, plan.scan);
    }
    walk(function.body(), [&](const Op* op) {
      if (op->code() == Opcode::Scan) plan_kept_states(*op);
    });
  }

  MemoryPlan run() {
    plan_block(function_.body());
    assign();
    return std::move(plan_);
  }

 private:
  /// Program order; an op with regions ends where its last region ends.
  void number(const Block& block) {
    for (const Op* op : block.op_list()) {
      begin_[op] = clock_++;
      if (op->code() != Opcode::Kernel)
        for (size_t i = 0; i < op->region_count(); ++i) number(op->region(i));
      end_[op] = clock_++;
    }
  }

  // --- lifetimes ----------------------------------------------------------------------------------------------------

  /// The last position at which memory of `value`, defined in `home`, is read.
  size_t last_use(const Value* value, const Block& home) {
    const auto [it, fresh] = last_use_.try_emplace(value, 0);
    if (!fresh) return it->second;
    size_t last = value->op() ? end_.at(value->op()) : 0;
    if (value->op() && is_loop(*value->op())) last = std::max(last, carries_inside(value));
    for (const Op* user : value->users()) {
      // A read inside a region counts for the whole loop around it, as the next step reads again.
      last = std::max(last, position_in(user, home));
      if (end_.count(user)) last = std::max(last, uses_through(value, *user));
    }
    return last_use_[value] = last;
  }

  /// A carry that is also emitted lives in the emitted value's memory, the final one beyond the loop.
  size_t carries_inside(const Value* emitted) {
    const Op& loop = *emitted->op();
    const auto& yielded = loop.region().terminator()->operands();
    const size_t first = first_yield(loop);
    size_t last = 0;
    for (size_t i = 0; i < carry_count(loop); ++i)
      if (strip_reshapes(yielded[first + i]) == strip_reshapes(yielded[first + emitted->index()]) &&
          loop.result(i) != emitted)
        last = std::max(last, last_use(loop.result(i), *loop.parent()));
    return last;
  }

  size_t position_in(const Op* user, const Block& home) {
    size_t position = end_.count(user) ? end_.at(user) : 0;
    for (const Block* block = user->parent(); block != &home && block != nullptr;) {
      const Op* parent = block->parent_op();
      if (!parent) break;
      if (end_.count(parent)) position = is_loop(*parent) || position == 0 ? end_.at(parent) : position;
      if (const auto scan = deferred_.find(parent); scan != deferred_.end())
        position = std::max(position, end_.at(scan->second));
      block = parent->parent();
    }
    return position;
  }

  /// Uses of other values that may be pointers into the memory of `value` because `user` made them so.
  size_t uses_through(const Value* value, const Op& user) {
    if (is_view(user)) return last_use(user.result(), *user.parent());
    if (is_loop(user)) {
      size_t last = 0;
      for (size_t i = 0; i < carry_count(user); ++i)
        if (user.operand(first_carry(user) + i) == value)
          last = std::max(last, last_use(user.result(i), *user.parent()));
      return last;
    }
    if (user.code() == Opcode::Yield) {
      const Op& parent = *user.parent()->parent_op();
      size_t last = 0;
      for (size_t i = 0; i < user.operands().size(); ++i) {
        if (user.operand(i) != value) continue;
        if (is_loop(parent)) {
          const size_t first = first_yield(parent);
          if (i >= first && i - first < parent.result_count())
            last = std::max({last, end_.at(&parent), last_use(parent.result(i - first), *parent.parent())});
        } else if (parent.code() == Opcode::If) {
          last = std::max(last, last_use(parent.result(i), *parent.parent()));
        }
      }
      return last;
    }
    return 0;
  }

  /// All values of a kept state share the slot of those before the steps.
  void plan_kept_states(const Op& scan) {
    const auto& attr = scan.as<ScanAttr>();
    for (const KeptState& state : kept_states(scan)) {
      const Value* initial = scan.operand(state.carry);
      SEQC_CHECK(initial->op() && initial->op()->code() == Opcode::Kernel && initial->users().size() == 1,
                 "memory: a state that is kept does not start with a copy of its own");
      Type all = state.before->type();
      all.shape[0] = bounds_.upper(all.shape)[0] + Dim(1);
      for (size_t i = 1; i < all.shape.size(); ++i) all.shape[i] = bounds_.upper(state.before->shape())[i];
      const Dim one = element_count(initial->shape());
      const Dim first = attr.reverse ? attr.length * one : Dim(0);
      kept_[initial] = {{.place = Place::Arena, .skip = first}, state.before};
      kept_[state.before] = {{.place = Place::Arena, .skip = attr.reverse ? one : Dim(0)}, state.before};
      if (state.after)
        kept_[state.after] = {{.place = Place::Arena, .skip = attr.reverse ? Dim(0) : one}, state.before};
      kept_[state.next] = {{.place = Place::ScanEmit, .owner = state.before, .shift = attr.reverse ? -1 : 1}, nullptr};
      const Block& home = *scan.parent();
      size_t dead = std::max({end_.at(&scan), last_use(state.before, home), last_use(scan.result(state.carry), home)});
      if (state.after) dead = std::max(dead, last_use(state.after, home));
      requests_.push_back({state.before, padded_bytes(all), begin_.at(initial->op()), dead, requests_.size()});
    }
  }

  // --- places -------------------------------------------------------------------------------------------------------

  void plan_block(const Block& block) {
    for (const Op* op : block.op_list()) {
      if (op->code() == Opcode::Kernel || op->code() == Opcode::If)
        for (size_t i = 0; i < op->result_count(); ++i) place(op->result(i), block);
      if (is_loop(*op))
        for (size_t i = carry_count(*op); i < op->result_count(); ++i) place(op->result(i), block);
      if (op->code() != Opcode::Kernel)
        for (size_t i = 0; i < op->region_count(); ++i) plan_block(op->region(i));
    }
  }

  void place(const Value* value, const Block& block) {
    if (const auto it = kept_.find(value); it != kept_.end()) return set(value, it->second.storage);
    const Op& terminator = *block.terminator();
    const Op* parent = block.parent_op();
    std::optional<size_t> carried;
    for (size_t i = 0; i < terminator.operands().size(); ++i) {
      if (strip_reshapes(terminator.operand(i)) != value) continue;
      if (!parent) return set(value, {.place = Place::Output, .index = i});
      if (parent->code() == Opcode::If) return set(value, {.place = Place::IfResult, .owner = parent->result(i)});
      if (i >= first_yield(*parent) + carry_count(*parent))
        return set(value, {.place = Place::ScanEmit, .owner = parent->result(i - first_yield(*parent))});
      if (i >= first_yield(*parent)) carried = i - first_yield(*parent);
    }
    const size_t born = begin_.at(value->op());
    if (!carried && parent && may_repeat(*parent)) {
      requests_.push_back({value, most_bytes(value) * Dim(2), begin_.at(parent), end_.at(parent), requests_.size()});
      return set(value, {.place = Place::Alternate});
    }
    if (!carried) {
      requests_.push_back({value, most_bytes(value), born, last_use(value, block), requests_.size()});
      return set(value, {.place = Place::Arena});
    }
    const size_t dead = std::max(end_.at(parent), last_use(parent->result(*carried), *parent->parent()));
    requests_.push_back({value, most_bytes(value) * Dim(2), begin_.at(parent), dead, requests_.size()});
    set(value, {.place = Place::Alternate});
  }

  /// Sizes that a run decides count as large as they can be.
  Dim most_bytes(const Value* value) const { return padded_bytes({value->dtype(), bounds_.upper(value->shape())}); }

  void set(const Value* value, Storage storage) { plan_.storage[value] = storage; }

  // --- slots --------------------------------------------------------------------------------------------------------

  void assign() {
    struct Slot {
      std::vector<std::pair<size_t, size_t>> taken;
    };
    std::vector<Slot> slots;
    // Large static values first, so that small ones fit into their gaps; symbolic ones in program order.
    std::sort(requests_.begin(), requests_.end(), [](const Request& a, const Request& b) {
      if (a.bytes.is_constant() != b.bytes.is_constant()) return b.bytes.is_constant();
      if (a.bytes.is_constant() && a.bytes.constant() != b.bytes.constant())
        return a.bytes.constant() > b.bytes.constant();
      return a.number < b.number;
    });
    for (const Request& request : requests_) {
      const auto free = [&](const Slot& slot) {
        return std::all_of(slot.taken.begin(), slot.taken.end(), [&](const auto& interval) {
          return interval.second < request.begin || request.end < interval.first;
        });
      };
      size_t best = slots.size();
      for (size_t i = 0; i < slots.size() && best == slots.size(); ++i)
        if (provably_le(request.bytes, plan_.slots[i]) && free(slots[i])) best = i;
      if (best == slots.size()) {
        slots.emplace_back();
        plan_.slots.push_back(request.bytes);
      }
      slots[best].taken.emplace_back(request.begin, request.end);
      plan_.storage[request.value].slot = best;
      plan_.lifetimes.push_back({request.value, request.bytes, best, request.begin, request.end});
    }
    std::sort(plan_.lifetimes.begin(), plan_.lifetimes.end(),
              [](const auto& a, const auto& b) { return std::pair(a.begin, a.slot) < std::pair(b.begin, b.slot); });
    for (const auto& [value, kept] : kept_)
      if (kept.slot_of) plan_.storage[value].slot = plan_.storage[kept.slot_of].slot;
    // Rows of several large values are used together: were they whole pages apart, they would fight for the same lines
    // of a first-level cache.
    constexpr int64_t kPage = 4096, kGap = 5 * SEQC_ALIGNMENT;
    for (Dim& slot : plan_.slots)
      if (!slot.is_constant() || slot.constant() >= kPage) slot = slot + Dim(kGap);
  }

  /// A value of a kept state, and the one whose slot it shares.
  struct Kept {
    Storage storage;
    const Value* slot_of;
  };

  const Function& function_;
  const DimBounds bounds_;
  std::map<const Value*, Kept> kept_;
  MemoryPlan plan_;
  size_t clock_ = 0;
  std::map<const Op*, size_t> begin_, end_;
  std::map<const Op*, const Op*> deferred_;  ///< kernels that make rows until this scan ends
  std::map<const Value*, size_t> last_use_;
  std::vector<Request> requests_;
};

}  // namespace

Dim padded_bytes(const Type& type) {
  const Dim bytes = element_count(type.shape) * Dim(static_cast<int64_t>(size_of(type.dtype)));
  return ceildiv(bytes, Dim(SEQC_ALIGNMENT)) * Dim(SEQC_ALIGNMENT);
}

Dim MemoryPlan::arena_bytes() const {
  Dim total(0);
  for (const Dim& slot : slots) total = total + slot;
  return total;
}

Dim MemoryPlan::workspace_bytes() const { return arena_bytes() + Dim(kCallHeaderBytes); }

MemoryPlan plan_memory(const Function& function) { return Planner(function).run(); }

}  // namespace seqc::codegen
