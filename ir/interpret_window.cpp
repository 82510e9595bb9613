// Sliding windows: convolution and pooling over one to three spatial dims.
//
// For each spatial axis a table says which input element tap k of the window at output o meets, if any. Taps in padding
// or between dilated inputs are left out, which is what multiplying by their zeros (or combining their neutral elements)
// would give. Each output is one chain over channels, then taps, in row-major order; f16 and bf16 are accumulated in f32.
#include <algorithm>
#include <array>

#include "ir/infer.h"
#include "ir/interpret_ops.h"
#include "ir/interpret_scalar.h"

namespace seqc::ir::interp {
namespace {

/// One spatial axis of a window op.
struct Axis {
  int64_t size = 1, window = 1, stride = 1, dilation = 1, input_dilation = 1, pad_lo = 0, pad_hi = 0;

  int64_t outputs() const {
    return window_output(Dim(size), window, stride, dilation, input_dilation, pad_lo, pad_hi).constant();
  }
  /// Input index times `scale`, or kOutside, of tap k at output o: entry [k][o].
  std::vector<Sizes> table(int64_t scale) const {
    std::vector<Sizes> result(static_cast<size_t>(window), Sizes(static_cast<size_t>(outputs()), kOutside));
    for (int64_t k = 0; k < window; ++k) {
      for (int64_t o = 0; o < outputs(); ++o) {
        const int64_t at = o * stride + k * dilation - pad_lo;
        if (at >= 0 && at % input_dilation == 0 && at / input_dilation < size)
          result[k][o] = at / input_dilation * scale;
      }
    }
    return result;
  }
};

/// Three axes, the first ones of size 1 when there are fewer.
using Axes = std::array<Axis, 3>;

void check_spatial_rank(size_t rank) {
  if (rank > 3) fail(ErrorKind::Unsupported, "windows over {} spatial dims; up to 3 are supported", rank);
}

int64_t inputs(const Axes& axes) { return axes[0].size * axes[1].size * axes[2].size; }
int64_t taps(const Axes& axes) { return axes[0].window * axes[1].window * axes[2].window; }
int64_t outputs(const Axes& axes) { return axes[0].outputs() * axes[1].outputs() * axes[2].outputs(); }

/// The tables of all three axes; their entries add up to an element offset within one input plane.
struct Tables {
  std::vector<Sizes> outer, middle, inner;

  explicit Tables(const Axes& axes)
      : outer(axes[0].table(axes[1].size * axes[2].size)),
        middle(axes[1].table(axes[2].size)),
        inner(axes[2].table(1)) {}

