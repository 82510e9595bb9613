#include <fmt/format.h>

#include <algorithm>

#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

bool replace_uses(Value* value, Value* by) {
  if (value->unused()) return false;
  value->replace_all_uses_with(by);
  return true;
}

/// A carry that is yielded as it came is its initial value.
bool drop_constant_carries(CarryView loop) {
  bool changed = false;
  for (int64_t i = loop.carries(); i-- > 0;) {
    if (loop.next(i) != loop.argument(i)) continue;
    Value* initial = loop.initial(i);
    replace_uses(loop.final(i), initial);
    replace_uses(loop.argument(i), initial);  // its place in the yield as well
    loop.erase_carry(i);
    changed = true;
  }
  return changed;
}

/// Carries that start equal and go on equal are one.
bool merge_equal_carries(CarryView loop) {
  bool changed = false;
  for (int64_t i = loop.carries(); i-- > 0;) {
    for (int64_t k = 0; k < i; ++k) {
      if (loop.initial(k) != loop.initial(i) || loop.next(k) != loop.next(i)) continue;
      replace_uses(loop.final(i), loop.final(k));
      replace_uses(loop.argument(i), loop.argument(k));
      loop.erase_carry(i);
      changed = true;
      break;
    }
  }
  return changed;
}

/// One step of a scanned value that is the same in every step, built in front of the scan; null if it may differ.
Value* constant_step(const ScanView& scan, int64_t i) {
  const Op* broadcast = defining(scan.input(i), Opcode::Broadcast);
  if (!broadcast) return nullptr;
  Value* source = broadcast->operand(0);
  const Shape& step = scan.step_input(i)->shape();
  Builder b = Builder::before(scan.op());
  if (source->shape().size() > step.size()) {
    if (!(source->shape()[0] == Dim(1)) || scan.length() == Dim(1)) return nullptr;
    source = b.reshape(source, Shape(source->shape().begin() + 1, source->shape().end()));
  }
  return b.broadcast(source, step);
}

bool drop_constant_inputs(ScanView scan) {
  bool changed = false;
  for (int64_t i = scan.inputs(); i-- > 0;) {
    Value* argument = scan.step_input(i);
    if (!argument->unused()) {
      Value* same = constant_step(scan, i);
      for (int64_t k = 0; k < i && !same; ++k)
        if (scan.input(k) == scan.input(i)) same = scan.step_input(k);
      if (!same) continue;
      argument->replace_all_uses_with(same);
    }
    scan.erase_input(i);
    changed = true;
  }
  return changed;
}

/// Outputs that need no scan to be known: inputs passed on, outer values, outputs emitted twice.
bool drop_known_outputs(ScanView scan) {
  bool changed = false;
  for (int64_t i = scan.outputs(); i-- > 0;) {
    Value* step = scan.step_output(i);
    Value* known = nullptr;
    for (int64_t k = 0; k < i && !known; ++k)
      if (scan.step_output(k) == step) known = scan.output(k);
    for (int64_t k = 0; k < scan.inputs() && !known; ++k)
      if (scan.step_input(k) == step) known = scan.input(k);
    if (!known && (step->is_constant() || !is_defined_inside(step, scan.body()))) {
      Builder b = Builder::before(scan.op());
      known = b.broadcast(step, scan.output(i)->shape());
    }
    if (!known) continue;
    replace_uses(scan.output(i), known);
    scan.erase_output(i);
    changed = true;
  }
  return changed;
}

/// True for a slice of `value` along dim 0 alone.
bool cuts_first_dim(const SliceAttr& attr, const Shape& shape) {
  for (size_t i = 1; i < shape.size(); ++i)
    if (!(attr.starts[i] == Dim(0) && attr.sizes[i] == shape[i] && attr.steps[i] == 1)) return false;
  return true;
}

/// True for the slice that turns dim 0 around.
bool is_reversal(const Op* op) {
  if (!op || op->code() != Opcode::Slice) return false;
  const auto& attr = op->as<SliceAttr>();
  const Shape& shape = op->operand(0)->shape();
  return !shape.empty() && attr.steps[0] == -1 && attr.sizes[0] == shape[0] && attr.starts[0] == shape[0] - Dim(1) &&
         cuts_first_dim(attr, shape);
}

