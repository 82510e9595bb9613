// Ops whose result is an order of elements.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ir/error.h"
#include "ir/interpret_ops.h"

namespace seqc::ir::interp {

Tensor positions(const Tensor& mask, int64_t length) {
  Tensor result(DType::i64, {length});
  int64_t found = 0;
  for (int64_t i = 0; i < mask.count() && found < length; ++i)
    if (mask.integer(i) != 0) result.set_integer(found++, i);
  return result;
}

namespace {

/// -1, 0 or 1; NaN is above every number and equal to NaN.
int compare(const Tensor& x, int64_t a, int64_t b) {
  if (!is_float(x.dtype())) {
    if (x.dtype() == DType::u64) {
      const auto u = static_cast<uint64_t>(x.integer(a)), v = static_cast<uint64_t>(x.integer(b));
      return u < v ? -1 : u > v;
    }
    return x.integer(a) < x.integer(b) ? -1 : x.integer(a) > x.integer(b);
  }
  const double u = x.real(a), v = x.real(b);
  if (std::isnan(u) || std::isnan(v)) return static_cast<int>(std::isnan(u)) - static_cast<int>(std::isnan(v));
  return u < v ? -1 : u > v;
}

}  // namespace

Tensor arg_sort(const Tensor& x, bool descending) {
  const int64_t width = x.shape()[x.rank() - 1], rows = x.shape()[x.rank() - 2];
  Tensor result(DType::i64, Sizes(x.shape().begin(), x.shape().end() - 1));
  Sizes order(rows);
  for (int64_t start = 0; start < result.count(); start += rows) {
    const auto before = [&](int64_t a, int64_t b) {
      for (int64_t i = 0; i < width; ++i)
        if (const int c = compare(x, (start + a) * width + i, (start + b) * width + i); c != 0)
          return descending ? c > 0 : c < 0;
      return a < b;  // equal rows stay in their order
    };
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), before);
    for (int64_t i = 0; i < rows; ++i) result.set_integer(start + i, order[static_cast<size_t>(i)]);
  }
  return result;
}

}  // namespace seqc::ir::interp
