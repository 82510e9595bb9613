// Random nodes: shapes, slices, gathers and scatters, orders.
#include <algorithm>
#include <numeric>

#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

int64_t count_of(const Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

Sizes permuted(G& g, int64_t count) {
  Sizes order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = count - 1; i > 0; --i)
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(g.integer(0, i))]);
  return order;
}

/// Integers in an attribute before opset `since`, in an input of i64 from then on.
void numbers(G& g, const char* attribute, int64_t since, const Sizes& values) {
  if (g.opset < since)
    g.ints_attr(attribute, values);
  else
    g.known_ints(values);
}

// --- shapes ----------------------------------------------------------------------------------------------------------

void shape(G& g) {
  const Tensor x = g.x();
  if (g.opset < 15) return;
  g.maybe("start", -x.rank() - 1, x.rank() + 1);
  g.maybe("end", -x.rank() - 1, x.rank() + 1);
}

void reshape(G& g) {
  const Tensor x = g.x();
  Sizes target;
  int64_t rest = x.count();
  if (rest > 0) {
    for (const int64_t factor : {2, 3, 5})
      if (rest % factor == 0 && g.chance(60)) target.push_back(factor), rest /= factor;
    target.push_back(rest);
    if (g.chance(30)) target.push_back(1);
    const auto order = permuted(g, static_cast<int64_t>(target.size()));
    Sizes mixed;
    for (const int64_t i : order) mixed.push_back(target[static_cast<size_t>(i)]);
    target = mixed;
    for (size_t i = 0; i < target.size() && i < x.shape().size(); ++i)
      if (target[i] == x.shape()[i] && g.chance(60)) target[i] = 0;
    if (g.chance(50)) target[static_cast<size_t>(g.integer(0, static_cast<int64_t>(target.size()) - 1))] = -1;
    if (std::count(target.begin(), target.end(), 0) == 0 && g.opset >= 14) g.maybe("allowzero", 0, 1);
  } else {  // dims of 0 are copied
    target = x.shape();
    if (g.opset >= 14 && g.chance(50)) {
      g.attr("allowzero", 1);
      target = {3, 0};
    }
  }
  numbers(g, "shape", 5, target);
}

void squeeze(G& g) {
  const Tensor x = g.x(1, 4);
  Sizes axes;
  for (int64_t i = 0; i < x.rank(); ++i)
    if (x.shape()[static_cast<size_t>(i)] == 1 && g.chance(80))
      axes.push_back(g.opset >= 11 && g.chance(30) ? i - x.rank() : i);
  if (!axes.empty()) numbers(g, "axes", 13, axes);
}

void unsqueeze(G& g) {
  const Tensor x = g.x(0, 3);
  const int64_t extra = g.integer(1, 2), rank = x.rank() + extra;
  Sizes axes = permuted(g, rank);
  axes.resize(static_cast<size_t>(extra));
  if (g.opset < 11) std::sort(axes.begin(), axes.end());
  for (int64_t& axis : axes)
    if (g.opset >= 11 && g.chance(30)) axis -= rank;
  numbers(g, "axes", 13, axes);
}

void flatten(G& g) {
  const Tensor x = g.x(1, 4);
  if (g.chance(70)) g.attr("axis", g.opset >= 11 && g.chance(30) ? -g.integer(1, x.rank()) : g.integer(0, x.rank()));
}

void expand(G& g) {
  const Tensor x = g.x(0, 3);
  Sizes shape = x.shape();
  for (int64_t& size : shape)
    if (size == 1) size = g.chance(50) ? g.size() : 1;
  while (shape.size() < 4 && g.chance(30)) shape.insert(shape.begin(), g.integer(1, 3));
  if (g.chance(20) && !shape.empty()) shape.erase(shape.begin());  // broadcasts both ways
  g.cancel_unless(count_of(shape) <= 2000);
  g.known_ints(shape);
}

