// Attention of the domain com.microsoft: Attention, QAttention, MultiHeadAttention.
//   softmax(scale q k^T + mask + bias) v, for each head
#include <array>
#include <cmath>
#include <limits>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr std::string_view kDomain = "com.microsoft";

/// What one node is about. Dims: batch, heads, queries (S), keys (T, those of the past included), head size.
struct Heads {
  int64_t count = 1;
  Value *q = nullptr, *k = nullptr, *v = nullptr;  ///< [batch, heads, S or T, head size]
  Dim past = 0;                                    ///< keys before the first query
  Value* mask = nullptr;                           ///< added to the scores; broadcasts to [batch, heads, S, T]

  Dim batch() const { return q->shape()[0]; }
  Dim queries() const { return q->shape()[2]; }
  Dim keys() const { return k->shape()[2]; }
};

/// [batch, S, heads * size] to [batch, heads, S, size].
Value* split_heads(Node& node, Value* x, int64_t heads) {
  Builder& b = node.builder();
  const Dim size = ir::floordiv(x->shape()[2], Dim(heads));
  node.require_equal(size * Dim(heads), x->shape()[2], fmt::format("num_heads={} times the size of a head", heads));
  return b.transpose(b.reshape(x, {x->shape()[0], x->shape()[1], Dim(heads), size}), {0, 2, 1, 3});
}

int64_t read_heads(Node& node) {
  const int64_t heads = node.required_integer("num_heads");
  if (heads < 1) node.bad("attribute num_heads is {}", heads);
  return heads;
}

/// 0 where `visible`, else mask_filter_value.
Value* penalty(Node& node, Value* visible, DType type) {
  Builder& b = node.builder();
  return b.select(visible, b.scalar(type, 0), b.scalar(type, node.real("mask_filter_value", -10000)));
}

/// The mask at input i in any of its forms: 0 and 1 for keys [batch, T] or for pairs [batch, S, T]; the number of keys
/// of each row [batch]; ends, then starts [2 batch].
Value* read_mask(Node& node, size_t i, const Heads& h) {
  Builder& b = node.builder();
  Value* mask = node.optional_input(i, "the mask");
  if (!mask) {
    node.real("mask_filter_value", 0);
    return nullptr;
  }
  if (!ir::is_integer(mask->dtype())) node.bad("the mask is {}, expected integers", mask->type().str());
  const Dim one(1);
  const DType type = h.q->dtype();
  if (mask->rank() >= 2) {
    if (mask->rank() > 3) node.unsupported("a mask {} is not supported, only rank 1 to 3", mask->type().str());
    node.require_equal(mask->shape()[0], h.batch(), "the batch of the mask");
    node.require_equal(mask->shape().back(), h.keys(), "the keys of the mask");
    if (mask->rank() == 3) node.require_equal(mask->shape()[1], h.queries(), "the queries of the mask");
    const Shape shape = {h.batch(), one, mask->rank() == 3 ? h.queries() : one, h.keys()};
    return penalty(node, b.gt(b.reshape(mask, shape), b.scalar_like(mask, 0)), type);
  }
  Value* key = b.iota(h.keys());
  const auto limits = [&](const Dim& from) {
    return b.reshape(b.cast(b.slice_axis(mask, 0, from, h.batch()), DType::i64), {h.batch(), one, one, one});
  };
  node.require_rank(mask, 1, "the mask");
  const Dim count = mask->shape()[0];
  if (count == h.batch()) return penalty(node, b.lt(key, limits(Dim(0))), type);
  if (!(count == Dim(2) * h.batch()))
    node.unsupported("a mask {} for a batch of {} is not supported", mask->type().str(), h.batch().str());
  Value* inside = b.emit(Opcode::And, {b.lt(key, limits(Dim(0))), b.ge(key, limits(h.batch()))});
  return penalty(node, inside, type);
}

Value* sum_of(Node& node, Value* a, Value* b) { return !a ? b : !b ? a : elementwise(node, Opcode::Add, a, b); }

