#include "ir/interpret_view.h"

#include <xtensor/xadapt.hpp>
#include <xtensor/xnoalias.hpp>

namespace seqc::ir::interp {
namespace {

/// An xtensor view of elements in memory that stays the tensor's.
template <class U>
auto view(U* data, const Sizes& shape, const Sizes& strides) {
  const std::vector<size_t> sizes(shape.begin(), shape.end());
  const std::vector<ptrdiff_t> steps(strides.begin(), strides.end());
  return xt::adapt(std::move(data), static_cast<size_t>(product(shape)), xt::no_ownership(), sizes, steps);
}

}  // namespace

int64_t product(const Sizes& sizes) {
  int64_t result = 1;
  for (const int64_t size : sizes) result *= size;
  return result;
}

Sizes row_major_strides(const Sizes& shape) {
  Sizes strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Sizes offsets(const Sizes& shape, const Sizes& strides) {
  Sizes result = {0};
  for (size_t d = 0; d < shape.size(); ++d) {
    Sizes longer;
    longer.reserve(result.size() * static_cast<size_t>(shape[d]));
    for (const int64_t start : result)
      for (int64_t i = 0; i < shape[d]; ++i) longer.push_back(start + i * strides[d]);
    result = std::move(longer);
  }
  return result;
}

Tensor copy_view(const Tensor& x, int64_t offset, const Sizes& shape, const Sizes& strides) {
  Tensor result(x.dtype(), shape);
  if (result.count() == 0) return result;
  with_width(x.dtype(), [&]<class U>() {
    auto to = view(result.mutable_data<U>().data(), shape, row_major_strides(shape));
    xt::noalias(to) = view(x.data<U>().data() + offset, shape, strides);
  });
  return result;
}

void store_view(Tensor& into, int64_t offset, const Sizes& strides, const Tensor& part) {
  if (part.count() == 0) return;
  with_width(into.dtype(), [&]<class U>() {
    auto to = view(into.mutable_data<U>().data() + offset, part.shape(), strides);
    xt::noalias(to) = view(part.data<U>().data(), part.shape(), row_major_strides(part.shape()));
  });
}

Sizes broadcast_sizes(const Sizes& a, const Sizes& b) {
  const Sizes& longer = a.size() < b.size() ? b : a;
  const Sizes& shorter = a.size() < b.size() ? a : b;
  Sizes result = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& size = result[longer.size() - shorter.size() + i];
    if (size == 1) size = shorter[i];
    if (size != shorter[i] && shorter[i] != 1)
      fail(ErrorKind::BadInput, "got shapes [{}] and [{}], expected equal dims or 1", fmt::join(a, ","),
           fmt::join(b, ","));
  }
  return result;
}

Tensor broadcast_to(const Tensor& x, const Sizes& shape) {
  if (x.shape() == shape) return x;
  const size_t missing = shape.size() - x.shape().size();
  if (x.shape().size() > shape.size() || broadcast_sizes(x.shape(), shape) != shape)
    fail(ErrorKind::BadInput, "got {}, expected a shape that broadcasts to [{}]", x.type_str(), fmt::join(shape, ","));
  if (x.count() == product(shape)) return x.reshaped(shape);
  Sizes strides(shape.size(), 0);
  const Sizes from = row_major_strides(x.shape());
  for (size_t i = 0; i < from.size(); ++i)
    if (x.shape()[i] != 1) strides[missing + i] = from[i];
  return copy_view(x, 0, shape, strides);
}

Tensor pick(const Tensor& x, const std::vector<Sizes>& axis_offsets, const Tensor* fill) {
  Sizes shape;
  for (const Sizes& axis : axis_offsets) shape.push_back(static_cast<int64_t>(axis.size()));
  Tensor result(x.dtype(), shape);
  if (result.count() == 0) return result;
  Sizes rows = {0};  // all but the last axis, combined
  for (size_t d = 0; d + 1 < axis_offsets.size(); ++d) {
    Sizes longer;
    for (const int64_t start : rows)
      for (const int64_t at : axis_offsets[d])
        longer.push_back(start == kOutside || at == kOutside ? kOutside : start + at);
    rows = std::move(longer);
  }
  const Sizes last = axis_offsets.empty() ? Sizes{0} : axis_offsets.back();
  with_width(x.dtype(), [&]<class U>() {
    const U* from = x.data<U>().data();
    const U outside = fill ? fill->data<U>()[0] : U{0};
    U* to = result.mutable_data<U>().data();
    for (const int64_t row : rows)
      for (const int64_t at : last) *to++ = row == kOutside || at == kOutside ? outside : from[row + at];
  });
  return result;
}

}  // namespace seqc::ir::interp
