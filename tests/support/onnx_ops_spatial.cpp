// Random nodes: convolutions, pools, resizing, sampling.
#include <algorithm>
#include <cmath>

#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

/// Windows over the spatial dims of [N, C, ...]: each fits at least once.
struct Windows {
  Sizes spatial, kernel, strides, dilations, lo, hi;
  std::string auto_pad;
};

Windows windows(G& g, int64_t dims, bool dilated, bool padded = true) {
  Windows w;
  if (g.chance(25)) w.auto_pad = g.word({"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"});
  const bool explicit_pads = padded && (w.auto_pad.empty() || w.auto_pad == "NOTSET");
  for (int64_t i = 0; i < dims; ++i) {
    w.kernel.push_back(g.integer(1, 3));
    w.strides.push_back(g.integer(1, 3));
    w.dilations.push_back(dilated && g.chance(40) ? g.integer(1, 3) : 1);
    w.lo.push_back(explicit_pads && g.chance(50) ? g.integer(0, w.kernel.back() - 1) : 0);
    w.hi.push_back(explicit_pads && g.chance(50) ? g.integer(0, w.kernel.back() - 1) : 0);
    const int64_t reach = (w.kernel.back() - 1) * w.dilations.back() + 1;
    w.spatial.push_back(reach + g.integer(0, dims == 1 ? 12 : 4));
  }
  return w;
}

Sizes joined(Sizes a, const Sizes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void write(G& g, const Windows& w, bool kernel, bool dilated) {
  const auto ones = [](const Sizes& values) {
    return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
  };
  if (kernel) g.ints_attr("kernel_shape", w.kernel);
  if (!ones(w.strides) || g.chance(40)) g.ints_attr("strides", w.strides);
  if (dilated && (!ones(w.dilations) || g.chance(40))) g.ints_attr("dilations", w.dilations);
  const Sizes pads = joined(w.lo, w.hi);
  if (std::any_of(pads.begin(), pads.end(), [](int64_t v) { return v != 0; })) g.ints_attr("pads", pads);
  if (!w.auto_pad.empty()) g.node().attr("auto_pad", std::string_view(w.auto_pad));
}

// --- convolutions ----------------------------------------------------------------------------------------------------

void conv(G& g) {
  const int64_t groups = g.chance(60) ? 1 : g.integer(2, 3), in = g.integer(1, 3), out = g.integer(1, 3);
  const Windows w = windows(g, g.integer(1, 3), true);
  g.of(joined({g.integer(1, 2), groups * in}, w.spatial));
  g.same(joined({groups * out, in}, w.kernel));
  if (g.chance(50)) g.same({groups * out});
  if (groups > 1 || g.chance(30)) g.attr("group", groups);
  write(g, w, g.chance(50), true);
}

void conv_transpose(G& g) {
  const int64_t groups = g.chance(60) ? 1 : g.integer(2, 3), in = g.integer(1, 3), out = g.integer(1, 3);
  const Windows w = windows(g, g.integer(1, 3), true);
  // ONNX's inference does not see SAME where windows leave gaps: the result has strides times the input's elements.
  for (size_t i = 0; i < w.kernel.size(); ++i)
    g.cancel_unless(w.auto_pad.rfind("SAME", 0) != 0 || (w.kernel[i] - 1) * w.dilations[i] + 1 >= w.strides[i]);
  g.of(joined({g.integer(1, 2), groups * in}, w.spatial));
  g.same(joined({groups * in, out}, w.kernel));
  if (g.chance(50)) g.same({groups * out});
  if (groups > 1 || g.chance(30)) g.attr("group", groups);
  if (g.chance(30)) {
    Sizes extra;
    for (size_t i = 0; i < w.kernel.size(); ++i)
      extra.push_back(g.integer(0, std::max(w.strides[i], w.dilations[i]) - 1));
    g.ints_attr("output_padding", extra);
  }
  write(g, w, g.chance(50), true);
}

void deform_conv(G& g) {
  const int64_t groups = g.integer(1, 2), in = g.integer(1, 2), out = g.integer(1, 2),
                offset_groups = g.chance(50) ? 1 : groups;
  Windows w = windows(g, 2, true);
  w.auto_pad.clear();
  const int64_t n = g.integer(1, 2), taps = w.kernel[0] * w.kernel[1];
  Sizes results;
  for (size_t i = 0; i < 2; ++i)
    results.push_back((w.spatial[i] + w.lo[i] + w.hi[i] - w.dilations[i] * (w.kernel[i] - 1) - 1) / w.strides[i] + 1);
  g.of(joined({n, groups * in}, w.spatial), kFloats);
  g.same(joined({groups * out, in}, w.kernel));
  g.same(joined({n, offset_groups * taps * 2}, results));
  if (g.chance(50)) {
    g.same({groups * out});
    if (g.chance(50)) g.same(joined({n, offset_groups * taps}, results));
  }
  if (groups > 1) g.attr("group", groups);
  if (offset_groups > 1) g.attr("offset_group", offset_groups);
  write(g, w, g.chance(50), true);
}

// --- pools -----------------------------------------------------------------------------------------------------------

/// Rounding up is defined only where no window starts in the padding at the end.
void round_up(G& g, const Windows& w) {
  if (g.opset < 10 || !w.auto_pad.empty() || g.chance(60)) return;
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    const int64_t reach = (w.kernel[i] - 1) * w.dilations[i] + 1, size = w.spatial[i] + w.lo[i] + w.hi[i];
    const int64_t starts = (size - reach + w.strides[i] - 1) / w.strides[i];
    if (starts * w.strides[i] >= w.spatial[i] + w.lo[i]) return;
  }
  g.attr("ceil_mode", 1);
}

