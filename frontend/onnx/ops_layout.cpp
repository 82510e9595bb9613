// Operators that permute, join, part and surround tensors.
#include <algorithm>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

void import_transpose(Node& node) {
  Value* x = node.input(0, "data");
  std::vector<int64_t> perm = axis_range(0, x->rank());
  std::reverse(perm.begin(), perm.end());
  perm = node.integers("perm", std::move(perm));
  node.set_output(0, node.builder().transpose(x, perm));
}

void import_concat(Node& node) {
  const auto parts = node.inputs_from();
  if (parts.empty()) node.bad("it has no input");
  const int64_t given = node.opset() < 4 ? node.integer("axis", 1) : node.required_integer("axis");
  const int64_t axis = node.axis(given, parts[0]->rank());
  for (const Value* part : parts) {
    node.require_rank(part, parts[0]->rank(), "an input");
    for (int64_t i = 0; i < part->rank(); ++i)
      if (i != axis) node.require_equal(part->shape()[i], parts[0]->shape()[i], fmt::format("dim {} of an input", i));
  }
  node.set_output(0, node.builder().concat(parts, axis));
}

/// The sizes of the parts: given, or equal ones; with num_outputs (opset 18) the last may be smaller.
Shape split_sizes(Node& node, const Dim& total) {
  const auto parts = static_cast<int64_t>(node.output_count());
  Shape sizes;
  if (node.opset() >= 13 || node.has_input(1)) {
    if (node.has_input(1)) sizes = required_shape(node, 1, "split");
  } else {
    for (const int64_t size : node.integers("split")) sizes.emplace_back(size);
  }
  if (node.has_attribute("num_outputs") && node.required_integer("num_outputs") != parts)
    node.bad("attribute num_outputs is {}, expected its {} outputs", node.required_integer("num_outputs"), parts);
  if (sizes.empty()) {
    const Dim size = node.opset() < 18 ? floordiv(total, Dim(parts)) : ceildiv(total, Dim(parts));
    const Dim last = total - Dim(parts - 1) * size;
    if (!(last == size) && (node.opset() < 18 || !total.is_constant()))
      node.require_equal(total, Dim(parts) * size, "the split dim");
    sizes.assign(static_cast<size_t>(parts), size);
    sizes.back() = last;
  }
  if (static_cast<int64_t>(sizes.size()) != parts)
    node.bad("split holds {} numbers, expected {} for its outputs", sizes.size(), parts);
  Dim sum(0);
  for (const Dim& size : sizes) {
    if (size.is_constant() && size.constant() < 0) node.bad("split holds {}, expected no negative number", size.str());
    sum = sum + size;
  }
  node.require_equal(sum, total, "the sum of split");
  return sizes;
}

void import_split(Node& node) {
  Value* x = node.input(0, "input");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  const Shape sizes = split_sizes(node, x->shape()[axis]);
  Dim start(0);
  for (size_t i = 0; i < sizes.size(); ++i) {
    node.set_output(i, node.builder().slice_axis(x, axis, start, sizes[i]));
    start = start + sizes[i];
  }
}

ir::PadMode pad_mode(Node& node) {
  const std::string mode = node.text("mode", "constant");
  if (mode == "constant") return ir::PadMode::Constant;
  if (mode == "reflect") return ir::PadMode::Reflect;
  if (mode == "edge") return ir::PadMode::Edge;
  if (mode == "wrap" && node.opset() >= 19) return ir::PadMode::Wrap;
  node.unsupported("attribute mode is \"{}\", expected constant, reflect, edge (or wrap from opset 19 on)", mode);
}

/// Amounts before and after each dim, in ONNX's order: all begins, then all ends.
void read_pads(Node& node, int64_t rank, Shape& lo, Shape& hi) {
  Shape pads;
  if (node.opset() >= 11)
    pads = required_shape(node, 1, "pads");
  else
    for (const int64_t pad : node.integers(node.opset() < 2 ? "paddings" : "pads")) pads.emplace_back(pad);
  std::vector<int64_t> axes = axis_range(0, rank);
  if (node.has_input(3)) {
    axes = node.required_ints(3, "axes");
    for (int64_t& axis : axes) axis = node.axis(axis, rank, "axes");
  }
  if (pads.size() != 2 * axes.size()) node.bad("pads holds {} numbers, expected {}", pads.size(), 2 * axes.size());
  lo.assign(static_cast<size_t>(rank), Dim(0));
  hi = lo;
  for (size_t i = 0; i < axes.size(); ++i) {
    lo[axes[i]] = pads[i];
    hi[axes[i]] = pads[i + axes.size()];
  }
}

/// Negative amounts cut elements away.
Value* crop(Node& node, Value* x, Shape& lo, Shape& hi) {
  for (int64_t axis = 0; axis < x->rank(); ++axis) {
    Dim cut[2] = {Dim(0), Dim(0)};
    Dim* pads[] = {&lo[axis], &hi[axis]};
    for (const size_t side : {0, 1}) {
      Dim& pad = *pads[side];
      if (pad.is_constant() ? pad.constant() >= 0 : provably_nonnegative(pad)) continue;
      if (!pad.is_constant() && !provably_nonnegative(Dim(-1) * pad))
        node.needs_dims(symbols(pad), fmt::format("pads holds {}, whose sign is open", pad.str()));
      cut[side] = Dim(-1) * pad;
      pad = Dim(0);
    }
    const Dim size = x->shape()[axis] - cut[0] - cut[1];
    if (size.is_constant() && size.constant() < 0) node.bad("pads cut more than {} has", x->type().str());
    x = node.builder().slice_axis(x, axis, cut[0], size);
  }
  return x;
}