void tile(G& g) {
  const Tensor x = g.x(1, 3);
  if (g.opset < 6) {
    g.known(Tensor::of<int64_t>(DType::i64, {1}, std::vector<int64_t>{g.integer(1, 3)}));
    g.known(Tensor::of<int64_t>(DType::i64, {1}, std::vector<int64_t>{g.integer(0, x.rank() - 1)}));
    return g.cancel();  // the types of these inputs are those of x in opset 1: floats
  }
  Sizes repeats;
  for (int64_t i = 0; i < x.rank(); ++i) repeats.push_back(g.pick<int64_t>({0, 1, 1, 1, 2, 3}));
  g.known_ints(repeats);
}

void transpose(G& g) {
  const Tensor x = g.x();
  if (x.rank() > 0 && g.chance(85)) g.ints_attr("perm", permuted(g, x.rank()));
}

void concat(G& g) {
  const Tensor x = g.x(1, 4);
  const int64_t axis = g.axis(x.rank());
  if (g.opset >= 4 || g.chance(70) || x.rank() < 2) g.attr("axis", axis);
  for (int64_t i = g.integer(0, 2); i > 0; --i) {
    Sizes shape = x.shape();
    const bool by_default = g.opset < 4 && !g.node().proto().attribute_size();
    if (g.chance(60)) shape[static_cast<size_t>(by_default ? 1 : (axis + x.rank()) % x.rank())] = g.size();
    g.same(shape);
  }
}

void split(G& g) {
  const Tensor x = g.x(1, 4);
  const int64_t axis = g.axis(x.rank()), size = x.shape()[static_cast<size_t>((axis + x.rank()) % x.rank())];
  if (axis != 0 || g.chance(50)) g.attr("axis", axis);
  const int64_t parts = g.integer(1, 3);
  g.outputs(static_cast<size_t>(parts));
  if (g.opset >= 18 && g.chance(50)) {  // the last one may be smaller
    const int64_t each = (size + parts - 1) / parts;
    g.cancel_unless(size > 0 && each * (parts - 1) < size);
    return g.attr("num_outputs", parts);
  }
  if (g.opset >= 2 && g.opset < 18 && size % parts == 0 && g.chance(50)) return;
  Sizes sizes(static_cast<size_t>(parts), 0);
  for (int64_t i = 0; i < size; ++i) ++sizes[static_cast<size_t>(g.integer(0, parts - 1))];
  numbers(g, "split", 13, sizes);
}

/// Ends and starts beyond the dim are clamped, in the way that goes with the step's sign.
void slice(G& g) {
  const Tensor x = g.x(1, 4);
  Sizes axes, starts, ends, steps;
  for (int64_t i = 0; i < x.rank(); ++i) {
    if (g.chance(40)) continue;
    const int64_t size = x.shape()[static_cast<size_t>(i)];
    axes.push_back(g.opset >= 10 && g.chance(30) ? i - x.rank() : i);
    steps.push_back(g.opset < 10 ? 1 : g.pick<int64_t>({1, 1, 1, 2, 3, -1, -1, -2}));
    starts.push_back(g.integer(-size - 2, size + 1));
    ends.push_back(g.chance(20) ? (steps.back() > 0 ? INT64_MAX : INT64_MIN) : g.integer(-size - 2, size + 1));
  }
  const bool all =
      static_cast<int64_t>(axes.size()) == x.rank() && std::is_sorted(axes.begin(), axes.end()) && axes[0] == 0;
  if (g.opset < 10) {
    g.cancel_unless(!axes.empty());
    g.ints_attr("starts", starts);
    g.ints_attr("ends", ends);
    if (!all || g.chance(50)) g.ints_attr("axes", axes);
    return;
  }
  const DType type = g.pick(kIndices);
  const auto list = [&](const Sizes& values) {
    Tensor tensor(type, {static_cast<int64_t>(values.size())});
    for (size_t i = 0; i < values.size(); ++i)
      tensor.set_integer(static_cast<int64_t>(i),
                         type == DType::i64 ? values[i] : std::clamp<int64_t>(values[i], INT32_MIN, INT32_MAX));
    g.known(tensor);
  };
  list(starts);
  list(ends);
  const bool stepped = std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; });
  if (!all || stepped || g.chance(50)) list(axes);
  if (stepped) list(steps);
}

