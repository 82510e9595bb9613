#include <fmt/format.h>

#include "ir/named_dims.h"
#include "ir/step_numbers.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A dim expression as a value of that type.
Value* value_of(Builder& b, const Dim& e, const Type& type) {
  if (e.is_constant()) return b.broadcast(b.constant(Tensor::scalar_int(type.dtype, e.constant())), type.shape);
  return b.cast(b.reshape(b.dims({e}), type.shape), type.dtype);
}

/// The scanned input that numbers the steps.
Value* step_number(ScanView scan) {
  for (int64_t i = 0; i < scan.inputs(); ++i) {
    const Op* iota = defining(scan.input(i), Opcode::Iota);
    if (iota && iota->as<IotaAttr>().type == DType::i64) return scan.step_input(i);
  }
  Builder b = Builder::before(scan.op());
  return scan.add_input(b.iota(scan.length()));
}

bool replace(ScanView scan, int64_t i, Remarks* remarks) {
  Value* argument = scan.argument(i);
  if (!is_integer(argument->dtype())) return false;
  StepNumbers numbers;
  const auto e = numbers.expression(argument);
  const auto line = e ? numbers.line(*e, scan.op()) : std::nullopt;
  if (!line || line->stride == 0) return false;
  if (remarks)
    remarks->did(scan.op(), fmt::format("computes {} from the step's number", short_text(*argument)),
                 fmt::format("it grows by {} at each step", line->stride));
  // The value after the last step is the one that a further step would find.
  const Dim after = scan.reverse() ? line->start - Dim(line->stride) : line->start + Dim(line->stride) * scan.length();
  Builder outside = Builder::before(scan.op());
  if (!scan.final(i)->unused()) scan.final(i)->replace_all_uses_with(value_of(outside, after, argument->type()));
  if (!argument->unused()) {
    Value* start = value_of(outside, line->start, argument->type());
    Value* step = step_number(scan);
    Builder b(*scan.body().function(), scan.body(), scan.body().ops().front().get());
    b.set_location(scan.op()->location());
    step = b.reshape(b.cast(step, argument->dtype()), argument->shape());
    if (line->stride != 1) step = b.mul(step, b.constant(Tensor::scalar_int(argument->dtype(), line->stride)));
    argument->replace_all_uses_with(b.add(step, start));
  }
  scan.erase_carry(i);
  return true;
}

bool replace_block(Block& block, Remarks* remarks) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= replace_block(op->region(i), remarks);
    if (op->code() != Opcode::Scan || binds_dims(op->region())) continue;
    for (int64_t i = ScanView(op).carries(); i-- > 0;) changed |= replace(ScanView(op), i, remarks);
  }
  return changed;
}

}  // namespace

/// Computes integers that grow by the same amount at each step from the step's number, so that nothing is carried:
///   carry %i = 5 ... yield (add %i, 2)    becomes    add (mul t, 2), 5
/// Before: scan-indexed-reads, which looks for indices made of step numbers. Exact: integers.
/// Does not fire on: floats, steps that the data decides, counters of more than one element, loops that are no scans, scans
/// that bind dims.
bool replace_counters(Function& f, PassContext& context) { return replace_block(f.body(), context.remarks); }

}  // namespace seqc::passes
