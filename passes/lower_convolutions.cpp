#include <algorithm>
#include <numeric>
#include <optional>

#include "ir/builder.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;
using Sizes = std::vector<int64_t>;

/// A convolution without groups while it is rewritten: x[N,C,spatial...], padded; w[O,C,window...].
struct Convolution {
  Value *x, *w;
  Shape out;  // [N,O,spatial...]
  Sizes window, strides, dilations;

  size_t spatial() const { return window.size(); }
  int64_t channels() const { return w->shape()[1].constant(); }
  int64_t taps() const { return std::accumulate(window.begin(), window.end(), int64_t{1}, std::multiplies<>()); }
};

constexpr int64_t kLeastChannels = 8, kMostTaps = 16;

/// Multiply-adds an element from which on products pay for the transposition of their result. Windows that move by one
/// along a long last axis are computed well as they are.
int64_t least_depth(const Convolution& c, const PassContext& context) {
  const Dim& along = c.out.back();
  const bool is_long = !along.is_constant() || along.constant() >= 2 * context.vector_lanes;
  return is_long && c.strides.back() == 1 ? 96 : 24;
}

bool is_candidate(const Op* op) {
  const auto& attr = op->as<ConvAttr>();
  const Value* w = op->operand(1);
  const auto one = [](int64_t n) { return n == 1; };
  if (!w->is_constant() || attr.groups != 1 || w->shape()[0].constant() < kLeastChannels) return false;
  return std::all_of(attr.input_dilations.begin(), attr.input_dilations.end(), one);
}

/// Steps of one axis that do not overlap within a window: with `stride` values of a window side by side as channels, the
/// window has stride 1 and window/stride taps. (The frames of a short-time Fourier transform.)
bool can_frame(const Convolution& c) {
  return c.spatial() == 1 && c.strides[0] > 1 && c.dilations[0] == 1 && c.window[0] % c.strides[0] == 0;
}

void frame(Builder& b, Convolution& c) {
  const int64_t stride = c.strides[0], taps = c.window[0] / stride, channels = c.channels();
  const Dim batch = c.x->shape()[0], outputs = c.w->shape()[0];
  const Dim frames = c.out[2] + Dim(taps - 1);
  Value* x = b.slice_axis(c.x, 2, Dim(0), frames * Dim(stride));
  x = b.transpose(b.reshape(x, {batch, Dim(channels), frames, Dim(stride)}), {0, 1, 3, 2});
  c.x = b.reshape(x, {batch, Dim(channels * stride), frames});
  Value* w = b.transpose(b.reshape(c.w, {outputs, Dim(channels), Dim(taps), Dim(stride)}), {0, 1, 3, 2});
  c.w = b.reshape(w, {outputs, Dim(channels * stride), Dim(taps)});
  c.window = {taps};
  c.strides = {1};
}

/// The product of one tap: x at `at` of each window, [N,spatial...,O].
Value* tap(Builder& b, const Convolution& c, const Sizes& at) {
  Shape starts = {Dim(0), Dim(0)}, sizes = {c.x->shape()[0], c.x->shape()[1]};
  Sizes steps = {1, 1};
  Shape corner = {Dim(0), Dim(0)}, ones = {c.w->shape()[0], c.w->shape()[1]};
  std::string rows;
  for (size_t i = 0; i < c.spatial(); ++i) {
    starts.push_back(Dim(at[i] * c.dilations[i]));
    sizes.push_back(c.out[i + 2]);
    steps.push_back(c.strides[i]);
    corner.push_back(Dim(at[i]));
    ones.push_back(Dim(1));
    rows += static_cast<char>('p' + i);
  }
  Value* x = b.slice(c.x, starts, sizes, steps);
  Value* w = b.slice(c.w, corner, ones, Sizes(ones.size(), 1));
  w = b.reshape(w, {c.w->shape()[0], c.w->shape()[1]});
  return b.contract("nc" + rows + ",oc->n" + rows + "o", x, w);
}

/// True if every window finds only padding at tap `at`.
bool sees_padding_only(const Convolution& c, const ConvAttr& attr, const Shape& unpadded, const Sizes& at) {
  for (size_t i = 0; i < c.spatial(); ++i) {
    if (!unpadded[i + 2].is_constant() || !c.out[i + 2].is_constant()) continue;
    const int64_t first = at[i] * c.dilations[i] - attr.pads_lo[i];
    const int64_t last = first + (c.out[i + 2].constant() - 1) * c.strides[i];
    if (last < 0 || first >= unpadded[i + 2].constant()) return true;
  }
  return false;
}