void pad(G& g) {
  const Tensor x = g.x(1, 4);
  std::vector<const char*> modes = {"constant", "constant", "reflect", "edge"};
  if (g.opset >= 19) modes.push_back("wrap");
  const std::string mode = g.word(modes);
  Sizes axes;
  for (int64_t i = 0; i < x.rank(); ++i)
    if (g.opset < 18 || g.chance(60)) axes.push_back(i);
  Sizes lo, hi;
  for (const int64_t axis : axes) {
    const int64_t size = x.shape()[static_cast<size_t>(axis)];
    const int64_t most = mode == "constant" ? 3 : mode == "reflect" ? size - 1 : size;
    const int64_t least = mode == "constant" ? -size / 3 : 0;
    lo.push_back(g.chance(40) ? 0 : g.integer(least, std::max<int64_t>(0, std::min<int64_t>(3, most))));
    hi.push_back(g.chance(40) ? 0 : g.integer(least, std::max<int64_t>(0, std::min<int64_t>(3, most))));
  }
  lo.insert(lo.end(), hi.begin(), hi.end());
  if (mode != "constant" || g.chance(50)) g.node().attr("mode", std::string_view(mode));
  if (g.opset < 11) {
    g.ints_attr(g.opset < 2 ? "paddings" : "pads", lo);
    g.maybe_real("value");
    return;
  }
  g.known_ints(lo);
  const bool all = static_cast<int64_t>(axes.size()) == x.rank();
  if (g.chance(50))
    g.given(random_tensor(x.dtype(), {}, g.random));
  else if (!all)
    g.none();
  if (!all) g.known_ints(axes);
}

void center_crop_pad(G& g) {
  const Tensor x = g.x(1, 3);
  Sizes axes, sizes;
  for (int64_t i = 0; i < x.rank(); ++i)
    if (g.chance(60)) axes.push_back(i), sizes.push_back(g.size());
  g.cancel_unless(!axes.empty());
  g.known_ints(sizes);
  g.ints_attr("axes", axes);
}

void blocks(G& g, bool to_space) {
  const int64_t block = g.integer(1, 3), n = g.integer(1, 2), c = g.integer(1, 3), h = g.integer(1, 3),
                w = g.integer(1, 3);
  if (to_space)
    g.of({n, c * block * block, h, w});
  else
    g.of({n, c, h * block, w * block});
  g.attr("blocksize", block);
  if (to_space && g.opset >= 11) g.maybe_word("mode", {"DCR", "CRD"});
}

// --- gathers and scatters --------------------------------------------------------------------------------------------

/// Numbers of rows along a dim of `size`.
Tensor positions(G& g, int64_t size, const Sizes& shape, const std::vector<DType>& types = kIndices) {
  g.cancel_unless(size > 0 || count_of(shape) == 0);
  return g.given(g.ints(g.opset >= 11 ? -size : 0, std::max<int64_t>(size - 1, -size), shape, types));
}

void gather(G& g) {
  const Tensor x = g.x(1, 3);
  const int64_t axis = g.axis(x.rank());
  if (axis != 0 || g.chance(50)) g.attr("axis", axis);
  positions(g, x.shape()[static_cast<size_t>((axis + x.rank()) % x.rank())], g.sizes(0, 2));
}

void gather_elements(G& g) {
  const Tensor x = g.x(1, 3);
  const int64_t axis = g.axis(x.rank()), at = (axis + x.rank()) % x.rank();
  if (axis != 0 || g.chance(50)) g.attr("axis", axis);
  Sizes shape = x.shape();
  shape[static_cast<size_t>(at)] = g.size();
  positions(g, x.shape()[static_cast<size_t>(at)], shape);
}

