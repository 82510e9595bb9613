// Reductions: one walk over the operand in memory order, so that each result combines its elements in row-major order.
// f16 and bf16 are accumulated in f32 and rounded at the end.
#include <algorithm>

#include "ir/interpret_ops.h"
#include "ir/interpret_scalar.h"

namespace seqc::ir::interp {
namespace {

/// result[rows[i] + j * step] = f(that, element j of row i of x), for all elements of x.
template <class T, class F>
void accumulate(const Storage<T>* x, const Sizes& rows, int64_t row_size, int64_t step, Storage<T>* result, F f) {
  for (const int64_t row : rows) {
    if (step == 0) {
      T sum = static_cast<T>(result[row]);
      for (int64_t i = 0; i < row_size; ++i) sum = f(sum, static_cast<T>(*x++));
      result[row] = sum;
    } else {
      for (int64_t i = 0; i < row_size; ++i)
        result[row + i * step] = f(static_cast<T>(result[row + i * step]), static_cast<T>(*x++));
    }
  }
}

template <class T>
Tensor reduce_of(const Tensor& x, const ReduceAttr& attr) {
  Sizes shape, kept = x.shape();  // kept: x's shape with 1 for reduced dims
  for (int64_t d = 0; d < x.rank(); ++d) {
    if (std::binary_search(attr.axes.begin(), attr.axes.end(), d))
      kept[d] = 1;
    else
      shape.push_back(kept[d]);
  }
  Sizes strides = row_major_strides(kept);  // of the result, by x's dims
  for (const int64_t axis : attr.axes) strides[axis] = 0;

  Tensor result(x.dtype(), shape);
  const auto to = result.mutable_data<Storage<T>>();
  std::fill(to.begin(), to.end(), neutral<T>(attr.kind));
  if (x.count() == 0) return result;
  const int64_t row_size = x.rank() == 0 ? 1 : x.shape().back(), step = x.rank() == 0 ? 1 : strides.back();
  Sizes outer = x.shape();
  if (!outer.empty()) outer.pop_back(), strides.pop_back();
  const Sizes rows = offsets(outer, strides);
  with_combination(attr.kind, [&](auto combine) {
    accumulate<T>(x.data<Storage<T>>().data(), rows, row_size, step, to.data(), combine);
  });
  return result;
}

}  // namespace

Tensor reduce(const Tensor& x, const ReduceAttr& attr) {
  const Tensor wide = widened(x);
  return narrowed(with_element(wide.dtype(), [&]<class T>() { return reduce_of<T>(wide, attr); }), x.dtype());
}

}  // namespace seqc::ir::interp
