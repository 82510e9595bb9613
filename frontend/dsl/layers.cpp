#include "frontend/dsl/layers.h"

#include <cmath>
#include <limits>

#include "ir/error.h"

namespace seqc::dsl {

using ir::Dim;
using ir::Shape;

namespace {

/// x with a last dim of 1.
Var column(const Var& x) {
  Shape shape = x.shape();
  shape.push_back(Dim(1));
  return reshape(x, std::move(shape));
}

Var numbers(const Var& like, const Dim& count) {
  return {like.context(), like.context().builder().iota(count, like.dtype())};
}

}  // namespace

Dense dense_parameters(Model& model, const std::string& name, int64_t inputs, int64_t outputs, Init init) {
  return {.w = model.parameter(name + ".w", {outputs, inputs}, init),
          .b = model.parameter(name + ".b", {outputs}, Init::zeros())};
}

Var Embedding::operator()(const Var& ids) const {
  if (!ir::is_integer(ids.dtype()))
    fail(ErrorKind::BadInput, "embedding: got ids {}, expected integers", ids.value()->type().str());
  need_range("ids", ids, table.dim(0));
  ir::Builder& b = ids.context().builder();
  return {ids.context(), b.emit(ir::Opcode::Gather, {table.value(), ids.value()}, ir::AxisAttr{0})};
}

Embedding embedding_parameters(Model& model, const std::string& name, int64_t vocabulary, int64_t size, Init init) {
  return {.table = model.parameter(name + ".table", {vocabulary, size}, init)};
}

Var LayerNorm::operator()(const Var& x) const {
  const Var centered = x - column(mean(x, -1));
  const Var variance = mean(centered * centered, -1);
  const Var normal = centered * column(1.0 / sqrt(variance + epsilon));
  return normal * scale + shift;
}

LayerNorm layer_norm_parameters(Model& model, const std::string& name, int64_t size) {
  return {.scale = model.parameter(name + ".scale", {size}, Init::ones()),
          .shift = model.parameter(name + ".shift", {size}, Init::zeros())};
}

Stack& Stack::add(Cell cell, size_t states) {
  layers_.push_back({std::move(cell), states});
  return *this;
}

Step Stack::operator()(const Var& x, const Vars& states) const {
  size_t needed = 0;
  for (const Layer& layer : layers_) needed += layer.states;
  if (layers_.empty() || states.size() != needed)
    fail(ErrorKind::BadInput, "stack: got {} states, expected {} of {} cells", states.size(), needed, layers_.size());
  Step all;
  Vars input = {x};
  auto next = states.begin();
  for (const Layer& layer : layers_) {
    const auto last = next + static_cast<ptrdiff_t>(layer.states);
    Step step = layer.cell(input[0], Vars(next, last));
    if (step.outputs.empty()) fail(ErrorKind::BadInput, "stack: a cell gives no output, expected at least one");
    all.states.insert(all.states.end(), step.states.begin(), step.states.end());
    input = std::move(step.outputs);
    next = last;
  }
  all.outputs = std::move(input);
  return all;
}

Cell residual(Cell cell) {
  return [cell = std::move(cell)](const Var& x, const Vars& states) {
    Step step = cell(x, states);
    if (step.outputs.empty() || step.outputs[0].shape() != x.shape())
      fail(ErrorKind::BadInput, "residual: got a cell with output {} for input {}, expected one shape",
           step.outputs.empty() ? "none" : step.outputs[0].value()->type().str(), x.value()->type().str());
    step.outputs[0] = x + step.outputs[0];
    return step;
  };
}

Scanned bidirectional(const Cell& forward, const Cell& backward, const Var& x, const Vars& forward_initial,
                      const Vars& backward_initial, const Var& lengths) {
  Scanned result = scan(forward, x, forward_initial, {.lengths = lengths});
  const Scanned back = scan(backward, x, backward_initial, {.reverse = true, .lengths = lengths});
  if (result.outputs.size() != back.outputs.size())
    fail(ErrorKind::BadInput, "bidirectional: got {} outputs forward and {} backward, expected as many",
         result.outputs.size(), back.outputs.size());
  for (size_t i = 0; i < result.outputs.size(); ++i)
    result.outputs[i] = concat({result.outputs[i], back.outputs[i]}, -1);
  result.states.insert(result.states.end(), back.states.begin(), back.states.end());
  return result;
}

Var last_valid(const Var& y, const Var& lengths) {
  if (y.rank() < 2) fail(ErrorKind::BadInput, "last_valid: got {}, expected [T, N, ...]", y.value()->type().str());
  if (lengths) {
    ir::Builder& b = y.context().builder();
    const Var last = clamp(cast(lengths, ir::DType::i64) - 1.0, 0, std::numeric_limits<int32_t>::max());
    const Var where = stack({last, numbers(last, y.dim(1))}, 1);  // [N, 2]: step and row
    return {y.context(), b.emit(ir::Opcode::GatherNd, {y.value(), where.value()}, ir::GatherNdAttr{})};
  }
  return select(y, 0, y.dim(0) - Dim(1));
}

namespace {

/// Weights from scores [N, Q, K], and the values that they mix.
Attended attend(Var scores, const Var& values, const Var& lengths) {
  Var weights;
  if (lengths) {
    const Var n = reshape(lengths, {lengths.dim(0), Dim(1), Dim(1)});
    const Var valid = broadcast(numbers(lengths, scores.dim(2)) < n, scores.shape());
    // Scores that do not count are the least number, not infinite: a row without keys has no maximum otherwise.
    const Var shown = where(valid, scores, scores.dtype() == ir::DType::f16 ? -65504.0 : -1e38);
    weights = where(valid, softmax(shown, -1), 0);
  } else {
    weights = softmax(scores, -1);
  }
  return {contract("nqk,nkv->nqv", weights, values), weights};
}

}  // namespace

Attended attention(const Var& queries, const Var& keys, const Var& values, const Var& lengths, Score score) {
  Var scores = contract("nqd,nkd->nqk", queries, keys);
  if (score == Score::ScaledDot) {
    if (!queries.dim(-1).is_constant())
      fail(ErrorKind::BadInput, "attention: got queries {}, expected a last dim that is a number",
           queries.value()->type().str());
    scores = scores / std::sqrt(static_cast<double>(queries.dim(-1).constant()));
  }
  return attend(scores, values, lengths);
}

Attended AdditiveAttention::operator()(const Var& queries, const Var& keys, const Var& values,
                                       const Var& lengths) const {
  const Var q = linear(queries, w), k = linear(keys, u);
  const Var pairs = tanh(reshape(q, {q.dim(0), q.dim(1), Dim(1), q.dim(2)}) +
                         reshape(k, {k.dim(0), Dim(1), k.dim(1), k.dim(2)}));  // [N, Q, K, A]
  return attend(contract("nqka,a->nqk", pairs, v), values, lengths);
}

AdditiveAttention additive_attention_parameters(Model& model, const std::string& name, int64_t query_size,
                                                int64_t key_size, int64_t size) {
  return {.w = model.parameter(name + ".w", {size, query_size}),
          .u = model.parameter(name + ".u", {size, key_size}),
          .v = model.parameter(name + ".v", {size})};
}

}  // namespace seqc::dsl
