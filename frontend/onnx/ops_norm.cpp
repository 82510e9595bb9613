// Normalisations: mean and variance taken out, scale and shift put in.
#include <algorithm>

#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

struct Moments {
  Value *mean, *variance;  ///< with dims of size 1 for the axes
};

Moments moments(Builder& b, Value* x, const std::vector<int64_t>& axes) {
  Value* mean = mean_keeping(b, x, axes);
  Value* centred = b.sub(x, mean);
  return {mean, mean_keeping(b, b.mul(centred, centred), axes)};
}

Value* inverse_deviation(Builder& b, Value* variance, double epsilon) {
  return b.div(b.scalar_like(variance, 1), b.sqrt(b.add(variance, epsilon)));
}

/// (x - mean) / sqrt(variance + epsilon) * scale + shift
Value* normalize(Builder& b, Value* x, const Moments& m, double epsilon, Value* scale, Value* shift) {
  Value* y = b.mul(b.sub(x, m.mean), inverse_deviation(b, m.variance, epsilon));
  return b.add(b.mul(y, scale), shift);
}

/// Y, and on request Mean and InvStdDev in the type of the computation.
void import_layer_normalization(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const DType type = x->dtype();
  const int64_t axis = node.axis(node.integer("axis", -1), x->rank());
  const double epsilon = node.real("epsilon", 1e-5f);
  const DType stash = number_type(static_cast<int>(node.integer("stash_type", onnx::TensorProto::FLOAT)), node.where());
  x = b.cast(x, stash);
  const Moments m = moments(b, x, axis_range(axis, x->rank()));
  Value* inverse = inverse_deviation(b, m.variance, epsilon);
  Value* y = b.cast(b.mul(b.sub(x, m.mean), inverse), type);
  y = elementwise(node, Opcode::Mul, y, node.input(1, "Scale"));
  if (Value* shift = node.optional_input(2, "B")) y = elementwise(node, Opcode::Add, y, shift);
  node.set_output(0, y);
  node.set_output(1, m.mean);
  node.set_output(2, inverse);
}

/// A vector with one number a channel, shaped to broadcast against [N, C, ...].
Value* per_channel(Node& node, size_t index, const char* role, const Value* x) {
  Value* parameter = node.input(index, role);
  node.require_rank(parameter, 1, role);
  node.require_equal(parameter->shape()[0], x->shape()[1], role);
  return along_axis(node.builder(), node.builder().cast(parameter, x->dtype()), 1, x->rank());
}

void require_channels(Node& node, const Value* x) {
  if (x->rank() < 2) node.bad("X is {}, expected [N, C, ...]", x->type().str());
}

void import_instance_normalization(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "input");
  require_channels(node, x);
  const Moments m = moments(b, x, axis_range(2, x->rank()));
  const double epsilon = node.real("epsilon", 1e-5f);
  node.set_output(0, normalize(b, x, m, epsilon, per_channel(node, 1, "scale", x), per_channel(node, 2, "B", x)));
}

/// A parameter of BatchNormalization: one number a channel, or before opset 9 with spatial=0 one an element [C, D1, ...].
Value* batch_parameter(Node& node, size_t index, const char* role, const Value* x, bool spatial) {
  if (spatial || node.input_type(index).rank() == 1) return per_channel(node, index, role, x);
  Value* parameter = node.input(index, role);
  node.require_rank(parameter, x->rank() - 1, role);
  for (size_t i = 0; i < parameter->shape().size(); ++i)
    node.require_equal(parameter->shape()[i], x->shape()[i + 1], fmt::format("dim {} of {}", i, role));
  return node.builder().cast(parameter, x->dtype());
}

/// Opset 14 says it by an attribute. Before, further outputs say that it trains (unless opset 1 and 6 deny it).
bool trains(Node& node) {
  if (node.opset() >= 14) return node.integer("training_mode", 0) != 0;
  const bool denied = node.opset() < 7 && node.integer("is_test", 0) != 0;
  bool more = false;
  for (size_t i = 1; i < node.output_count(); ++i) more = more || node.wants_output(i);
  if (denied && more) node.bad("got outputs beside Y, which is_test=1 does not have");
  return more;
}

/// Uses the running moments; in training those of the batch, and updates the running ones.
void import_batch_normalization(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const Shape shape = x->shape();
  if (x->rank() == 1) x = b.reshape(x, {shape[0], Dim(1)});  // one channel
  require_channels(node, x);
  const double epsilon = node.real("epsilon", 1e-5f), momentum = node.real("momentum", 0.9f);
  node.ignore_attribute("consumed_inputs");
  const bool spatial = node.opset() >= 9 || node.integer("spatial", 1) != 0;
  const auto parameter = [&](size_t i, const char* role) { return batch_parameter(node, i, role, x, spatial); };
  Moments m{parameter(3, "mean"), parameter(4, "var")};
  if (trains(node)) {
    std::vector<int64_t> axes = spatial ? axis_range(1, x->rank()) : std::vector<int64_t>(1);
    axes[0] = 0;
    const Moments batch = moments(b, x, axes);
    const auto set = [&](size_t output, size_t input, Value* value) {
      const Type& type = node.input_type(input);
      node.set_output(
          output, b.cast(b.reshape(b.broadcast(value, batch.mean->shape()), without(x->shape(), axes)), type.dtype));
    };
    const auto update = [&](Value* running, Value* current) {
      return b.add(b.mul(running, momentum), b.mul(current, 1 - momentum));
    };
    set(1, 3, update(m.mean, batch.mean));
    set(2, 4, update(m.variance, batch.variance));
    set(3, 3, batch.mean);  // before opset 14
    set(4, 4, batch.variance);
    m = batch;
  }
  Value* y = normalize(b, x, m, epsilon, parameter(1, "scale"), parameter(2, "B"));
  node.set_output(0, b.reshape(y, shape));
}

