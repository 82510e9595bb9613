// Slice, with bounds that may be expressions over named dims.
#include <algorithm>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Exporters write "to the end" as the largest integer of 32 or 64 bits.
bool beyond(const Dim& bound) {
  constexpr int64_t kFar = (int64_t{1} << 31) - 2;
  return bound.is_constant() && (bound.constant() >= kFar || bound.constant() <= -kFar);
}

bool negative(const Dim& bound) {
  return bound.is_constant() ? bound.constant() < 0 : provably_nonnegative(Dim(-1) - bound);
}

struct Range {
  Dim start, size;
};

/// Python's slice over numbers.
Range numeric_range(int64_t start, int64_t end, int64_t step, int64_t count) {
  const auto wrap = [&](int64_t at, int64_t lo, int64_t hi) { return std::clamp(at < 0 ? at + count : at, lo, hi); };
  if (step > 0) {
    start = wrap(start, 0, count);
    end = wrap(end, 0, count);
    return {Dim(start), Dim(end > start ? (end - start - 1) / step + 1 : 0)};
  }
  start = wrap(start, 0, count - 1);
  end = wrap(end, -1, count - 1);
  return {Dim(start), Dim(start > end ? (start - end - 1) / -step + 1 : 0)};
}

/// With named dims, bounds are taken to lie inside: `x[-1:]` has one element, `x[1:]` has T - 1, and `table[:T]` has T.
/// A size that turns out negative at run time is refused there. Only `x[:5]` of T elements keeps its minimum.
Range symbolic_range(const Dim& start, const Dim& end, int64_t step, const Dim& count) {
  const Dim from = negative(start) ? (beyond(start) ? Dim(0) : start + count) : start;
  if (step < 0) {
    const Dim first = beyond(start) && !negative(start) ? count - Dim(1) : from;
    const Dim last = beyond(end) && negative(end) ? Dim(-1) : negative(end) ? end + count : end;
    return {first, ceildiv(first - last, Dim(-step))};
  }
  Dim to = negative(end) ? end + count : end;
  if (beyond(end))
    to = negative(end) ? Dim(0) : count;
  else if (!negative(end) && !(end.has_symbols() && count.is_constant()))
    to = ir::min(to, count);
  return {from, ceildiv(to - from, Dim(step))};
}

Range range_of(Node& node, const Dim& start, const Dim& end, int64_t step, const Dim& count) {
  if (step == 0) node.bad("steps holds 0, expected another number");
  constexpr int64_t kLimit = int64_t{1} << 40;  // larger steps take the first element only, as this one does
  step = std::clamp(step, -kLimit, kLimit);
  if (start.is_constant() && end.is_constant() && count.is_constant())
    return numeric_range(start.constant(), end.constant(), step, count.constant());
  return symbolic_range(start, end, step, count);
}

struct Bounds {
  Shape starts, ends;
  std::vector<int64_t> axes, steps;
};

Bounds read_bounds(Node& node) {
  Bounds bounds;
  if (node.opset() < 10) {
    for (const int64_t start : node.integers("starts")) bounds.starts.emplace_back(start);
    for (const int64_t end : node.integers("ends")) bounds.ends.emplace_back(end);
    bounds.axes = node.integers("axes");
  } else {
    bounds.starts = node.required_dims(1, "starts");
    bounds.ends = node.required_dims(2, "ends");
    if (node.has_input(3)) bounds.axes = node.required_ints(3, "axes");
    if (node.has_input(4)) bounds.steps = node.required_ints(4, "steps");
  }
  const size_t count = bounds.starts.size();
  if (bounds.axes.empty()) bounds.axes = axis_range(0, static_cast<int64_t>(count));
  if (bounds.steps.empty()) bounds.steps.assign(count, 1);
  if (bounds.ends.size() != count || bounds.axes.size() != count || bounds.steps.size() != count)
    node.bad("got {} starts, {} ends, {} axes and {} steps, expected equal numbers", count, bounds.ends.size(),
             bounds.axes.size(), bounds.steps.size());
  return bounds;
}

void import_slice(Node& node) {
  Value* x = node.input(0, "data");
  const Bounds bounds = read_bounds(node);
  Shape starts(x->shape().size(), Dim(0)), sizes = x->shape();
  std::vector<int64_t> steps(x->shape().size(), 1);
  std::vector<bool> seen(x->shape().size(), false);
  for (size_t i = 0; i < bounds.axes.size(); ++i) {
    const int64_t axis = node.axis(bounds.axes[i], x->rank(), "axes");
    if (seen[axis]) node.bad("axes names axis {} twice", axis);
    seen[axis] = true;
    const Range range = range_of(node, bounds.starts[i], bounds.ends[i], bounds.steps[i], x->shape()[axis]);
    starts[axis] = range.start;
    sizes[axis] = range.size;
    steps[axis] = bounds.steps[i];
    if (range.size == Dim(0) || range.size == Dim(1)) steps[axis] = 1;
    if (range.size == Dim(0)) starts[axis] = Dim(0);
  }
  const bool whole = sizes == x->shape() && steps == std::vector<int64_t>(steps.size(), 1);
  node.set_output(0, whole ? x : node.builder().slice(x, starts, sizes, steps));
}

constexpr OperatorEntry kOperators[] = {{"Slice", import_slice}};

}  // namespace

std::span<const OperatorEntry> slice_operators() { return kOperators; }

}  // namespace seqc::frontend
