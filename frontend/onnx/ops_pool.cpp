#include "frontend/onnx/ops_pool.h"

#include <algorithm>

#include "frontend/onnx/spatial.h"

namespace seqc::frontend {

namespace {

/// A pool's windows. The last window of ceil_mode may reach `beyond` elements over the padding.
struct Windows {
  Spatial spatial;
  std::vector<int64_t> beyond;

  bool reaches_beyond() const {
    return std::ranges::any_of(beyond, [](int64_t n) { return n > 0; });
  }
  bool padded() const {
    const auto positive = [](int64_t n) { return n > 0; };
    return std::ranges::any_of(spatial.pads_lo, positive) || std::ranges::any_of(spatial.pads_hi, positive);
  }
  int64_t elements() const {
    int64_t product = 1;
    for (const int64_t size : spatial.kernel) product *= size;
    return product;
  }
  /// Padding at the ends with what lies beyond it.
  std::vector<int64_t> reach_hi() const {
    std::vector<int64_t> pads_hi = spatial.pads_hi;
    for (size_t i = 0; i < pads_hi.size(); ++i) pads_hi[i] += beyond[i];
    return pads_hi;
  }
  /// Reduces x, padded by the neutral element of `kind`.
  Value* reduce(Builder& b, ir::ReduceKind kind, Value* x) const {
    return b.emit(Opcode::ReduceWindow, {x},
                  ir::WindowAttr{.kind = kind,
                                 .window = spatial.kernel,
                                 .strides = spatial.strides,
                                 .dilations = spatial.dilations,
                                 .pads_lo = spatial.pads_lo,
                                 .pads_hi = reach_hi()});
  }
};

/// How far a last, incomplete window reaches over the padded input of size `dim`: windows that would start in the
/// padding at the end do not count. Reaching over by stride - 1 turns the floor of the output size into a ceiling.
int64_t reach_beyond(Node& node, const Spatial& spatial, size_t i, const Dim& dim) {
  const int64_t stride = spatial.strides[i], extent = spatial.extent(i);
  if (stride == 1) return 0;
  const bool may_start_in_padding = spatial.pads_hi[i] + stride - 1 >= extent;
  if (!dim.is_constant()) {
    if (!may_start_in_padding) return stride - 1;
    node.needs_dims(symbols(dim), fmt::format("with ceil_mode the last window depends on the size {} of spatial dim {}",
                                              dim.str(), i));
  }
  const int64_t size = dim.constant(), padded = size + spatial.pads_lo[i] + spatial.pads_hi[i];
  if (padded < extent) return 0;
  int64_t last = (padded - extent + stride - 1) / stride;  // the last window's number
  if (last * stride >= size + spatial.pads_lo[i]) --last;
  return std::max<int64_t>(0, last * stride + extent - padded);
}

/// `dilations_since` and `ceil_mode_since`: the first opset in which the operator has them.
Windows read_windows(Node& node, const Value* x, int64_t ceil_mode_since, int64_t dilations_since) {
  const Shape dims = spatial_dims(node, x);
  Windows windows{.spatial = read_spatial(node, dims.size(), {}, node.opset() >= dilations_since),
                  .beyond = std::vector<int64_t>(dims.size(), 0)};
  resolve_same_padding(node, windows.spatial, dims);
  const bool ceil_mode = node.opset() >= ceil_mode_since && node.integer("ceil_mode", 0) != 0;
  // With auto_pad the specification gives the same output size for both modes.
  if (ceil_mode && windows.spatial.auto_pad == AutoPad::NotSet)
    for (size_t i = 0; i < dims.size(); ++i) windows.beyond[i] = reach_beyond(node, windows.spatial, i, dims[i]);
  return windows;
}

/// How many elements each window holds, [1,1,outputs...]: input elements, and with `count_pads` the padding as well;
/// never what lies beyond the padding.
Value* window_counts(Node& node, const Windows& windows, const Value* x, bool count_pads) {
  Builder& b = node.builder();
  Shape shape = x->shape();
  shape[0] = shape[1] = Dim(1);
  Windows counted = windows;
  if (count_pads) {
    for (size_t i = 0; i < windows.spatial.rank(); ++i)
      shape[i + 2] = shape[i + 2] + Dim(windows.spatial.pads_lo[i] + windows.spatial.pads_hi[i]);
    std::ranges::fill(counted.spatial.pads_lo, 0);
    std::ranges::fill(counted.spatial.pads_hi, 0);
  }
  return counted.reduce(b, ir::ReduceKind::Sum, b.broadcast(b.scalar_like(x, 1.0), std::move(shape)));
}

/// |x|^p for p = 1, 2 or any other; the root of the sum is `lp_root`.
Value* lp_power(Builder& b, Value* x, double p) {
  if (p == 2) return b.mul(x, x);
  return p == 1 ? b.abs(x) : b.pow(b.abs(x), b.scalar_like(x, p));
}
Value* lp_root(Builder& b, Value* sum, double p) {
  if (p == 2) return b.sqrt(sum);
  return p == 1 ? sum : b.pow(sum, b.scalar_like(sum, 1.0 / p));
}

/// A float in opset 1, an integer since.
double read_p(Node& node) {
  const double p = node.opset() < 2 ? node.real("p", 2.0) : static_cast<double>(node.integer("p", 2));
  if (!(p > 0)) node.bad("p is {}, expected a positive number", p);
  return p;
}

Value* float_input(Node& node) {
  Value* x = node.input(0, "X");
  if (!ir::is_float(x->dtype())) node.bad("X is {}, expected floats", x->type().str());
  return x;
}

/// Reduces all spatial dims to size 1.
Value* reduce_spatial(Node& node, ir::ReduceKind kind, Value* x) {
  std::vector<int64_t> axes;
  Shape shape = x->shape();
  for (size_t i = 0; i < spatial_dims(node, x).size(); ++i) {
    axes.push_back(static_cast<int64_t>(i) + 2);
    shape[i + 2] = Dim(1);
  }
  return node.builder().reshape(node.builder().reduce(kind, x, std::move(axes)), std::move(shape));
}

}  // namespace

void import_max_pool(Node& node) {
  Value* x = node.input(0, "X");
  const int64_t order = node.opset() >= 8 ? node.integer("storage_order", 0) : 0;
  if (order != 0 && order != 1) node.bad("attribute storage_order is {}, expected 0 or 1", order);
  const Windows windows = read_windows(node, x, 10, 10);
  Value* y = windows.reduce(node.builder(), ir::ReduceKind::Max, x);
  node.set_output(0, y);
  if (node.opset() < 8 || !node.wants_output(1)) return;
  node.set_output(1, max_pool_indices(node.builder(), x, y->shape(), windows.spatial, order == 1));
}

void import_average_pool(Node& node) {
  Value* x = float_input(node);
  const Windows windows = read_windows(node, x, 10, 19);
  const bool count_pads = node.opset() >= 7 && node.integer("count_include_pad", 0) != 0;
  Builder& b = node.builder();
  Value* sum = windows.reduce(b, ir::ReduceKind::Sum, x);
  const bool full = !windows.reaches_beyond() && (count_pads || !windows.padded());
  Value* count =
      full ? b.scalar_like(x, static_cast<double>(windows.elements())) : window_counts(node, windows, x, count_pads);
  node.set_output(0, b.div(sum, count));
}

void import_lp_pool(Node& node) {
  Value* x = float_input(node);
  const double p = read_p(node);
  const Windows windows = read_windows(node, x, 18, 18);
  Builder& b = node.builder();
  node.set_output(0, lp_root(b, windows.reduce(b, ir::ReduceKind::Sum, lp_power(b, x, p)), p));
}

void import_global_max_pool(Node& node) {
  node.set_output(0, reduce_spatial(node, ir::ReduceKind::Max, node.input(0, "X")));
}

void import_global_average_pool(Node& node) {
  Value* x = float_input(node);
  Builder& b = node.builder();
  const Dim count = ir::element_count(spatial_dims(node, x));
  Value* divisor = count.is_constant() ? b.scalar_like(x, static_cast<double>(count.constant()))
                                       : b.cast(b.reshape(b.dims({count}), {}), x->dtype());
  node.set_output(0, b.div(reduce_spatial(node, ir::ReduceKind::Sum, x), divisor));
}

void import_global_lp_pool(Node& node) {
  Value* x = float_input(node);
  const double p = read_p(node);
  Builder& b = node.builder();
  node.set_output(0, lp_root(b, reduce_spatial(node, ir::ReduceKind::Sum, lp_power(b, x, p)), p));
}

}  // namespace seqc::frontend
