#include <algorithm>

#include "passes/rewrite.h"
#include "passes/simplify_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Positions of the dims that are not 1.
std::vector<size_t> wide_dims(const Shape& shape) {
  std::vector<size_t> result;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!(shape[i] == Dim(1))) result.push_back(i);
  return result;
}

/// True if the shapes differ in dims of size 1 only.
bool same_besides_ones(const Shape& a, const Shape& b) {
  const auto x = wide_dims(a), y = wide_dims(b);
  return x.size() == y.size() &&
         std::equal(x.begin(), x.end(), y.begin(), [&](size_t i, size_t k) { return a[i] == b[k]; });
}

bool holds_one_element(const Value* x) { return wide_dims(x->shape()).empty(); }

// --- reshape, broadcast, transpose -----------------------------------------------------------------------------------

Value* reshape_nothing(Op* op, Builder&) {
  return op->operand(0)->shape() == op->result()->shape() ? op->operand(0) : nullptr;
}

// reshape (reshape x) = reshape x
Value* reshape_twice(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Reshape);
  return inner ? b.reshape(inner->operand(0), op->result()->shape()) : nullptr;
}

// However one repeated element is rearranged, it is one repeated element.
Value* rearrange_repeated(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Broadcast);
  if (!inner || !holds_one_element(inner->operand(0))) return nullptr;
  return b.broadcast(b.reshape(inner->operand(0), {}), op->result()->shape());
}

Value* broadcast_nothing(Op* op, Builder&) {
  return op->operand(0)->shape() == op->result()->shape() ? op->operand(0) : nullptr;
}

// broadcast (broadcast x) = broadcast x; a reshape that only puts 1s in front is part of a broadcast, too.
Value* broadcast_twice(Op* op, Builder& b) {
  const Value* x = op->operand(0);
  if (const Op* inner = defining(x, Opcode::Broadcast)) return b.broadcast(inner->operand(0), op->result()->shape());
  const Op* inner = defining(x, Opcode::Reshape);
  if (!inner || inner->operand(0)->rank() >= x->rank()) return nullptr;
  const Shape padded = broadcast_shapes(inner->operand(0)->shape(), Shape(static_cast<size_t>(x->rank()), Dim(1)));
  return padded == x->shape() ? b.broadcast(inner->operand(0), op->result()->shape()) : nullptr;
}

// transpose (transpose x) = transpose x
Value* transpose_twice(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Transpose);
  if (!inner) return nullptr;
  std::vector<int64_t> perm;
  for (const int64_t axis : op->as<TransposeAttr>().perm) perm.push_back(inner->as<TransposeAttr>().perm[axis]);
  return b.transpose(inner->operand(0), std::move(perm));
}

// A transpose that moves dims of size 1 only is a reshape (and none at all when it moves nothing).
Value* transpose_ones(Op* op, Builder& b) {
  const Value* x = op->operand(0);
  int64_t last = -1;
  for (const int64_t axis : op->as<TransposeAttr>().perm) {
    if (x->shape()[axis] == Dim(1)) continue;
    if (axis < last) return nullptr;
    last = axis;
  }
  return b.reshape(op->operand(0), op->result()->shape());
}

// --- slice -----------------------------------------------------------------------------------------------------------

bool is_whole(const SliceAttr& slice, const Shape& shape, size_t i) {
  return slice.starts[i] == Dim(0) && slice.sizes[i] == shape[i] && (slice.steps[i] == 1 || slice.sizes[i] == Dim(1));
}

bool is_whole_besides(const SliceAttr& slice, const Shape& shape, size_t axis) {
  for (size_t i = 0; i < shape.size(); ++i)
    if (i != axis && !is_whole(slice, shape, i)) return false;
  return true;
}

Value* slice(Builder& b, Value* x, SliceAttr attr) { return b.emit(Opcode::Slice, {x}, std::move(attr)); }

