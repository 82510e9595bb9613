// Convolutions and pools. ONNX pads what a window can see; other margins are cut, padded or spread by nodes in front.
#include <algorithm>
#include <limits>

#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

/// The spatial dims are those behind `first`.
struct Input {
  Name name;
  Shape shape;
  DType type;
  size_t first = 2;
};

/// d - 1 zeros between neighbours along a spatial axis: each element gets them as a row, the last row is cut off.
void spread(GraphWriter& g, Input& x, size_t axis, int64_t d) {
  const Dim size = x.shape[axis];
  Shape column = x.shape, rows = x.shape, flat = x.shape;
  column.insert(column.begin() + static_cast<ptrdiff_t>(axis) + 1, Dim(1));
  rows.insert(rows.begin() + static_cast<ptrdiff_t>(axis) + 1, Dim(d));
  flat[axis] = size * Dim(d);
  std::vector<int64_t> pads(2 * column.size(), 0);
  pads[column.size() + axis + 1] = d - 1;
  const Name apart = g.reshape(x.name, x.shape, column);
  const Name padded = g.node("Pad", {apart, g.integers(pads, "pads"), g.scalar(x.type, 0)});
  const Name joined = g.reshape(padded, rows, flat);
  const auto at = static_cast<int64_t>(axis);
  x.shape[axis] = ir::max(size * Dim(d) - Dim(d - 1), Dim(0));
  x.name = g.node("Slice", {joined, g.integers({0}, "starts"), g.dims({x.shape[axis]}), g.integers({at}, "axes")});
}

/// Pads by `fill`, or crops where negative, and takes that out of `lo` and `hi`. Pads below `inside` may stay.
void settle_margins(GraphWriter& g, Input& x, std::vector<int64_t>& lo, std::vector<int64_t>& hi, double fill,
                    const std::vector<int64_t>& inside) {
  const size_t rank = x.shape.size();
  std::vector<int64_t> pads(2 * rank, 0), axes;
  Shape starts, ends;
  for (size_t i = 0; i < lo.size(); ++i) {
    const size_t axis = x.first + i;
    if (lo[i] < 0 || hi[i] < 0) {
      axes.push_back(static_cast<int64_t>(axis));
      starts.emplace_back(std::max<int64_t>(-lo[i], 0));
      ends.push_back(x.shape[axis] - Dim(std::max<int64_t>(-hi[i], 0)));
      x.shape[axis] = ends.back() - starts.back();
      lo[i] = std::max<int64_t>(lo[i], 0);
      hi[i] = std::max<int64_t>(hi[i], 0);
    }
    if (lo[i] < inside[i] && hi[i] < inside[i]) continue;
    pads[axis] = std::exchange(lo[i], 0);
    pads[rank + axis] = std::exchange(hi[i], 0);
    x.shape[axis] = x.shape[axis] + Dim(pads[axis] + pads[rank + axis]);
  }
  if (!axes.empty()) x.name = g.node("Slice", {x.name, g.dims(starts), g.dims(ends), g.integers(axes, "axes")});
  if (std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; }))
    x.name = g.node("Pad", {x.name, g.integers(pads, "pads"), g.scalar(x.type, fill)});
}

std::vector<int64_t> joined(std::vector<int64_t> lo, const std::vector<int64_t>& hi) {
  lo.insert(lo.end(), hi.begin(), hi.end());
  return lo;
}

/// ONNX has windows over floats only: integers of up to 32 bits are computed in f64, which holds them.
DType window_type(GraphWriter& g, DType type) {
  if (type == DType::i64 || type == DType::u64)
    g.unsupported(fmt::format("windows over {}; ONNX has them for floats only", ir::name(type)),
                  "cast to i32 or to a float in front of it");
  if (ir::is_float(type)) return wide_type(type);
  return DType::f64;
}

/// From the type that was computed with.
Name narrow(GraphWriter& g, const Name& x, DType work, DType type) {
  if (ir::is_float(type)) return g.cast(x, work, type);
  return g.cast(g.cast(x, work, DType::i64), DType::i64, type);
}

