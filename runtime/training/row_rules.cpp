#include "runtime/training/row_rules.h"

#include <algorithm>

#include "ir/error.h"

namespace seqc::training {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;

namespace {

using Rows = std::optional<RowAxis>;

/// Both, which must agree.
Rows joined(const Op* op, const Rows& a, const Rows& b) {
  if (!a || !b) return a ? a : b;
  if (a->axis != b->axis || (a->stride && b->stride && !(*a->stride == *b->stride)))
    refuse_rows(op, "it brings rows of the batch together that are not the same");
  return a->stride ? a : b;
}

Rows shifted(const Rows& rows, int64_t by) { return rows ? Rows({rows->axis + by, rows->stride}) : rows; }

/// Axes of all operands count from the last one of the result.
Rows elementwise(const Op* op, const RowAxisOf& axis_of) {
  Rows result;
  for (const Value* value : op->operands())
    result = joined(op, result, shifted(axis_of(value), op->result()->rank() - value->rank()));
  return result;
}

Rows broadcast(const Op* op, const RowAxisOf& axis_of, const std::string& rows) {
  if (const Rows from = elementwise(op, axis_of)) return from;
  return row_axis(op, op->result(), std::nullopt, rows);  // the same for every row
}

Rows transposed(const Op* op, const Rows& rows) {
  const auto& perm = op->as<ir::TransposeAttr>().perm;
  return Rows({std::find(perm.begin(), perm.end(), rows->axis) - perm.begin(), rows->stride});
}

Rows sliced(const Op* op, const Rows& rows) {
  const auto& attr = op->as<ir::SliceAttr>();
  const auto axis = static_cast<size_t>(rows->axis);
  if (!(attr.starts[axis] == Dim(0)) || !(attr.sizes[axis] == op->operand(0)->shape()[axis]) || attr.steps[axis] != 1)
    refuse_rows(op, "it picks some rows of the batch, or changes their order");
  return rows;
}

Rows concatenated(const Op* op, const RowAxisOf& axis_of) {
  Rows result;
  for (const Value* value : op->operands()) result = joined(op, result, axis_of(value));
  if (result && result->axis == op->as<ir::AxisAttr>().axis) refuse_rows(op, "it makes more rows of the batch's rows");
  return result;
}

Rows padded(const Op* op, const RowAxisOf& axis_of) {
  const auto& attr = op->as<ir::PadAttr>();
  const Rows rows = axis_of(op->operand(0));
  if (!rows || axis_of(op->operand(1))) refuse_rows(op, "its fill depends on rows of the batch");
  const auto axis = static_cast<size_t>(rows->axis);
  if (!(attr.lo[axis] == Dim(0)) || !(attr.hi[axis] == Dim(0))) refuse_rows(op, "it adds rows to the batch's rows");
  return rows;
}

Rows gathered(const Op* op, const RowAxisOf& axis_of) {
  const int64_t axis = op->as<ir::AxisAttr>().axis;
  const Value *x = op->operand(0), *index = op->operand(1);
  const Rows from = axis_of(x), at = axis_of(index);
  if (from && at) refuse_rows(op, "it looks up rows of the batch by numbers that rows have");
  if (at) return shifted(at, axis);
  if (from->axis == axis) refuse_rows(op, "it picks rows of the batch by number");
  return from->axis < axis ? from : shifted(from, index->rank() - 1);
}

Rows gathered_elements(const Op* op, const RowAxisOf& axis_of) {
  const Rows rows = joined(op, axis_of(op->operand(0)), axis_of(op->operand(1)));
  if (!axis_of(op->operand(0)) || !axis_of(op->operand(1)) || rows->axis == op->as<ir::AxisAttr>().axis)
    refuse_rows(op, "it picks rows of the batch by number");
  return rows;
}

// At the row's own number, as for the last valid step of each row: gather_nd y[T, N], concat(last[N, 1], iota[N, 1]).
Rows gathered_nd(const Op* op, const RowAxisOf& axis_of) {
  const int64_t batch_dims = op->as<ir::GatherNdAttr>().batch_dims;
  const Rows from = axis_of(op->operand(0)), at = axis_of(op->operand(1));
  if (!from && at && at->axis < op->operand(1)->rank() - 1) return at;
  if (from && at && batch_dims == 0 && own_row_counter(op, from->axis)) return at;
  if (!from || !at || from->axis >= batch_dims) refuse_rows(op, "it picks rows of the batch by number");
  return joined(op, from, at);
}

Rows sorted(const Op* op, const Rows& rows) {
  if (rows->axis >= op->operand(0)->rank() - 2) refuse_rows(op, "it sorts rows of the batch");
  return rows;
}

Rows reduced(const Op* op, const Rows& rows) {
  const auto& attr = op->as<ir::ReduceAttr>();
  const auto& axes = attr.axes;
  if (std::find(axes.begin(), axes.end(), rows->axis) == axes.end())
    return shifted(rows, -std::count_if(axes.begin(), axes.end(), [&](int64_t axis) { return axis < rows->axis; }));
  if (attr.kind != ir::ReduceKind::Sum) refuse_rows(op, "it reduces over rows of the batch otherwise than by a sum");
  return std::nullopt;
}

Rows contracted(const Op* op, const RowAxisOf& axis_of) {
  const auto& attr = op->as<ir::ContractAttr>();
  const size_t comma = attr.spec.find(','), arrow = attr.spec.find("->");
  if (attr.lanes != 0 || comma == std::string::npos || arrow == std::string::npos)
    refuse_rows(op, "it is packed already");
  const std::string left = attr.spec.substr(0, comma), right = attr.spec.substr(comma + 1, arrow - comma - 1),
                    result = attr.spec.substr(arrow + 2);
  std::optional<char> label;
  std::optional<Dim> stride;
  for (size_t i = 0; i < op->operands().size(); ++i) {
    const Rows rows = axis_of(op->operand(i));
    // All right-hand sides must have rows, or none: results are told apart by nobody.
    if (i > 1 && static_cast<bool>(rows) != static_cast<bool>(axis_of(op->operand(1))))
      refuse_rows(op, "some of its right-hand sides have rows of the batch and some have none");
    if (!rows) continue;
    const char own = (i == 0 ? left : right).at(static_cast<size_t>(rows->axis));
    if ((label && *label != own) || (stride && rows->stride && !(*stride == *rows->stride)))
      refuse_rows(op, "it brings rows of the batch together that are not the same");
    label = own;
    if (rows->stride) stride = rows->stride;
  }
  const size_t at = result.find(*label);
  if (at == std::string::npos) return std::nullopt;
  return Rows({static_cast<int64_t>(at), stride});
}

Rows reshaped(const Op* op, const Rows& rows, const std::string& dim) {
  if (!rows->stride) return row_axis(op, op->result(), std::nullopt, dim);
  const Shape& shape = op->operand(0)->shape();
  const Dim inner = *rows->stride * ir::element_count(Shape(shape.begin() + rows->axis + 1, shape.end()));
  return row_axis(op, op->result(), inner, dim);
}

}  // namespace

bool mentions(const Dim& dim, const std::string& rows) {
  std::set<std::string> symbols;
  dim.collect_symbols(symbols);
  return symbols.contains(rows);
}

void refuse_rows(const Op* op, const std::string& why) {
  fail(ErrorKind::Unsupported,
       "several ranks: {}{}: {}; rows of a batch are shared out among ranks and may meet in sums alone",
       op->location().empty() ? "" : op->location() + ": ", op->info().mnemonic, why);
}

Rows row_axis(const Op* op, const Value* value, const std::optional<Dim>& inner, const std::string& rows) {
  Rows result;
  const Shape& shape = value->shape();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!mentions(shape[i], rows)) continue;
    if (result) refuse_rows(op, "it has the rows of the batch along two axes, " + value->type().str());
    result = RowAxis{static_cast<int64_t>(i), std::nullopt};
  }
  if (!result || !inner) return result;
  const auto axis = shape.begin() + result->axis;
  const Dim after = ir::element_count(Shape(axis + 1, shape.end())), stride = ir::floordiv(*inner, after);
  const Dim unit = stride * Dim::symbol(rows);
  if (!(stride * after == *inner) || !(ir::floordiv(*axis, unit) * unit == *axis))
    refuse_rows(op, "it tears the rows of the batch apart, " + value->type().str());
  result->stride = stride;
  return result;
}