Value* slice_nothing(Op* op, Builder&) {
  const Shape& shape = op->operand(0)->shape();
  return is_whole_besides(op->as<SliceAttr>(), shape, shape.size()) ? op->operand(0) : nullptr;
}

// Element i of a slice of a slice is x[s1 + (s2 + i*p2) * p1].
Value* slice_twice(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Slice);
  if (!inner) return nullptr;
  const auto& first = inner->as<SliceAttr>();
  SliceAttr both = op->as<SliceAttr>();
  for (size_t i = 0; i < both.steps.size(); ++i) {
    both.starts[i] = first.starts[i] + both.starts[i] * Dim(first.steps[i]);
    both.steps[i] = both.sizes[i] == Dim(1) ? 1 : both.steps[i] * first.steps[i];
  }
  return slice(b, inner->operand(0), std::move(both));
}

// A slice that lies within one part of a concat.
Value* slice_one_part(Op* op, Builder& b) {
  const Op* concat = defining(op->operand(0), Opcode::Concat);
  if (!concat) return nullptr;
  const auto axis = static_cast<size_t>(concat->as<AxisAttr>().axis);
  SliceAttr attr = op->as<SliceAttr>();
  const Dim first = attr.starts[axis];
  const Dim last = first + (attr.sizes[axis] - Dim(1)) * Dim(attr.steps[axis]);
  const Dim &low = attr.steps[axis] > 0 ? first : last, &high = attr.steps[axis] > 0 ? last : first;
  Dim offset(0);
  for (Value* part : concat->operands()) {
    const Dim end = offset + part->shape()[axis];
    if (provably_le(offset, low) && provably_le(high + Dim(1), end)) {
      attr.starts[axis] = first - offset;
      return slice(b, part, std::move(attr));
    }
    offset = end;
  }
  return nullptr;
}

// slice (concat x y) = concat (slice x) (slice y), when the slice spares the axis and nobody else reads the concat.
Value* slice_each_part(Op* op, Builder& b) {
  const Op* concat = defining(op->operand(0), Opcode::Concat);
  if (!concat || concat->result()->users().size() != 1) return nullptr;
  const int64_t axis = concat->as<AxisAttr>().axis;
  SliceAttr attr = op->as<SliceAttr>();
  if (!is_whole(attr, concat->result()->shape(), static_cast<size_t>(axis))) return nullptr;
  std::vector<Value*> parts;
  for (Value* part : concat->operands()) {
    attr.sizes[axis] = part->shape()[axis];
    parts.push_back(slice(b, part, attr));
  }
  return b.concat(std::move(parts), axis);
}

// A slice of a broadcast that only cuts repeated dims is a smaller broadcast.
Value* slice_repeated(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Broadcast);
  if (!inner) return nullptr;
  const Shape &source = inner->operand(0)->shape(), &shape = inner->result()->shape();
  const size_t shift = shape.size() - source.size();
  for (size_t i = 0; i < source.size(); ++i) {
    const bool repeated = source[i] == Dim(1);
    if (!repeated && !is_whole(op->as<SliceAttr>(), shape, i + shift)) return nullptr;
  }
  return b.broadcast(inner->operand(0), op->result()->shape());
}

// Slices move in front of reshapes that add or remove 1s, towards what made the value.
Value* slice_reshaped(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Reshape);
  if (!inner) return nullptr;
  const Shape &source = inner->operand(0)->shape(), &shape = inner->result()->shape();
  const auto& attr = op->as<SliceAttr>();
  if (!same_besides_ones(source, shape)) return nullptr;
  SliceAttr moved{Shape(source.size(), Dim(0)), source, std::vector<int64_t>(source.size(), 1)};
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == Dim(1) && !is_whole(attr, shape, i)) return nullptr;
  const auto from = wide_dims(shape), to = wide_dims(source);
  for (size_t k = 0; k < from.size(); ++k) {
    moved.starts[to[k]] = attr.starts[from[k]];
    moved.sizes[to[k]] = attr.sizes[from[k]];
    moved.steps[to[k]] = attr.steps[from[k]];
  }
  return b.reshape(slice(b, inner->operand(0), std::move(moved)), op->result()->shape());
}

