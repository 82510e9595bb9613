// Convolutions and pools. ONNX pads what a window can see; other margins are cut, padded or spread by nodes in front.
#include <algorithm>
#include <functional>
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
void settle_margins(GraphWriter& g, Input& x, std::vector<int64_t>& lo, std::vector<int64_t>& hi, const Name& fill,
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
    if ((lo[i] == 0 && hi[i] == 0) || (lo[i] < inside[i] && hi[i] < inside[i])) continue;
    pads[axis] = std::exchange(lo[i], 0);
    pads[rank + axis] = std::exchange(hi[i], 0);
    x.shape[axis] = x.shape[axis] + Dim(pads[axis] + pads[rank + axis]);
  }
  if (!axes.empty()) x.name = g.node("Slice", {x.name, g.dims(starts), g.dims(ends), g.integers(axes, "axes")});
  if (std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; }))
    x.name = g.node("Pad", {x.name, g.integers(pads, "pads"), fill});
}

std::vector<int64_t> joined(std::vector<int64_t> lo, const std::vector<int64_t>& hi) {
  lo.insert(lo.end(), hi.begin(), hi.end());
  return lo;
}

/// Elements start, start + stride, ... of an axis, `size` of them.
Name strided(GraphWriter& g, const Name& x, size_t axis, int64_t start, int64_t stride, const Dim& size) {
  const auto at = static_cast<int64_t>(axis);
  if (size.is_constant())
    return g.node("Slice", {x, g.integers({start}, "starts"), g.integers({start + size.constant() * stride}, "ends"),
                            g.integers({at}, "axes"), g.integers({stride}, "steps")});
  // A slice's size is told by its bounds, which tells a reader less than a named dim does.
  const Name limit = g.reshape(g.dim(Dim(start) + size * Dim(stride)), {Dim(1)}, {});
  const Name index = g.node("Range", {g.scalar(DType::i64, static_cast<double>(start)), limit,
                                      g.scalar(DType::i64, static_cast<double>(stride))});
  return g.node("Gather", {x, index}, {{"axis", at}});
}

/// Windows that ONNX has no operator for, element by element: what each place of the window sees of all windows, as one
/// strided slice. `visit(place, slice)` gets the place's number in row-major order.
void for_each_place(GraphWriter& g, const Input& x, const std::vector<int64_t>& window,
                    const std::vector<int64_t>& strides, const std::vector<int64_t>& dilations, const Shape& out,
                    const std::function<void(int64_t, const Name&)>& visit) {
  constexpr int64_t kMostPlaces = 1024;
  int64_t places = 1;
  for (const int64_t size : window) places *= size;
  if (places > kMostPlaces)
    g.unsupported(fmt::format("windows of {} elements over {}, each of which would be some nodes; at most {} are",
                              places, ir::name(x.type), kMostPlaces),
                  "cast to a float in front of it");
  for (int64_t place = 0; place < places; ++place) {
    Name seen = x.name;
    int64_t rest = place;
    for (size_t i = window.size(); i-- > 0; rest /= window[i])
      seen = strided(g, seen, x.first + i, rest % window[i] * dilations[i], strides[i],
                     out[out.size() - window.size() + i]);
    visit(place, seen);
  }
}

constexpr int64_t kAnyPad = std::numeric_limits<int64_t>::max();  // for settle_margins: every pad may stay