const Op* own_row_counter(const Op* op, int64_t axis) {
  const Op* columns = op->operand(1)->op();
  if (!columns || columns->code() != Opcode::Concat ||
      columns->as<ir::AxisAttr>().axis != columns->result()->rank() - 1)
    return nullptr;
  int64_t column = 0;
  for (const Value* part : columns->operands()) {
    if (!(part->shape().back() == Dim(1))) return nullptr;
    if (column++ != axis) continue;
    // Nothing but its shape and type may have changed on the way, and nobody else may look at it.
    for (const Op* from = part->op(); from && from->result()->users().size() == 1; from = from->operand(0)->op()) {
      if (from->code() == Opcode::Iota) return from;
      if (from->code() != Opcode::Reshape && from->code() != Opcode::Cast) break;
    }
    return nullptr;
  }
  return nullptr;
}

Rows result_rows(const Op* op, const RowAxisOf& axis_of, const std::string& rows) {
  if (ir::is_elementwise(op->code())) return elementwise(op, axis_of);
  switch (op->code()) {
    case Opcode::Broadcast: return broadcast(op, axis_of, rows);
    case Opcode::Reshape: return reshaped(op, axis_of(op->operand(0)), rows);
    case Opcode::Transpose: return transposed(op, axis_of(op->operand(0)));
    case Opcode::Slice: return sliced(op, axis_of(op->operand(0)));
    case Opcode::Concat: return concatenated(op, axis_of);
    case Opcode::Pad: return padded(op, axis_of);
    case Opcode::Gather: return gathered(op, axis_of);
    case Opcode::GatherElements: return gathered_elements(op, axis_of);
    case Opcode::GatherNd: return gathered_nd(op, axis_of);
    case Opcode::ArgSort: return sorted(op, axis_of(op->operand(0)));
    case Opcode::Reduce: return reduced(op, axis_of(op->operand(0)));
    case Opcode::Contract: return contracted(op, axis_of);
    case Opcode::Conv:
      if (axis_of(op->operand(1)) || axis_of(op->operand(0))->axis != 0) refuse_rows(op, "it slides over rows");
      return axis_of(op->operand(0));
    case Opcode::ReduceWindow: {
      const Rows from = axis_of(op->operand(0));
      const auto windows = static_cast<int64_t>(op->as<ir::WindowAttr>().window.size());
      if (from->axis >= op->operand(0)->rank() - windows) refuse_rows(op, "it slides over rows");
      return from;
    }
    default: refuse_rows(op, "what it does to the rows of a batch is not known");
  }
}

}  // namespace seqc::training
