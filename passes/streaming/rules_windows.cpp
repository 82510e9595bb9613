// Streaming: convolutions, pooling, slices and padding along time. What a window needs of earlier frames is a delay line.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ir/error.h"
#include "ir/infer.h"
#include "passes/streaming/flow.h"

namespace seqc::passes::streaming {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;
using Kind = Flow::Kind;

namespace {

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }
int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }

/// What padding of a pooling window holds.
double neutral(ir::ReduceKind kind, ir::DType type) {
  switch (kind) {
    case ir::ReduceKind::Sum: return 0;
    case ir::ReduceKind::Prod: return 1;
    default: break;
  }
  const bool largest = kind == ir::ReduceKind::Min;
  if (ir::is_float(type))
    return largest ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::optional<double> splat_of(const Value* value) {
  if (value->is_constant()) {
    const ir::Tensor& tensor = value->constant();
    if (tensor.count() == 0 || !ir::is_arithmetic(tensor.dtype())) return std::nullopt;
    const size_t bytes = ir::size_of(tensor.dtype());
    for (int64_t i = 1; i < tensor.count(); ++i)
      if (!std::equal(tensor.bytes(), tensor.bytes() + bytes, tensor.bytes() + static_cast<size_t>(i) * bytes))
        return std::nullopt;
    return ir::is_float(tensor.dtype()) ? tensor.real(0) : static_cast<double>(tensor.integer(0));
  }
  const Op* op = value->op();
  if (!op) return std::nullopt;
  switch (op->code()) {
    case Opcode::Broadcast:
    case Opcode::Reshape:
    case Opcode::Transpose:
    case Opcode::Slice: return splat_of(op->operand(0));
    default: return std::nullopt;
  }
}

// Window j of the whole lies over frames j*stride - lo, ... of its operand. After h hops, windows that end within the
// rate*h - late frames that are there have been given; what windows to come still need is kept.
Flow Rewriter::slide(const Op* op, const Value* operand, const Window& window, Value*& frames) {
  const Flow in = flow(operand);
  if (!in.plain()) refuse(op, "frames and other things lie along the axis that it slides over");
  if (in.rate % window.stride != 0) throw LargerHop{hop_ * (window.stride / std::gcd(in.rate, window.stride))};
  const int64_t size = window.size, stride = window.stride;
  int64_t lo = window.lo + in.lead;
  const double fill = in.lead > 0 ? *in.fill : window.fill;
  if (in.lead > 0 && window.lo > 0 && *in.fill != window.fill)
    refuse(op,
           fmt::format("frames in front of the first one hold {}, and those that it adds {}", *in.fill, window.fill));

  Flow out = in;
  out.rate = in.rate / stride;
  out.late = ceil_div(in.late - lo + size - stride, stride);
  out.tail = floor_div(in.tail + lo + window.hi - size - in.late, stride) + 1 + out.late;
  out.lead = 0;
  out.fill.reset();
  if (out.tail < 0) {
    out.late -= out.tail;  // the whole ends before its last windows
    out.tail = 0;
  }
  if (out.late < 0) {
    out.lead = -out.late;  // windows over nothing but what lies in front
    out.fill = fill;
    lo -= out.lead * stride;
    out.late = 0;
  }
  if (out.tail > 0 && in.tail == 0) out.ahead = op;
  if (out.tail == 0) out.ahead = nullptr;

  const int64_t unused =
      std::max<int64_t>(stride - size, 0);  // in front of each window, so that none skips over its operand's end
  const bool even = steady(in) && steady(out);
  if (!even && unused > 0) refuse(op, "its steps are longer than its windows, behind an operation that begins late");
  int64_t keep = 0;
  for (int64_t h = 0; h <= 1 + (in.late + in.rate - 1) / in.rate + (out.late + out.rate - 1) / out.rate; ++h)
    keep = std::max(keep, frames_after(in, h) + lo + unused - stride * frames_after(out, h));
  Value* now = mapped(operand);
  Value* joined = keep > 0 ? delay_line(op, now, in.axis, keep, fill, "history") : now;

  const Dim new_frames = count(out), all = Dim(keep) + count(in),
            covered = Dim(size - stride) + Dim(stride) * new_frames;
  Dim start = Dim(keep - lo);
  if (!even) {
    const auto after = [&](const Flow& f) { return ir::max(Dim(f.rate) * before_ - Dim(f.late), 0); };
    start = ir::min(start - after(in) + Dim(stride) * after(out), all - covered);
  }
  frames = b_.slice_axis(joined, in.axis, start, covered);
  return out;
}

void Rewriter::convolve(const Op* op) {
  const auto& attr = op->as<ir::ConvAttr>();
  const Value *x = op->operand(0), *w = op->operand(1);
  if (flow(w).kind != Kind::Fixed) refuse(op, "its weights depend on frames");
  Flow own = flow(x);
  if (own.axis == 0) {
    need_no_lead(op, own);
    return emit(op, own, {mapped(x), mapped(w)}, attr);
  }
  if (own.axis == 1) refuse(op, "frames are its channels, and it sums over all of them: looks ahead");
  const auto i = static_cast<size_t>(own.axis - 2);
  if (attr.input_dilations[i] != 1) refuse(op, "a transposed convolution along time is not supported");
  const Window window{.size = (w->shape()[i + 2].constant() - 1) * attr.dilations[i] + 1,
                      .stride = attr.strides[i],
                      .lo = attr.pads_lo[i],
                      .hi = attr.pads_hi[i]};
  if (own.lead > 0 && *own.fill != 0)
    refuse(op, fmt::format("frames in front of the first one hold {}, expected 0", *own.fill));
  Value* frames = nullptr;
  own = slide(op, x, window, frames);
  ir::ConvAttr without = attr;
  without.pads_lo[i] = without.pads_hi[i] = 0;
  emit(op, own, {frames, mapped(w)}, without);
}

void Rewriter::reduce_window(const Op* op) {
  const auto& attr = op->as<ir::WindowAttr>();
  const Value* x = op->operand(0);
  Flow own = flow(x);
  const int64_t first = x->rank() - static_cast<int64_t>(attr.window.size());
  if (own.axis < first) {
    need_no_lead(op, own);
    return emit(op, own, {mapped(x)}, attr);
  }
  const auto i = static_cast<size_t>(own.axis - first);
  const Window window{.size = (attr.window[i] - 1) * attr.dilations[i] + 1,
                      .stride = attr.strides[i],
                      .lo = attr.pads_lo[i],
                      .hi = attr.pads_hi[i],
                      .fill = neutral(attr.kind, x->dtype())};
  if (std::isnan(window.fill) && (window.lo != 0 || own.lead != 0))
    refuse(op, fmt::format("padding of {} along time is not supported", ir::name(x->dtype())));
  Value* frames = nullptr;
  if (own.lead > 0 && *own.fill != window.fill)
    refuse(op, fmt::format("frames in front of the first one hold {}, expected {}", *own.fill, window.fill));
  Window known = window;
  if (std::isnan(known.fill)) known.fill = 0;
  own = slide(op, x, known, frames);
  ir::WindowAttr without = attr;
  without.pads_lo[i] = without.pads_hi[i] = 0;
  emit(op, own, {frames}, without);
}

void Rewriter::slice(const Op* op) {
  const auto& attr = op->as<ir::SliceAttr>();
  const Value* x = op->operand(0);
  Flow own = flow(x);
  const auto at = static_cast<size_t>(own.axis);
  ir::SliceAttr others = attr;
  others.starts[at] = 0;
  others.steps[at] = 1;
  const auto set_others = [&](const Flow& f, Value* frames) {
    others.sizes[at] = frames->shape()[at];
    if (others.sizes == frames->shape() &&
        std::all_of(others.steps.begin(), others.steps.end(), [](int64_t step) { return step == 1; }))
      set(op->result(), f, frames);
    else
      emit(op, f, {frames}, others);
  };
  if (const int64_t step = attr.steps[at]; step > 1 && own.rate % step != 0)
    throw LargerHop{hop_ * (step / std::gcd(own.rate, step))};
  // Sizes are those at whole hops, and of more frames than any window has.
  const auto whole = [&](const Dim& dim) {
    constexpr int64_t kMany = int64_t{1} << 30;
    if (whole_time_.empty()) return dim;
    return dim.substitute({{whole_time_, Dim(hop_) * (Dim::symbol(whole_time_) + Dim(kMany))}});
  };
  const Dim frames = whole(x->shape()[at]), start = whole(attr.starts[at]), size = whole(attr.sizes[at]);
  const int64_t step = attr.steps[at];
  if (start == Dim(0) && size == frames && step == 1) return set_others(own, mapped(x));
  if (!own.plain()) refuse(op, "it picks among frames and other things along one axis");
  if (step < 0) refuse(op, "it reverses time: looks ahead to the last frame");
  const Dim behind = frames - Dim(1) - (start + (size - Dim(1)) * Dim(step));
  const bool fixed_length = frames.is_constant();
  if (behind == Dim(0) && step == 1 && size.is_constant() &&
      (!fixed_length || (size == Dim(1) && !(frames == Dim(1)))) && !(start.is_constant() && !fixed_length)) {
    latest(op, x, size.constant());
    return;
  }
  if (!start.is_constant() || !behind.is_constant())
    refuse(op, fmt::format("it picks {} frames from {} on among {}: others than the first or last ones", size.str(),
                           start.str(), frames.str()));
  // With a fixed number of frames, the last five of ten and all but the first five look alike.
  if (fixed_length && (start.constant() > own.lead || behind.constant() - (step - 1) > own.lead + own.tail))
    refuse(op,
           fmt::format("it picks frames {} to {} of {}; which ones of a stream these are is unknown: a model with a "
                       "named dim for time tells",
                       start.str(), (frames - behind - Dim(1)).str(), frames.str()));
  Value* covered = nullptr;
  own = slide(op, x, {.stride = step, .lo = -start.constant(), .hi = -behind.constant()}, covered);
  if (step != 1) {
    Shape sizes = covered->shape();
    sizes[at] = count(own);
    std::vector<int64_t> steps(sizes.size(), 1);
    steps[at] = step;
    covered = b_.slice(covered, Shape(sizes.size(), Dim(0)), sizes, steps);
  }
  set_others(own, covered);
}

// The last frames, as far as the stream has come.
void Rewriter::latest(const Op* op, const Value* operand, int64_t size) {
  const Flow own = flow(operand);
  if (own.tail > 0 && own.ahead)
    refuse(own.ahead, fmt::format("looks ahead by {} frame{}: the last ones need what comes later", own.tail,
                                  own.tail == 1 ? "" : "s"));
  need_no_lead(op, own);
  Value* now = mapped(operand);
  const auto at = static_cast<size_t>(own.axis);
  if (size == 1 && steady(own)) {
    now = b_.slice_axis(now, own.axis, count(own) - Dim(1), 1);
  } else {
    delay_line(op, now, own.axis, size, 0, "last frames");
    now = next_states_.back();
  }
  ir::SliceAttr others = op->as<ir::SliceAttr>();
  others.starts[at] = 0;
  others.sizes[at] = size;
  others.steps[at] = 1;
  emit(op, {.kind = Kind::Latest}, {now}, others);
}

void Rewriter::pad(const Op* op) {
  ir::PadAttr attr = op->as<ir::PadAttr>();
  Flow own = flow(op->operand(0));
  const auto at = static_cast<size_t>(own.axis);
  if (flow(op->operand(1)).is_frames()) refuse(op, "it fills with what depends on frames");
  const Dim lo = attr.lo[at], hi = attr.hi[at];
  attr.lo[at] = attr.hi[at] = 0;
  Value* x = mapped(op->operand(0));
  const bool others = std::any_of(attr.lo.begin(), attr.lo.end(), [](const Dim& d) { return !(d == Dim(0)); }) ||
                      std::any_of(attr.hi.begin(), attr.hi.end(), [](const Dim& d) { return !(d == Dim(0)); });
  if (others) {
    need_no_lead(op, own);
    x = b_.create(Opcode::Pad, {x, mapped(op->operand(1))}, attr)->result();
  }
  if (lo == Dim(0) && hi == Dim(0)) return set(op->result(), own, x);
  const auto fill = splat_of(op->operand(1));
  if (!own.plain() || !lo.is_constant() || !hi.is_constant()) refuse(op, "it adds frames in a way that is not known");
  if (attr.mode != ir::PadMode::Constant || !fill)
    refuse(op, "it adds frames that depend on others (reflected, repeated or wrapped): looks ahead");
  if (own.lead > 0 && lo.constant() > 0 && *own.fill != *fill) refuse(op, "it adds frames of another kind in front");
  if (lo.constant() > 0) own.fill = fill;
  own.lead += lo.constant();
  if (hi.constant() > 0 && own.tail == 0) own.ahead = op;
  own.tail += hi.constant();
  set(op->result(), own, x);
}

void Rewriter::concat(const Op* op) {
  const int64_t axis = op->as<ir::AxisAttr>().axis;
  std::optional<Flow> joined;
  const Value* frames_of = nullptr;
  for (const Value* operand : op->operands()) {
    const Flow& own = flow(operand);
    if (!own.is_frames()) continue;
    if (own.axis == axis && joined) refuse(op, "it joins frames with frames behind them: looks ahead to the last one");
    if (joined && (joined->axis != own.axis || !joined->same_pace(own)))
      refuse(op, "it brings frames together that are not of the same time");
    joined = own;
    frames_of = operand;
  }
  if (joined->axis != axis) {
    need_no_lead(op, *joined);
    std::vector<Value*> operands;
    for (const Value* operand : op->operands())
      operands.push_back(flow(operand).is_frames() ? mapped(operand)
                                                   : along_time(op, operand, joined->axis, size(*joined)));
    return emit(op, *joined, operands, op->attr());
  }
  // Constants in front and behind are padding.
  bool behind = false;
  if (!joined->plain()) refuse(op, "it adds frames in a way that is not known");
  for (const Value* operand : op->operands()) {
    if (operand == frames_of) {
      behind = true;
      continue;
    }
    const Dim& more = operand->shape()[static_cast<size_t>(axis)];
    const auto fill = splat_of(operand);
    if (!more.is_constant() || flow(operand).kind != Kind::Fixed)
      refuse(op, "it joins frames with something else along time in a way that is not known");
    if (behind) {
      if (joined->tail == 0 && more.constant() > 0) joined->ahead = op;
      joined->tail += more.constant();
    } else {
      if (!fill || (joined->lead > 0 && *joined->fill != *fill))
        refuse(op, "what it puts in front of the first frame is not one constant");
      joined->lead += more.constant();
      joined->fill = fill;
    }
  }
  set(op->result(), *joined, mapped(frames_of));
}

}  // namespace seqc::passes::streaming
