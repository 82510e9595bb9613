// Operators that sort.
#include "frontend/onnx/select.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// How many elements TopK takes: an attribute at first, an input later, which the data may decide.
Dim top_count(Node& node, const Dim& size) {
  if (node.opset() < 10) return Dim(node.required_integer("k"));
  if (const auto known = node.known_contents(1)) {
    if (known->values.size() != 1) node.bad("K holds {} numbers, expected one", known->values.size());
    return known->values[0];
  }
  Builder& b = node.builder();
  return b.bind_dim(b.cast(as_scalar(node, node.input(1, "K"), "K"), DType::i64), "k", size);
}

/// Equal elements keep their order, so that `sorted` = 0 asks for nothing else.
void import_top_k(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const int64_t axis = node.axis(node.integer("axis", -1), x->rank());
  const bool largest = node.integer("largest", 1) != 0;
  node.ignore_attribute("sorted");
  const Dim size = x->shape()[axis], count = top_count(node, size);
  const Dim spare = size - count;
  if ((count.is_constant() && count.constant() < 0) || (spare.is_constant() && spare.constant() < 0))
    node.bad("K is {}, expected 0 to {}, the size of axis {}", count.str(), size.str(), axis);
  std::vector<int64_t> perm = axis_range(0, x->rank());
  std::swap(perm[axis], perm.back());  // swapping twice restores
  Value* rows = b.transpose(x, perm);
  Value* order = b.arg_sort(b.reshape(rows, with_ones(rows->shape(), {rows->rank()})), largest);
  order = b.slice_axis(order, order->rank() - 1, Dim(0), count);
  Value* values = b.emit(Opcode::GatherElements, {rows, order}, ir::AxisAttr{rows->rank() - 1});
  node.set_output(0, b.transpose(values, perm));
  node.set_output(1, b.transpose(order, perm));
}

/// Rows [n, elements] that Unique compares: slices along the axis, or the single elements.
Value* rows_of(Builder& b, Value* x, std::optional<int64_t> axis) {
  if (!axis) return b.reshape(x, {element_count(x->shape()), Dim(1)});
  std::vector<int64_t> perm = axis_range(0, x->rank());
  perm.erase(perm.begin() + *axis);
  perm.insert(perm.begin(), *axis);
  Value* first = b.transpose(x, perm);
  return b.reshape(first, {x->shape()[*axis], element_count(Shape(first->shape().begin() + 1, first->shape().end()))});
}

Value* scatter(Builder& b, Value* into, Value* at, Value* values, ir::ScatterKind kind = ir::ScatterKind::Set) {
  return b.emit(Opcode::ScatterNd, {into, b.reshape(at, with_ones(at->shape(), {1})), values}, ir::ScatterAttr{kind});
}

/// Sorted rows fall into groups of equal ones; the first of each in order of position stands for it. A NaN equals nothing.
void import_unique(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  std::optional<int64_t> axis;
  if (node.has_attribute("axis")) axis = node.axis(node.required_integer("axis"), x->rank());
  const bool sorted = node.integer("sorted", 1) != 0;

  Value* rows = rows_of(b, x, axis);
  const Dim count = rows->shape()[0];
  const auto gather = [&](Value* from, Value* at) { return b.emit(Opcode::Gather, {from, at}, ir::AxisAttr{0}); };
  const auto zeros = [&](const Dim& size) { return b.broadcast(b.scalar(DType::i64, 0), {size}); };
  Value *order = b.arg_sort(rows, false), *number = b.iota(count);
  Value* previous = gather(order, b.sub(number, b.scalar(DType::i64, 1)));  // of row 0: ignored below
  Value* differs = b.cast(b.emit(Opcode::Ne, {gather(rows, order), gather(rows, previous)}), DType::i32);
  differs = b.gt(b.reduce(ir::ReduceKind::Max, differs, {1}), b.scalar(DType::i32, 0));
  Value* begins = b.emit(Opcode::Or, {b.eq(number, b.scalar(DType::i64, 0)), differs});
  const Selection groups = select_true(b, begins, "unique");
  Value* first = gather(order, groups.positions);  // [unique], positions in x
  Value* group = b.sub(running_sum(b, b.cast(begins, DType::i64)), b.scalar(DType::i64, 1));
  Value* sizes =
      scatter(b, zeros(groups.count), group, b.broadcast(b.scalar(DType::i64, 1), {count}), ir::ScatterKind::Add);
  if (!sorted) {  // groups by their first position
    Value* by_position = b.arg_sort(b.reshape(first, {groups.count, Dim(1)}), false);
    Value* rank = scatter(b, zeros(groups.count), by_position, b.iota(groups.count));
    first = gather(first, by_position);
    sizes = gather(sizes, by_position);
    group = gather(rank, group);
  }
  Value* source = axis ? x : b.reshape(x, {count});
  node.set_output(0, b.emit(Opcode::Gather, {source, first}, ir::AxisAttr{axis.value_or(0)}));
  node.set_output(1, first);
  node.set_output(2, scatter(b, zeros(count), order, group));
  node.set_output(3, sizes);
}

constexpr OperatorEntry kOperators[] = {
    {"TopK", import_top_k},
    {"Unique", import_unique, 11},
};

}  // namespace

std::span<const OperatorEntry> order_operators() { return kOperators; }

}  // namespace seqc::frontend
