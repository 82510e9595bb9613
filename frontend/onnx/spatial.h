/// What ONNX convolutions and pools share: kernel shape, strides, dilations and padding of the spatial dims.
#pragma once

#include <vector>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

enum class AutoPad { NotSet, SameUpper, SameLower, Valid };

/// One entry a spatial dim in every vector.
struct Spatial {
  std::vector<int64_t> kernel, strides, dilations;
  std::vector<int64_t> pads_lo, pads_hi;  ///< as given; zeros when auto_pad decides
  AutoPad auto_pad = AutoPad::NotSet;

  size_t rank() const { return kernel.size(); }
  /// Elements that a dilated kernel spans.
  int64_t extent(size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
};

/// The dims behind [N, C]. Throws BadInput for a rank below 3.
Shape spatial_dims(Node& node, const Value* x);

/// Reads kernel_shape, strides, pads, auto_pad and, where the operator has it, dilations for `rank` spatial dims.
/// `kernel` is what the weights say, or empty when kernel_shape must be given. Throws BadInput for wrong counts, for
/// values below 1, negative pads, and pads beside auto_pad.
Spatial read_spatial(Node& node, size_t rank, const std::vector<int64_t>& kernel, bool has_dilations);

/// Turns SAME_UPPER and SAME_LOWER into pads, such that the output has ceil(input / stride) elements. Throws NeedsDims
/// when they depend on the value of a named dim.
void resolve_same_padding(Node& node, Spatial& spatial, const Shape& dims);

/// An integer attribute list of `rank` entries, each at least `lowest`; `otherwise` everywhere if it is not given.
std::vector<int64_t> per_axis(Node& node, std::string_view name, size_t rank, int64_t otherwise, int64_t lowest);

}  // namespace seqc::frontend
