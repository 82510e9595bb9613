#include "frontend/onnx/spatial.h"

#include <algorithm>

namespace seqc::frontend {

namespace {

AutoPad read_auto_pad(Node& node) {
  const std::string text = node.text("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::NotSet;
  if (text == "SAME_UPPER") return AutoPad::SameUpper;
  if (text == "SAME_LOWER") return AutoPad::SameLower;
  if (text == "VALID") return AutoPad::Valid;
  node.bad("auto_pad is \"{}\", expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", text);
}

void read_pads(Node& node, Spatial& spatial) {
  const size_t rank = spatial.rank();
  const std::vector<int64_t> pads = per_axis(node, "pads", 2 * rank, 0, 0);
  if (spatial.auto_pad != AutoPad::NotSet && std::ranges::any_of(pads, [](int64_t pad) { return pad != 0; }))
    node.bad("pads are given beside auto_pad, expected one of them; remove pads or set auto_pad=NOTSET");
  spatial.pads_lo.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(rank));
  spatial.pads_hi.assign(pads.begin() + static_cast<ptrdiff_t>(rank), pads.end());
}

}  // namespace

Shape spatial_dims(Node& node, const Value* x) {
  if (x->rank() < 3) node.bad("X is {}, expected [N, C, D1, ...]", x->type().str());
  return Shape(x->shape().begin() + 2, x->shape().end());
}

std::vector<int64_t> per_axis(Node& node, std::string_view name, size_t rank, int64_t otherwise, int64_t lowest) {
  if (!node.has_attribute(name)) return std::vector<int64_t>(rank, otherwise);
  std::vector<int64_t> values = node.integers(name);
  if (values.size() != rank) node.bad("{} has {} entries, expected {}", name, values.size(), rank);
  for (const int64_t value : values)
    if (value < lowest || value > INT32_MAX) node.bad("{} has {}, expected at least {}", name, value, lowest);
  return values;
}

Spatial read_spatial(Node& node, size_t rank, const std::vector<int64_t>& kernel, bool has_dilations) {
  Spatial spatial;
  if (kernel.empty() && !node.has_attribute("kernel_shape"))
    node.bad("attribute kernel_shape is missing, expected {} integers", rank);
  spatial.kernel = kernel;
  if (node.has_attribute("kernel_shape")) spatial.kernel = per_axis(node, "kernel_shape", rank, 1, 1);
  if (!kernel.empty() && spatial.kernel != kernel)
    node.bad("kernel_shape is [{}], expected [{}] as W has it", fmt::join(spatial.kernel, ","), fmt::join(kernel, ","));
  spatial.strides = per_axis(node, "strides", rank, 1, 1);
  spatial.dilations = has_dilations ? per_axis(node, "dilations", rank, 1, 1) : std::vector<int64_t>(rank, 1);
  spatial.auto_pad = read_auto_pad(node);
  read_pads(node, spatial);
  return spatial;
}

void resolve_same_padding(Node& node, Spatial& spatial, const Shape& dims) {
  if (spatial.auto_pad != AutoPad::SameUpper && spatial.auto_pad != AutoPad::SameLower) return;
  for (size_t i = 0; i < spatial.rank(); ++i) {
    const Dim stride(spatial.strides[i]);
    const Dim total = (ir::ceildiv(dims[i], stride) - Dim(1)) * stride + Dim(spatial.extent(i)) - dims[i];
    if (!total.is_constant())
      node.needs_dims(symbols(total),
                      fmt::format("SAME padding with stride {} depends on the size {} of spatial dim {}",
                                  spatial.strides[i], dims[i].str(), i));
    const int64_t pads = std::max<int64_t>(0, total.constant());
    spatial.pads_lo[i] = spatial.auto_pad == AutoPad::SameUpper ? pads / 2 : pads - pads / 2;
    spatial.pads_hi[i] = pads - spatial.pads_lo[i];
  }
}

}  // namespace seqc::frontend
