// Positions, taps and weights of a resized axis; with numbers at import, with named dims as IR.
#include "frontend/onnx/resize.h"

#include <algorithm>
#include <cmath>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Scales arrive as f32. A position that hits a whole or a half element up to their rounding is meant to hit it, as it
/// decides which element is nearest.
constexpr double kScaleRounding = 0x1p-22;

/// A region that ends at the border shall not leave the input by the rounding of positions, which are computed in f64.
constexpr double kPositionRounding = 1e-10;

double snapped(double x) {
  const double half = std::round(2 * x) / 2;
  return std::fabs(x - half) <= kScaleRounding * (std::fabs(x) + 1) ? half : x;
}

/// x_original of result element i; equations of the ONNX specification. `width` is length_resized before rounding.
double position(ResizeTransform transform, const ResizeAxis& axis, int64_t i) {
  const auto in = static_cast<double>(axis.in.constant()), out = static_cast<double>(axis.out.constant());
  const auto at = static_cast<double>(i);
  const double width = axis.scale > 0 ? axis.scale * in : out;
  const auto divided = [&](double x) { return axis.scale > 0 ? x / axis.scale : x * in / out; };
  switch (transform) {
    case ResizeTransform::HalfPixel: return divided(at + 0.5) - 0.5;
    case ResizeTransform::HalfPixelSymmetric: return in / 2 * (1 - out / width) + divided(at + 0.5) - 0.5;
    case ResizeTransform::PytorchHalfPixel: return out > 1 ? divided(at + 0.5) - 0.5 : 0;
    case ResizeTransform::AlignCorners: return out > 1 ? at * (in - 1) / (width - 1) : 0;
    case ResizeTransform::Asymmetric: return divided(at);
    case ResizeTransform::TfHalfPixelForNn: return divided(at + 0.5);
    case ResizeTransform::TfCropAndResize:
      return out > 1 ? axis.roi_start * (in - 1) + at * (axis.roi_end - axis.roi_start) * (in - 1) / (out - 1)
                     : 0.5 * (axis.roi_start + axis.roi_end) * (in - 1);
  }
  internal_error(__FILE__, __LINE__, "transform", "unknown");
}

bool shrinks(const ResizeAxis& axis) {
  return axis.scale > 0 ? axis.scale < 1 : axis.out.constant() < axis.in.constant();
}

double nearest(NearestMode mode, double x, bool shrinking) {
  switch (mode) {
    case NearestMode::RoundPreferFloor: return std::ceil(x - 0.5);
    case NearestMode::RoundPreferCeil: return std::floor(x + 0.5);
    case NearestMode::Floor: return std::floor(x);
    case NearestMode::Ceil: return std::ceil(x);
    case NearestMode::Simple: return shrinking ? std::ceil(x) : std::floor(x);
  }
  internal_error(__FILE__, __LINE__, "mode", "unknown");
}

