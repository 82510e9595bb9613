// Slice, with bounds that may be expressions over named dims, or known at run time only.
#include <algorithm>

#include "frontend/onnx/graph.h"
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
  if (count == 0) return {Dim(0), Dim(0)};
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

/// One end of a slice: known when compiling, or a run-time i64 scalar.
struct Bound {
  std::optional<Dim> known;
  Value* run_time = nullptr;
};

struct Bounds {
  std::vector<Bound> starts, ends;
  std::vector<int64_t> axes, steps;
};

std::vector<Bound> read_bound(Node& node, size_t i, const char* role) {
  std::vector<Bound> bounds;
  const Type type = node.input_type(i);
  const Dim count = element_count(type.shape);
  if (node.known_contents(i) || !ir::is_integer(type.dtype) || type.rank() != 1 || !count.is_constant()) {
    for (const Dim& dim : node.required_dims(i, role)) bounds.push_back({dim});
    return bounds;
  }
  Value* all = node.builder().cast(node.input(i, role), DType::i64);
  for (int64_t k = 0; k < count.constant(); ++k)
    bounds.push_back({std::nullopt, node.builder().select_axis(all, 0, Dim(k))});
  return bounds;
}

Bounds read_bounds(Node& node) {
  Bounds bounds;
  if (node.opset() < 10) {
    for (const int64_t start : node.integers("starts")) bounds.starts.push_back({Dim(start)});
    for (const int64_t end : node.integers("ends")) bounds.ends.push_back({Dim(end)});
    bounds.axes = node.integers("axes");
  } else {
    bounds.starts = read_bound(node, 1, "starts");
    bounds.ends = read_bound(node, 2, "ends");
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

/// If `end` is `start` plus a number, as exporters write one step of a sequence: that number.
std::optional<int64_t> distance(Node& node, const Bound& start, const Bound& end) {
  const auto source = [](const Value* value) {  // behind views and casts
    const auto passes = [](Opcode code) {
      return code == Opcode::Reshape || code == Opcode::Cast || code == Opcode::Broadcast;
    };
    while (value->op() && (passes(value->op()->code()) || (value->op()->code() == Opcode::Slice &&
                                                           value->type().shape == value->op()->operand(0)->shape())))
      value = value->op()->operand(0);
    return value;
  };
  if (!start.run_time || !end.run_time) return std::nullopt;
  const Value* sum = source(end.run_time);
  if (!sum->op() || sum->op()->code() != Opcode::Add) return std::nullopt;
  for (const size_t i : {0, 1}) {
    const auto number = node.graph().model().evaluate(sum->op()->operand(1 - i));
    if (number && number->count() == 1 && source(sum->op()->operand(i)) == source(start.run_time))
      return number->integer(0);
  }
  return std::nullopt;
}

/// Python's slice with bounds that only a run can tell: start and size become dims.
Range run_time_range(Node& node, const Bound& start, const Bound& end, int64_t step, const Dim& count) {
  Builder& b = node.builder();
  Value* size = dim_scalar(b, count, DType::i64);
  const auto number = [&](int64_t value) { return b.constant(Tensor::scalar_int(DType::i64, value)); };
  const auto wrapped = [&](const Bound& bound, int64_t low, int64_t high) {  // clamped to low ... count + high
    Value* at = bound.known ? dim_scalar(b, *bound.known, DType::i64) : bound.run_time;
    at = b.select(b.lt(at, number(0)), b.add(at, size), at);
    return b.max(b.min(at, b.add(size, number(high))), number(low));
  };
  Value *from, *length;
  if (step > 0) {
    from = wrapped(start, 0, 0);
    length = b.sub(wrapped(end, 0, 0), from);
  } else {
    from = wrapped(start, 0, -1);
    length = b.sub(from, wrapped(end, -1, -1));
  }
  const int64_t stride = std::abs(step);
  Value* steps = b.div(b.add(b.max(length, number(0)), number(stride - 1)), number(stride));
  const Dim taken = b.bind_dim(steps, "taken", ceildiv(count, Dim(stride)));
  return {b.bind_dim(from, "start", count), taken};
}

/// x[start, start + size) where the size is known and the start is not: gathered, and taken to lie inside.
Value* window(Node& node, Value* x, int64_t axis, const Bound& start, int64_t size) {
  Builder& b = node.builder();
  Value* at = b.reshape(start.run_time, {Dim(1)});
  if (size != 1) at = b.add(at, b.iota(Dim(size)));
  return b.emit(Opcode::Gather, {x, at}, ir::AxisAttr{axis});
}

void import_slice(Node& node) {
  Value* x = node.input(0, "data");
  const Bounds bounds = read_bounds(node);
  Shape starts(x->shape().size(), Dim(0)), sizes = x->shape();
  std::vector<int64_t> steps(x->shape().size(), 1);
  std::set<int64_t> seen;
  for (size_t i = 0; i < bounds.axes.size(); ++i) {
    const int64_t axis = node.axis(bounds.axes[i], x->rank(), "axes");
    if (!seen.insert(axis).second) node.bad("axes names axis {} twice", axis);
    const Bound &start = bounds.starts[i], &end = bounds.ends[i];
    if (const auto size = distance(node, start, end); size && *size > 0 && bounds.steps[i] == 1) {
      x = window(node, x, axis, start, *size);
      sizes[axis] = Dim(*size);
      continue;
    }
    const Range range = start.known && end.known
                            ? range_of(node, *start.known, *end.known, bounds.steps[i], x->shape()[axis])
                            : run_time_range(node, start, end, bounds.steps[i], x->shape()[axis]);
    starts[axis] = range.start;
    sizes[axis] = range.size;
    steps[axis] = bounds.steps[i];
    if (range.size == Dim(0) || range.size == Dim(1)) steps[axis] = 1;
    if (range.size == Dim(0)) starts[axis] = Dim(0);
  }
  const bool whole =
      sizes == x->shape() && std::all_of(steps.begin(), steps.end(), [](int64_t step) { return step == 1; });
  node.set_output(0, whole ? x : node.builder().slice(x, starts, sizes, steps));
}

constexpr OperatorEntry kOperators[] = {{"Slice", import_slice}};

}  // namespace

std::span<const OperatorEntry> slice_operators() { return kOperators; }

}  // namespace seqc::frontend
