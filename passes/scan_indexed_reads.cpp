#include <vector>

#include "ir/named_dims.h"
#include "passes/indexed_rows.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A gather that reads one row of an outer value at each step of a scan around it.
struct Read {
  Op* op;
  Op* scan;
  IndexedRow row;
};

std::optional<Read> find_read(Op* op, StepNumbers& numbers) {
  const bool by_tuple = op->code() == Opcode::GatherNd;
  if ((!by_tuple && op->code() != Opcode::Gather) || (by_tuple && op->as<GatherNdAttr>().batch_dims != 0))
    return std::nullopt;
  const Value *x = op->operand(0), *index = op->operand(1);
  for (Op* scan = op->parent()->parent_op(); scan; scan = scan->parent()->parent_op()) {
    if (scan->code() != Opcode::Scan || binds_dims(scan->region())) continue;
    if (!x->is_constant() && is_defined_inside(x, scan->region())) return std::nullopt;
    const auto row = by_tuple ? indexed_row(numbers, scan, index, x->shape())
                              : indexed_row(numbers, scan, index, x->shape(), op->as<AxisAttr>().axis);
    if (row) return Read{op, scan, *row};
  }
  return std::nullopt;
}

/// The rows that the scan reads, in the order of its positions, as leading dim.
Value* rows_of(const Read& read) {
  Builder b = Builder::before(read.scan);
  Value* x = read.op->operand(0);
  const auto [axis, line] = read.row;
  const Dim& steps = read.scan->as<ScanAttr>().length;
  if (!(line.start == Dim(0) && line.stride == 1 && x->shape()[axis] == steps)) {
    SliceAttr attr{Shape(x->shape().size(), Dim(0)), x->shape(), std::vector<int64_t>(x->shape().size(), 1)};
    attr.starts[axis] = line.start;
    attr.sizes[axis] = steps;
    attr.steps[axis] = line.stride;
    x = b.emit(Opcode::Slice, {x}, std::move(attr));
  }
  std::vector<int64_t> perm = {axis};
  for (int64_t i = 0; i < x->rank(); ++i)
    if (i != axis) perm.push_back(i);
  return b.transpose(x, std::move(perm));
}

}  // namespace

/// Makes an outer value that is read one row a step, at an index that the step's number decides, a scanned input:
///   scan t in iota: gather x, T - 1 - t    becomes    scan in (slice x backwards)
/// Before: canonicalize-scans, which turns a scan whose rows all come and go backwards around. After: replace-counters.
/// Exact. Does not fire on: indices that may leave the tensor (gather clamps them), indices that the data decides, rows
/// of values computed in the loop, several rows a step, loops that are no scans, scans that bind dims.
bool scan_indexed_reads(Function& f, PassContext& context) {
  StepNumbers numbers;
  std::vector<Read> reads;
  walk(f.body(), [&](Op* op) {
    if (const auto read = find_read(op, numbers)) reads.push_back(*read);
  });
  for (const Read& read : reads) {
    if (context.remarks)
      context.remarks->did(read.op, "becomes a scanned input",
                           "it reads one row a step of an outer value, at an index that the step's number decides");
    Value* row = ScanView(read.scan).add_input(rows_of(read));
    row->set_name(read.op->result()->name());
    Builder b = Builder::before(read.op);
    replace_op(read.op, {b.reshape(row, read.op->result()->shape())});
  }
  return !reads.empty();
}

}  // namespace seqc::passes
