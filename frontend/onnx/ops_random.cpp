// Random tensors; random_draws.h says where their numbers come from.
#include <algorithm>
#include <cmath>

#include "frontend/onnx/random_draws.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Shape and element type of the result: attributes, or those of the input.
Type random_type(Node& node, bool like) {
  Type type;
  if (like) {
    type = node.input_type(0);
    node.item(0);
  } else {
    if (!node.has_attribute("shape")) node.bad("attribute shape is missing");
    for (const int64_t size : node.integers("shape")) {
      if (size < 0) node.bad("attribute shape holds {}", size);
      type.shape.emplace_back(size);
    }
  }
  if (!like || node.has_attribute("dtype"))
    type.dtype = number_type(static_cast<int>(node.integer("dtype", 1)), node.where());
  if (!ir::is_float(type.dtype)) node.bad("its result would be {}, expected floats", type.str());
  return type;
}

/// A number below `high` and close to it: rounding must not turn a draw below `high` into `high`.
double just_below(double high, DType type) {
  const double steps = type == DType::f64   ? 0x1p-52
                       : type == DType::f32 ? 0x1p-23
                       : type == DType::f16 ? 0x1p-10
                                            : 0x1p-7;
  return high - std::fabs(high) * steps;
}

void random_uniform(Node& node, bool like) {
  Builder& b = node.builder();
  const Type type = random_type(node, like);
  const double low = node.real("low", 0), high = node.real("high", 1);
  if (!(low <= high)) node.bad("low is {} and high {}", low, high);
  Value* u = RandomDraws(node).uniform(type.shape, type.dtype);
  Value* y = u;
  if (low != 0 || high != 1) {
    y = b.add(b.mul(u, high - low), low);
    const double last = std::max(low, just_below(high, u->dtype()));
    if (low != 0 && high != 0) y = b.min(y, b.scalar_like(y, last));
  }
  if (type.dtype != u->dtype())
    y = b.min(b.cast(y, type.dtype), b.scalar(type.dtype, std::max(low, just_below(high, type.dtype))));
  node.set_output(0, y);
}

void random_normal(Node& node, bool like) {
  Builder& b = node.builder();
  const Type type = random_type(node, like);
  const double mean = node.real("mean", 0), scale = node.real("scale", 1);
  Value* y = RandomDraws(node).normal(type.shape, type.dtype);
  node.set_output(0, b.cast(b.add(b.mul(y, scale), mean), type.dtype));
}

void import_random_uniform(Node& node) { random_uniform(node, false); }
void import_random_uniform_like(Node& node) { random_uniform(node, true); }
void import_random_normal(Node& node) { random_normal(node, false); }
void import_random_normal_like(Node& node) { random_normal(node, true); }

/// 1 with the probability that the input says, else 0.
void import_bernoulli(Node& node) {
  Builder& b = node.builder();
  Value* p = node.input(0, "input");
  if (!ir::is_float(p->dtype())) node.bad("input is {}, expected floats", p->type().str());
  const DType type =
      node.has_attribute("dtype") ? number_type(static_cast<int>(node.integer("dtype", 1)), node.where()) : p->dtype();
  Value* u = RandomDraws(node).uniform(p->shape(), p->dtype());
  node.set_output(0, b.cast(b.lt(u, b.cast(p, u->dtype())), type));
}

/// The class of a draw u is the number of classes whose cumulative probability is at most u. Rows hold logarithms of
/// probabilities up to a constant.
void import_multinomial(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  node.require_rank(x, 2, "input");
  if (!ir::is_float(x->dtype())) node.bad("input is {}, expected floats", x->type().str());
  const int64_t samples = node.integer("sample_size", 1), dtype = node.integer("dtype", 6);
  if (samples < 0) node.bad("attribute sample_size is {}", samples);
  const DType type = number_type(static_cast<int>(dtype), node.where());
  if (type != DType::i32 && type != DType::i64)
    node.bad("attribute dtype asks for {}, expected i32 or i64", ir::name(type));
  const Dim rows = x->shape()[0], classes = x->shape()[1];
  if (classes == Dim(0)) node.bad("input is {}: there is no class to draw", x->type().str());
  x = b.cast(x, RandomDraws::working_type(x->dtype()));
  Value* weights = b.exp(b.sub(x, reduce(b, ir::ReduceKind::Max, x, {1}, true)));
  Value* up_to = b.cast(b.le(b.reshape(b.iota(classes), {classes, Dim(1)}), b.iota(classes)), x->dtype());
  Value* cumulative = b.contract("ij,jk->ik", weights, up_to);
  Value* total = b.slice_axis(cumulative, 1, classes - Dim(1), Dim(1));
  Value* u = b.mul(RandomDraws(node).uniform({rows, Dim(samples)}, x->dtype()), total);
  Value* passed = b.le(b.reshape(cumulative, {rows, Dim(1), classes}), b.reshape(u, {rows, Dim(samples), Dim(1)}));
  Value* drawn = b.reduce(ir::ReduceKind::Sum, b.cast(passed, DType::i64), {2});
  // The last class that has a weight at all bounds what rounding of u * total could pass.
  Value* possible = b.select(b.gt(weights, b.scalar_like(weights, 0)), b.iota(classes), b.scalar(DType::i64, 0));
  drawn = b.min(drawn, reduce(b, ir::ReduceKind::Max, possible, {1}, true));
  node.set_output(0, b.cast(drawn, type));
}

constexpr OperatorEntry kOperators[] = {
    {"Bernoulli", import_bernoulli, 15},      {"Multinomial", import_multinomial, 7},
    {"RandomNormal", import_random_normal},   {"RandomNormalLike", import_random_normal_like},
    {"RandomUniform", import_random_uniform}, {"RandomUniformLike", import_random_uniform_like},
};

}  // namespace

std::span<const OperatorEntry> random_operators() { return kOperators; }

}  // namespace seqc::frontend