void max_pool(G& g) {
  const Windows w = windows(g, g.integer(1, 3), g.opset >= 10);
  g.of(joined({g.integer(1, 2), g.integer(1, 3)}, w.spatial));
  write(g, w, true, g.opset >= 10);
  round_up(g, w);
  if (g.opset >= 8) {
    g.maybe("storage_order", 0, 1);
    g.outputs(static_cast<size_t>(g.integer(1, 2)));
  }
}

void average_pool(G& g) {
  const Windows w = windows(g, g.integer(1, 3), g.opset >= 19);
  g.of(joined({g.integer(1, 2), g.integer(1, 3)}, w.spatial));
  write(g, w, true, g.opset >= 19);
  round_up(g, w);
  if (g.opset >= 7) g.maybe("count_include_pad", 0, 1);
}

void lp_pool(G& g) {
  const Windows w = windows(g, g.opset < 2 ? 2 : g.integer(1, 3), g.opset >= 18);
  g.of(joined({g.integer(1, 2), g.integer(1, 3)}, w.spatial));
  write(g, w, true, g.opset >= 18);
  if (g.opset >= 18) round_up(g, w);
  if (g.opset >= 2)
    g.maybe("p", 1, 3);
  else
    g.maybe_real("p", 1, 3);
}

void global_pool(G& g) { g.filled(3, 4); }
void global_lp_pool(G& g) {
  g.filled(3, 4);
  if (g.opset >= 2)
    g.maybe("p", 1, 3);
  else
    g.maybe_real("p", 1, 3);
}

/// Of the results of a MaxPool without overlaps.
void max_unpool(G& g) {
  const int64_t n = g.integer(1, 2), c = g.integer(1, 2), h = g.integer(1, 3), w = g.integer(1, 3);
  g.of({n, c, h, w});
  Tensor places(DType::i64, {n, c, h, w});
  for (int64_t i = 0; i < places.count(); ++i) {  // each in a window of its own
    const int64_t column = i % w, row = i / w % h, plane = i / (h * w);
    places.set_integer(i, plane * 4 * h * w + (2 * row + g.integer(0, 1)) * 2 * w + 2 * column + g.integer(0, 1));
  }
  g.given(places);
  if (g.chance(30)) g.known_ints({n, c, 2 * h, 2 * w});
  g.ints_attr("kernel_shape", {2, 2});
  g.ints_attr("strides", {2, 2});
}

Sizes image(G& g) { return {g.integer(1, 2), g.integer(1, 3), g.integer(1, 7), g.integer(1, 7)}; }

