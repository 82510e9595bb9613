// Resize and Upsample: one axis after the other, each by a few gathers with weights.
#include <algorithm>
#include <cmath>

#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/resize.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

template <class E>
struct Choice {
  std::string_view name;
  E value;
  int64_t since, until;  ///< opsets
};

template <class E, size_t N>
E choose(Node& node, std::string_view attribute, std::string_view otherwise, const Choice<E> (&choices)[N]) {
  const std::string text = node.text(attribute, otherwise);
  for (const auto& choice : choices)
    if (choice.name == text && node.opset() >= choice.since && node.opset() <= choice.until) return choice.value;
  node.unsupported("attribute {} is \"{}\", which opset {} does not know", attribute, text, node.opset());
}

constexpr int64_t kNewest = INT64_MAX;
constexpr Choice<ResizeMode> kModes[] = {
    {"nearest", ResizeMode::Nearest, 1, kNewest},
    {"linear", ResizeMode::Linear, 7, kNewest},
    {"bilinear", ResizeMode::Linear, 1, 6},
    {"cubic", ResizeMode::Cubic, 11, kNewest},
};
constexpr Choice<ResizeTransform> kTransforms[] = {
    {"half_pixel", ResizeTransform::HalfPixel, 11, kNewest},
    {"half_pixel_symmetric", ResizeTransform::HalfPixelSymmetric, 19, kNewest},
    {"pytorch_half_pixel", ResizeTransform::PytorchHalfPixel, 11, kNewest},
    {"align_corners", ResizeTransform::AlignCorners, 11, kNewest},
    {"asymmetric", ResizeTransform::Asymmetric, 11, kNewest},
    {"tf_half_pixel_for_nn", ResizeTransform::TfHalfPixelForNn, 11, 12},
    {"tf_crop_and_resize", ResizeTransform::TfCropAndResize, 11, kNewest},
};
constexpr Choice<NearestMode> kNearestModes[] = {
    {"round_prefer_floor", NearestMode::RoundPreferFloor, 11, kNewest},
    {"round_prefer_ceil", NearestMode::RoundPreferCeil, 11, kNewest},
    {"floor", NearestMode::Floor, 11, kNewest},
    {"ceil", NearestMode::Ceil, 11, kNewest},
};

ResizeMethod read_method(Node& node) {
  ResizeMethod method;
  method.mode = choose(node, "mode", "nearest", kModes);
  if (node.opset() == 10) method.nearest = NearestMode::Simple;
  if (node.opset() < 11) return method;
  method.transform = choose(node, "coordinate_transformation_mode", "half_pixel", kTransforms);
  method.nearest = choose(node, "nearest_mode", "round_prefer_floor", kNearestModes);
  method.cubic_coeff_a = node.real("cubic_coeff_a", -0.75);
  method.exclude_outside = node.integer("exclude_outside", 0) != 0;
  method.antialias = node.opset() >= 18 && node.integer("antialias", 0) != 0;
  return method;
}

/// floor(size * scale), in f32 as ONNX's shape inference has it; with a named dim for scales that are simple fractions.
Dim scaled(Node& node, const Dim& size, double scale) {
  if (size.is_constant()) {
    const float product = static_cast<float>(size.constant()) * static_cast<float>(scale);
    if (!(product < 0x1p46F)) node.bad("{} elements scaled by {} are more than fit in memory", size.str(), scale);
    return Dim(static_cast<int64_t>(std::floor(product)));
  }
  for (int64_t divisor = 1; divisor <= 64; ++divisor) {
    const double dividend = std::round(scale * static_cast<double>(divisor));
    if (dividend >= 1 && dividend < 1e6 &&
        static_cast<float>(dividend / static_cast<double>(divisor)) == static_cast<float>(scale))
      return floordiv(size * Dim(static_cast<int64_t>(dividend)), Dim(divisor));
  }
  node.needs_dims(symbols(size),
                  fmt::format("the scale {} of a dim of {} elements is no simple fraction", scale, size.str()));
}

std::vector<double> checked_scales(Node& node, const std::vector<double>& scales, size_t count) {
  if (scales.size() != count) node.bad("scales holds {} numbers, expected {}", scales.size(), count);
  for (const double scale : scales)
    if (!(scale > 0) || std::isinf(scale)) node.bad("scales holds {}, expected a positive number", scale);
  return scales;
}