/// Of integers: a sum of products, one for each place of the window.
void export_integer_conv(GraphWriter& g, const Op& op, Input x) {
  const auto& attr = op.as<ir::ConvAttr>();
  const Value *w = op.operand(1), *result = op.result();
  const DType type = x.type, work = wide_type(type);
  const int64_t groups = attr.groups;
  std::vector<int64_t> window;
  for (size_t i = 2; i < w->shape().size(); ++i) {
    if (!w->shape()[i].is_constant())
      g.unsupported(fmt::format("windows of {}, a size that only a run can tell", w->shape()[i].str()),
                    "fix that dim when importing (--dim)");
    window.push_back(w->shape()[i].constant());
  }
  // x[N, g, c, ...] and w[g, m, c, places] give y[N, g, m, ...].
  const auto grouped = [&](const Shape& shape, size_t axis, const Dim& each) {
    Shape split = shape;
    split[axis] = Dim(groups);
    split.insert(split.begin() + static_cast<ptrdiff_t>(axis) + 1, each);
    return split;
  };
  const Dim channels = w->shape()[1], maps = floordiv(w->shape()[0], Dim(groups));
  x.name = g.reshape(g.cast(x.name, type, work), x.shape, grouped(x.shape, 1, channels));
  x.shape = grouped(x.shape, 1, channels);
  x.type = work;
  x.first = 3;
  int64_t places = 1;
  for (const int64_t size : window) places *= size;
  const Shape flat = {Dim(groups), maps, channels, Dim(places)};
  const Name weights = g.reshape(g.cast(g.name(w), type, work), w->shape(), flat);
  const Name axis = g.integers({3}, "axes");
  std::string letters;
  for (size_t i = 0; i < window.size(); ++i) letters += static_cast<char>('p' + i);
  const Attribute equation("equation", fmt::format("ngc{},gmc->ngm{}", letters, letters));
  Name sum;
  for_each_place(g, x, window, attr.strides, attr.dilations, result->shape(), [&](int64_t place, const Name& seen) {
    const Name part = g.node(
        "Squeeze",
        {g.node("Slice", {weights, g.integers({place}, "starts"), g.integers({place + 1}, "ends"), axis}), axis});
    const Name product = g.node("Einsum", {seen, part}, {equation});
    sum = sum.empty() ? product : g.node("Add", {sum, product});
  });
  if (sum.empty()) sum = g.expand(g.scalar(work, 0), grouped(result->shape(), 1, maps));
  sum = g.reshape(sum, grouped(result->shape(), 1, maps), result->shape());
  g.define_as(result, g.cast(sum, work, type));
}

void export_conv(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::ConvAttr>();
  const Value *x = op.operand(0), *w = op.operand(1);
  const DType type = x->dtype(), work = ir::is_float(type) ? wide_type(type) : type;
  const size_t spatial = attr.strides.size();
  Input input{g.cast(g.name(x), type, work), x->shape(), work};
  for (size_t i = 0; i < spatial; ++i)
    if (attr.input_dilations[i] != 1) spread(g, input, 2 + i, attr.input_dilations[i]);
  std::vector<int64_t> lo = attr.pads_lo, hi = attr.pads_hi;
  settle_margins(g, input, lo, hi, g.scalar(work, 0), std::vector<int64_t>(spatial, ir::is_float(type) ? kAnyPad : 0));
  if (!ir::is_float(type)) return export_integer_conv(g, op, input);
  Names weights = {input.name, g.cast(g.name(w), type, work)};
  const Value* result = op.result();
  if (spatial > 0) {
    const Attributes attributes = {
        {"strides", attr.strides}, {"dilations", attr.dilations}, {"pads", joined(lo, hi)}, {"group", attr.groups}};
    if (work == type) return g.define(result, "Conv", weights, attributes);
    return g.define_as(result, g.cast(g.node("Conv", weights, attributes), work, type));
  }
  // Without spatial dims: one of a single element.
  Shape wide = x->shape(), kernel = w->shape(), one = result->shape();
  for (Shape* shape : {&wide, &kernel, &one}) shape->emplace_back(1);
  weights = {g.reshape(weights[0], x->shape(), wide), g.reshape(weights[1], w->shape(), kernel)};
  const Name y = g.reshape(g.node("Conv", weights, {{"group", attr.groups}}), one, result->shape());
  g.define_as(result, g.cast(y, work, type));
}

/// Sums of windows are convolutions with ones, largest elements are MaxPool, smallest ones those of -x.
class Windows {
 public:
  Windows(GraphWriter& g, const Op& op)
      : g_(g), op_(op), attr_(op.as<ir::WindowAttr>()), lo_(attr_.pads_lo), hi_(attr_.pads_hi) {}