/// A scan that reads and writes only through reversals runs the other way.
bool absorb_reversals(ScanView scan, Remarks* remarks) {
  const auto left = [&](bool some) {
    if (some && remarks)
      remarks->left(scan.op(), "values are turned around in front of it or behind",
                    "others are read or written forwards");
    return false;
  };
  for (int64_t i = 0; i < scan.inputs(); ++i)
    if (!is_reversal(scan.input(i)->op())) return left(i > 0);
  int64_t reversals = scan.inputs();
  for (int64_t i = 0; i < scan.outputs(); ++i) {
    for (const Op* user : scan.output(i)->users())
      if (!is_reversal(user)) return left(reversals > 0);
    reversals += static_cast<int64_t>(scan.output(i)->users().size());
  }
  if (reversals == 0) return false;
  if (remarks)
    remarks->did(scan.op(), "runs the other way and turns nothing around",
                 fmt::format("all its {} reads and writes are reversals", reversals));
  for (int64_t i = 0; i < scan.inputs(); ++i)
    scan.op()->set_operand(static_cast<size_t>(scan.carries() + i), scan.input(i)->op()->operand(0));
  for (int64_t i = 0; i < scan.outputs(); ++i)
    for (Op* user : std::vector<Op*>(scan.output(i)->users())) replace_op(user, {scan.output(i)});
  scan.set_reverse(!scan.reverse());
  return true;
}

/// The last step's element of an output that emits a carry is the carry's final value. The slice that reads it promises
/// that there is a last step, as bounds must hold.
bool read_final_carries(ScanView scan) {
  bool changed = false;
  const Dim last = scan.reverse() ? Dim(0) : scan.length() - Dim(1);
  for (int64_t i = 0; i < scan.outputs(); ++i) {
    int64_t carry = 0;
    while (carry < scan.carries() && scan.next(carry) != scan.step_output(i)) ++carry;
    if (carry == scan.carries()) continue;
    for (Op* user : std::vector<Op*>(scan.output(i)->users())) {
      if (user->code() != Opcode::Slice) continue;
      auto attr = user->as<SliceAttr>();
      if (!(attr.sizes[0] == Dim(1)) || !(attr.starts[0] == last)) continue;
      Builder b = Builder::before(user);
      Shape one_step = scan.output(i)->shape();
      one_step[0] = Dim(1);
      Value* step = b.reshape(scan.final(carry), one_step);
      const bool whole = cuts_first_dim(attr, one_step);
      attr.starts[0] = Dim(0);
      attr.steps[0] = 1;
      replace_op(user, {whole ? step : b.emit(Opcode::Slice, {step}, attr)});
      changed = true;
    }
  }
  return changed;
}

bool canonicalize_block(Block& block, Remarks* remarks) {
  bool changed = false;
  // Rewrites erase slices around the loops, never the loops.
  std::vector<Op*> loops;
  for (Op* op : block.op_list())
    if (op->code() != Opcode::Kernel && op->region_count() > 0) loops.push_back(op);
  for (Op* op : loops) {
    for (size_t i = 0; i < op->region_count(); ++i) changed |= canonicalize_block(op->region(i), remarks);
    if (op->code() != Opcode::Scan && op->code() != Opcode::Loop) continue;
    changed |= drop_constant_carries(CarryView(op));
    changed |= merge_equal_carries(CarryView(op));
    if (op->code() != Opcode::Scan) continue;
    changed |= drop_constant_inputs(ScanView(op));
    changed |= drop_known_outputs(ScanView(op));
    changed |= absorb_reversals(ScanView(op), remarks);
    changed |= read_final_carries(ScanView(op));
  }
  return changed;
}

}  // namespace

/// Brings scans and loops into the form that later passes expect: carries that change, inputs that differ from step to
/// step, each once; a reversed reading and writing order as `reverse`; the last emitted state read from its carry.
/// Before: hoist-invariants, hoist-projections (which look for outer values and scanned inputs). After: simplify, which
/// turns gathers of one index into slices. Exact.
/// Does not fire on: states masked in all but some steps, scans of which only some inputs are reversed.
bool canonicalize_scans(Function& f, PassContext& context) { return canonicalize_block(f.body(), context.remarks); }

}  // namespace seqc::passes
