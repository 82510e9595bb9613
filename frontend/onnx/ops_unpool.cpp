// The inverses of pools: MaxUnpool puts elements back where they came from, Col2Im adds overlapping blocks.
#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/spatial.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

/// Indices count in the shape that the pool's attributes give; a larger output_shape adds zeros at the ends.
void import_max_unpool(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "X"), *indices = node.input(1, "I");
  const Shape dims = spatial_dims(node, x);
  if (!node.has_attribute("kernel_shape")) node.bad("attribute kernel_shape is missing");
  const auto kernel = per_axis(node, "kernel_shape", dims.size(), 1, 1);
  const auto strides = per_axis(node, "strides", dims.size(), 1, 1);
  const auto pads = per_axis(node, "pads", 2 * dims.size(), 0, 0);
  if (indices->dtype() != DType::i64 || indices->rank() != x->rank())
    node.bad("I is {}, expected i64 of the shape of X, {}", indices->type().str(), x->type().str());
  for (size_t i = 0; i < x->shape().size(); ++i)
    node.require_equal(indices->shape()[i], x->shape()[i], fmt::format("dim {} of I", i));
  Shape inner = x->shape();
  for (size_t i = 0; i < dims.size(); ++i)
    inner[i + 2] = (dims[i] - Dim(1)) * Dim(strides[i]) + Dim(kernel[i] - pads[i] - pads[i + dims.size()]);
  for (const Dim& dim : inner)
    if (dim.is_constant() && dim.constant() < 0) node.bad("pads cut more than the result {} has", str(inner));

  const Dim count = element_count(x->shape());
  Value* zeros = b.broadcast(b.scalar_like(x, 0), {element_count(inner)});
  Value* y = b.emit(Opcode::ScatterNd, {zeros, b.reshape(indices, {count, Dim(1)}), b.reshape(x, {count})},
                    ir::ScatterAttr{ir::ScatterKind::Set});
  y = b.reshape(y, inner);
  if (!node.has_input(2)) return node.set_output(0, y);
  const Shape wanted = required_shape(node, 2, "output_shape");
  if (wanted.size() != inner.size())
    node.bad("output_shape holds {} numbers, expected {}", wanted.size(), inner.size());
  Shape lo(inner.size(), Dim(0)), hi;
  for (size_t i = 0; i < inner.size(); ++i) {
    hi.push_back(wanted[i] - inner[i]);
    if (ir::provably_nonnegative(hi[i])) continue;
    if (hi[i].has_symbols()) node.needs_dims(symbols(hi[i]), fmt::format("output_shape is {}", str(wanted)));
    node.bad("output_shape is {}, expected {} or more", str(wanted), str(inner));
  }
  node.set_output(0, b.emit(Opcode::Pad, {y, b.scalar_like(y, 0)}, ir::PadAttr{lo, hi, ir::PadMode::Constant}));
}

namespace {

/// Adds up blocks along `axis`, whose elements are (offset in the block, number of the block), to an image of `size`
/// elements: image element p takes offset k of block l where p + pad = l * stride + k * dilation.
Value* fold_axis(Builder& b, Value* x, int64_t axis, const Dim& size, int64_t block, const Dim& blocks, int64_t pad,
                 int64_t stride, int64_t dilation) {
  const auto integer = [&](int64_t value) { return b.constant(Tensor::scalar_int(DType::i64, value)); };
  Value* k = b.reshape(b.iota(Dim(block)), {Dim(block), Dim(1)});
  Value* count = dim_scalar(b, blocks, DType::i64);
  Value* distance = b.sub(b.add(b.iota(size), integer(pad)), b.mul(k, integer(dilation)));  // [block, size]
  Value* l = b.div(distance, integer(stride));
  Value* hit = b.eq(b.mul(l, integer(stride)), distance);
  hit = b.emit(Opcode::And, {hit, b.emit(Opcode::And, {b.ge(distance, integer(0)), b.lt(l, count)})});
  Value* index = b.add(b.mul(k, count), b.select(hit, l, integer(0)));
  Value* values = b.emit(Opcode::Gather, {x, index}, ir::AxisAttr{axis});
  Shape shape = hit->shape();
  shape.insert(shape.end(), static_cast<size_t>(x->rank() - axis - 1), Dim(1));
  values = b.select(b.reshape(hit, shape), values, b.scalar_like(x, 0));
  return b.reduce(ir::ReduceKind::Sum, values, {axis});
}

}  // namespace

void import_col2im(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const Shape image = required_shape(node, 1, "image_shape");
  const std::vector<int64_t> block = node.required_ints(2, "block_shape");
  const size_t dims = image.size();
  node.require_rank(x, 3, "input");
  if (x->dtype() == DType::boolean) node.bad("input is {}, expected numbers", x->type().str());
  if (dims == 0 || block.size() != dims)
    node.bad("got {} numbers in image_shape and {} in block_shape, expected as many", dims, block.size());
  const auto strides = per_axis(node, "strides", dims, 1, 1), dilations = per_axis(node, "dilations", dims, 1, 1);
  const auto pads = per_axis(node, "pads", 2 * dims, 0, 0);
  int64_t offsets = 1;
  Dim total(1);
  Shape blocks;
  for (size_t i = 0; i < dims; ++i) {
    if (block[i] < 1 || block[i] > INT32_MAX) node.bad("block_shape holds {}, expected positive numbers", block[i]);
    if (image[i].is_constant() && image[i].constant() < 0) node.bad("image_shape holds {}", image[i].str());
    offsets *= block[i];
    if (offsets > INT32_MAX) node.bad("block_shape holds more than {} elements", INT32_MAX);
    const int64_t extent = (block[i] - 1) * dilations[i] + 1;
    blocks.push_back(ir::window_output(image[i], block[i], strides[i], dilations[i], 1, pads[i], pads[i + dims]));
    if (blocks[i].is_constant() && blocks[i].constant() < 1)
      node.bad("a block spans {} elements, more than the padded image {} has", extent, str(image));
    total = total * blocks[i];
  }
  const Dim channels = floordiv(x->shape()[1], Dim(offsets));
  node.require_equal(channels * Dim(offsets), x->shape()[1], "dim 1 of input, a multiple of the elements of a block,");
  node.require_equal(x->shape()[2], total, "the number of blocks, dim 2 of input,");

  // [N, C, b1, b2, ..., l1, l2, ...] to [N, C, b1 * l1, b2 * l2, ...]
  Shape shape = {x->shape()[0], channels}, paired = shape;
  for (size_t i = 0; i < dims; ++i) shape.emplace_back(block[i]);
  shape.insert(shape.end(), blocks.begin(), blocks.end());
  std::vector<int64_t> perm = {0, 1};
  for (size_t i = 0; i < dims; ++i) {
    perm.push_back(static_cast<int64_t>(i) + 2);
    perm.push_back(static_cast<int64_t>(i + dims) + 2);
    paired.push_back(Dim(block[i]) * blocks[i]);
  }
  x = b.reshape(b.transpose(b.reshape(x, shape), perm), paired);
  for (size_t i = 0; i < dims; ++i)
    x = fold_axis(b, x, static_cast<int64_t>(i) + 2, image[i], block[i], blocks[i], pads[i], strides[i], dilations[i]);
  node.set_output(0, x);
}

}  // namespace seqc::frontend
