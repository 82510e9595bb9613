// Conv and ConvTranspose, and the table of convolutions, pools and resampling.
#include <algorithm>
#include <array>

#include "frontend/onnx/ops_pool.h"
#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/spatial.h"

namespace seqc::frontend {

namespace {

/// The spatial sizes of a kernel [.., .., k...], which must be numbers.
std::vector<int64_t> kernel_sizes(Node& node, const Value* x, const Value* w) {
  if (w->rank() != x->rank()) node.bad("W is {}, expected rank {} as X", w->type().str(), x->rank());
  if (w->dtype() != x->dtype()) node.bad("W is {}, expected {} as X", w->type().str(), ir::name(x->dtype()));
  std::vector<int64_t> sizes;
  for (const Dim& dim : Shape(w->shape().begin() + 2, w->shape().end())) {
    if (!dim.is_constant()) node.needs_dims(symbols(dim), fmt::format("the kernel W is {}", w->type().str()));
    sizes.push_back(dim.constant());
  }
  return sizes;
}

int64_t read_group(Node& node) {
  const int64_t group = node.integer("group", 1);
  if (group < 1) node.bad("group is {}, expected at least 1", group);
  return group;
}

/// y + B, where B [M] runs along dim 1.
Value* add_bias(Node& node, Value* y) {
  Value* bias = node.optional_input(2, "B");
  if (!bias) return y;
  node.require_rank(bias, 1, "B");
  node.require_equal(bias->shape()[0], y->shape()[1], "B");
  Shape shape(y->shape().size(), Dim(1));
  shape[1] = y->shape()[1];
  return node.builder().add(y, node.builder().reshape(bias, std::move(shape)));
}

void require_divisible(Node& node, const Dim& dim, int64_t group, std::string_view what) {
  const Dim rest = ir::mod(dim, Dim(group));
  if (!rest.is_constant()) node.needs_dims(symbols(rest), fmt::format("group={} must divide {}", group, what));
  if (rest.constant() != 0) node.bad("{} is {}, expected a multiple of group={}", what, dim.str(), group);
}

void import_conv(Node& node) {
  Value* x = node.input(0, "X");
  Value* w = node.input(1, "W");
  const Shape dims = spatial_dims(node, x);
  Spatial spatial = read_spatial(node, dims.size(), kernel_sizes(node, x, w), true);
  resolve_same_padding(node, spatial, dims);
  const int64_t group = read_group(node);
  node.require_equal(x->shape()[1], w->shape()[1] * Dim(group), "channels of X");
  require_divisible(node, w->shape()[0], group, "the number of output channels (dim 0 of W)");
  Value* y = node.builder().emit(Opcode::Conv, {x, w},
                                 ir::ConvAttr{.strides = spatial.strides,
                                              .dilations = spatial.dilations,
                                              .input_dilations = std::vector<int64_t>(dims.size(), 1),
                                              .pads_lo = spatial.pads_lo,
                                              .pads_hi = spatial.pads_hi,
                                              .groups = group});
  node.set_output(0, add_bias(node, y));
}

/// W[C, M/g, k...] as the kernel [M, C/g, k...] of the convolution that a transposed one is: channels swapped within
/// each group, spatial dims reversed.
Value* transposed_kernel(Builder& b, Value* w, int64_t group) {
  const Shape& shape = w->shape();
  const Dim in = ir::floordiv(shape[0], Dim(group)), out = shape[1];
  const Shape spatial(shape.begin() + 2, shape.end());
  const auto with = [&](Shape front) {
    front.insert(front.end(), spatial.begin(), spatial.end());
    return front;
  };
  std::vector<int64_t> perm = {0, 2, 1};
  for (size_t i = 0; i < spatial.size(); ++i) perm.push_back(static_cast<int64_t>(i) + 3);
  Value* swapped = b.transpose(b.reshape(w, with({Dim(group), in, out})), perm);
  Value* kernel = b.reshape(swapped, with({Dim(group) * out, in}));

  Shape starts(shape.size(), Dim(0));
  std::vector<int64_t> steps(shape.size(), 1);
  for (size_t i = 2; i < shape.size(); ++i) {
    starts[i] = shape[i] - Dim(1);
    steps[i] = -1;
  }
  return b.slice(kernel, std::move(starts), kernel->shape(), std::move(steps));
}

/// The pads of a transposed convolution, which crop its output. With output_shape or SAME they follow from
///   total = stride * (input - 1) + output_padding + extent - output
/// and are split in halves, the odd one at the end for SAME_UPPER and at the start otherwise. A negative total has no
/// halves in the specification; as in other runtimes (and its test cases) it lengthens the end.
void resolve_transposed_padding(Node& node, Spatial& spatial, const Shape& dims,
                                const std::vector<int64_t>& output_padding) {
  std::vector<int64_t> sizes = node.integers("output_shape");
  if (sizes.size() == spatial.rank() + 2) sizes.erase(sizes.begin(), sizes.begin() + 2);
  if (!sizes.empty() && sizes.size() != spatial.rank())
    node.bad("output_shape has {} entries, expected {}", sizes.size(), spatial.rank());
  const bool same = spatial.auto_pad == AutoPad::SameUpper || spatial.auto_pad == AutoPad::SameLower;
  if (sizes.empty() && !same) return;
  for (size_t i = 0; i < spatial.rank(); ++i) {
    const Dim stride(spatial.strides[i]);
    const Dim output = sizes.empty() ? dims[i] * stride : Dim(sizes[i]);
    const Dim total = stride * (dims[i] - Dim(1)) + Dim(output_padding[i] + spatial.extent(i)) - output;
    if (!total.is_constant())
      node.needs_dims(symbols(total),
                      fmt::format("output_shape {} of spatial dim {} sets the padding of an input of {}", output.str(),
                                  i, dims[i].str()));
    const int64_t pads = total.constant(), half = std::max<int64_t>(0, pads) / 2;
    spatial.pads_hi[i] = spatial.auto_pad == AutoPad::SameUpper ? pads - half : std::min(pads, half);
    spatial.pads_lo[i] = pads - spatial.pads_hi[i];
  }
}

void import_conv_transpose(Node& node) {
  Value* x = node.input(0, "X");
  Value* w = node.input(1, "W");
  const Shape dims = spatial_dims(node, x);
  Spatial spatial = read_spatial(node, dims.size(), kernel_sizes(node, x, w), true);
  const std::vector<int64_t> output_padding = per_axis(node, "output_padding", dims.size(), 0, 0);
  resolve_transposed_padding(node, spatial, dims, output_padding);
  const int64_t group = read_group(node);
  node.require_equal(x->shape()[1], w->shape()[0], "channels of X");
  require_divisible(node, w->shape()[0], group, "the number of channels of X (dim 0 of W)");

  // Zeros between the inputs stand for the stride; the kernel slides by one and reaches over both ends.
  ir::ConvAttr attr{.strides = std::vector<int64_t>(dims.size(), 1),
                    .dilations = spatial.dilations,
                    .input_dilations = spatial.strides,
                    .pads_lo = {},
                    .pads_hi = {},
                    .groups = group};
  for (size_t i = 0; i < dims.size(); ++i) {
    attr.pads_lo.push_back(spatial.extent(i) - 1 - spatial.pads_lo[i]);
    attr.pads_hi.push_back(spatial.extent(i) - 1 - spatial.pads_hi[i] + output_padding[i]);
  }
  Value* kernel = transposed_kernel(node.builder(), w, group);
  node.set_output(0, add_bias(node, node.builder().emit(Opcode::Conv, {x, kernel}, std::move(attr))));
}

}  // namespace

std::span<const OperatorEntry> conv_operators() {
  static constexpr std::array<OperatorEntry, 17> kTable = {{
      {"Conv", import_conv},
      {"ConvTranspose", import_conv_transpose},
      {"MaxPool", import_max_pool},
      {"AveragePool", import_average_pool},
      {"LpPool", import_lp_pool},
      {"GlobalMaxPool", import_global_max_pool},
      {"GlobalAveragePool", import_global_average_pool},
      {"GlobalLpPool", import_global_lp_pool},
      {"Resize", import_resize, 10, "", "strings in mode nearest alone"},
      {"Upsample", import_upsample, 1, "", "strings in mode nearest alone"},
      {"GridSample", import_grid_sample, 16},
      {"AffineGrid", import_affine_grid, 20},
      {"RoiAlign", import_roi_align, 10},
      {"MaxRoiPool", import_max_roi_pool},
      {"MaxUnpool", import_max_unpool, 9},
      {"Col2Im", import_col2im, 18},
      {"DeformConv", import_deform_conv, 19},
  }};
  return kTable;
}

}  // namespace seqc::frontend