// Slices move in front of transposes.
Value* slice_transposed(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Transpose);
  if (!inner) return nullptr;
  const auto& perm = inner->as<TransposeAttr>().perm;
  const auto& attr = op->as<SliceAttr>();
  SliceAttr moved = attr;
  for (size_t i = 0; i < perm.size(); ++i) {
    moved.starts[perm[i]] = attr.starts[i];
    moved.sizes[perm[i]] = attr.sizes[i];
    moved.steps[perm[i]] = attr.steps[i];
  }
  return b.transpose(slice(b, inner->operand(0), std::move(moved)), perm);
}

// Part of the values of dims.
Value* slice_dims(Op* op, Builder& b) {
  const Op* inner = defining(op->operand(0), Opcode::Dims);
  const auto& attr = op->as<SliceAttr>();
  if (!inner || !attr.starts[0].is_constant() || !attr.sizes[0].is_constant()) return nullptr;
  Shape part;
  for (int64_t i = 0; i < attr.sizes[0].constant(); ++i)
    part.push_back(inner->as<DimsAttr>().value[attr.starts[0].constant() + i * attr.steps[0]]);
  return b.dims(std::move(part));
}

// --- concat, pad, gather ---------------------------------------------------------------------------------------------

Value* concat_one(Op* op, Builder&) { return op->operands().size() == 1 ? op->operand(0) : nullptr; }

// Empty parts add nothing; parts that are concats along the same axis, read by nobody else, dissolve.
Value* concat_flatten(Op* op, Builder& b) {
  const auto axis = op->as<AxisAttr>().axis;
  std::vector<Value*> parts;
  for (Value* part : op->operands()) {
    const Op* inner = defining(part, Opcode::Concat);
    if (part->shape()[axis] == Dim(0)) continue;
    if (inner && inner->as<AxisAttr>().axis == axis && part->users().size() == 1)
      parts.insert(parts.end(), inner->operands().begin(), inner->operands().end());
    else
      parts.push_back(part);
  }
  return parts == op->operands() || parts.empty() ? nullptr : b.concat(std::move(parts), axis);
}

/// True if slice `b` of the same value goes on along `axis` where slice `a` ends.
bool is_continued(const Op* a, const Op* b, size_t axis) {
  const auto &x = a->as<SliceAttr>(), &y = b->as<SliceAttr>();
  if (a->operand(0) != b->operand(0) || x.steps[axis] != y.steps[axis]) return false;
  for (size_t i = 0; i < x.steps.size(); ++i)
    if (i != axis && !(x.starts[i] == y.starts[i] && x.steps[i] == y.steps[i])) return false;
  return x.starts[axis] + x.sizes[axis] * Dim(x.steps[axis]) == y.starts[axis];
}

// Slices of one value that lie side by side are one slice.
Value* concat_adjacent(Op* op, Builder& b) {
  const auto axis = static_cast<size_t>(op->as<AxisAttr>().axis);
  std::vector<Value*> parts;
  bool changed = false;
  for (size_t i = 0; i < op->operands().size(); ++i) {
    const Op* first = defining(op->operand(i), Opcode::Slice);
    const Op* last = first;
    Dim size = op->operand(i)->shape()[axis];
    while (first && i + 1 < op->operands().size()) {
      const Op* next = defining(op->operand(i + 1), Opcode::Slice);
      if (!next || !is_continued(last, next, axis)) break;
      last = next;
      size = size + op->operand(++i)->shape()[axis];
    }
    if (last == first) {
      parts.push_back(op->operand(i));
      continue;
    }
    SliceAttr attr = first->as<SliceAttr>();
    attr.sizes[axis] = size;
    parts.push_back(slice(b, first->operand(0), std::move(attr)));
    changed = true;
  }
  return changed ? b.concat(std::move(parts), static_cast<int64_t>(axis)) : nullptr;
}