void export_conv(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::ConvAttr>();
  const Value *x = op.operand(0), *w = op.operand(1);
  const DType type = x->dtype(), work = window_type(g, type);
  const size_t spatial = attr.strides.size();
  Input input{g.cast(g.name(x), type, work), x->shape(), work};
  for (size_t i = 0; i < spatial; ++i)
    if (attr.input_dilations[i] != 1) spread(g, input, 2 + i, attr.input_dilations[i]);
  std::vector<int64_t> lo = attr.pads_lo, hi = attr.pads_hi;
  settle_margins(g, input, lo, hi, 0, std::vector<int64_t>(spatial, std::numeric_limits<int64_t>::max()));
  Names weights = {input.name, g.cast(g.name(w), type, work)};
  const Value* result = op.result();
  if (spatial > 0) {
    const Attributes attributes = {
        {"strides", attr.strides}, {"dilations", attr.dilations}, {"pads", joined(lo, hi)}, {"group", attr.groups}};
    if (work == type) return g.define(result, "Conv", weights, attributes);
    return g.define_as(result, narrow(g, g.node("Conv", weights, attributes), work, type));
  }
  // Without spatial dims: one of a single element.
  Shape wide = x->shape(), kernel = w->shape(), one = result->shape();
  for (Shape* shape : {&wide, &kernel, &one}) shape->emplace_back(1);
  weights = {g.reshape(weights[0], x->shape(), wide), g.reshape(weights[1], w->shape(), kernel)};
  const Name y = g.reshape(g.node("Conv", weights, {{"group", attr.groups}}), one, result->shape());
  g.define_as(result, narrow(g, y, work, type));
}

/// Sums of windows are convolutions with ones, largest elements are MaxPool, smallest ones those of -x.
class Windows {
 public:
  Windows(GraphWriter& g, const Op& op)
      : g_(g), op_(op), attr_(op.as<ir::WindowAttr>()), lo_(attr_.pads_lo), hi_(attr_.pads_hi) {}

  void write() {
    const Value* x = op_.operand(0);
    const DType type = x->dtype(), work = window_type(g_, type);
    if (attr_.kind == ir::ReduceKind::Prod)
      g_.unsupported("products of sliding windows have no operator in ONNX", "write them as e^(sum of logarithms)");
    const size_t spatial = attr_.window.size(), leading = x->shape().size() - spatial;
    // One channel: sums then need one kernel of ones for all.
    Shape flat = {ir::element_count({x->shape().begin(), x->shape().begin() + static_cast<ptrdiff_t>(leading)}),
                  Dim(1)};
    Shape out = flat;
    for (size_t i = leading; i < x->shape().size(); ++i) {
      flat.push_back(x->shape()[i]);
      out.push_back(op_.result()->shape()[i]);
    }
    if (spatial == 0) return g_.define_as(op_.result(), g_.name(x));
    const bool direct = attr_.kind == ir::ReduceKind::Max && leading == 2;
    const Name wide = g_.cast(g_.name(x), type, work);
    Input input{direct ? wide : g_.reshape(wide, x->shape(), flat), direct ? x->shape() : flat, work};
    Name result = attr_.kind == ir::ReduceKind::Sum ? sums(input) : largest(input);
    result = narrow(g_, result, work, type);
    g_.define_as(op_.result(), g_.reshape(result, direct ? op_.result()->shape() : out, op_.result()->shape()));
  }

 private:
  Attributes attributes() const {
    return {{"strides", attr_.strides}, {"dilations", attr_.dilations}, {"pads", joined(lo_, hi_)}};
  }

  Name sums(Input& x) {
    settle_margins(g_, x, lo_, hi_, 0, std::vector<int64_t>(lo_.size(), std::numeric_limits<int64_t>::max()));
    std::vector<int64_t> shape = {1, 1};
    shape.insert(shape.end(), attr_.window.begin(), attr_.window.end());
    Tensor ones(x.type, shape);
    for (int64_t i = 0; i < ones.count(); ++i) ones.set_real(i, 1);
    return g_.node("Conv", {x.name, g_.constant(ones, "ones")}, attributes());
  }

  Name largest(Input& x) {
    const bool smallest = attr_.kind == ir::ReduceKind::Min;
    if (smallest) x.name = g_.node("Neg", {x.name});
    settle_margins(g_, x, lo_, hi_, -std::numeric_limits<double>::infinity(), attr_.window);
    Attributes all = attributes();
    all.emplace_back("kernel_shape", attr_.window);
    const Name result = g_.node("MaxPool", {x.name}, all);
    return smallest ? g_.node("Neg", {result}) : result;
  }

  GraphWriter& g_;
  const Op& op_;
  const ir::WindowAttr& attr_;
  std::vector<int64_t> lo_, hi_;
};

}  // namespace

void export_window(GraphWriter& g, const Op& op) {
  if (op.code() == Opcode::Conv) return export_conv(g, op);
  Windows(g, op).write();
}

}  // namespace seqc::frontend
