// Derivatives of convolution and pooling.
//
// Output o of a convolution reads, for tap k, the element at p = o*stride + k*dilation - pad_lo of the input with zeros put
// between its elements (p = i*input_dilation). So dx is the convolution of dy, with zeros put in by `stride`, with the kernel
// turned around; and dw[k] is the product of dy with the elements that tap k reads.
#include <algorithm>
#include <limits>

#include "ir/error.h"
#include "ir/infer.h"
#include "passes/derivative_rules.h"
#include "passes/reverse_sweep.h"

namespace seqc::passes {

using namespace ir;

namespace {

bool is_empty(const Shape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim == Dim(0); });
}

/// Elements around the trailing dims; negative numbers crop.
Value* surround(Builder& b, Value* x, const std::vector<int64_t>& lo, const std::vector<int64_t>& hi, double fill) {
  const size_t first = x->shape().size() - lo.size();
  Shape starts(x->shape().size(), Dim(0)), sizes = x->shape(), before(x->shape().size(), Dim(0)), after = before;
  bool pads = false, crops = false;
  for (size_t i = 0; i < lo.size(); ++i) {
    before[first + i] = Dim(std::max<int64_t>(lo[i], 0));
    after[first + i] = Dim(std::max<int64_t>(hi[i], 0));
    starts[first + i] = Dim(std::max<int64_t>(-lo[i], 0));
    sizes[first + i] = max(sizes[first + i] - starts[first + i] - Dim(std::max<int64_t>(-hi[i], 0)), Dim(0));
    pads = pads || lo[i] > 0 || hi[i] > 0;
    crops = crops || lo[i] < 0 || hi[i] < 0;
  }
  if (crops) x = b.slice(x, starts, sizes, std::vector<int64_t>(starts.size(), 1));
  return pads ? b.emit(Opcode::Pad, {x, b.scalar_like(x, fill)}, PadAttr{before, after}) : x;
}

/// The slice of a surrounded input that tap `k` of a window reads, for all outputs.
SliceAttr tap(const Shape& surrounded, const Shape& outputs, const std::vector<int64_t>& k,
              const std::vector<int64_t>& strides, const std::vector<int64_t>& dilations) {
  const size_t first = surrounded.size() - k.size();
  SliceAttr slice{Shape(surrounded.size(), Dim(0)), surrounded, std::vector<int64_t>(surrounded.size(), 1)};
  for (size_t i = 0; i < k.size(); ++i) {
    slice.starts[first + i] = Dim(k[i] * dilations[i]);
    slice.sizes[first + i] = outputs[outputs.size() - k.size() + i];
    slice.steps[first + i] = strides[i];
  }
  return slice;
}

/// All taps in row-major order.
std::vector<std::vector<int64_t>> taps_of(const std::vector<int64_t>& window) {
  std::vector<std::vector<int64_t>> taps = {{}};
  for (const int64_t size : window) {
    std::vector<std::vector<int64_t>> longer;
    for (const auto& tap : taps)
      for (int64_t k = 0; k < size; ++k) {
        longer.push_back(tap);
        longer.back().push_back(k);
      }
    taps = std::move(longer);
  }
  return taps;
}

/// [groups * a, c, ...] -> [groups * c, a, ...]: what was summed over becomes the output.
Value* turned_kernel(Builder& b, Value* w, int64_t groups) {
  Shape split = w->shape();
  split[0] = floordiv(split[0], Dim(groups));
  split.insert(split.begin(), Dim(groups));
  std::vector<int64_t> perm = {0, 2, 1};
  for (int64_t i = 3; i <= w->rank(); ++i) perm.push_back(i);
  Value* turned = b.transpose(b.reshape(w, split), perm);
  Shape joined = turned->shape();
  joined[1] = joined[0] * joined[1];
  joined.erase(joined.begin());
  turned = b.reshape(turned, joined);
  for (int64_t axis = 2; axis < w->rank(); ++axis) turned = reversed(b, turned, axis);
  return turned;
}