// The weight of an element at distance d: a tent, or Keys' cubic convolution with coefficient a
//   (a+2)|d|^3 - (a+3)|d|^2 + 1        for |d| <= 1
//   a|d|^3 - 5a|d|^2 + 8a|d| - 4a      for 1 < |d| < 2
double weight_at(const ResizeMethod& method, double d) {
  d = std::fabs(d);
  const double a = method.cubic_coeff_a;
  if (method.mode == ResizeMode::Linear) return std::max(0.0, 1 - d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/// By how much antialiasing shrinks distances: the filter is stretched by the inverse.
double filter_scale(const ResizeMethod& method, const ResizeAxis& axis) {
  if (!method.antialias) return 1;
  const double scale = axis.scale > 0 ? axis.scale
                                      : static_cast<double>(axis.out.constant()) /
                                            static_cast<double>(std::max<int64_t>(1, axis.in.constant()));
  return std::min(1.0, scale);
}

double support(const ResizeMethod& method) { return method.mode == ResizeMode::Linear ? 1 : 2; }

struct Tap {
  int64_t index;
  double weight;
};

/// The taps around x. Elements outside repeat those at the border, or are left out.
std::vector<Tap> taps_at(const ResizeMethod& method, double x, double stretch, int64_t count) {
  const double reach = support(method) / stretch;
  std::vector<Tap> taps;
  double sum = 0;
  for (auto i = static_cast<int64_t>(std::floor(x - reach)) + 1; static_cast<double>(i) < x + reach; ++i) {
    if (method.exclude_outside && (i < 0 || i >= count)) continue;
    const double weight = weight_at(method, (static_cast<double>(i) - x) * stretch);
    const int64_t index = std::clamp<int64_t>(i, 0, count - 1);
    sum += weight;
    if (!taps.empty() && taps.back().index == index)
      taps.back().weight += weight;
    else
      taps.push_back({index, weight});
  }
  if (sum == 0) return {{std::clamp<int64_t>(static_cast<int64_t>(std::round(x)), 0, count - 1), 1}};
  for (Tap& tap : taps) tap.weight /= sum;
  return taps;
}

ResizeTaps numeric_taps(Builder& b, const ResizeMethod& method, const ResizeAxis& axis, DType type) {
  const int64_t in = axis.in.constant(), out = axis.out.constant();
  const double stretch = filter_scale(method, axis);
  std::vector<std::vector<Tap>> rows;
  Tensor outside(DType::boolean, {out});
  ResizeTaps result;
  for (int64_t i = 0; i < out; ++i) {
    double x = position(method.transform, axis, i);
    const double tolerance = kPositionRounding * static_cast<double>(in);
    outside.set_integer(i, x < -tolerance || x > static_cast<double>(in - 1) + tolerance);
    if (axis.scale > 0) x = snapped(x);
    if (method.mode == ResizeMode::Nearest) {
      const auto index = static_cast<int64_t>(nearest(method.nearest, x, shrinks(axis)));
      rows.push_back({{std::clamp<int64_t>(index, 0, in - 1), 1}});
    } else {
      rows.push_back(taps_at(method, x, stretch, in));
    }
    result.taps = std::max(result.taps, static_cast<int64_t>(rows.back().size()));
  }
  Tensor index(DType::i64, {result.taps, out}), weight(type, {result.taps, out});
  for (int64_t i = 0; i < out; ++i) {
    const auto& row = rows[static_cast<size_t>(i)];
    for (int64_t k = 0; k < result.taps; ++k) {
      const bool used = k < static_cast<int64_t>(row.size());
      index.set_integer(k * out + i, used ? row[static_cast<size_t>(k)].index : row.back().index);
      weight.set_real(k * out + i, used ? row[static_cast<size_t>(k)].weight : 0);
    }
  }
  result.index = b.constant(std::move(index));
  if (method.mode != ResizeMode::Nearest) result.weight = b.constant(std::move(weight));
  if (method.transform == ResizeTransform::TfCropAndResize) result.outside = b.constant(std::move(outside));
  return result;
}

/// The same computed in f64 at run time.
class RunTimeTaps {
 public:
  RunTimeTaps(Node& node, const ResizeMethod& method, const ResizeAxis& axis)
      : node_(node), b_(node.builder()), method_(method), axis_(axis) {
    in_ = dim_scalar(b_, axis.in, DType::f64);
    out_ = dim_scalar(b_, axis.out, DType::f64);
    last_ = b_.sub(in_, real(1));
  }

  ResizeTaps taps(DType type) {
    ResizeTaps result;
    Value* x = position();
    if (method_.transform == ResizeTransform::TfCropAndResize) {
      Value* tolerance = b_.mul(in_, kPositionRounding);
      result.outside = b_.emit(Opcode::Or, {b_.lt(x, b_.neg(tolerance)), b_.gt(x, b_.add(last_, tolerance))});
    }
    if (axis_.scale > 0) x = snapped(x);
    if (method_.mode == ResizeMode::Nearest) {
      result.index = b_.reshape(inside(nearest(x)), {Dim(1), axis_.out});
      return result;
    }
    const double stretch = known_filter_scale(), reach = support(method_) / stretch;
    result.taps = static_cast<int64_t>(std::ceil(2 * reach));
    Value* first = b_.add(floor(b_.sub(x, real(reach))), real(1));
    Value* i = b_.add(first, b_.reshape(b_.iota(Dim(result.taps), DType::f64), {Dim(result.taps), Dim(1)}));
    Value* weight = weight_at(b_.mul(b_.abs(b_.sub(i, x)), real(stretch)));
    if (method_.exclude_outside)
      weight = b_.select(b_.emit(Opcode::And, {b_.ge(i, real(0)), b_.le(i, last_)}), weight, real(0));
    if (method_.exclude_outside || method_.antialias)
      weight = b_.div(weight, reduce(b_, ir::ReduceKind::Sum, weight, {0}, true));
    result.index = inside(i);
    result.weight = b_.cast(weight, type);
    return result;
  }

 private:
  Value* real(double value) { return b_.scalar(DType::f64, value); }
  Value* floor(Value* x) { return b_.emit(Opcode::Floor, {x}); }
  Value* ceil(Value* x) { return b_.emit(Opcode::Ceil, {x}); }
  Value* inside(Value* x) { return b_.cast(b_.max(b_.min(x, last_), real(0)), DType::i64); }
  Value* divided(Value* x) { return axis_.scale > 0 ? b_.div(x, real(axis_.scale)) : b_.div(b_.mul(x, in_), out_); }
  Value* half_pixel(Value* at) { return b_.sub(divided(b_.add(at, 0.5)), real(0.5)); }
  /// `x` where the result has several elements, else `single`.
  Value* unless_single(Value* x, Value* single) { return b_.select(b_.gt(out_, real(1)), x, single); }

  Value* position() {
    Value* at = b_.iota(axis_.out, DType::f64);
    Value* width = axis_.scale > 0 ? b_.mul(in_, real(axis_.scale)) : out_;
    switch (method_.transform) {
      case ResizeTransform::HalfPixel: return half_pixel(at);
      case ResizeTransform::HalfPixelSymmetric: {
        Value* offset = b_.mul(b_.mul(in_, real(0.5)), b_.sub(real(1), b_.div(out_, width)));
        return b_.add(offset, half_pixel(at));
      }
      case ResizeTransform::PytorchHalfPixel: return unless_single(half_pixel(at), real(0));
      case ResizeTransform::AlignCorners:
        return unless_single(b_.div(b_.mul(at, last_), b_.sub(width, real(1))), real(0));
      case ResizeTransform::Asymmetric: return divided(at);
      case ResizeTransform::TfHalfPixelForNn: return divided(b_.add(at, 0.5));
      case ResizeTransform::TfCropAndResize: {
        const auto bound = [&](Value* value, double number) {
          return value ? b_.cast(value, DType::f64) : real(number);
        };
        Value* start = bound(axis_.roi_start_value, axis_.roi_start);
        Value* end = bound(axis_.roi_end_value, axis_.roi_end);
        Value* distance = b_.mul(b_.sub(end, start), last_);
        Value* many = b_.add(b_.mul(start, last_), b_.div(b_.mul(at, distance), b_.sub(out_, real(1))));
        return unless_single(many, b_.mul(b_.mul(b_.add(start, end), real(0.5)), last_));
      }
    }
    internal_error(__FILE__, __LINE__, "transform", "unknown");
  }

  Value* snapped(Value* x) {
    Value* half = b_.mul(b_.emit(Opcode::Round, {b_.mul(x, 2)}), 0.5);
    Value* tolerance = b_.mul(b_.add(b_.abs(x), 1), kScaleRounding);
    return b_.select(b_.le(b_.abs(b_.sub(x, half)), tolerance), half, x);
  }

  Value* nearest(Value* x) {
    switch (method_.nearest) {
      case NearestMode::RoundPreferFloor: return ceil(b_.sub(x, real(0.5)));
      case NearestMode::RoundPreferCeil: return floor(b_.add(x, 0.5));
      case NearestMode::Floor: return floor(x);
      case NearestMode::Ceil: return ceil(x);
      case NearestMode::Simple: return axis_.scale < 1 ? ceil(x) : floor(x);
    }
    internal_error(__FILE__, __LINE__, "mode", "unknown");
  }

  double known_filter_scale() {
    if (!method_.antialias) return 1;
    if (axis_.scale > 0) return std::min(1.0, axis_.scale);
    if (!axis_.in.is_constant() || !axis_.out.is_constant())
      node_.needs_dims(
          symbols(Shape{axis_.in, axis_.out}),
          fmt::format("antialias=1 must know the scale from {} to {} elements", axis_.in.str(), axis_.out.str()));
    return filter_scale(method_, axis_);
  }

  Value* weight_at(Value* d) {
    if (method_.mode == ResizeMode::Linear) return b_.max(b_.sub(real(1), d), real(0));
    const double a = method_.cubic_coeff_a;
    Value* near = b_.add(b_.mul(b_.mul(b_.sub(b_.mul(d, a + 2), real(a + 3)), d), d), 1);
    Value* far = b_.sub(b_.mul(b_.add(b_.mul(b_.sub(b_.mul(d, a), real(5 * a)), d), 8 * a), d), real(4 * a));
    return b_.select(b_.le(d, real(1)), near, b_.select(b_.lt(d, real(2)), far, real(0)));
  }

  Node& node_;
  Builder& b_;
  const ResizeMethod& method_;
  const ResizeAxis& axis_;
  Value *in_, *out_, *last_;
};

constexpr int64_t kUnrolledTaps = 4;  // cubic; more are summed by a reduction

}  // namespace

ResizeTaps resize_taps(Node& node, const ResizeMethod& method, const ResizeAxis& axis, DType type) {
  if (axis.is_numeric()) return numeric_taps(node.builder(), method, axis, type);
  return RunTimeTaps(node, method, axis).taps(type);
}

Value* apply_taps(Builder& b, Value* x, int64_t axis, const ResizeTaps& taps) {
  const auto gather = [&](Value* index) { return b.emit(Opcode::Gather, {x, index}, ir::AxisAttr{axis}); };
  if (!taps.weight) return gather(b.select_axis(taps.index, 0, Dim(0)));
  if (taps.taps <= kUnrolledTaps) {
    Value* sum = nullptr;
    for (int64_t k = 0; k < taps.taps; ++k) {
      Value* weight = along_axis(b, b.select_axis(taps.weight, 0, Dim(k)), axis, x->rank());
      Value* part = b.mul(gather(b.select_axis(taps.index, 0, Dim(k))), weight);
      sum = sum ? b.add(sum, part) : part;
    }
    return sum;
  }
  Shape shape = taps.weight->shape();
  shape.insert(shape.end(), static_cast<size_t>(x->rank() - axis - 1), Dim(1));
  return b.reduce(ir::ReduceKind::Sum, b.mul(gather(taps.index), b.reshape(taps.weight, shape)), {axis});
}

}  // namespace seqc::frontend
