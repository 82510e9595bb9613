// Determinants of batches of square matrices.
#include "frontend/onnx/ops_det.h"

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr int64_t kExpanded = 3;  // rows of matrices that are expanded by minors

Value* element(Builder& b, Value* x, int64_t row, int64_t column) {
  return b.select_axis(b.select_axis(x, x->rank() - 2, Dim(row)), x->rank() - 2, Dim(column));
}

/// By minors of the first row, for up to 3 rows; `columns` are those left.
Value* expand(Builder& b, Value* x, int64_t row, const std::vector<int64_t>& columns) {
  Value* sum = nullptr;
  for (size_t i = 0; i < columns.size(); ++i) {
    Value* term = element(b, x, row, columns[i]);
    if (columns.size() > 1) {
      std::vector<int64_t> others = columns;
      others.erase(others.begin() + static_cast<ptrdiff_t>(i));
      term = b.mul(term, expand(b, x, row + 1, others));
    }
    if (!sum)
      sum = term;
    else
      sum = i % 2 == 1 ? b.sub(sum, term) : b.add(sum, term);
  }
  return sum;
}

/// Gaussian elimination with partial pivoting over x [B,m,m]: step k swaps the row with the largest element of column k
/// to row k, and clears the column below. The determinant is the product of the pivots, negated by each swap.
Value* eliminate(Builder& b, Value* x) {
  const Dim batch = x->shape()[0], m = x->shape()[1];
  Value* one = b.broadcast(b.scalar_like(x, 1), {batch});
  const auto body = [&](Builder& in, const std::vector<Value*>& arguments) -> std::vector<Value*> {
    Value *matrix = arguments[0], *det = arguments[1], *step = arguments[2];
    Value* number = in.iota(m);
    Value* zero = in.scalar_like(matrix, 0);
    const auto as_rows = [&](Value* v) { return in.reshape(v, {v->shape()[0], m, Dim(1)}); };
    const auto sum = [&](Value* v, int64_t axis) { return in.reduce(ir::ReduceKind::Sum, v, {axis}); };

    Value* column = sum(in.select(in.eq(number, step), matrix, zero), 2);  // [B,m]
    Value* size = in.select(in.ge(number, step), in.abs(column), in.scalar_like(matrix, -1));
    Value* largest = in.reshape(in.reduce(ir::ReduceKind::Max, size, {1}), {batch, Dim(1)});
    Value* hit = in.emit(Opcode::Or, {in.eq(size, largest), in.emit(Opcode::IsNan, {size})});
    Value* candidates = in.select(hit, number, dim_scalar(in, m, DType::i64));
    Value* pivot_row = in.reshape(in.reduce(ir::ReduceKind::Min, candidates, {1}), {batch, Dim(1)});
    Value* is_pivot = in.eq(number, pivot_row);  // [B,m]
    Value* is_step = in.broadcast(in.reshape(in.eq(number, step), {Dim(1), m}), {batch, m});

    Value* upper = sum(in.select(as_rows(is_pivot), matrix, zero), 1);  // the row that comes to place k, [B,m]
    Value* lower = sum(in.select(as_rows(is_step), matrix, zero), 1);
    const auto as_row = [&](Value* v) { return in.reshape(v, {batch, Dim(1), m}); };
    Value* swapped = in.select(as_rows(is_pivot), as_row(lower), matrix);
    swapped = in.select(as_rows(is_step), as_row(upper), swapped);
    Value* pivot = sum(in.select(is_step, upper, zero), 1);  // [B]
    Value* same = in.eq(in.reshape(pivot_row, {batch}), step);
    det = in.mul(det, in.select(same, pivot, in.neg(pivot)));

    Value* below = in.emit(Opcode::Gt, {number, step});
    Value* own_column = sum(in.select(in.eq(number, step), swapped, zero), 2);
    Value* divisor = in.reshape(pivot, {batch, Dim(1)});
    // A column of zeros leaves nothing to clear; the determinant is 0 already.
    Value* solvable = in.emit(Opcode::And, {below, in.emit(Opcode::Ne, {divisor, zero})});
    Value* factor = in.select(solvable, in.div(own_column, divisor), zero);
    return {in.sub(swapped, in.mul(as_rows(factor), as_row(upper))), det};
  };
  return b.scan(m, {x, one}, {b.iota(m)}, body)->result(1);
}

}  // namespace

void import_det(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  if (x->rank() < 2 || !ir::is_float(x->dtype())) node.bad("X is {}, expected float matrices", x->type().str());
  const Shape outer(x->shape().begin(), x->shape().end() - 2);
  const Dim m = x->shape().back();
  node.require_equal(x->shape()[outer.size()], m, "the number of rows of X");
  const DType type = x->dtype();
  x = b.cast(x, type == DType::f64 ? type : DType::f32);
  Value* det = nullptr;
  if (m == Dim(0))
    det = b.broadcast(b.scalar_like(x, 1), outer);
  else if (m.is_constant() && m.constant() <= kExpanded)
    det = expand(b, x, 0, axis_range(0, m.constant()));
  else
    det = b.reshape(eliminate(b, b.reshape(x, {ir::element_count(outer), m, m})), outer);
  node.set_output(0, b.cast(det, type));
}

}  // namespace seqc::frontend