void max_roi_pool(G& g) {
  const Tensor x = g.of(image(g));
  Tensor rois(x.dtype(), {g.integer(1, 3), 5});
  for (int64_t i = 0; i < rois.shape()[0]; ++i) {
    rois.set_real(5 * i, static_cast<double>(g.integer(0, x.shape()[0] - 1)));
    for (int64_t j = 1; j < 3; ++j) rois.set_real(5 * i + j, static_cast<double>(g.integer(0, 3)));
    for (int64_t j = 3; j < 5; ++j) rois.set_real(5 * i + j, static_cast<double>(g.integer(3, 7)));
  }
  g.given(rois);
  g.ints_attr("pooled_shape", {g.integer(1, 3), g.integer(1, 3)});
  if (g.chance(40)) g.node().attr("spatial_scale", 0.5);
}

void roi_align(G& g) {
  const Tensor x = g.of(image(g));
  const int64_t count = g.integer(1, 3);
  g.given(g.reals(0, 6, {count, 4}, x.dtype()));
  g.given(g.ints(0, x.shape()[0] - 1, {count}));
  if (g.opset >= 16) g.maybe_word("coordinate_transformation_mode", {"half_pixel", "output_half_pixel"});
  g.maybe_word("mode", {"avg", "max"});
  g.maybe("output_height", 1, 3);
  g.maybe("output_width", 1, 3);
  g.attr("sampling_ratio", g.integer(1, 3));
  g.maybe_real("spatial_scale", 0.5, 1);
}

// --- sampling --------------------------------------------------------------------------------------------------------

void upsample(G& g) {
  const Tensor x = g.of(image(g));
  const float h = static_cast<float>(g.integer(2, 6)) / 2, w = static_cast<float>(g.integer(2, 6)) / 2;
  g.maybe_word("mode", {"nearest", g.opset < 7 ? "bilinear" : "linear"});
  if (g.opset < 7) {
    g.node().attr("height_scale", h).attr("width_scale", w);
  } else if (g.opset < 9) {
    g.node().floats("scales", {1, 1, h, w});
  } else {
    g.known(Tensor::f32({4}, {1, 1, h, w}));
  }
}

