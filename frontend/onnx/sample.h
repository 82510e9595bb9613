/// Weighted sums of an image's elements at positions known at run time; shared by grids and regions of interest.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// Which elements each result element is made of. All have the shape [taps..., points...], or broadcast to it.
struct SampleTaps {
  Value* index;   ///< i64, into [N * pixels], row-major
  Value* inside;  ///< bool; false: 0 stands for the element. Null: all are inside
  Value* weight;  ///< null: 1, and one tap
  int64_t axes;   ///< how many leading dims are taps
};

/// x[N,C,...] sampled at points: the weighted elements reduced by `kind` over the taps. The result is [C, points...]
/// with dims 0 and `batch_axis` swapped.
Value* sample_image(Builder& b, Value* x, const SampleTaps& taps, int64_t batch_axis, ir::ReduceKind kind);

}  // namespace seqc::frontend