/// keep_aspect_ratio_policy: the smallest or largest of sizes[i] / in[i] scales all axes, halves rounded up.
void keep_aspect_ratio(Node& node, std::vector<ResizeAxis>& axes, bool larger_one) {
  const ResizeAxis* chosen = nullptr;
  const auto number = [&](const Dim& dim) {
    if (!dim.is_constant())
      node.needs_dims(symbols(dim), fmt::format("keep_aspect_ratio_policy compares sizes with {}", dim.str()));
    if (dim.constant() < 1 || dim.constant() > INT32_MAX) node.bad("a size is {}, expected 1 or more", dim.str());
    return dim.constant();
  };
  for (const ResizeAxis& axis : axes) {
    const int64_t out = number(axis.out), in = number(axis.in);
    if (!chosen) chosen = &axis;
    const int64_t here = out * chosen->in.constant(), best = chosen->out.constant() * in;
    if (larger_one ? here > best : here < best) chosen = &axis;
  }
  if (!chosen) return;
  const int64_t from = chosen->in.constant(), to = chosen->out.constant();
  for (ResizeAxis& axis : axes) {
    axis.scale = static_cast<double>(to) / static_cast<double>(from);
    axis.out = Dim((2 * to * axis.in.constant() + from) / (2 * from));
  }
}

/// The region of interest: all starts, then all ends.
void read_roi(Node& node, std::vector<ResizeAxis>& axes) {
  if (!node.has_input(1)) node.bad("input roi is missing, which tf_crop_and_resize needs");
  const Type type = node.input_type(1);
  const auto count = static_cast<int64_t>(axes.size());
  if (type.shape != Shape{Dim(2 * count)}) node.bad("roi is {}, expected {} numbers", type.str(), 2 * count);
  if (!ir::is_float(type.dtype)) node.bad("roi is {}, expected floats", type.str());
  const auto known = node.known_tensor(1);
  for (int64_t i = 0; i < count; ++i) {
    ResizeAxis& axis = axes[static_cast<size_t>(i)];
    if (known) {
      axis.roi_start = known->real(i);
      axis.roi_end = known->real(count + i);
    } else {
      axis.roi_start_value = node.builder().select_axis(node.input(1, "roi"), 0, Dim(i));
      axis.roi_end_value = node.builder().select_axis(node.input(1, "roi"), 0, Dim(count + i));
    }
  }
}

void apply_scales(Node& node, std::vector<ResizeAxis>& axes, const std::vector<double>& scales, bool crops) {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (crops && axes[i].roi_start_value)
      node.refuse_unknown(1, "roi, which shapes the result where scales are given,");
    axes[i].scale = scales[i];
    const double part = crops ? axes[i].roi_end - axes[i].roi_start : 1;
    if (!(part >= 0)) node.bad("roi ends before it starts");
    axes[i].out = part == 0 ? Dim(0) : scaled(node, axes[i].in, scales[i] * part);
  }
}

bool is_given(Node& node, size_t i) {
  if (!node.has_input(i)) return false;
  if (node.input_type(i).shape != Shape{Dim(0)}) return true;
  node.item(i);  // opset 11 has no other way to leave it out
  return false;
}

std::vector<ResizeAxis> resized_axes(Node& node, const Value* x) {
  std::vector<int64_t> numbers = axis_range(0, x->rank());
  if (node.opset() >= 18) numbers = node.integers("axes", std::move(numbers));
  std::vector<ResizeAxis> axes;
  for (const int64_t number : numbers) {
    ResizeAxis axis;
    axis.axis = node.axis(number, x->rank(), "axes");
    for (const ResizeAxis& other : axes)
      if (other.axis == axis.axis) node.bad("axes names axis {} twice", axis.axis);
    axis.in = axis.out = x->shape()[static_cast<size_t>(axis.axis)];
    axes.push_back(std::move(axis));
  }
  return axes;
}

