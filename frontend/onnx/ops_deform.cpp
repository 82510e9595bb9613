// DeformConv: a convolution whose kernel elements are moved by offsets known at run time.
#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/sample.h"
#include "frontend/onnx/spatial.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

int64_t read_groups(Node& node, const char* name, const Dim& channels, std::string_view what) {
  const int64_t groups = node.integer(name, 1);
  if (groups < 1) node.bad("attribute {} is {}, expected 1 or more", name, groups);
  node.require_equal(floordiv(channels, Dim(groups)) * Dim(groups), channels, fmt::format("{} times {}", name, what));
  return groups;
}

std::vector<int64_t> read_kernel(Node& node, const Value* w, size_t rank) {
  std::vector<int64_t> kernel;
  for (size_t i = 0; i < rank; ++i) {
    const Dim& dim = w->shape()[i + 2];
    if (!dim.is_constant()) node.needs_dims(symbols(dim), fmt::format("the kernel W is {}", w->type().str()));
    kernel.push_back(dim.constant());
  }
  if (per_axis(node, "kernel_shape", rank, 1, 1) != kernel && node.has_attribute("kernel_shape"))
    node.bad("kernel_shape is not that of W, {}", w->type().str());
  return kernel;
}

}  // namespace

void import_deform_conv(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "X"), *w = node.input(1, "W"), *offset = node.input(2, "offset");
  const Shape dims = spatial_dims(node, x);
  const size_t rank = dims.size();
  if (rank > 4) node.unsupported("{} spatial dims are not supported, only up to 4", rank);
  node.require_rank(w, x->rank(), "W");
  node.require_rank(offset, x->rank(), "offset");
  for (const Value* other : {w, offset})
    if (other->dtype() != x->dtype())
      node.bad("got {} and {}, expected one element type", x->type().str(), other->type().str());
  const auto kernel = read_kernel(node, w, rank);
  const auto strides = per_axis(node, "strides", rank, 1, 1), dilations = per_axis(node, "dilations", rank, 1, 1);
  const auto pads = per_axis(node, "pads", 2 * rank, 0, 0);
  const Dim channels = x->shape()[1], filters = w->shape()[0];
  const int64_t groups = read_groups(node, "group", channels, "the channels of a group");
  const int64_t moved = read_groups(node, "offset_group", channels, "the channels of an offset group");
  node.require_equal(w->shape()[1] * Dim(groups), channels, "group times dim 1 of W");
  const Dim per_filter_group = floordiv(filters, Dim(groups));
  node.require_equal(per_filter_group * Dim(groups), filters, "group times the filters of a group");

  int64_t taps = 1;
  Shape outputs;
  for (size_t i = 0; i < rank; ++i) {
    taps *= kernel[i];
    outputs.push_back(ir::window_output(dims[i], kernel[i], strides[i], dilations[i], 1, pads[i], pads[i + rank]));
    node.require_equal(offset->shape()[i + 2], outputs[i], fmt::format("dim {} of offset", i + 2));
  }
  node.require_equal(offset->shape()[1], Dim(moved * taps * static_cast<int64_t>(rank)), "dim 1 of offset");

  const DType type = x->dtype(), work = type == DType::f64 ? type : DType::f32;
  const Dim batch = x->shape()[0], images = batch * Dim(moved), own = floordiv(channels, Dim(moved));
  // Positions [N * offset groups, k1, ..., o1, ...] of each kernel element and output.
  Shape points = {images};
  for (const int64_t size : kernel) points.emplace_back(size);
  points.insert(points.end(), outputs.begin(), outputs.end());
  Shape split = points;
  split.insert(split.begin() + static_cast<ptrdiff_t>(rank) + 1, Dim(static_cast<int64_t>(rank)));
  offset = b.reshape(b.cast(offset, work), split);
  std::vector<Value*> positions;
  for (size_t i = 0; i < rank; ++i) {
    Value* k = b.mul(b.iota(Dim(kernel[i]), work), static_cast<double>(dilations[i]));
    Value* o = b.add(b.mul(b.iota(outputs[i], work), static_cast<double>(strides[i])), static_cast<double>(-pads[i]));
    const auto points_rank = static_cast<int64_t>(points.size()), at = static_cast<int64_t>(i);
    Value* regular = b.add(along_axis(b, k, 1 + at, points_rank),
                           along_axis(b, o, 1 + static_cast<int64_t>(rank) + at, points_rank));
    positions.push_back(b.add(regular, b.select_axis(offset, 1 + static_cast<int64_t>(rank), Dim(at))));
  }
  Shape image = x->shape();
  image[0] = images;
  image[1] = own;
  Value* moved_x = b.reshape(b.cast(x, work), image);
  Value* columns = sample_image(b, moved_x, sample_taps(b, Sampler{}, positions, image), 1, ir::ReduceKind::Sum);
  const Dim pixels = element_count(outputs), of_kernel(taps);
  columns = b.reshape(columns, {batch, Dim(moved), own, of_kernel, pixels});
  if (Value* mask = node.optional_input(4, "mask")) {
    node.require_rank(mask, x->rank(), "mask");
    node.require_equal(mask->shape()[1], Dim(moved * taps), "dim 1 of mask");
    for (size_t i = 0; i < rank; ++i)
      node.require_equal(mask->shape()[i + 2], outputs[i], fmt::format("dim {} of mask", i + 2));
    columns = b.mul(columns, b.reshape(b.cast(mask, work), {batch, Dim(moved), Dim(1), of_kernel, pixels}));
  }
  columns = b.reshape(columns, {batch, Dim(groups), w->shape()[1], of_kernel, pixels});
  w = b.reshape(b.cast(w, work), {Dim(groups), per_filter_group, w->shape()[1], of_kernel});
  Value* y = b.contract("gmck,ngckp->ngmp", w, columns);
  Shape shape = {batch, filters};
  shape.insert(shape.end(), outputs.begin(), outputs.end());
  y = b.reshape(y, shape);
  if (Value* bias = node.optional_input(3, "B")) {
    node.require_rank(bias, 1, "B");
    node.require_equal(bias->shape()[0], filters, "B");
    y = b.add(y, along_axis(b, b.cast(bias, work), 1, y->rank()));
  }
  node.set_output(0, b.cast(y, type));
}

}  // namespace seqc::frontend