Value* pad_nothing(Op* op, Builder&) {
  const auto& attr = op->as<PadAttr>();
  const auto zero = [](const Dim& dim) { return dim == Dim(0); };
  return std::all_of(attr.lo.begin(), attr.lo.end(), zero) && std::all_of(attr.hi.begin(), attr.hi.end(), zero)
             ? op->operand(0)
             : nullptr;
}

/// `index` made non-negative, when it provably is within `size` (which gather promises to clamp to).
bool known_position(int64_t index, const Dim& size, Dim& position) {
  position = index < 0 ? size + Dim(index) : Dim(index);
  // The first and the last element exist wherever a gather has anything to read.
  if (index == 0 || index == -1) return !(size == Dim(0));
  return provably_nonnegative(position) && provably_le(position + Dim(1), size);
}

// A gather of one index, or of evenly spaced ones, is a slice.
Value* gather_evenly(Op* op, Builder& b) {
  const auto axis = static_cast<size_t>(op->as<AxisAttr>().axis);
  Value* x = op->operand(0);
  const Value* index = op->operand(1);
  if (!index->is_constant() || index->rank() > 1 || index->constant().count() == 0) return nullptr;
  const Tensor& indices = index->constant();
  const Dim& size = x->shape()[axis];
  Dim start(0), at(0);
  int64_t step = 1;
  if (!known_position(indices.integer(0), size, start)) return nullptr;
  for (int64_t i = 1; i < indices.count(); ++i) {
    if (!known_position(indices.integer(i), size, at)) return nullptr;
    const Dim distance = at - start;
    if (!distance.is_constant()) return nullptr;
    if (i == 1) step = distance.constant();
    if (step == 0 || distance.constant() != i * step) return nullptr;
  }
  SliceAttr attr{Shape(x->shape().size(), Dim(0)), x->shape(), std::vector<int64_t>(x->shape().size(), 1)};
  attr.starts[axis] = start;
  attr.sizes[axis] = Dim(indices.count());
  attr.steps[axis] = step;
  return b.reshape(slice(b, x, std::move(attr)), op->result()->shape());
}

// Over no axes; a float sum still turns -0 into 0, as it starts from 0.
Value* reduce_nothing(Op* op, Builder&) {
  const auto& attr = op->as<ReduceAttr>();
  const bool rounds = attr.kind == ReduceKind::Sum && is_float(op->result()->dtype());
  return attr.axes.empty() && !rounds ? op->operand(0) : nullptr;
}

constexpr Rule kRules[] = {
    {Opcode::Reshape, reshape_nothing},    {Opcode::Reshape, reshape_twice},
    {Opcode::Reshape, rearrange_repeated}, {Opcode::Broadcast, broadcast_nothing},
    {Opcode::Broadcast, broadcast_twice},  {Opcode::Transpose, transpose_ones},
    {Opcode::Transpose, transpose_twice},  {Opcode::Transpose, rearrange_repeated},
    {Opcode::Slice, slice_nothing},        {Opcode::Slice, slice_twice},
    {Opcode::Slice, slice_one_part},       {Opcode::Slice, slice_each_part},
    {Opcode::Slice, slice_repeated},       {Opcode::Slice, slice_reshaped},
    {Opcode::Slice, slice_transposed},     {Opcode::Slice, slice_dims},
    {Opcode::Concat, concat_one},          {Opcode::Concat, concat_flatten},
    {Opcode::Concat, concat_adjacent},     {Opcode::Pad, pad_nothing},
    {Opcode::Gather, gather_evenly},       {Opcode::Reduce, reduce_nothing},
};

}  // namespace

std::span<const Rule> movement_rules() { return kRules; }

}  // namespace seqc::passes