void import_pad(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "data");
  const ir::PadMode mode = pad_mode(node);
  Shape lo, hi;
  read_pads(node, x->rank(), lo, hi);
  Value* fill = nullptr;
  if (node.opset() < 11)
    fill = ir::is_arithmetic(x->dtype()) ? b.scalar_like(x, node.real("value", 0)) : b.blank_like(x);
  else if (node.has_input(2))
    fill = as_scalar(node, node.input(2, "constant_value"), "constant_value");
  else
    fill = b.blank_like(x);
  x = crop(node, x, lo, hi);
  bool none = true;
  for (size_t i = 0; i < lo.size(); ++i) none = none && lo[i] == Dim(0) && hi[i] == Dim(0);
  node.set_output(0, none ? x : b.emit(Opcode::Pad, {x, fill}, ir::PadAttr{lo, hi, mode}));
}

/// Cuts or adds zeros (or empty strings) on both sides; an odd element is cut or added at the end.
void import_center_crop_pad(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input_data");
  const Shape wanted = required_shape(node, 1, "shape");
  const std::vector<int64_t> axes = node.integers("axes", axis_range(0, x->rank()));
  if (axes.size() != wanted.size()) node.bad("shape holds {} numbers, expected {}", wanted.size(), axes.size());
  std::vector<bool> seen(x->shape().size(), false);
  Shape lo(x->shape().size(), Dim(0)), hi = lo;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = node.axis(axes[i], x->rank(), "axes");
    if (seen[axis]) node.bad("axes names axis {} twice", axis);
    seen[axis] = true;
    if (wanted[i].is_constant() && wanted[i].constant() < 0) node.bad("shape holds {}", wanted[i].str());
    const Dim cut = x->shape()[axis] - wanted[i], added = Dim(-1) * cut;
    if (provably_nonnegative(cut)) {
      x = b.slice_axis(x, axis, floordiv(cut, Dim(2)), wanted[i]);
    } else if (provably_nonnegative(added)) {
      lo[axis] = floordiv(added, Dim(2));
      hi[axis] = added - lo[axis];
    } else {
      node.needs_dims(symbols(cut), fmt::format("shape holds {} for a dim of {}, which is cut or surrounded",
                                                wanted[i].str(), x->shape()[axis].str()));
    }
  }
  node.set_output(0, b.emit(Opcode::Pad, {x, b.blank_like(x)}, ir::PadAttr{lo, hi, ir::PadMode::Constant}));
}

/// [N, C, H, W] with C as (block, block, c) or (c, block, block).
void import_depth_to_space(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  node.require_rank(x, 4, "input");
  const int64_t block = node.required_integer("blocksize");
  const std::string mode = node.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") node.bad("attribute mode is \"{}\", expected DCR or CRD", mode);
  const Shape s = x->shape();
  if (block < 1) node.bad("attribute blocksize is {}, expected 1 or more", block);
  const Dim k(block), channels = floordiv(s[1], k * k);
  node.require_equal(channels * k * k, s[1], "blocksize^2 times the channels of the result");
  const bool dcr = mode == "DCR";
  x = b.reshape(x, dcr ? Shape{s[0], k, k, channels, s[2], s[3]} : Shape{s[0], channels, k, k, s[2], s[3]});
  x = b.transpose(x, dcr ? std::vector<int64_t>{0, 3, 4, 1, 5, 2} : std::vector<int64_t>{0, 1, 4, 2, 5, 3});
  node.set_output(0, b.reshape(x, {s[0], channels, s[2] * k, s[3] * k}));
}

void import_space_to_depth(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  node.require_rank(x, 4, "input");
  const int64_t block = node.required_integer("blocksize");
  if (block < 1) node.bad("attribute blocksize is {}, expected 1 or more", block);
  const Shape s = x->shape();
  const Dim k(block), height = floordiv(s[2], k), width = floordiv(s[3], k);
  node.require_equal(height * k, s[2], "blocksize times the height of the result");
  node.require_equal(width * k, s[3], "blocksize times the width of the result");
  x = b.transpose(b.reshape(x, {s[0], s[1], height, k, width, k}), {0, 3, 5, 1, 2, 4});
  node.set_output(0, b.reshape(x, {s[0], s[1] * k * k, height, width}));
}

constexpr OperatorEntry kOperators[] = {
    {"CenterCropPad", import_center_crop_pad, 18},
    {"Concat", import_concat},
    {"DepthToSpace", import_depth_to_space},
    {"Pad", import_pad},
    {"SpaceToDepth", import_space_to_depth},
    {"Split", import_split},
    {"Transpose", import_transpose},
};

}  // namespace

std::span<const OperatorEntry> layout_operators() { return kOperators; }

}  // namespace seqc::frontend
