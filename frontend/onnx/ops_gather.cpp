// Gathering and scattering by index.
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

void import_gather(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "data");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  const Dim& count = x->shape()[axis];
  if (const auto known = node.known_contents(1); known && ir::is_integer(known->type)) {
    for (const Dim& index : known->values)
      if (index.is_constant() && count.is_constant() &&
          (index.constant() < -count.constant() || index.constant() >= count.constant()))
        node.bad("index {} is out of range for axis {} of {}", index.str(), axis, x->type().str());
    if (known->shape.empty() && known->values[0].is_constant()) {  // one element: a plain slice
      const Dim& index = known->values[0];
      node.set_output(0, b.select_axis(x, axis, index.constant() < 0 ? index + count : index));
      return;
    }
  }
  node.set_output(0, b.emit(Opcode::Gather, {x, node.input(1, "indices")}, ir::AxisAttr{axis}));
}

void import_gather_elements(Node& node) {
  Value *x = node.input(0, "data"), *indices = node.input(1, "indices");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  node.set_output(0, node.builder().emit(Opcode::GatherElements, {x, indices}, ir::AxisAttr{axis}));
}

void import_gather_nd(Node& node) {
  Value *x = node.input(0, "data"), *indices = node.input(1, "indices");
  node.set_output(0,
                  node.builder().emit(Opcode::GatherNd, {x, indices}, ir::GatherNdAttr{node.integer("batch_dims", 0)}));
}

ir::ScatterKind scatter_kind(Node& node) {
  const std::string reduction = node.text("reduction", "none");
  if (reduction == "none") return ir::ScatterKind::Set;
  if (reduction == "add") return ir::ScatterKind::Add;
  if (reduction == "mul") return ir::ScatterKind::Mul;
  if (reduction == "max") return ir::ScatterKind::Max;
  if (reduction == "min") return ir::ScatterKind::Min;
  node.unsupported("attribute reduction is \"{}\", expected none, add, mul, max or min", reduction);
}

void import_scatter_nd(Node& node) {
  Value *x = node.input(0, "data"), *indices = node.input(1, "indices"), *updates = node.input(2, "updates");
  node.set_output(0,
                  node.builder().emit(Opcode::ScatterNd, {x, indices, updates}, ir::ScatterAttr{scatter_kind(node)}));
}

/// Full index tuples [..., rank]: along `axis` the given indices, elsewhere each element's own position.
Value* index_tuples(Builder& b, Value* indices, int64_t axis) {
  Shape column = indices->shape();
  column.emplace_back(1);
  std::vector<Value*> parts;
  for (int64_t i = 0; i < indices->rank(); ++i) {
    Value* part = indices;
    if (i != axis) {
      part = along_axis(b, b.iota(indices->shape()[i], indices->dtype()), i, indices->rank());
      part = b.broadcast(part, indices->shape());
    }
    parts.push_back(b.reshape(part, column));
  }
  return b.concat(parts, indices->rank());
}

void import_scatter_elements(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "data"), *indices = node.input(1, "indices"), *updates = node.input(2, "updates");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  node.require_rank(indices, x->rank(), "indices");
  Value* tuples = index_tuples(b, indices, axis);
  node.set_output(0, b.emit(Opcode::ScatterNd, {x, tuples, updates}, ir::ScatterAttr{scatter_kind(node)}));
}

/// Step t of sequence n becomes step len[n]-1-t while t < len[n]; later steps stay.
void import_reverse_sequence(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "input"), *lengths = node.input(1, "sequence_lens");
  const int64_t time = node.axis(node.integer("time_axis", 0), x->rank(), "time_axis");
  const int64_t batch = node.axis(node.integer("batch_axis", 1), x->rank(), "batch_axis");
  if (time == batch) node.bad("time_axis and batch_axis are both {}, expected different ones", time);
  if (time > 1 || batch > 1) node.bad("time_axis is {} and batch_axis {}, expected 0 and 1 in some order", time, batch);
  node.require_rank(lengths, 1, "sequence_lens");
  const Dim steps = x->shape()[time], rows = x->shape()[batch];
  node.require_equal(lengths->shape()[0], rows, "the length of sequence_lens");
  lengths = b.cast(lengths, DType::i64);
  Value* step = b.reshape(b.iota(steps), {steps, Dim(1)});
  Value* length = b.reshape(lengths, {Dim(1), rows});
  Value* mirrored = b.sub(b.sub(length, step), b.scalar(DType::i64, 1));
  Value* from = b.select(b.lt(step, length), mirrored, step);
  Value* row = b.broadcast(b.reshape(b.iota(rows), {Dim(1), rows}), {steps, rows});
  Value* tuples = b.concat({b.reshape(from, {steps, rows, Dim(1)}), b.reshape(row, {steps, rows, Dim(1)})}, 2);
  std::vector<int64_t> perm = axis_range(0, x->rank());
  std::swap(perm[0], perm[time]);  // time in front; swapping twice restores
  x = b.emit(Opcode::GatherNd, {b.transpose(x, perm), tuples}, ir::GatherNdAttr{0});
  node.set_output(0, b.transpose(x, perm));
}

constexpr OperatorEntry kOperators[] = {
    {"Gather", import_gather},
    {"GatherElements", import_gather_elements},
    {"GatherND", import_gather_nd},
    {"ReverseSequence", import_reverse_sequence},
    {"Scatter", import_scatter_elements},
    {"ScatterElements", import_scatter_elements},
    {"ScatterND", import_scatter_nd},
};

}  // namespace

std::span<const OperatorEntry> gather_operators() { return kOperators; }

}  // namespace seqc::frontend
