// Operators that pick elements, as many as the data say.
#include "frontend/onnx/select.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Selection select_true(Builder& b, Value* mask, const std::string& hint, std::optional<Dim> at_most) {
  Value* count = b.reduce(ir::ReduceKind::Sum, b.cast(mask, DType::i64), {0});
  const Dim size = b.bind_dim(count, hint, at_most.value_or(mask->shape()[0]));
  return {size, b.positions(mask, size)};
}

Value* running_sum(Builder& b, Value* x) {
  const ir::Op* scan = b.scan(x->shape()[0], {b.scalar_like(x, 0)}, {x},
                              [](Builder& inner, const std::vector<Value*>& arguments) -> std::vector<Value*> {
                                Value* sum = inner.add(arguments[0], arguments[1]);
                                return {sum, sum};
                              });
  return scan->result(1);
}

namespace {

Value* flattened(Builder& b, Value* x) { return b.reshape(x, {element_count(x->shape())}); }

Value* is_nonzero(Builder& b, Value* x) {
  return x->dtype() == DType::boolean ? x : b.emit(Opcode::Ne, {x, b.scalar_like(x, 0)});
}

/// The coordinates [rank, n] of linear positions [n] in a tensor of shape `shape`.
Value* unravelled(Builder& b, Value* positions, const Shape& shape) {
  std::vector<Value*> rows(shape.size());
  Value* rest = positions;
  for (size_t axis = shape.size(); axis-- > 0;) {
    Value* size = dim_scalar(b, shape[axis], DType::i64);
    rows[axis] = b.reshape(axis == 0 ? rest : b.emit(Opcode::Rem, {rest, size}), with_ones(rest->shape(), {0}));
    if (axis > 0) rest = b.div(rest, size);
  }
  return b.concat(rows, 0);
}

/// Coordinates of data known at import: exporters make ranges of them.
Tensor known_coordinates(const Tensor& x) {
  std::vector<std::vector<int64_t>> tuples;
  for (int64_t i = 0; i < x.count(); ++i) {
    if (x.real(i) == 0) continue;
    std::vector<int64_t> tuple(x.shape().size());
    int64_t rest = i;
    for (size_t axis = tuple.size(); axis-- > 0; rest /= x.shape()[axis]) tuple[axis] = rest % x.shape()[axis];
    tuples.push_back(std::move(tuple));
  }
  const auto count = static_cast<int64_t>(tuples.size());
  Tensor result(DType::i64, {x.rank(), count});
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    for (int64_t i = 0; i < count; ++i) result.set_integer(axis * count + i, tuples[i][axis]);
  return result;
}

/// A scalar gives [0, count], as the specification has it.
void import_non_zero(Node& node) {
  Builder& b = node.builder();
  if (const auto known = node.known_tensor(0)) {
    node.set_output(0, b.constant(known_coordinates(*known)));
    return;
  }
  Value* x = node.input(0, "X");
  const Selection nonzero = select_true(b, is_nonzero(b, flattened(b, x)), "nonzero");
  node.set_output(0, x->rank() == 0 ? b.broadcast(b.scalar(DType::i64, 0), {Dim(0), nonzero.count})
                                    : unravelled(b, nonzero.positions, x->shape()));
}

/// Elements along an axis (of the flattened input without one) where the condition holds; it may be shorter than the axis.
void import_compress(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "input"), *condition = node.input(1, "condition");
  int64_t axis = 0;
  if (node.has_attribute("axis"))
    axis = node.axis(node.required_integer("axis"), x->rank());
  else
    x = flattened(b, x);
  node.require_rank(condition, 1, "condition");
  if (condition->dtype() != DType::boolean) node.bad("condition is {}, expected bool", condition->type().str());
  const Dim spare = x->shape()[axis] - condition->shape()[0];
  if (spare.is_constant() && spare.constant() < 0)
    node.bad("condition is {}, expected no more than the {} of the axis", condition->type().str(),
             x->shape()[axis].str());
  const Selection kept = select_true(b, condition, "kept");
  node.set_output(0, b.emit(Opcode::Gather, {x, kept.positions}, ir::AxisAttr{axis}));
}

// --- NonMaxSuppression -------------------------------------------------------------------------------------------

/// The edges of boxes, one tensor each, with y1 <= y2 and x1 <= x2.
struct Edges {
  Value *y1, *x1, *y2, *x2;
};

/// From boxes [batches, n, 4] as two opposite corners (y, x, y, x) or as centre and size (x, y, width, height).
Edges edges_of(Builder& b, Value* boxes, bool centred) {
  const auto part = [&](int64_t i) { return b.select_axis(boxes, 2, Dim(i)); };
  if (!centred) {
    Value *y1 = part(0), *x1 = part(1), *y2 = part(2), *x2 = part(3);
    return {b.min(y1, y2), b.min(x1, x2), b.max(y1, y2), b.max(x1, x2)};
  }
  Value *x = part(0), *y = part(1), *half_width = b.mul(part(2), 0.5), *half_height = b.mul(part(3), 0.5);
  return {b.sub(y, half_height), b.sub(x, half_width), b.add(y, half_height), b.add(x, half_width)};
}

Value* area(Builder& b, const Edges& box) { return b.mul(b.sub(box.y2, box.y1), b.sub(box.x2, box.x1)); }

