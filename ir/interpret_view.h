/// Strided views of tensors for the interpreter: all data movement is a view and a copy.
#pragma once

#include <vector>

#include "ir/interpret_element.h"

namespace seqc::ir::interp {

using Sizes = std::vector<int64_t>;  ///< a shape, strides or an index; strides count elements

int64_t product(const Sizes& sizes);
Sizes row_major_strides(const Sizes& shape);

/// Element offsets of all indices of `shape`, in row-major order; [0] for rank 0.
Sizes offsets(const Sizes& shape, const Sizes& strides);

/// A tensor of `shape` whose element i is x's element offset + sum(i * strides). Strides may be 0 or negative.
Tensor copy_view(const Tensor& x, int64_t offset, const Sizes& shape, const Sizes& strides);
/// The converse: writes part's elements into such a view of `into`.
void store_view(Tensor& into, int64_t offset, const Sizes& strides, const Tensor& part);

/// NumPy broadcast_to. Throws Error(BadInput) when a dim is neither equal nor 1.
Tensor broadcast_to(const Tensor& x, const Sizes& shape);
/// The shape that tensors of these shapes broadcast to; throws Error(BadInput) when there is none.
Sizes broadcast_sizes(const Sizes& a, const Sizes& b);

/// Element i of the result is x's element axis_offsets[0][i0] + axis_offsets[1][i1] + ..., or `fill` (rank 0) when one of
/// them is kOutside. `fill` may be null when none is.
inline constexpr int64_t kOutside = -1;
Tensor pick(const Tensor& x, const std::vector<Sizes>& axis_offsets, const Tensor* fill);

}  // namespace seqc::ir::interp
