/// Resampling along one axis: where each result element lies in the input, and which elements it is made of.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

enum class ResizeMode { Nearest, Linear, Cubic };
enum class ResizeTransform {
  HalfPixel,
  HalfPixelSymmetric,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric,
  TfHalfPixelForNn,
  TfCropAndResize,
};
/// Simple is what Resize of opset 10 did: floor when it enlarges, ceil when it shrinks.
enum class NearestMode { RoundPreferFloor, RoundPreferCeil, Floor, Ceil, Simple };

struct ResizeMethod {
  ResizeMode mode = ResizeMode::Nearest;
  ResizeTransform transform = ResizeTransform::Asymmetric;
  NearestMode nearest = NearestMode::Floor;
  double cubic_coeff_a = -0.75;
  bool exclude_outside = false;
  bool antialias = false;
};

/// One axis that is resized.
struct ResizeAxis {
  int64_t axis = 0;
  Dim in, out;
  double scale = 0;  ///< as given; 0: out / in
  /// The region of interest (tf_crop_and_resize), in the input's length: numbers, or scalars known at run time only.
  double roi_start = 0, roi_end = 1;
  Value *roi_start_value = nullptr, *roi_end_value = nullptr;

  bool is_numeric() const { return in.is_constant() && out.is_constant() && !roi_start_value; }
};

/// Result element i is sum over k of weight[k][i] * x[index[k][i]].
struct ResizeTaps {
  Value* index = nullptr;    ///< i64[taps,out], within the input
  Value* weight = nullptr;   ///< [taps,out]; null for one tap of weight 1
  Value* outside = nullptr;  ///< bool[out], tf_crop_and_resize only: the position lies outside of the input
  int64_t taps = 1;
};

/// Taps with weights of type `type`: constants where the sizes are numbers, else computed at run time. Throws NeedsDims
/// where the number of taps depends on named dims (antialias without a given scale).
ResizeTaps resize_taps(Node& node, const ResizeMethod& method, const ResizeAxis& axis, DType type);

/// Applies taps along `axis` of x, of the weights' type where there are weights.
Value* apply_taps(Builder& b, Value* x, int64_t axis, const ResizeTaps& taps);

}  // namespace seqc::frontend
