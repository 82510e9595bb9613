/// Weighted sums of an image's elements at positions known at run time; shared by grids, offsets and regions of interest.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

enum class SampleMode { Nearest, Linear, Cubic };
/// What lies outside of the image: zeros, the nearest element of the border, or the image reflected.
enum class SamplePadding { Zeros, Border, Reflection };

struct Sampler {
  SampleMode mode = SampleMode::Linear;
  SamplePadding padding = SamplePadding::Zeros;
  bool align_corners = false;  ///< the image ends at the centres of its border's elements, not half an element further

  int64_t taps() const { return mode == SampleMode::Nearest ? 1 : mode == SampleMode::Linear ? 2 : 4; }
};

/// Which elements each result element is made of. All have the shape [taps..., points...], or broadcast to it.
struct SampleTaps {
  Value* index;   ///< i64, into [N * pixels], row-major
  Value* inside;  ///< bool; false: 0 stands for the element. Null: all are inside
  Value* weight;  ///< null: 1, and one tap
  int64_t axes;   ///< how many leading dims are taps
};

/// The taps of an image [N, C, D1, ...] at positions, one tensor [N, points...] a spatial dim, in elements from 0.
SampleTaps sample_taps(Builder& b, const Sampler& sampler, const std::vector<Value*>& positions, const Shape& image);

/// x[N,C,...] sampled at points: the weighted elements reduced by `kind` over the taps. The result is [C, points...]
/// with dims 0 and `batch_axis` swapped.
Value* sample_image(Builder& b, Value* x, const SampleTaps& taps, int64_t batch_axis, ir::ReduceKind kind);

}  // namespace seqc::frontend
