// Derivatives of data movement: what was copied somewhere is added up where it came from.
#include <algorithm>

#include "ir/error.h"
#include "passes/derivative_rules.h"
#include "passes/reverse_sweep.h"

namespace seqc::passes {

using namespace ir;

Value* spread(Builder& b, Value* g, int64_t axis, int64_t stride) {
  const Dim count = g->shape()[axis];
  Shape column = g->shape();
  column.insert(column.begin() + axis + 1, Dim(1));
  Shape none(column.size(), Dim(0)), behind = none;
  behind[axis + 1] = Dim(stride - 1);
  Value* padded = b.emit(Opcode::Pad, {b.reshape(g, column), b.scalar_like(g, 0)}, PadAttr{none, behind});
  Shape flat = g->shape();
  flat[axis] = count * Dim(stride);
  padded = b.reshape(padded, flat);
  return b.slice_axis(padded, axis, Dim(0), max((count - Dim(1)) * Dim(stride) + Dim(1), Dim(0)));
}

Value* reversed(Builder& b, Value* x, int64_t axis) {
  Shape starts(x->shape().size(), Dim(0));
  std::vector<int64_t> steps(x->shape().size(), 1);
  starts[axis] = x->shape()[axis] - Dim(1);
  steps[axis] = -1;
  return b.slice(x, starts, x->shape(), steps);
}

Value* put_slice(Builder& b, Value* g, const SliceAttr& attr, const Shape& shape) {
  if (std::find(attr.sizes.begin(), attr.sizes.end(), Dim(0)) != attr.sizes.end())
    return b.broadcast(b.scalar_like(g, 0), shape);  // starts may be anywhere
  Shape lo, hi;
  for (size_t i = 0; i < shape.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    const int64_t stride = std::abs(attr.steps[i]);
    Dim first = attr.starts[i];
    if (attr.steps[i] < 0) {
      g = reversed(b, g, axis);
      first = first + (attr.sizes[i] - Dim(1)) * Dim(attr.steps[i]);
    }
    if (stride > 1) g = spread(b, g, axis, stride);
    lo.push_back(first);
    hi.push_back(shape[i] - first - g->shape()[i]);
  }
  return b.emit(Opcode::Pad, {g, b.scalar_like(g, 0)}, PadAttr{lo, hi});
}

namespace {

Adjoints concat_derivative(Builder& b, const Op& op, Value* g) {
  const int64_t axis = op.as<AxisAttr>().axis;
  Adjoints parts;
  Dim start(0);
  for (const Value* part : op.operands()) {
    parts.push_back(b.slice_axis(g, axis, start, part->shape()[axis]));
    start = start + part->shape()[axis];
  }
  return parts;
}

/// Which element of x[..., n, ...] each element of a padded axis is: the op itself on the positions.
Value* padded_positions(Builder& b, const Op& op, int64_t axis) {
  const auto& attr = op.as<PadAttr>();
  return b.emit(Opcode::Pad, {b.iota(op.operand(0)->shape()[axis]), b.scalar(DType::i64, 0)},
                PadAttr{{attr.lo[axis]}, {attr.hi[axis]}, attr.mode});
}

/// x with rows `updates` added at positions along an axis.
Value* add_at(Builder& b, Value* x, Value* positions, Value* updates, int64_t axis) {
  std::vector<int64_t> perm;
  for (int64_t i = 0; i < x->rank(); ++i) perm.push_back(i);
  std::swap(perm[0], perm[axis]);  // swapping twice restores
  Value* rows = b.reshape(positions, {positions->shape()[0], Dim(1)});
  Value* sum = b.emit(Opcode::ScatterNd, {b.transpose(x, perm), rows, b.transpose(updates, perm)},
                      ScatterAttr{ScatterKind::Add});
  return b.transpose(sum, perm);
}

Adjoints pad_derivative(Builder& b, const Op& op, Value* g) {
  const auto& attr = op.as<PadAttr>();
  const Value* x = op.operand(0);
  if (attr.mode == PadMode::Constant) {
    Value* inside = b.slice(g, attr.lo, x->shape(), std::vector<int64_t>(attr.lo.size(), 1));
    std::vector<int64_t> all;
    for (int64_t i = 0; i < g->rank(); ++i) all.push_back(i);
    return {inside, b.sub(b.reduce(ReduceKind::Sum, g, all), b.reduce(ReduceKind::Sum, inside, all))};
  }
  for (int64_t axis = 0; axis < x->rank(); ++axis) {
    if (attr.lo[axis] == Dim(0) && attr.hi[axis] == Dim(0)) continue;
    Shape shape = g->shape();
    shape[axis] = x->shape()[axis];
    g = add_at(b, b.broadcast(b.scalar_like(g, 0), shape), padded_positions(b, op, axis), g, axis);
  }
  return {g, nullptr};
}

Adjoints gather_derivative(Builder& b, const Op& op, Value* g) {
  const Value *x = op.operand(0), *indices = op.operand(1);
  const int64_t axis = op.as<AxisAttr>().axis;
  // The gathered dims become one; rows of x are added up in it.
  const Dim count = element_count(indices->shape());
  Shape flat(x->shape());
  flat[axis] = count;
  return {add_at(b, zeros_like(b, x), b.reshape(op.operand(1), {count}), b.reshape(g, flat), axis), nullptr};
}

/// Index tuples [..., rank] of each element of `indices`: along `axis` the given ones, elsewhere their own positions.
Value* element_tuples(Builder& b, Value* indices, int64_t axis) {
  Shape column = indices->shape();
  column.emplace_back(1);
  std::vector<Value*> parts;
  for (int64_t i = 0; i < indices->rank(); ++i) {
    Value* part = indices;
    if (i != axis) {
      Shape along(indices->shape().size(), Dim(1));
      along[i] = indices->shape()[i];
      part = b.broadcast(b.reshape(b.iota(indices->shape()[i], indices->dtype()), along), indices->shape());
    }
    parts.push_back(b.reshape(part, column));
  }
  return b.concat(parts, indices->rank());
}

Value* added(Builder& b, const Value* like, Value* tuples, Value* g) {
  return b.emit(Opcode::ScatterNd, {zeros_like(b, like), tuples, g}, ScatterAttr{ScatterKind::Add});
}

Adjoints gather_nd_derivative(Builder& b, const Op& op, Value* g) {
  const int64_t batch = op.as<GatherNdAttr>().batch_dims;
  Value* tuples = op.operand(1);
  for (int64_t axis = batch; axis-- > 0;) {  // batch positions in front of the tuples
    Shape column = tuples->shape();
    column.back() = Dim(1);
    Shape along(column.size(), Dim(1));
    along[axis] = column[axis];
    Value* positions = b.broadcast(b.reshape(b.iota(column[axis], tuples->dtype()), along), column);
    tuples = b.concat({positions, tuples}, tuples->rank() - 1);
  }
  return {added(b, op.operand(0), tuples, g), nullptr};
}

/// Each factor gets the product of all others. Zeros among the updates are counted, so that none is divided by.
Adjoints scatter_mul_derivative(Builder& b, const Op& op, Value* g, Value* at_updates) {
  Value *x = op.operand(0), *tuples = op.operand(1), *u = op.operand(2);
  Value *zero = b.scalar_like(g, 0), *one = b.scalar_like(g, 1);
  const auto scatter = [&](double start, Value* values, ScatterKind kind) {
    return b.emit(Opcode::ScatterNd, {b.broadcast(b.scalar_like(g, start), x->shape()), tuples, values},
                  ScatterAttr{kind});
  };
  const auto at = [&](Value* v) { return b.emit(Opcode::GatherNd, {v, tuples}, GatherNdAttr{0}); };
  Value* is_zero = b.eq(u, zero);
  Value* safe = b.select(is_zero, one, u);
  Value* product = scatter(1, safe, ScatterKind::Mul);
  Value* zeros = scatter(0, b.cast(is_zero, g->dtype()), ScatterKind::Add);
  Value* of_others =
      b.select(b.eq(b.sub(at(zeros), b.cast(is_zero, g->dtype())), zero), b.div(at(product), safe), zero);
  return {b.mul(g, b.select(b.eq(zeros, zero), product, zero)), nullptr, b.mul(b.mul(at_updates, at(x)), of_others)};
}

/// Equal extremes share it.
Adjoints scatter_extreme_derivative(Builder& b, const Op& op, Value* g, Value* at_updates) {
  Value *x = op.operand(0), *tuples = op.operand(1), *u = op.operand(2);
  const auto at = [&](Value* v) { return b.emit(Opcode::GatherNd, {v, tuples}, GatherNdAttr{0}); };
  Value* kept = b.cast(b.eq(x, op.result()), g->dtype());
  Value* hit = b.cast(b.eq(u, at(op.result())), g->dtype());
  Value* count = b.emit(Opcode::ScatterNd, {kept, tuples, hit}, ScatterAttr{ScatterKind::Add});
  return {b.div(b.mul(g, kept), count), nullptr, b.div(b.mul(at_updates, hit), at(count))};
}

Adjoints scatter_derivative(Builder& b, const Op& op, Value* g) {
  Value *tuples = op.operand(1), *updates = op.operand(2);
  Value* at_updates = b.emit(Opcode::GatherNd, {g, tuples}, GatherNdAttr{0});
  if (op.as<ScatterAttr>().kind == ScatterKind::Add) return {g, nullptr, at_updates};
  if (op.as<ScatterAttr>().kind == ScatterKind::Mul) return scatter_mul_derivative(b, op, g, at_updates);
  if (op.as<ScatterAttr>().kind != ScatterKind::Set) return scatter_extreme_derivative(b, op, g, at_updates);
  // Of several updates of one element the last holds: it finds its own number in the element, the others do not.
  const Value* x = op.operand(0);
  const Shape rows(tuples->shape().begin(), tuples->shape().end() - 1);
  const Dim count = element_count(rows);
  Value* number = b.reshape(b.iota(count), rows);
  const int64_t depth = tuples->shape().back().constant();
  Value* none = b.broadcast(b.scalar(DType::i64, -1), Shape(x->shape().begin(), x->shape().begin() + depth));
  Value* holder = b.emit(Opcode::ScatterNd, {none, tuples, number}, ScatterAttr{});
  Value* holds = b.eq(b.emit(Opcode::GatherNd, {holder, tuples}, GatherNdAttr{0}), number);
  Shape spread = rows;
  spread.resize(updates->shape().size(), Dim(1));
  Value* untouched =
      b.emit(Opcode::ScatterNd, {g, tuples, b.broadcast(b.scalar_like(g, 0), updates->shape())}, ScatterAttr{});
  return {untouched, nullptr, b.select(b.reshape(holds, spread), at_updates, b.scalar_like(g, 0))};
}

}  // namespace

Adjoints movement_derivative(Builder& b, const Op& op, Value* g) {
  switch (op.code()) {
    case Opcode::Reshape: return {b.reshape(g, op.operand(0)->shape())};
    case Opcode::Broadcast: {
      const Shape& from = op.operand(0)->shape();
      std::vector<int64_t> axes;
      const size_t shift = g->shape().size() - from.size();
      for (size_t i = 0; i < g->shape().size(); ++i)
        if (i < shift || !(from[i - shift] == g->shape()[i])) axes.push_back(static_cast<int64_t>(i));
      return {b.reshape(axes.empty() ? g : b.reduce(ReduceKind::Sum, g, axes), from)};
    }
    case Opcode::Transpose: {
      const auto& perm = op.as<TransposeAttr>().perm;
      std::vector<int64_t> inverse(perm.size());
      for (size_t i = 0; i < perm.size(); ++i) inverse[perm[i]] = static_cast<int64_t>(i);
      return {b.transpose(g, inverse)};
    }
    case Opcode::Slice: return {put_slice(b, g, op.as<SliceAttr>(), op.operand(0)->shape())};
    case Opcode::Concat: return concat_derivative(b, op, g);
    case Opcode::Pad: return pad_derivative(b, op, g);
    case Opcode::Gather: return gather_derivative(b, op, g);
    case Opcode::GatherElements:
      return {added(b, op.operand(0), element_tuples(b, op.operand(1), op.as<AxisAttr>().axis), g), nullptr};
    case Opcode::GatherNd: return gather_nd_derivative(b, op, g);
    case Opcode::ScatterNd: return scatter_derivative(b, op, g);
    default: return Adjoints(op.operands().size(), nullptr);  // positions, orders
  }
}

}  // namespace seqc::passes
