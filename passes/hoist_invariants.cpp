#include <algorithm>
#include <unordered_set>
#include <vector>

#include "ir/named_dims.h"
#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Ops that only spread data out: computed where they are used, they cost nothing; in memory of their own they do.
bool only_spreads(const Op* op) { return op->code() == Opcode::Broadcast || op->code() == Opcode::Iota; }

bool is_inside(const Dim& first, const Dim& last, const Dim& size) {
  return provably_nonnegative(first) && provably_le(first + Dim(1), size) && provably_nonnegative(last) &&
         provably_le(last + Dim(1), size);
}

bool is_never_empty(const Dim& size) { return provably_le(Dim(1), size); }

/// True if `op` may rely on the loop to run at all: it reads an element that may not exist otherwise (the last one of a
/// sequence without steps).
bool reads_on_trust(const Op* op) {
  switch (op->code()) {
    case Opcode::Slice: {
      const auto& attr = op->as<SliceAttr>();
      const Shape& shape = op->operand(0)->shape();
      for (size_t i = 0; i < shape.size(); ++i) {
        if (attr.starts[i] == Dim(0) && attr.sizes[i] == shape[i] && attr.steps[i] == 1) continue;
        const Dim last = attr.starts[i] + (attr.sizes[i] - Dim(1)) * Dim(attr.steps[i]);
        if (!is_inside(attr.starts[i], last, shape[i])) return true;
      }
      return false;
    }
    case Opcode::Gather:
    case Opcode::GatherElements: return !is_never_empty(op->operand(0)->shape()[op->as<AxisAttr>().axis]);
    case Opcode::GatherNd:
    case Opcode::ScatterNd:
      return !std::all_of(op->operand(0)->shape().begin(), op->operand(0)->shape().end(), is_never_empty);
    case Opcode::Pad: return op->as<PadAttr>().mode != PadMode::Constant;
    default: break;
  }
  for (size_t i = 0; i < op->region_count(); ++i)
    for (const auto& inner : op->region(i).ops())
      if (reads_on_trust(inner.get())) return true;
  return false;
}

bool runs_at_least_once(const Op* loop) {
  return loop->code() == Opcode::Scan && is_never_empty(loop->as<ScanAttr>().length);
}

/// The op of `body` that is `op` or holds it in a region.
const Op* ancestor_in(const Block& body, const Op* op) {
  while (op->parent() != &body) op = op->parent()->parent_op();
  return op;
}

std::set<std::string> dims_bound_in(const Block& body) {
  std::set<std::string> names;
  walk(body, [&](const Op* op) {
    if (op->code() == Opcode::BindDim) names.insert(op->as<BindDimAttr>().name);
  });
  return names;
}

/// True if the op, or one in its regions, uses one of the named dims.
bool uses_any(const Op* op, const std::set<std::string>& names) {
  if (names.empty()) return false;
  for (const std::string& name : symbols_of(*op))
    if (names.contains(name)) return true;
  for (size_t i = 0; i < op->region_count(); ++i)
    for (const auto& inner : op->region(i).ops())
      if (uses_any(inner.get(), names)) return true;
  return false;
}

/// Moves what `body` need not repeat in front of `loop`.
bool hoist_out_of(Block& body, Op* loop, Remarks* remarks) {
  const bool runs = runs_at_least_once(loop);
  const std::set<std::string> bound = dims_bound_in(body);
  // An op is invariant when all it reads is defined outside or invariant itself.
  std::unordered_set<const Op*> invariant;
  std::vector<Op*> candidates;
  for (Op* op : body.op_list()) {
    if (is_terminator(op) || op->code() == Opcode::Kernel || op->code() == Opcode::BindDim) continue;
    bool stays = uses_any(op, bound);
    for_each_operand(op, [&](const Value* value) {
      if (stays || value->is_constant() || !is_defined_inside(value, body)) return;
      for (size_t i = 0; i < op->region_count(); ++i)
        if (is_defined_inside(value, op->region(i))) return;
      stays = !value->op() || !invariant.contains(value->op());
    });
    if (stays) continue;
    if (!runs && reads_on_trust(op)) {
      if (remarks)
        remarks->left(op, "stays in the loop, though every step repeats it",
                      "it reads an element that is only known to be there when the loop runs at all");
      continue;
    }
    invariant.insert(op);
    candidates.push_back(op);
  }
  // From the last to the first: what only spreads data goes along when something that moves reads it.
  std::unordered_set<const Op*> moving;
  for (auto op = candidates.rbegin(); op != candidates.rend(); ++op) {
    bool moves = !only_spreads(*op);
    if (!moves)
      for (const Op* user : (*op)->result()->users()) moves = moves || moving.contains(ancestor_in(body, user));
    if (moves) moving.insert(*op);
  }
  bool changed = false;
  for (Op* op : candidates) {
    if (!moving.contains(op)) continue;
    if (remarks) remarks->did(op, "leaves the loop", "every step computes the same");
    op->move_before(loop);
    changed = true;
  }
  return changed;
}

/// Innermost loops first, so that an op may leave several.
bool hoist_block(Block& block, Remarks* remarks) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) {
      changed |= hoist_block(op->region(i), remarks);
      if (op->code() != Opcode::If) changed |= hoist_out_of(op->region(i), op, remarks);
    }
  }
  return changed;
}

}  // namespace

/// Moves ops that compute the same in every step out of scans and loops.
/// Before: hoist-projections. After: canonicalize-scans, which turns constant carries and inputs into outer values.
/// Exact. Does not fire on: reads that are only known to be in bounds when the loop runs, regions of `if` (they may never run), broadcasts and iotas read in the loop only (they would
/// take memory and save nothing), kernels.
bool hoist_invariants(Function& f, PassContext& context) { return hoist_block(f.body(), context.remarks); }

}  // namespace seqc::passes