std::vector<double> known_scales(Node& node, size_t input, size_t count) {
  const Tensor tensor = node.required_tensor(input, "scales");
  if (!ir::is_float(tensor.dtype()) || tensor.rank() != 1)
    node.bad("scales is {}, expected a vector of floats", tensor.type_str());
  std::vector<double> scales;
  for (int64_t i = 0; i < tensor.count(); ++i) scales.push_back(tensor.real(i));
  return checked_scales(node, scales, count);
}

/// True where every element stays what it is.
bool is_unchanged(const ResizeMethod& method, const ResizeAxis& axis) {
  if (!(axis.in == axis.out) || (axis.scale != 0 && axis.scale != 1)) return false;
  const bool whole = !axis.roi_start_value && axis.roi_start == 0 && axis.roi_end == 1;
  if (method.transform == ResizeTransform::TfCropAndResize) return whole;
  if (method.transform != ResizeTransform::TfHalfPixelForNn) return true;
  // Its positions i + 0.5 lie between elements.
  const bool down = method.nearest == NearestMode::Floor || method.nearest == NearestMode::RoundPreferFloor;
  return method.mode == ResizeMode::Nearest && down;
}

/// How often each element is repeated by a nearest resize to a multiple of the size; 1 if it does something else.
int64_t repeats(const ResizeMethod& method, const ResizeAxis& axis) {
  if (method.mode != ResizeMode::Nearest || axis.in == Dim(0)) return 1;
  const Dim ratio = floordiv(axis.out, axis.in);
  if (!ratio.is_constant() || ratio.constant() < 1 || !(ratio * axis.in == axis.out)) return 1;
  if (axis.scale != 0 && axis.scale != static_cast<double>(ratio.constant())) return 1;
  const bool rounds = method.nearest == NearestMode::RoundPreferFloor || method.nearest == NearestMode::RoundPreferCeil;
  const bool floors = method.nearest == NearestMode::Floor || method.nearest == NearestMode::Simple;
  switch (method.transform) {
    // i = ratio*q + r lies at q + (r + 0.5) / ratio - 0.5, less than half an element away from q
    case ResizeTransform::HalfPixel:
    case ResizeTransform::HalfPixelSymmetric:
    case ResizeTransform::PytorchHalfPixel: return rounds ? ratio.constant() : 1;
    case ResizeTransform::Asymmetric:
    case ResizeTransform::TfHalfPixelForNn: return floors ? ratio.constant() : 1;
    case ResizeTransform::AlignCorners:
    case ResizeTransform::TfCropAndResize: return 1;
  }
  internal_error(__FILE__, __LINE__, "transform", "unknown");
}

Value* repeat(Builder& b, Value* x, int64_t axis, int64_t times) {
  Shape shape = x->shape(), spread = shape;
  spread.insert(spread.begin() + axis + 1, Dim(1));
  Value* column = b.reshape(x, spread);
  spread[static_cast<size_t>(axis) + 1] = Dim(times);
  shape[static_cast<size_t>(axis)] = shape[static_cast<size_t>(axis)] * Dim(times);
  return b.reshape(b.broadcast(column, spread), shape);
}

/// Floats of 16 bits and small integers are weighted in f32, large integers in f64.
DType weighted_type(DType type) { return type == DType::f32 || ir::size_of(type) <= 2 ? DType::f32 : DType::f64; }

/// Integers are the nearest ones, halves to even, saturated.
Value* to_type(Builder& b, Value* x, DType type) {
  if (ir::is_integer(type)) x = b.emit(Opcode::Round, {x});
  return b.cast(x, type);
}

/// Axes that shrink leave less work to the others.
std::vector<ResizeAxis> shrinking_first(const std::vector<ResizeAxis>& axes) {
  std::vector<ResizeAxis> order;
  for (const bool wanted : {true, false})
    for (const ResizeAxis& axis : axes) {
      const bool numeric = axis.in.is_constant() && axis.out.is_constant();
      if ((numeric && axis.out.constant() < axis.in.constant()) == wanted) order.push_back(axis);
    }
  return order;
}

