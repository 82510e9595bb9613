#include <algorithm>
#include <numeric>

#include "ir/named_dims.h"
#include "passes/indexed_rows.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// The op that writes one row of carry i at each step, when nothing else looks at the carry within the loop.
Op* writer_of(const ScanView& scan, int64_t i) {
  const Value* before = scan.argument(i);
  Op* scatter = defining(scan.next(i), Opcode::ScatterNd);
  const bool only_written = scatter && scatter->operand(0) == before && before->users().size() == 1 &&
                            scatter->result()->users().size() == 1 && scatter->parent() == &scan.body() &&
                            scatter->as<ScatterAttr>().kind == ScatterKind::Set;
  return only_written ? scatter : nullptr;
}

/// The first of the rows that are written.
Dim first_row(const IndexedRow& row, const Dim& steps) {
  return row.line.stride > 0 ? row.line.start : row.line.start - steps + Dim(1);
}

bool covers_all(const IndexedRow& row, const Dim& steps, const Dim& size) {
  return first_row(row, steps) == Dim(0) && size == steps;
}

/// True if each row between the first and the last is written once, whether or not there is a step.
bool is_block_of_rows(const IndexedRow& row, const Dim& steps, const Dim& size) {
  if (row.line.stride != 1 && row.line.stride != -1) return false;
  const Dim first = first_row(row, steps);
  return covers_all(row, steps, size) || (provably_nonnegative(first) && provably_le(first + steps, size));
}

/// The buffer after the loop: its rows as they were in front, those written, those behind.
Value* assemble(Builder& b, Value* initial, Value* rows, const IndexedRow& row, const Dim& steps) {
  if (row.line.stride < 0) {
    SliceAttr turned{Shape(rows->shape().size(), Dim(0)), rows->shape(), std::vector<int64_t>(rows->shape().size(), 1)};
    turned.starts[0] = steps - Dim(1);
    turned.steps[0] = -1;
    rows = b.emit(Opcode::Slice, {rows}, std::move(turned));
  }
  std::vector<int64_t> perm(rows->shape().size() - 1);
  std::iota(perm.begin(), perm.end(), 1);
  perm.insert(perm.begin() + row.axis, 0);
  rows = b.transpose(rows, std::move(perm));
  const Dim& size = initial->shape()[row.axis];
  if (covers_all(row, steps, size)) return rows;
  const Dim first = first_row(row, steps), end = first + steps;
  Value* front = b.slice_axis(initial, row.axis, Dim(0), first);
  return b.concat({front, rows, b.slice_axis(initial, row.axis, end, size - end)}, row.axis);
}

bool emit(const ScanView& scan, int64_t i, Remarks* remarks) {
  Op* scatter = writer_of(scan, i);
  if (!scatter) return false;
  StepNumbers numbers;
  Value* initial = scan.initial(i);
  const auto row = indexed_row(numbers, scan.op(), scatter->operand(1), initial->shape());
  if (!row || !is_block_of_rows(*row, scan.length(), initial->shape()[row->axis])) {
    if (remarks)
      remarks->left(scatter, "the buffer is carried from step to step",
                    row ? "the rows that the steps write are not one behind the other, or may leave the buffer"
                        : "the row that a step writes is not decided by the step's number");
    return false;
  }
  if (remarks)
    remarks->did(scatter, "the buffer becomes an emitted output", "each step writes one row of it, and none reads any");

  Builder inside = Builder::before(scatter);
  Value* update = inside.reshape(scatter->operand(2), row_shape(initial->shape(), row->axis));
  Op* yield = scan.body().terminator();
  auto yielded = yield->operands();
  yielded.push_back(update);
  yielded[static_cast<size_t>(i)] = scan.argument(i);  // the carry stays as it was, and goes
  yield->set_operands(std::move(yielded));
  scatter->erase();

  Shape shape = update->shape();
  shape.insert(shape.begin(), scan.length());
  Value* rows = scan.op()->add_result({update->dtype(), shape}, scan.final(i)->name());
  const auto ops = scan.op()->parent()->op_list();
  Builder behind = Builder::before(*(std::find(ops.begin(), ops.end(), scan.op()) + 1));
  behind.set_location(scan.op()->location());
  scan.final(i)->replace_all_uses_with(assemble(behind, initial, rows, *row, scan.length()));
  CarryView(scan).erase_carry(i);
  return true;
}

bool emit_block(Block& block, Remarks* remarks) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= emit_block(op->region(i), remarks);
    if (op->code() != Opcode::Scan || binds_dims(op->region())) continue;
    for (int64_t i = ScanView(op).carries(); i-- > 0;) changed |= emit(ScanView(op), i, remarks);
  }
  return changed;
}

}  // namespace

/// Makes a carried buffer, of which each step writes one row and nobody reads any within the loop, an emitted output:
///   carry %buffer = zeros ... yield (scatter_nd %buffer, t, %row)    becomes    emit %row
/// Rows that no step writes are joined from what the buffer was before.
/// Before: canonicalize-scans (rows written backwards). After: replace-counters. Exact: nothing is computed.
/// Does not fire on: sums into rows, buffers that the body reads, rows written twice or with gaps between, indices that
/// may leave the buffer or that the data decides, scans that bind dims.
bool emit_written_rows(Function& f, PassContext& context) { return emit_block(f.body(), context.remarks); }

}  // namespace seqc::passes
