// Ops that read or write elements at run-time indices. A negative index counts from the end; what is still out of range
// is clamped into it.
#include <algorithm>
#include <utility>

#include "ir/interpret_ops.h"
#include "ir/interpret_scalar.h"

namespace seqc::ir::interp {
namespace {

int64_t resolve(int64_t index, int64_t size) {
  if (size == 0) fail(ErrorKind::BadInput, "got index {} into an axis of size 0, expected no indices", index);
  return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size - 1);
}

/// Offsets of the slices that the tuples in index[..., k] select from x, whose dims before `batch_dims` are walked along.
Sizes slice_offsets(const Tensor& x, const Tensor& index, int64_t batch_dims) {
  const int64_t depth = index.shape().back();
  if (batch_dims + depth > x.rank()) fail(ErrorKind::BadInput, "got index tuples of {} for {}", depth, x.type_str());
  const Sizes strides = row_major_strides(x.shape());
  int64_t batch = 1, tuples = 1;
  for (int64_t i = 0; i + 1 < index.rank(); ++i) (i < batch_dims ? batch : tuples) *= index.shape()[i];
  const int64_t batch_size = product(Sizes(x.shape().begin() + batch_dims, x.shape().end()));
  Sizes result;
  for (int64_t i = 0; i < batch * tuples; ++i) {
    int64_t offset = i / tuples * batch_size;
    for (int64_t k = 0; k < depth; ++k)
      offset += resolve(index.integer(i * depth + k), x.shape()[batch_dims + k]) * strides[batch_dims + k];
    result.push_back(offset);
  }
  return result;
}

/// Elements that one index tuple selects.
Sizes slice_shape(const Tensor& x, const Tensor& index, int64_t batch_dims) {
  return Sizes(x.shape().begin() + batch_dims + index.shape().back(), x.shape().end());
}

/// x with f(old, update) stored at each offset, in order; `stored` is the type that each intermediate result has.
template <class T, class F>
Tensor scatter(const Tensor& x, const Sizes& slices, int64_t slice_size, const Tensor& updates, DType stored, F f) {
  const auto rounded = [stored](auto value) {
    if (stored == DType::f16) return static_cast<T>(f16_to_float(float_to_f16(static_cast<float>(value))));
    if (stored == DType::bf16) return static_cast<T>(bf16_to_float(float_to_bf16(static_cast<float>(value))));
    return static_cast<T>(value);
  };
  Tensor result = x;
  const auto to = result.mutable_data<Storage<T>>();
  const auto from = updates.data<Storage<T>>();
  size_t i = 0;
  for (const int64_t slice : slices)
    for (int64_t k = 0; k < slice_size; ++k, ++i)
      to[slice + k] = rounded(f(static_cast<T>(to[slice + k]), static_cast<T>(from[i])));
  return result;
}

}  // namespace

Tensor gather(const Tensor& x, const Tensor& index, int64_t axis) {
  const Sizes strides = row_major_strides(x.shape());
  std::vector<Sizes> axes;
  Sizes shape(x.shape().begin(), x.shape().begin() + axis);
  for (int64_t d = 0; d < x.rank(); ++d) {
    Sizes offsets_of_axis;
    if (d == axis) {
      for (int64_t i = 0; i < index.count(); ++i)
        offsets_of_axis.push_back(resolve(index.integer(i), x.shape()[d]) * strides[d]);
    } else {
      offsets_of_axis = offsets({x.shape()[d]}, {strides[d]});
    }
    axes.push_back(std::move(offsets_of_axis));
  }
  shape.insert(shape.end(), index.shape().begin(), index.shape().end());
  shape.insert(shape.end(), x.shape().begin() + axis + 1, x.shape().end());
  return pick(x, axes, nullptr).reshaped(shape);
}

Tensor gather_elements(const Tensor& x, const Tensor& index, int64_t axis) {
  Sizes strides = row_major_strides(x.shape());
  for (int64_t d = 0; d < x.rank(); ++d)
    if (d != axis && index.shape()[d] > x.shape()[d])
      fail(ErrorKind::BadInput, "got indices {} for {}, expected dims no larger besides axis {}", index.type_str(),
           x.type_str(), axis);
  const int64_t stride = std::exchange(strides[axis], 0);
  Sizes elements = offsets(index.shape(), strides);
  for (int64_t i = 0; i < index.count(); ++i) elements[i] += resolve(index.integer(i), x.shape()[axis]) * stride;
  return pick(x, {std::move(elements)}, nullptr).reshaped(index.shape());
}

Tensor gather_nd(const Tensor& x, const Tensor& index, int64_t batch_dims) {
  for (int64_t d = 0; d < batch_dims; ++d)
    if (index.shape()[d] != x.shape()[d])
      fail(ErrorKind::BadInput, "got batch dims of {} and {}, expected equal ones", x.type_str(), index.type_str());
  const Sizes rest = slice_shape(x, index, batch_dims);
  Sizes shape(index.shape().begin(), index.shape().end() - 1);
  shape.insert(shape.end(), rest.begin(), rest.end());
  if (product(shape) == 0) return Tensor(x.dtype(), shape);
  const Sizes within = offsets({product(rest)}, {1});
  return pick(x, {slice_offsets(x, index, batch_dims), within}, nullptr).reshaped(shape);
}

Tensor scatter_nd(const Tensor& x, const Tensor& index, const Tensor& updates, ScatterKind kind) {
  const Sizes rest = slice_shape(x, index, 0);
  Sizes expected(index.shape().begin(), index.shape().end() - 1);
  expected.insert(expected.end(), rest.begin(), rest.end());
  if (updates.shape() != expected || updates.dtype() != x.dtype())
    fail(ErrorKind::BadInput, "got updates {}, expected {}[{}]", updates.type_str(), name(x.dtype()),
         fmt::join(expected, ","));
  if (updates.count() == 0) return x;
  const Sizes slices = slice_offsets(x, index, 0);
  const int64_t size = product(rest);
  if (kind == ScatterKind::Set)
    return with_width(x.dtype(), [&]<class U>() {
      constexpr DType kBits = DType::u64;  // moved, never rounded
      return scatter<U>(x, slices, size, updates, kBits, [](U, U update) { return update; });
    });
  const Tensor wide = widened(x), wide_updates = widened(updates);
  const Tensor result = with_element(wide.dtype(), [&]<class T>() -> Tensor {
    switch (kind) {
      case ScatterKind::Set: break;
      case ScatterKind::Add: return scatter<T>(wide, slices, size, wide_updates, x.dtype(), kAdd);
      case ScatterKind::Mul: return scatter<T>(wide, slices, size, wide_updates, x.dtype(), kMultiply);
      case ScatterKind::Max: return scatter<T>(wide, slices, size, wide_updates, x.dtype(), kMaximum);
      case ScatterKind::Min: return scatter<T>(wide, slices, size, wide_updates, x.dtype(), kMinimum);
    }
    internal_error(__FILE__, __LINE__, "scatter", "unknown kind");
  });
  return narrowed(result, x.dtype());
}

}  // namespace seqc::ir::interp