/// Keys after a query are out of its sight.
Value* causal_mask(Node& node, const Heads& h) {
  Builder& b = node.builder();
  const DType type = h.q->dtype();
  Value* query = b.add(b.reshape(b.iota(h.queries()), {h.queries(), Dim(1)}), dim_scalar(b, h.past, DType::i64));
  const double lowest = type == DType::f16 ? -65504 : std::numeric_limits<float>::lowest();
  return b.select(b.le(b.iota(h.keys()), query), b.scalar(type, 0), b.scalar(type, lowest));
}

/// The result [batch, S, heads * size of a value].
Value* attend(Node& node, const Heads& h, bool causal) {
  Builder& b = node.builder();
  const Dim size = h.q->shape()[3];
  Value* scores = b.contract("nhsd,nhtd->nhst", h.q, h.k);
  const double given = node.real("scale", 0);
  Value* scale = nullptr;
  if (given != 0)
    scale = b.scalar_like(scores, given);
  else if (size.is_constant())
    scale = b.scalar_like(scores, 1 / std::sqrt(static_cast<double>(size.constant())));
  else
    scale = b.div(b.scalar_like(scores, 1), b.sqrt(dim_scalar(b, size, scores->dtype())));
  scores = b.mul(scores, scale);
  if (h.mask) scores = elementwise(node, Opcode::Add, scores, h.mask);
  if (causal) {
    Value* hidden = causal_mask(node, h);
    scores = b.select(b.lt(hidden, b.scalar_like(hidden, 0)), hidden, scores);
  }
  Value* y = b.contract("nhst,nhtd->nhsd", softmax(b, scores, {3}, false), h.v);
  return b.reshape(b.transpose(y, {0, 2, 1, 3}), {h.batch(), h.queries(), Dim(h.count) * h.v->shape()[3]});
}

/// Inputs and attributes that only change where things are stored, or that belong to rotary embeddings.
void refuse_extras(Node& node) {
  for (const char* name : {"do_rotary", "past_present_share_buffer"})
    if (node.integer(name, 0) != 0) node.unsupported("attribute {}=1 is not supported", name);
  node.ignore_attribute("rotary_embedding_dim");  // only with do_rotary
}

/// Puts the past keys and values [2, batch, heads, P, size] in front and sets the output `present`.
void add_past(Node& node, size_t i, Heads& h) {
  Builder& b = node.builder();
  if (Value* past = node.optional_input(i, "past")) {
    node.require_rank(past, 5, "past");
    h.past = past->shape()[3];
    h.k = b.concat({b.select_axis(past, 0, Dim(0)), h.k}, 2);
    h.v = b.concat({b.select_axis(past, 0, Dim(1)), h.v}, 2);
  }
  if (!node.wants_output(1)) return;
  const auto stacked = [&](Value* x) { return b.reshape(x, with_ones(x->shape(), {0})); };
  node.set_output(1, b.concat({stacked(h.k), stacked(h.v)}, 0));
}

/// Attention over the columns of `projected` [batch, S, sizes q + k + v].
void self_attention(Node& node, Value* projected, std::vector<int64_t> sizes, size_t mask, size_t past,
                    std::optional<size_t> bias) {
  Builder& b = node.builder();
  Heads h{.count = read_heads(node)};
  const Dim third = ir::floordiv(projected->shape()[2], Dim(3));
  const Shape widths = sizes.empty() ? Shape{third, third, third} : Shape(sizes.begin(), sizes.end());
  if (widths.size() != 3) node.bad("qkv_hidden_sizes holds {} numbers, expected 3", widths.size());
  node.require_equal(widths[0] + widths[1] + widths[2], projected->shape()[2], "the sum of the sizes of q, k and v");
  const auto part = [&](const Dim& from, const Dim& width) {
    return split_heads(node, b.slice_axis(projected, 2, from, width), h.count);
  };
  h.q = part(Dim(0), widths[0]);
  h.k = part(widths[0], widths[1]);
  h.v = part(widths[0] + widths[1], widths[2]);
  refuse_extras(node);
  add_past(node, past, h);
  h.mask = read_mask(node, mask, h);
  if (bias) h.mask = sum_of(node, h.mask, node.optional_input(*bias, "attention_bias"));
  node.set_output(0, attend(node, h, node.integer("unidirectional", 0) != 0));
}