/// `value` as it is added to [N,spatial...,O]; null unless it varies with the channel only.
Value* by_channel(Builder& b, Value* value, const Shape& out) {
  if (value->rank() == 0) return value;
  const auto channel = static_cast<size_t>(value->rank()) + 1 - out.size();  // its place, aligned from the right
  if (channel >= static_cast<size_t>(value->rank())) return nullptr;
  for (size_t i = 0; i < static_cast<size_t>(value->rank()); ++i)
    if (!(value->shape()[i] == (i == channel ? out[1] : Dim(1)))) return nullptr;
  return b.reshape(value, {out[1]});
}

/// Elementwise ops behind `result`, with `sum` (its elements, channels last) in its place, as far as they need nothing
/// but channel-wise values. Returns the last op that was taken over.
Op* take_epilogue(Op* conv, Value*& sum) {
  const Shape out = conv->result()->shape();
  Op* last = conv;
  while (last->result()->users().size() == 1) {
    Op* user = last->result()->users().front();
    if (user->parent() != conv->parent() || !is_elementwise(user->code()) || !(user->result()->shape() == out)) break;
    Builder b = Builder::before(user);
    std::vector<Value*> operands;
    for (Value* operand : user->operands()) {
      Value* taken = operand == last->result() ? sum : by_channel(b, operand, out);
      if (!taken) return last;
      operands.push_back(taken);
    }
    sum = b.emit(user->code(), operands, user->attr());
    last = user;
  }
  return last;
}

bool lower(Op* op, const PassContext& context) {
  const auto& attr = op->as<ConvAttr>();
  const Shape unpadded = op->operand(0)->shape();
  Convolution c{op->operand(0), op->operand(1), op->result()->shape(), {}, attr.strides, attr.dilations};
  for (size_t i = 2; i < c.w->shape().size(); ++i) c.window.push_back(c.w->shape()[i].constant());
  const bool framed = can_frame(c);
  const int64_t channels = framed ? c.channels() * c.strides[0] : c.channels();
  const int64_t taps = framed ? c.window[0] / c.strides[0] : c.taps();
  if (c.window.empty() || channels < kLeastChannels || taps > kMostTaps) return false;
  if (channels * taps < least_depth(c, context)) return false;

  Builder b = Builder::before(op);
  PadAttr pad{{Dim(0), Dim(0)}, {Dim(0), Dim(0)}};
  for (size_t i = 0; i < c.spatial(); ++i) {
    if (attr.pads_lo[i] < 0 || attr.pads_hi[i] < 0) return false;
    // An input that a run makes too short has no windows: then taps must find something that they take nothing of.
    const int64_t behind = c.out[i + 2].is_constant() ? 0 : (c.window[i] - 1) * c.dilations[i];
    pad.lo.push_back(Dim(attr.pads_lo[i]));
    pad.hi.push_back(Dim(attr.pads_hi[i] + behind));
  }
  const auto is_zero = [](const Dim& dim) { return dim == Dim(0); };
  if (!std::all_of(pad.lo.begin(), pad.lo.end(), is_zero) || !std::all_of(pad.hi.begin(), pad.hi.end(), is_zero))
    c.x = b.emit(Opcode::Pad, {c.x, b.blank_like(c.x)}, pad);
  if (framed) frame(b, c);

  Value* sum = nullptr;
  Sizes at(c.spatial(), 0);
  for (int64_t i = 0; i < taps; ++i) {
    if (framed || !sees_padding_only(c, attr, unpadded, at)) {
      Value* product = tap(b, c, at);
      sum = sum ? b.add(sum, product) : product;
    }
    for (size_t d = c.spatial(); d-- > 0 && ++at[d] == c.window[d];) at[d] = 0;
  }
  if (!sum) return false;
  Op* last = take_epilogue(op, sum);
  Sizes perm = {0, static_cast<int64_t>(c.spatial()) + 1};
  for (size_t i = 0; i < c.spatial(); ++i) perm.push_back(static_cast<int64_t>(i) + 1);
  Value* result = Builder::before(last).transpose(sum, perm);
  last->result()->replace_all_uses_with(result);
  return true;
}

}  // namespace

/// Writes a convolution of many channels as one product a tap, whose sum has the channels last:
///   conv x[N,C,L] w[O,C,2]    becomes    transpose (contract x[:,:,0:] w[:,:,0] + contract x[:,:,1:] w[:,:,1])
/// and takes the elementwise ops behind it along (bias, activation). Reassociates: sums over channels, then over taps.
/// Before: eliminate-dead-code, which removes what was replaced. Does not fire on: groups, transposed convolution, weights
/// that are no constants, fewer than 8 channels or more than 16 taps (strides that divide the window make channels of
/// taps), sums too short to pay (see least_depth).
bool lower_convolutions(Function& f, PassContext& context) {
  const auto can_lower = [](const Op* op) { return op->code() == Opcode::Conv && is_candidate(op); };
  bool changed = false;
  for (Op* op : find_ops(f.body(), can_lower)) changed |= lower(op, context);
  return changed;
}

}  // namespace seqc::passes