/// dx of conv(x[`shape`], w) with this attribute.
Value* by_input(Builder& b, const ConvAttr& attr, const Shape& shape, Value* w, Value* g) {
  if (is_empty(g->shape()) || is_empty(shape)) return b.broadcast(b.scalar_like(g, 0), shape);
  ConvAttr back{.strides = attr.input_dilations,
                .dilations = attr.dilations,
                .input_dilations = attr.strides,
                .pads_lo = {},
                .pads_hi = {},
                .groups = attr.groups};
  for (size_t i = 0; i < attr.strides.size(); ++i) {
    const int64_t reach = (w->shape()[i + 2].constant() - 1) * attr.dilations[i];
    const Dim &inputs = shape[i + 2], &outputs = g->shape()[i + 2];
    back.pads_lo.push_back(reach - attr.pads_lo[i]);
    if (inputs.is_constant() && outputs.is_constant()) {
      back.pads_hi.push_back((inputs.constant() - 1) * attr.input_dilations[i] -
                             (outputs.constant() - 1) * attr.strides[i] + attr.pads_lo[i]);
    } else if (attr.strides[i] == 1 && attr.input_dilations[i] == 1) {
      back.pads_hi.push_back(reach - attr.pads_hi[i]);
    } else {
      // How many inputs behind the last window nothing reads depends on the size: one more output covers them all.
      std::vector<int64_t> none(attr.strides.size(), 0), one = none;
      one[i] = 1;
      g = surround(b, g, none, one, 0);
      back.pads_hi.push_back(reach - attr.pads_hi[i] - 1);
    }
  }
  Value* dx = b.emit(Opcode::Conv, {g, turned_kernel(b, w, attr.groups)}, back);
  for (int64_t axis = 2; axis < dx->rank(); ++axis) dx = b.slice_axis(dx, axis, Dim(0), shape[axis]);
  return dx;
}

/// dw: one product for each tap.
Value* by_kernel(Builder& b, const ConvAttr& attr, Value* x, const Shape& shape, Value* g) {
  if (is_empty(g->shape()) || is_empty(x->shape()) || is_empty(shape)) return b.broadcast(b.scalar_like(g, 0), shape);
  const Dim groups(attr.groups), positions = element_count(Shape(g->shape().begin() + 2, g->shape().end()));
  std::vector<int64_t> window;
  for (size_t i = 0; i < attr.strides.size(); ++i) {
    window.push_back(shape[i + 2].constant());
    if (attr.input_dilations[i] > 1) x = spread(b, x, static_cast<int64_t>(i) + 2, attr.input_dilations[i]);
  }
  x = surround(b, x, attr.pads_lo, attr.pads_hi, 0);
  const Shape outputs = g->shape();
  g = b.reshape(g, {g->shape()[0], groups, floordiv(shape[0], groups), positions});
  std::vector<Value*> taps;
  for (const auto& k : taps_of(window)) {
    Value* read = b.emit(Opcode::Slice, {x}, tap(x->shape(), outputs, k, attr.strides, attr.dilations));
    read = b.reshape(read, {g->shape()[0], groups, shape[1], positions});
    taps.push_back(b.reshape(b.contract("ngcp,ngmp->gmc", read, g), {shape[0], shape[1], Dim(1)}));
  }
  return b.reshape(b.concat(taps, 2), shape);
}

}  // namespace

Adjoints conv_derivative(Builder& b, const Op& op, Value* g, const std::vector<bool>& wanted) {
  const auto& attr = op.as<ConvAttr>();
  Value *x = op.operand(0), *w = op.operand(1);
  return {wanted[0] ? by_input(b, attr, x->shape(), w, g) : nullptr,
          wanted[1] ? by_kernel(b, attr, x, w->shape(), g) : nullptr};
}