/// Tuples of positions in the dims from `batch` on; returns the shape of what they pick.
Sizes tuples(G& g, const Tensor& x, int64_t batch, bool distinct) {
  const int64_t depth = g.integer(1, x.rank() - batch);
  Sizes shape(x.shape().begin(), x.shape().begin() + batch);
  for (int64_t i = g.integer(0, 2); i > 0; --i) shape.push_back(g.integer(1, 4));
  Sizes picked = shape;
  picked.insert(picked.end(), x.shape().begin() + batch + depth, x.shape().end());
  shape.push_back(depth);
  Tensor indices(DType::i64, shape);
  std::vector<Sizes> seen;
  for (int64_t row = 0; row < indices.count() / depth; ++row) {
    Sizes tuple;
    for (int64_t i = 0; i < depth; ++i) {
      const int64_t size = x.shape()[static_cast<size_t>(batch + i)];
      g.cancel_unless(size > 0);
      tuple.push_back(g.integer(0, std::max<int64_t>(size - 1, 0)));
    }
    if (distinct && std::find(seen.begin(), seen.end(), tuple) != seen.end()) g.cancel();
    seen.push_back(tuple);
    for (int64_t i = 0; i < depth; ++i)
      indices.set_integer(row * depth + i, tuple[static_cast<size_t>(i)] -
                                               (g.chance(20) ? x.shape()[static_cast<size_t>(batch + i)] : 0));
  }
  g.given(indices);
  return picked;
}

void gather_nd(G& g) {
  const Tensor x = g.x(1, 4);
  const int64_t batch = g.opset >= 12 && g.chance(40) ? g.integer(0, x.rank() - 1) : 0;
  if (batch != 0 || (g.opset >= 12 && g.chance(30))) g.attr("batch_dims", batch);
  tuples(g, x, batch, false);
}

/// Targets that occur twice have an order only for sums and the like; the first two kinds came with opset 16.
bool reduction(G& g) {
  if (g.opset < 16 || g.chance(40)) return false;
  const std::string kind = g.word(g.opset < 18 ? std::vector<const char*>{"none", "add", "mul"}
                                               : std::vector<const char*>{"none", "add", "mul", "max", "min"});
  g.node().attr("reduction", std::string_view(kind));
  return kind != "none";
}

void scatter_nd(G& g) {
  const Tensor x = g.x(1, 4, {DType::f32, DType::f64, DType::f16, DType::i64, DType::i32, DType::u8});
  const bool reduces = reduction(g);
  g.same(tuples(g, x, 0, !reduces));
}

void scatter_elements(G& g) {
  const Tensor x = g.x(1, 3, {DType::f32, DType::f64, DType::f16, DType::i64, DType::i32, DType::u8});
  const int64_t axis = g.axis(x.rank()), at = (axis + x.rank()) % x.rank();
  if (axis != 0 || g.chance(50)) g.attr("axis", axis);
  const bool reduces = reduction(g);
  Sizes shape = x.shape();
  const int64_t size = shape[static_cast<size_t>(at)];
  for (int64_t& dim : shape) dim = g.integer(std::min<int64_t>(dim, 1), dim);
  if (!reduces) shape[static_cast<size_t>(at)] = std::min<int64_t>(size, 1);  // no target twice
  positions(g, size, shape);
  g.same(shape);
}

void one_hot(G& g) {
  const int64_t depth = g.integer(1, 5);
  const Tensor x = g.given(g.ints(-depth - 1, depth + 1, g.sizes(1, 3), {DType::i64, DType::i32}));
  const DType type = g.pick<DType>({DType::i64, DType::i32, DType::f32});
  Tensor count(type, g.chance(50) ? Sizes{} : Sizes{1});
  count.set_integer(0, depth);
  g.known(count);
  g.given(random_tensor(g.pick<DType>({DType::f32, DType::i32, DType::boolean, DType::f64}), {2}, g.random));
  if (g.chance(60)) g.attr("axis", g.integer(-x.rank() - 1, x.rank()));
}

void reverse_sequence(G& g) {
  const Tensor x = g.x(2, 4);
  const int64_t time = g.integer(0, 1);
  if (time != 0 || g.chance(50)) {
    g.attr("time_axis", time);
    g.attr("batch_axis", 1 - time);
  }
  const int64_t steps = x.shape()[static_cast<size_t>(time)];
  g.cancel_unless(steps > 0);
  g.given(g.ints(1, std::max<int64_t>(steps, 1), {x.shape()[static_cast<size_t>(1 - time)]}));
}