void resize(Node& node, Value* x, const ResizeMethod& method, std::vector<ResizeAxis> axes, double extrapolation) {
  Builder& b = node.builder();
  const DType type = x->dtype();
  if (!ir::is_arithmetic(type) && method.mode != ResizeMode::Nearest)
    node.unsupported("X is {}: strings are moved only, in mode nearest", x->type().str());
  std::erase_if(axes, [&](const ResizeAxis& axis) { return is_unchanged(method, axis); });
  for (const ResizeAxis& axis : axes)
    if (axis.in == Dim(0) && !(axis.out == Dim(0)))
      node.bad("axis {} of {} is empty and cannot be resized to {}", axis.axis, x->type().str(), axis.out.str());
  if (axes.empty()) return node.set_output(0, x);
  axes = shrinking_first(axes);
  const bool weighted = method.mode != ResizeMode::Nearest;
  if (weighted) x = b.cast(x, weighted_type(type));
  Value* outside = nullptr;
  for (const ResizeAxis& axis : axes) {
    if (const int64_t times = repeats(method, axis); times > 1) {
      x = repeat(b, x, axis.axis, times);
      continue;
    }
    const ResizeTaps taps = resize_taps(node, method, axis, weighted ? x->dtype() : DType::f32);
    x = apply_taps(b, x, axis.axis, taps);
    if (!taps.outside) continue;
    Value* here = along_axis(b, taps.outside, axis.axis, x->rank());
    outside = outside ? b.emit(Opcode::Or, {outside, here}) : here;
  }
  if (outside && !ir::is_arithmetic(type))
    node.unsupported("X is {}: extrapolation_value is no string", x->type().str());
  if (outside) x = b.select(outside, b.scalar_like(x, extrapolation), x);
  node.set_output(0, weighted ? to_type(b, x, type) : x);
}

}  // namespace

void import_resize(Node& node) {
  Value* x = node.input(0, "X");
  const ResizeMethod method = read_method(node);
  std::vector<ResizeAxis> axes = resized_axes(node, x);
  if (node.opset() == 10) {
    apply_scales(node, axes, known_scales(node, 1, axes.size()), false);
    return resize(node, x, method, std::move(axes), 0);
  }
  const double extrapolation = node.real("extrapolation_value", 0);
  const std::string policy = node.opset() >= 18 ? node.text("keep_aspect_ratio_policy", "stretch") : "stretch";
  const bool crops = method.transform == ResizeTransform::TfCropAndResize;
  if (crops)
    read_roi(node, axes);
  else
    node.item(1);
  const bool has_scales = is_given(node, 2), has_sizes = is_given(node, 3);
  if (has_scales == has_sizes) node.bad("got {} of scales and sizes, expected one", has_scales ? "both" : "none");
  if (has_scales) {
    apply_scales(node, axes, known_scales(node, 2, axes.size()), crops);
  } else {
    const Shape sizes = required_shape(node, 3, "sizes");
    if (sizes.size() != axes.size()) node.bad("sizes holds {} numbers, expected {}", sizes.size(), axes.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      if (sizes[i].is_constant() && sizes[i].constant() < 0) node.bad("sizes holds {}", sizes[i].str());
      axes[i].out = sizes[i];
    }
    if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
      node.bad("keep_aspect_ratio_policy is \"{}\", expected stretch, not_larger or not_smaller", policy);
    if (policy != "stretch") keep_aspect_ratio(node, axes, policy == "not_smaller");
  }
  resize(node, x, method, std::move(axes), extrapolation);
}

void import_upsample(Node& node) {
  if (node.opset() >= 10) node.unsupported("opset 10 replaced it by Resize");
  Value* x = node.input(0, "X");
  const ResizeMethod method = read_method(node);
  std::vector<ResizeAxis> axes = resized_axes(node, x);
  std::vector<double> scales;
  if (node.opset() < 7) {
    node.require_rank(x, 4, "X");
    for (const char* name : {"height_scale", "width_scale"})
      if (!node.has_attribute(name)) node.bad("attribute {} is missing", name);
    scales = {1, 1, node.real("height_scale", 1), node.real("width_scale", 1)};
  } else if (node.opset() < 9) {
    for (const float scale : node.reals("scales")) scales.push_back(scale);
  } else {
    scales = known_scales(node, 1, axes.size());
  }
  for (const double scale : checked_scales(node, scales, axes.size()))
    if (scale < 1) node.bad("scales holds {}, expected 1 or more", scale);
  apply_scales(node, axes, scales, false);
  resize(node, x, method, std::move(axes), 0);
}

}  // namespace seqc::frontend