void import_attention(Node& node) {
  Value *x = node.input(0, "input"), *w = node.input(1, "weights");
  node.require_rank(x, 3, "input");
  node.require_rank(w, 2, "weights");
  Value* projected = sum_of(node, matmul(node, x, w), node.optional_input(2, "bias"));
  self_attention(node, projected, node.integers("qkv_hidden_sizes"), 3, 4, 5);
}

/// The projection is a product of quantised numbers.
void import_qattention(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "input"), *w = node.input(1, "weight");
  node.require_rank(x, 3, "input");
  node.require_rank(w, 2, "weight");
  Value* x_zero = node.optional_input(6, "input_zero_point");
  if (x_zero) x_zero = as_scalar(node, x_zero, "input_zero_point");
  Value* left = without_zero_point(node, x, x_zero, true);
  Value* right = without_zero_point(node, w, node.optional_input(7, "weight_zero_point"), false);
  Value* w_scale = node.input(4, "weight_scale");
  if (w_scale->rank() == 1 && w_scale->shape()[0] == Dim(1)) w_scale = b.reshape(w_scale, {});
  Value* scale = b.mul(as_scalar(node, node.input(3, "input_scale"), "input_scale"), w_scale);
  Value* projected = elementwise(node, Opcode::Mul, b.cast(matmul(node, left, right), scale->dtype()), scale);
  self_attention(node, sum_of(node, projected, node.input(2, "bias")), {}, 5, 8, std::nullopt);
}

/// Projected already: query [batch, S, q], key [batch, T, q], value [batch, T, v]; or key and value [batch, heads, T, size].
void import_multi_head(Node& node) {
  Builder& b = node.builder();
  Value *query = node.input(0, "query"), *key = node.optional_input(1, "key"), *value = node.optional_input(2, "value");
  if (query->rank() != 3 || !key || !value)
    node.unsupported("query, key and value packed into one tensor are not supported");
  Heads h{.count = read_heads(node)};
  const bool split = key->rank() == 4;
  if (Value* bias = node.optional_input(3, "bias")) {
    if (split) node.unsupported("a bias for keys that are split into heads already is not supported");
    const Dim q = query->shape()[2], v = value->shape()[2];
    node.require_rank(bias, 1, "bias");
    node.require_equal(bias->shape()[0], q + q + v, "the length of bias");
    query = elementwise(node, Opcode::Add, query, b.slice_axis(bias, 0, Dim(0), q));
    key = elementwise(node, Opcode::Add, key, b.slice_axis(bias, 0, q, q));
    value = elementwise(node, Opcode::Add, value, b.slice_axis(bias, 0, q + q, v));
  }
  h.q = split_heads(node, query, h.count);
  h.k = split ? key : split_heads(node, key, h.count);
  h.v = split ? value : split_heads(node, value, h.count);
  if (node.has_input(6) != node.has_input(7)) node.bad("got only one of past_key and past_value");
  if (Value* past = node.optional_input(6, "past_key")) {
    node.require_rank(past, 4, "past_key");
    h.past = past->shape()[2];
    h.k = b.concat({past, h.k}, 2);
    h.v = b.concat({node.input(7, "past_value"), h.v}, 2);
  }
  h.mask = read_mask(node, 4, h);
  h.mask = sum_of(node, h.mask, node.optional_input(5, "attention_bias"));
  node.set_output(0, attend(node, h, node.integer("unidirectional", 0) != 0));
  node.set_output(1, h.k);
  node.set_output(2, h.v);
}

}  // namespace

std::span<const OperatorEntry> microsoft_attention_operators() {
  static constexpr std::array<OperatorEntry, 3> kTable = {{
      {"Attention", import_attention, 1, kDomain},
      {"MultiHeadAttention", import_multi_head, 1, kDomain},
      {"QAttention", import_qattention, 1, kDomain},
  }};
  return kTable;
}

}  // namespace seqc::frontend