void trilu(G& g) {
  g.x(2, 4);
  if (g.chance(60)) g.given(Tensor::scalar_int(DType::i64, g.integer(-4, 4)));
  g.maybe("upper", 0, 1);
}

void eye_like(G& g) {
  g.x(2, 2);
  g.maybe("k", -3, 3);
  if (g.chance(50))
    g.attr("dtype",
           onnx_type(g.pick<DType>({DType::f32, DType::f64, DType::i64, DType::i32, DType::boolean, DType::u8})));
}

// --- orders, and sizes that data decide ------------------------------------------------------------------------------

void top_k(G& g) {
  const Tensor x = g.x(1, 3);
  const int64_t axis = g.axis(x.rank()), size = x.shape()[static_cast<size_t>((axis + x.rank()) % x.rank())];
  if (axis != x.rank() - 1 || g.chance(50)) g.attr("axis", axis);
  const int64_t k = g.integer(std::min<int64_t>(size, 1), size);
  if (g.opset < 10)
    g.attr("k", k);
  else
    g.known_ints({k});
  if (g.opset >= 11) {
    g.maybe("largest", 0, 1);
    g.maybe("sorted", 1, 1);
  }
  g.outputs(2);
}

void compress(G& g) {
  const Tensor x = g.x(1, 3);
  int64_t size = x.count();
  if (g.chance(60)) {
    const int64_t axis = g.axis(x.rank());
    g.attr("axis", axis);
    size = x.shape()[static_cast<size_t>((axis + x.rank()) % x.rank())];
  }
  const Sizes shape = {g.integer(std::min<int64_t>(size, 1), size)};
  g.given(random_tensor(DType::boolean, shape, g.random));
  g.last();
}

void unique(G& g) {
  const Tensor x = g.filled(1, 2);
  g.maybe("sorted", 0, 1);
  if (g.chance(60)) g.attr("axis", g.axis(x.rank()));
  g.outputs(static_cast<size_t>(g.integer(1, 4)));
  g.last();
}

void non_max_suppression(G& g) {
  const int64_t batch = g.integer(1, 2), boxes = g.size(), classes = g.integer(1, 3);
  g.given(g.reals(0, 1, {batch, boxes, 4}));
  g.of(DType::f32, {batch, classes, boxes});
  if (g.chance(80)) g.given(Tensor::i64({1}, {g.integer(0, 3)}));
  if (g.input_count() == 3 && g.chance(70)) g.given(Tensor::f32({1}, {0.25f}));
  if (g.input_count() == 4 && g.chance(70)) g.given(Tensor::f32({1}, {-0.5f}));
  g.maybe("center_point_box", 0, 1);
  g.last();
}

}  // namespace

std::span<const OnnxOperator> onnx_movement_operators() {
  static const OnnxOperator kTable[] = {
      {"CenterCropPad", center_crop_pad, 18},
      {"Compress", compress, 9},
      {"Concat", concat},
      {"DepthToSpace", [](G& g) { blocks(g, true); }},
      {"Expand", expand, 8},
      {"EyeLike", eye_like, 9},
      {"Flatten", flatten},
      {"Gather", gather},
      {"GatherElements", gather_elements, 11},
      {"GatherND", gather_nd, 11},
      {"NonMaxSuppression", non_max_suppression, 10},
      {"NonZero", [](G& g) { g.x(1, 3), g.last(); }, 9},
      {"OneHot", one_hot, 9},
      {"Pad", pad},
      {"Reshape", reshape},
      {"ReverseSequence", reverse_sequence, 10},
      {"Scatter", scatter_elements, 9, 10},
      {"ScatterElements", scatter_elements, 11},
      {"ScatterND", scatter_nd, 11},
      {"Shape", shape},
      {"Size", [](G& g) { g.x(); }},
      {"Slice", slice},
      {"SpaceToDepth", [](G& g) { blocks(g, false); }},
      {"Split", split},
      {"Squeeze", squeeze},
      {"Tile", tile},
      {"TopK", top_k},
      {"Transpose", transpose},
      {"Trilu", trilu, 14},
      {"Unique", unique, 11},
      {"Unsqueeze", unsqueeze},
  };
  return kTable;
}

}  // namespace seqc::test