namespace {

/// A sum over windows is a convolution of each plane with ones.
Value* sum_derivative(Builder& b, const WindowAttr& attr, const Shape& shape, Value* g) {
  const size_t spatial = attr.window.size();
  const auto planes = [&](const Shape& of) {
    const auto split = of.end() - static_cast<ptrdiff_t>(spatial);
    Shape flat = {element_count(Shape(of.begin(), split)), Dim(1)};
    flat.insert(flat.end(), split, of.end());
    return flat;
  };
  const ConvAttr conv{.strides = attr.strides,
                      .dilations = attr.dilations,
                      .input_dilations = std::vector<int64_t>(spatial, 1),
                      .pads_lo = attr.pads_lo,
                      .pads_hi = attr.pads_hi};
  Shape kernel = {Dim(1), Dim(1)};
  kernel.insert(kernel.end(), attr.window.begin(), attr.window.end());
  Value* ones = b.broadcast(b.scalar_like(g, 1), kernel);
  return b.reshape(by_input(b, conv, planes(shape), ones, b.reshape(g, planes(g->shape()))), shape);
}

double neutral(ReduceKind kind) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return kind == ReduceKind::Prod ? 1 : kind == ReduceKind::Max ? -kInfinity : kInfinity;
}

/// What each tap's element changes the result by, of all taps.
std::vector<Value*> shares(Builder& b, ReduceKind kind, const std::vector<Value*>& read, Value* y) {
  std::vector<Value*> result;
  if (kind == ReduceKind::Prod) {  // the product of those in front and behind
    std::vector<Value*> behind(read.size(), nullptr);
    for (size_t i = read.size() - 1; i > 0; --i) behind[i - 1] = behind[i] ? b.mul(read[i], behind[i]) : read[i];
    Value* front = nullptr;
    for (size_t i = 0; i < read.size(); ++i) {
      Value* others = front && behind[i] ? b.mul(front, behind[i]) : front ? front : behind[i];
      result.push_back(others ? others : b.broadcast(b.scalar_like(y, 1), y->shape()));
      front = front ? b.mul(front, read[i]) : read[i];
    }
    return result;
  }
  Value* count = nullptr;  // equal extremes share it
  for (Value* value : read) {
    result.push_back(b.cast(b.eq(value, y), y->dtype()));
    count = count ? b.add(count, result.back()) : result.back();
  }
  for (Value*& hit : result) hit = b.div(hit, count);
  return result;
}

}  // namespace

Adjoints window_derivative(Builder& b, const Op& op, Value* g) {
  const auto& attr = op.as<WindowAttr>();
  Value* x = op.operand(0);
  if (attr.window.empty()) return {g};
  if (is_empty(g->shape()) || is_empty(x->shape())) return {zeros_like(b, x)};
  if (attr.kind == ReduceKind::Sum) return {sum_derivative(b, attr, x->shape(), g)};
  Value* around = surround(b, x, attr.pads_lo, attr.pads_hi, neutral(attr.kind));
  std::vector<SliceAttr> taps;
  std::vector<Value*> read;
  for (const auto& k : taps_of(attr.window)) {
    taps.push_back(tap(around->shape(), g->shape(), k, attr.strides, attr.dilations));
    read.push_back(b.emit(Opcode::Slice, {around}, taps.back()));
  }
  const auto parts = shares(b, attr.kind, read, op.result());
  Value* sum = nullptr;
  for (size_t i = 0; i < taps.size(); ++i) {
    Value* part = put_slice(b, b.mul(g, parts[i]), taps[i], around->shape());
    sum = sum ? b.add(sum, part) : part;
  }
  std::vector<int64_t> lo, hi;
  for (size_t i = 0; i < attr.window.size(); ++i) {
    lo.push_back(-attr.pads_lo[i]);
    hi.push_back(-attr.pads_hi[i]);
  }
  Value* dx = surround(b, sum, lo, hi, 0);
  return {b.reshape(dx, x->shape())};
}

}  // namespace seqc::passes
