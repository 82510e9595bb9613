#include "frontend/onnx/recurrent_weights.h"

#include <algorithm>

namespace seqc::frontend {

namespace {

/// The rows of a [direction, row, ...] tensor lie together.
Tensor copy_rows(const Tensor& weights, int64_t direction, int64_t start, int64_t rows) {
  std::vector<int64_t> shape(weights.shape().begin() + 1, weights.shape().end());
  const int64_t all_rows = shape[0];
  shape[0] = rows;
  Tensor result(weights.dtype(), std::move(shape));
  const size_t row_bytes = rows > 0 ? result.byte_size() / static_cast<size_t>(rows) : 0;
  const std::byte* from = weights.bytes() + static_cast<size_t>(direction * all_rows + start) * row_bytes;
  std::copy_n(from, result.byte_size(), result.mutable_bytes());
  return result;
}

}  // namespace

Value* gate_rows(Builder& builder, Value* weights, int64_t direction, const Dim& start, const Dim& rows) {
  if (weights->is_constant() && start.is_constant() && rows.is_constant())
    return builder.constant(copy_rows(weights->constant(), direction, start.constant(), rows.constant()));
  return builder.slice_axis(builder.select_axis(weights, 0, Dim(direction)), 0, start, rows);
}

Value* add_biases(Builder& builder, Value* a, Value* b) {
  if (!a->is_constant() || !b->is_constant()) return builder.add(a, b);
  Tensor sum(a->dtype(), a->constant().shape());
  for (int64_t i = 0; i < sum.count(); ++i) sum.set_real(i, a->constant().real(i) + b->constant().real(i));
  return builder.constant(std::move(sum));
}

}  // namespace seqc::frontend