/// Intersection over union is above the limit; boxes without area overlap nothing. Everything broadcasts.
Value* overlap(Builder& b, const Edges& a, const Edges& c, Value* limit) {
  Value* zero = b.scalar_like(a.y1, 0);
  Value* height = b.max(b.sub(b.min(a.y2, c.y2), b.max(a.y1, c.y1)), zero);
  Value* width = b.max(b.sub(b.min(a.x2, c.x2), b.max(a.x1, c.x1)), zero);
  Value* common = b.mul(height, width);
  Value *first = area(b, a), *second = area(b, c);
  Value* united = b.sub(b.add(first, second), common);
  Value* above = b.gt(b.div(common, united), limit);
  return b.emit(Opcode::And, {above, b.emit(Opcode::And, {b.gt(first, zero), b.gt(second, zero)})});
}

/// An optional scalar input of any rank, or null.
Value* optional_scalar(Node& node, size_t i, const char* role) {
  return node.has_input(i) ? as_scalar(node, node.input(i, role), role) : nullptr;
}

/// Boxes in order of falling score; each is kept if no kept one overlaps it too much, until there are enough. All batches
/// and classes at once: one scan over the ranks.
void import_non_max_suppression(Node& node) {
  Builder& b = node.builder();
  Value *boxes = node.input(0, "boxes"), *scores = node.input(1, "scores");
  node.require_rank(boxes, 3, "boxes");
  node.require_rank(scores, 3, "scores");
  const Dim batches = scores->shape()[0], classes = scores->shape()[1], count = scores->shape()[2];
  node.require_equal(boxes->shape()[0], batches, "the number of batches of boxes");
  node.require_equal(boxes->shape()[1], count, "the number of boxes");
  node.require_equal(boxes->shape()[2], Dim(4), "the last dim of boxes");
  const bool centred = node.integer("center_point_box", 0) != 0;
  Value* most = optional_scalar(node, 2, "max_output_boxes_per_class");
  most = most ? b.cast(most, DType::i64) : b.scalar(DType::i64, 0);
  Value* limit = optional_scalar(node, 3, "iou_threshold");
  if (!limit) limit = b.scalar_like(scores, 0);
  Value* lowest = optional_scalar(node, 4, "score_threshold");

  // By rank: [batches, classes, count].
  Value* order = b.arg_sort(b.reshape(scores, with_ones(scores->shape(), {3})), true);
  const auto by_rank = [&](Value* x) { return b.emit(Opcode::GatherElements, {x, order}, ir::AxisAttr{2}); };
  const auto edge_by_rank = [&](Value* x) {
    return by_rank(b.broadcast(b.reshape(x, {batches, Dim(1), count}), scores->shape()));
  };
  Edges edges = edges_of(b, boxes, centred);
  edges = {edge_by_rank(edges.y1), edge_by_rank(edges.x1), edge_by_rank(edges.y2), edge_by_rank(edges.x2)};
  Value* wanted = lowest ? b.gt(by_rank(scores), lowest) : b.broadcast(b.scalar(DType::boolean, 1), scores->shape());

  const auto rank_first = [&](Value* x) { return b.transpose(x, {2, 0, 1}); };
  Value* nothing = b.broadcast(b.scalar(DType::boolean, 0), scores->shape());
  Value* none = b.broadcast(b.scalar(DType::i64, 0), {batches, classes});
  const ir::Op* scan = b.scan(count, {nothing, none},
                              {b.iota(count), rank_first(wanted), rank_first(edges.y1), rank_first(edges.x1),
                               rank_first(edges.y2), rank_first(edges.x2)},
                              [&](Builder& in, const std::vector<Value*>& a) -> std::vector<Value*> {
                                Value *kept = a[0], *number = a[1], *rank = a[2];
                                const auto column = [&](Value* x) { return in.reshape(x, {batches, classes, Dim(1)}); };
                                const Edges box = {column(a[4]), column(a[5]), column(a[6]), column(a[7])};
                                Value* rivals = in.emit(Opcode::And, {kept, overlap(in, box, edges, limit)});
                                Value* rival_count = in.reduce(ir::ReduceKind::Max, in.cast(rivals, DType::i32), {2});
                                Value* keeps =
                                    in.emit(Opcode::And, {a[3], in.le(rival_count, in.scalar(DType::i32, 0))});
                                keeps = in.emit(Opcode::And, {keeps, in.lt(number, most)});
                                Value* here = in.eq(in.iota(count), rank);
                                Value* now = in.emit(Opcode::Or, {kept, in.emit(Opcode::And, {here, column(keeps)})});
                                return {now, in.add(number, in.cast(keeps, DType::i64))};
                              });
  const Selection selected = select_true(b, flattened(b, scan->result(0)), "selected");
  Value* tuples = unravelled(b, selected.positions, scores->shape());  // batch, class, rank
  Value* box = b.emit(Opcode::Gather, {flattened(b, order), selected.positions}, ir::AxisAttr{0});
  Value* where = b.slice_axis(tuples, 0, Dim(0), Dim(2));
  node.set_output(0, b.transpose(b.concat({where, b.reshape(box, {Dim(1), selected.count})}, 0), {1, 0}));
}

constexpr OperatorEntry kOperators[] = {
    {"Compress", import_compress, 9},
    {"NonMaxSuppression", import_non_max_suppression, 10},
    {"NonZero", import_non_zero, 9},
};

}  // namespace

std::span<const OperatorEntry> select_operators() { return kOperators; }

}  // namespace seqc::frontend