  void write() {
    const Value* x = op_.operand(0);
    const DType type = x->dtype(), work = wide_type(type);
    const size_t spatial = attr_.window.size(), leading = x->shape().size() - spatial;
    if (spatial == 0) return g_.define_as(op_.result(), g_.name(x));
    // One channel: sums then need one kernel of ones for all.
    Shape flat = {ir::element_count({x->shape().begin(), x->shape().begin() + static_cast<ptrdiff_t>(leading)}),
                  Dim(1)};
    Shape out = flat;
    for (size_t i = leading; i < x->shape().size(); ++i) {
      flat.push_back(x->shape()[i]);
      out.push_back(op_.result()->shape()[i]);
    }
    const bool direct = attr_.kind == ir::ReduceKind::Max && leading == 2;
    const Name wide = g_.cast(g_.name(x), type, work);
    Input input{direct ? wide : g_.reshape(wide, x->shape(), flat), direct ? x->shape() : flat, work};
    const bool pooled = ir::is_float(type) && attr_.kind != ir::ReduceKind::Prod;
    const Shape& shape = direct ? op_.result()->shape() : out;
    Name result = !pooled ? by_places(input, shape) : attr_.kind == ir::ReduceKind::Sum ? sums(input) : largest(input);
    g_.define_as(op_.result(), g_.cast(g_.reshape(result, shape, op_.result()->shape()), work, type));
  }

 private:
  Attributes attributes() const {
    return {{"strides", attr_.strides}, {"dilations", attr_.dilations}, {"pads", joined(lo_, hi_)}};
  }

  static std::string_view joining(ir::ReduceKind kind) {
    switch (kind) {
      case ir::ReduceKind::Sum: return "Add";
      case ir::ReduceKind::Prod: return "Mul";
      case ir::ReduceKind::Max: return "Max";
      case ir::ReduceKind::Min: return "Min";
    }
    return "";
  }

  /// What changes nothing, in the type of the op: limits of narrower types than the one computed with will do.
  Tensor neutral(DType type) const {
    const bool largest = attr_.kind == ir::ReduceKind::Max, smallest = attr_.kind == ir::ReduceKind::Min;
    if (!largest && !smallest) return Tensor::scalar_int(type, attr_.kind == ir::ReduceKind::Prod ? 1 : 0);
    if (ir::is_float(type)) return Tensor::scalar(type, (largest ? -1 : 1) * std::numeric_limits<double>::infinity());
    const int bits = 8 * static_cast<int>(ir::size_of(type));
    const bool is_signed = ir::is_signed_integer(type);
    const uint64_t all = ~uint64_t{0} >> (64 - bits), top = uint64_t{1} << (bits - 1);
    const uint64_t least = is_signed ? ~uint64_t{0} << (bits - 1) : 0, most = is_signed ? top - 1 : all;
    return Tensor::scalar_int(type, static_cast<int64_t>(largest ? least : most));
  }

  Name by_places(Input& x, const Shape& out) {
    const DType type = op_.operand(0)->dtype();
    const Name fill = g_.cast(g_.constant(neutral(type), "number"), type, x.type);
    settle_margins(g_, x, lo_, hi_, fill, std::vector<int64_t>(lo_.size(), 0));
    Name result;
    for_each_place(g_, x, attr_.window, attr_.strides, attr_.dilations, out, [&](int64_t, const Name& seen) {
      result = result.empty() ? seen : g_.node(joining(attr_.kind), {result, seen});
    });
    return result.empty() ? g_.expand(fill, out) : result;
  }

  Name sums(Input& x) {
    settle_margins(g_, x, lo_, hi_, g_.scalar(x.type, 0), std::vector<int64_t>(lo_.size(), kAnyPad));
    std::vector<int64_t> shape = {1, 1};
    shape.insert(shape.end(), attr_.window.begin(), attr_.window.end());
    Tensor ones(x.type, shape);
    for (int64_t i = 0; i < ones.count(); ++i) ones.set_real(i, 1);
    return g_.node("Conv", {x.name, g_.constant(ones, "ones")}, attributes());
  }

  Name largest(Input& x) {
    const bool smallest = attr_.kind == ir::ReduceKind::Min;
    if (smallest) x.name = g_.node("Neg", {x.name});
    settle_margins(g_, x, lo_, hi_, g_.scalar(x.type, -std::numeric_limits<double>::infinity()), attr_.window);
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
