// Data movement: every op is a strided view of its operand, or a pick by tables of offsets along each axis.
#include "ir/interpret_ops.h"

namespace seqc::ir::interp {
namespace {

int64_t floor_mod(int64_t a, int64_t b) { return (a % b + b) % b; }

/// The source index of each padded index `at` of an axis of `size` elements (`at` counts from the first real element).
int64_t padded_index(int64_t at, int64_t size, PadMode mode) {
  if (at >= 0 && at < size) return at;
  switch (mode) {
    case PadMode::Constant: return kOutside;
    case PadMode::Edge: return at < 0 ? 0 : size - 1;
    case PadMode::Wrap: return floor_mod(at, size);
    case PadMode::Reflect: {  // to and fro, without repeating the ends: 0 1 2 1 0 1 2 ...
      if (size == 1) return 0;
      const int64_t phase = floor_mod(at, 2 * (size - 1));
      return phase < size ? phase : 2 * (size - 1) - phase;
    }
  }
  internal_error(__FILE__, __LINE__, "pad", "unknown mode");
}

}  // namespace

Tensor iota(int64_t length, DType type) {
  Tensor counts(DType::i64, {length});
  const auto to = counts.mutable_data<int64_t>();
  for (int64_t i = 0; i < length; ++i) to[i] = i;
  return cast(counts, type);
}

Tensor reshape(const Tensor& x, const Sizes& shape) {
  bool negative = false;
  for (const int64_t size : shape) negative = negative || size < 0;
  if (negative || product(shape) != x.count())
    fail(ErrorKind::BadInput, "got {} reshaped to [{}], expected equal counts", x.type_str(), fmt::join(shape, ","));
  return x.reshaped(shape);
}

Tensor transpose(const Tensor& x, const TransposeAttr& attr) {
  const Sizes from = row_major_strides(x.shape());
  Sizes shape, strides;
  for (const int64_t axis : attr.perm) {
    shape.push_back(x.shape()[axis]);
    strides.push_back(from[axis]);
  }
  return copy_view(x, 0, shape, strides);
}

Tensor slice(const Tensor& x, const Sizes& starts, const Sizes& sizes, const Sizes& steps) {
  Sizes strides = row_major_strides(x.shape());
  const bool empty = product(sizes) == 0;
  int64_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t size = x.shape()[i], last = starts[i] + (sizes[i] - 1) * steps[i];
    if (sizes[i] < 0 || (sizes[i] > 0 && (starts[i] < 0 || starts[i] >= size || last < 0 || last >= size)))
      fail(ErrorKind::BadInput, "got start {} size {} step {} in axis {} of {}, which is out of range", starts[i],
           sizes[i], steps[i], i, x.type_str());
    offset += starts[i] * strides[i];
    strides[i] *= steps[i];
  }
  return copy_view(x, empty ? 0 : offset, sizes, strides);
}

Tensor concat(const Tensors& parts, int64_t axis) {
  Sizes shape = parts[0].shape();
  shape[axis] = 0;
  for (const Tensor& part : parts) {
    Sizes expected = part.shape();
    if (part.rank() == parts[0].rank()) expected[axis] = shape[axis];
    if (expected != shape)
      fail(ErrorKind::BadInput, "got {} and {}, expected equal dims besides axis {}", parts[0].type_str(),
           part.type_str(), axis);
    shape[axis] += part.shape()[axis];
  }
  Tensor result(parts[0].dtype(), shape);
  const Sizes strides = row_major_strides(shape);
  int64_t start = 0;
  for (const Tensor& part : parts) {
    store_view(result, start * strides[axis], strides, part);
    start += part.shape()[axis];
  }
  return result;
}

Tensor pad(const Tensor& x, const Tensor& fill, const Sizes& lo, const Sizes& hi, PadMode mode) {
  const Sizes strides = row_major_strides(x.shape());
  std::vector<Sizes> axes(strides.size());
  for (size_t d = 0; d < axes.size(); ++d) {
    const int64_t size = x.shape()[d];
    if (lo[d] < 0 || hi[d] < 0)
      fail(ErrorKind::BadInput, "got padding {} and {} in axis {}, expected >= 0", lo[d], hi[d], d);
    if (size == 0 && lo[d] + hi[d] > 0 && mode != PadMode::Constant)
      fail(ErrorKind::BadInput, "got {} padded by its own elements in axis {}, expected some", x.type_str(), d);
    for (int64_t i = -lo[d]; i < size + hi[d]; ++i) {
      const int64_t at = padded_index(i, size, mode);
      axes[d].push_back(at == kOutside ? kOutside : at * strides[d]);
    }
  }
  return pick(x, axes, &fill);
}

}  // namespace seqc::ir::interp