/// Channels in groups, each normalised with its own moments; scale and bias a group (opset 18) or a channel (21).
void import_group_normalization(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  require_channels(node, x);
  const DType type = x->dtype();
  const DType stash =
      node.opset() < 21 ? type : number_type(static_cast<int>(node.integer("stash_type", 1)), node.where());
  const int64_t groups = node.required_integer("num_groups");
  const double epsilon = node.real("epsilon", 1e-5f);
  if (groups < 1) node.bad("attribute num_groups is {}, expected 1 or more", groups);
  const Shape shape = x->shape();
  const Dim size = floordiv(shape[1], Dim(groups));
  node.require_equal(size * Dim(groups), shape[1], "num_groups times the channels of a group");
  Shape grouped = {shape[0], Dim(groups), size};
  grouped.insert(grouped.end(), shape.begin() + 2, shape.end());
  x = b.reshape(b.cast(x, stash), grouped);
  const Moments m = moments(b, x, axis_range(2, x->rank()));
  Value* y = b.cast(b.mul(b.sub(x, m.mean), inverse_deviation(b, m.variance, epsilon)), type);
  Value *scale = node.input(1, "scale"), *bias = node.input(2, "bias");
  if (node.opset() >= 21) y = b.reshape(y, shape);
  y = b.add(b.mul(y, along_axis(b, scale, 1, y->rank())), along_axis(b, bias, 1, y->rank()));
  node.set_output(0, b.reshape(y, shape));
}

void import_lp_normalization(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const int64_t axis = node.axis(node.integer("axis", -1), x->rank()), p = node.integer("p", 2);
  if (p != 1 && p != 2) node.bad("attribute p is {}, expected 1 or 2", p);
  Value* sum = reduce(b, ir::ReduceKind::Sum, p == 1 ? b.abs(x) : b.mul(x, x), {axis}, true);
  Value* norm = p == 1 ? sum : b.sqrt(sum);
  // Nothing but zeros stays zeros.
  node.set_output(0, b.div(x, b.select(b.eq(norm, b.scalar_like(x, 0)), b.scalar_like(x, 1), norm)));
}

// x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta; with an even size one more
// neighbour behind than before
void import_lrn(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  require_channels(node, x);
  const int64_t size = node.required_integer("size");
  const double alpha = node.real("alpha", 1e-4f), beta = node.real("beta", 0.75), bias = node.real("bias", 1);
  if (size < 1 || size > INT32_MAX) node.bad("attribute size is {}, expected 1 or more", size);
  const DType type = x->dtype();
  if (!ir::is_float(type)) node.bad("X is {}, expected floats", x->type().str());
  x = b.cast(x, type == DType::f64 ? type : DType::f32);
  const Shape shape = x->shape();
  const Dim pixels = ir::element_count(Shape(shape.begin() + 2, shape.end()));
  Value* squares = b.reshape(b.mul(x, x), {shape[0], shape[1], pixels});
  Value* sum = b.emit(Opcode::ReduceWindow, {squares},
                      ir::WindowAttr{.kind = ir::ReduceKind::Sum,
                                     .window = {size, 1},
                                     .strides = {1, 1},
                                     .dilations = {1, 1},
                                     .pads_lo = {(size - 1) / 2, 0},
                                     .pads_hi = {size / 2, 0}});
  Value* base = b.add(b.mul(b.reshape(sum, shape), alpha / static_cast<double>(size)), bias);
  node.set_output(0, b.cast(b.div(x, b.pow(base, b.scalar_like(x, beta))), type));
}

// (x - mean) / (sqrt(variance) + 1e-9), as ONNX's function body says
void import_mean_variance_normalization(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  std::vector<int64_t> axes = node.integers("axes", {0, 2, 3});
  for (int64_t& axis : axes) axis = node.axis(axis, x->rank(), "axes");
  std::sort(axes.begin(), axes.end());
  const Moments m = moments(b, x, axes);
  node.set_output(0, b.div(b.sub(x, m.mean), b.add(b.sqrt(m.variance), 1e-9)));
}

constexpr OperatorEntry kOperators[] = {
    {"BatchNormalization", import_batch_normalization, 1, "", "inference only; spatial=0 is refused"},
    {"GroupNormalization", import_group_normalization, 18},
    {"InstanceNormalization", import_instance_normalization},
    {"LayerNormalization", import_layer_normalization},
    {"LRN", import_lrn},
    {"LpNormalization", import_lp_normalization},
    {"MeanVarianceNormalization", import_mean_variance_normalization},
};

}  // namespace

std::span<const OperatorEntry> norm_operators() { return kOperators; }

}  // namespace seqc::frontend