void resize(G& g) {
  const Tensor x = g.filled(1, 4);
  const bool choose_axes = g.opset >= 18 && g.chance(40);
  std::vector<const char*> modes = {"nearest"};
  if (x.dtype() != DType::string) modes.push_back("linear");
  if (x.dtype() != DType::string && g.opset >= 11) modes.push_back("cubic");
  const std::string mode = g.word(modes);
  Sizes axes, sizes;
  std::vector<float> scales;
  int64_t spatial = 0, all = 1;
  for (int64_t i = 0; i < x.rank(); ++i) {
    const int64_t size = x.shape()[static_cast<size_t>(i)];
    const bool changes = spatial < 2 && g.chance(60);
    if (choose_axes && !changes) continue;
    axes.push_back(i);
    scales.push_back(changes ? static_cast<float>(g.integer(1, 10)) / 4 : 1);
    sizes.push_back(changes ? g.integer(1, 9) : size);
    if (changes && static_cast<int64_t>(std::floor(static_cast<float>(size) * scales.back())) < 1) scales.back() = 1;
    spatial += changes;
    all *= std::max<int64_t>(1, static_cast<int64_t>(static_cast<float>(size) * scales.back()));
  }
  g.cancel_unless(!axes.empty() && all < 2000);
  g.node().attr("mode", std::string_view(mode));
  const bool by_size = g.opset >= 11 && g.chance(50);
  const auto count = static_cast<int64_t>(axes.size());
  std::string transform = "half_pixel";
  if (g.opset >= 11) {
    std::vector<const char*> kinds = {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"};
    if (g.opset >= 19) kinds.push_back("half_pixel_symmetric");
    if (g.opset < 13) kinds.push_back("tf_half_pixel_for_nn");
    kinds.push_back("tf_crop_and_resize");
    transform = g.word(kinds);
    if (transform != "half_pixel" || g.chance(30))
      g.node().attr("coordinate_transformation_mode", std::string_view(transform));
    if (mode == "nearest") g.maybe_word("nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    if (mode == "cubic") g.maybe_real("cubic_coeff_a", -0.8, -0.4), g.maybe("exclude_outside", 0, 1);
    if (g.opset >= 18 && mode != "nearest") g.maybe("antialias", 0, 1);
    if (transform == "tf_crop_and_resize") {
      std::vector<float> roi;
      for (int64_t i = 0; i < count; ++i)
        roi.push_back(sizes[static_cast<size_t>(i)] == x.shape()[static_cast<size_t>(axes[static_cast<size_t>(i)])]
                          ? 0.0f
                          : 0.125f);
      for (int64_t i = 0; i < count; ++i) roi.push_back(roi[static_cast<size_t>(i)] == 0 ? 1.0f : 0.75f);
      g.known(Tensor::f32({2 * count}, roi));
      g.maybe_real("extrapolation_value");
    } else if (g.opset < 13) {
      g.known(Tensor::f32({0}, {}));  // not optional before
    } else {
      g.none();
    }
  }
  if (choose_axes) g.ints_attr("axes", axes);
  if (!by_size) {
    g.known(Tensor::f32({count}, scales));
    return;
  }
  if (g.opset < 13)
    g.known(Tensor::f32({0}, {}));
  else
    g.none();
  g.known_ints(sizes);
  if (g.opset >= 18 && spatial > 0 && choose_axes)
    g.maybe_word("keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"});
}

void grid_sample(G& g) {
  const bool solid = g.opset >= 20 && g.chance(40);
  Sizes shape = {g.integer(1, 2), g.integer(1, 2), g.integer(1, 5), g.integer(1, 5)};
  Sizes grid = {shape[0], g.integer(1, 4), g.integer(1, 4)};
  if (solid) shape.push_back(g.integer(1, 4)), grid.push_back(g.integer(1, 3));
  grid.push_back(solid ? 3 : 2);
  const Tensor x = g.of(shape, kFloats);
  g.given(g.reals(-1.25, 1.25, grid, x.dtype()));
  g.maybe("align_corners", 0, 1);
  g.maybe_word("padding_mode", {"zeros", "border", "reflection"});
  if (g.opset >= 20)
    g.maybe_word("mode", solid ? std::vector<const char*>{"linear", "nearest"}
                               : std::vector<const char*>{"linear", "nearest", "cubic"});
  else
    g.maybe_word("mode", {"bilinear", "nearest", "bicubic"});
}

void affine_grid(G& g) {
  const bool solid = g.chance(40);
  const int64_t n = g.integer(1, 2);
  g.of(solid ? Sizes{n, 3, 4} : Sizes{n, 2, 3}, kFloats);
  g.known_ints(solid ? Sizes{n, 2, 2, 3, 4} : Sizes{n, 2, g.size(), g.size()});
  g.maybe("align_corners", 0, 1);
}

void col2im(G& g) {
  const int64_t dims = g.integer(1, 2), n = g.integer(1, 2), c = g.integer(1, 2);
  const Windows w = windows(g, dims, true);
  int64_t blocks = 1, taps = 1;
  const bool padded = w.auto_pad.empty();
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    const int64_t pads = padded ? w.lo[i] + w.hi[i] : 0;
    blocks *= (w.spatial[i] + pads - w.dilations[i] * (w.kernel[i] - 1) - 1) / w.strides[i] + 1;
    taps *= w.kernel[i];
  }
  g.of({n, c * taps, blocks}, kFloats);
  g.known_ints(w.spatial);
  g.known_ints(w.kernel);
  g.ints_attr("strides", w.strides);
  g.ints_attr("dilations", w.dilations);
  if (padded) g.ints_attr("pads", joined(w.lo, w.hi));
}

}  // namespace

std::span<const OnnxOperator> onnx_spatial_operators() {
  static const OnnxOperator kTable[] = {
      {"AffineGrid", affine_grid, 20},
      {"AveragePool", average_pool},
      {"Col2Im", col2im, 18},
      {"Conv", conv},
      {"ConvTranspose", conv_transpose},
      {"DeformConv", deform_conv, 19},
      {"GlobalAveragePool", global_pool},
      {"GlobalLpPool", global_lp_pool},
      {"GlobalMaxPool", global_pool},
      {"GridSample", grid_sample, 16},
      {"LpPool", lp_pool},
      {"MaxPool", max_pool},
      {"MaxRoiPool", max_roi_pool},
      {"MaxUnpool", max_unpool, 9},
      {"Resize", resize, 10},
      {"RoiAlign", roi_align, 10},
      {"Upsample", upsample, 1, 9},
  };
  return kTable;
}

}  // namespace seqc::test