  /// Calls f(tap, output, input) for each meeting of a tap with an input element, tap by tap in row-major order.
  template <class F>
  SEQC_INLINE_BODY void for_each(const F& f) const {
    int64_t tap = 0;
    for (const Sizes& outer_taps : outer)
      for (const Sizes& middle_taps : middle)
        for (const Sizes& inner_taps : inner) {
          int64_t output = 0;
          for (const int64_t i : outer_taps)
            for (const int64_t j : middle_taps) {
              if (i != kOutside && j != kOutside)
                for (size_t k = 0; k < inner_taps.size(); ++k)
                  if (inner_taps[k] != kOutside) f(tap, output + static_cast<int64_t>(k), i + j + inner_taps[k]);
              output += static_cast<int64_t>(inner_taps.size());
            }
          ++tap;
        }
  }
};

template <class T>
Tensor conv_of(const Tensor& x, const Tensor& w, int64_t groups, const Axes& axes, const Sizes& shape) {
  if constexpr (Bool<T>) {
    fail(ErrorKind::BadInput, "is not defined for bool");
  } else {
    Tensor result(x.dtype(), shape);
    const Tables tables(axes);
    const int64_t batch = shape[0], maps = shape[1], channels = w.shape()[1];
    const int64_t in_plane = inputs(axes), out_plane = outputs(axes), window = taps(axes);
    const T *from = x.data<T>().data(), *kernel = w.data<T>().data();
    T* to = result.mutable_data<T>().data();
    run_fast([&]() SEQC_INLINE_BODY {
      for (int64_t n = 0; n < batch; ++n) {
        for (int64_t m = 0; m < maps; ++m) {
          T* plane = to + (n * maps + m) * out_plane;
          const int64_t first_channel = n * channels * groups + m / (maps / groups) * channels;
          for (int64_t c = 0; c < channels; ++c) {
            const T *in = from + (first_channel + c) * in_plane, *weights = kernel + (m * channels + c) * window;
            tables.for_each([&](int64_t tap, int64_t output, int64_t input) SEQC_INLINE_BODY {
              plane[output] = kMultiplyAdd(in[input], weights[tap], plane[output]);
            });
          }
        }
      }
    });
    return result;
  }
}

template <class T>
Tensor reduce_window_of(const Tensor& x, ReduceKind kind, const Axes& axes, const Sizes& shape) {
  Tensor result(x.dtype(), shape);
  const auto to = result.mutable_data<Storage<T>>();
  std::fill(to.begin(), to.end(), neutral<T>(kind));
  if (x.count() == 0) return result;
  const Tables tables(axes);
  const int64_t in_plane = inputs(axes), out_plane = outputs(axes);
  const Storage<T>* from = x.data<Storage<T>>().data();
  with_combination(kind, [&](auto combine) {
    for (int64_t n = 0; n < x.count() / in_plane; ++n)
      tables.for_each([&](int64_t, int64_t output, int64_t input) {
        auto& sum = to[n * out_plane + output];
        sum = combine(static_cast<T>(sum), static_cast<T>(from[n * in_plane + input]));
      });
  });
  return result;
}

}  // namespace

Tensor conv(const Tensor& x, const Tensor& w, const ConvAttr& attr) {
  const size_t rank = attr.strides.size();
  check_spatial_rank(rank);
  if (w.dtype() != x.dtype() || w.shape()[1] * attr.groups != x.shape()[1] || w.shape()[0] % attr.groups != 0)
    fail(ErrorKind::BadInput, "got {} and {}, expected [N,C,...] and [M,C/{},...]", x.type_str(), w.type_str(),
         attr.groups);
  Axes axes;
  Sizes shape = {x.shape()[0], w.shape()[0]};
  for (size_t i = 0; i < rank; ++i) {
    Axis& axis = axes[3 - rank + i];
    axis = {x.shape()[2 + i],        w.shape()[2 + i], attr.strides[i], attr.dilations[i],
            attr.input_dilations[i], attr.pads_lo[i],  attr.pads_hi[i]};
    shape.push_back(axis.outputs());
  }
  const Tensor wide = widened(x), wide_w = widened(w);
  return narrowed(
      with_element(wide.dtype(), [&]<class T>() { return conv_of<T>(wide, wide_w, attr.groups, axes, shape); }),
      x.dtype());
}

Tensor reduce_window(const Tensor& x, const WindowAttr& attr) {
  const size_t rank = attr.window.size();
  check_spatial_rank(rank);
  Axes axes;
  Sizes shape(x.shape().begin(), x.shape().end() - static_cast<ptrdiff_t>(rank));
  for (size_t i = 0; i < rank; ++i) {
    Axis& axis = axes[3 - rank + i];
    axis = {x.shape()[shape.size()], attr.window[i], attr.strides[i], attr.dilations[i], 1,
            attr.pads_lo[i],         attr.pads_hi[i]};
    shape.push_back(axis.outputs());
  }
  const Tensor wide = widened(x);
  return narrowed(
      with_element(wide.dtype(), [&]<class T>() { return reduce_window_of<T>(wide, attr.kind, axes, shape); }),
      x.dtype());
}

}  // namespace seqc::ir::interp
