#include "frontend/dsl/losses.h"

#include "ir/error.h"

namespace seqc::dsl {
namespace {

using ir::Dim;
using ir::Shape;

Var sum_all(const Var& x) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < x.rank(); ++i) axes.push_back(i);
  if (axes.empty()) return x;
  return {x.context(), x.context().builder().reduce(ir::ReduceKind::Sum, x.value(), axes)};
}

/// A size as a number in x's model.
Var number(const Var& x, const Dim& size, ir::DType type) {
  ir::Builder& b = x.context().builder();
  return cast({x.context(), b.reshape(b.dims({size}), {})}, type);
}

/// Sum of losses times weights over the sum of the weights, or over the number of losses.
Var weighted_mean(const Var& losses, const Var& weights) {
  if (weights) {
    const Var w = broadcast(cast(weights, losses.dtype()), losses.shape());
    const Var total = sum_all(w);
    // A loss that is no number does not count where its weight is 0.
    const Var kept = where(equal(w, 0), 0, w * losses);
    return sum_all(kept) / where(equal(total, 0), 1, total);
  }
  return sum_all(losses) / number(losses, ir::max(ir::element_count(losses.shape()), Dim(1)), losses.dtype());
}

void need_rows(const char* function, const Var& logits, const Var& labels) {
  if (logits.rank() < 1 || Shape(logits.shape().begin(), logits.shape().end() - 1) != labels.shape())
    fail(ErrorKind::BadInput, "{}: got logits {} and labels {}, expected logits [..., C] and labels [...]", function,
         logits.value()->type().str(), labels.value()->type().str());
}

void need_equal(const char* function, const Var& x, const Var& targets) {
  if (x.shape() != targets.shape())
    fail(ErrorKind::BadInput, "{}: got {} and {}, expected one shape", function, x.value()->type().str(),
         targets.value()->type().str());
}

Var with_classes(const Var& x) {
  Shape shape = x.shape();
  shape.push_back(Dim(1));
  return reshape(x, shape);
}

/// log of the sum of e^x over the last dim, without overflow.
Var log_sum_exp(const Var& x) {
  const Var largest = reduce_max(x, -1);
  return largest + log(sum(exp(x - with_classes(largest)), -1));
}

Var class_numbers(const Var& logits, ir::DType type) {
  return {logits.context(), logits.context().builder().iota(logits.dim(-1), type)};
}

/// weights, 0 where a label is no class.
Var weights_of_labels(const Var& logits, const Var& labels, const Var& weights) {
  const Var classes = number(logits, logits.dim(-1), labels.dtype());
  const Var valid = cast(labels >= 0.0 && labels < classes, logits.dtype());
  return weights ? valid * cast(weights, logits.dtype()) : valid;
}

}  // namespace

Var softmax_cross_entropy(const Var& logits, const Var& labels, const Var& weights) {
  need_rows("softmax_cross_entropy", logits, labels);
  if (!ir::is_integer(labels.dtype()))
    fail(ErrorKind::BadInput, "softmax_cross_entropy: got labels {}, expected integers", labels.value()->type().str());
  need_range("labels", labels, logits.dim(-1), weights);
  const Var is_label = equal(with_classes(labels), class_numbers(logits, labels.dtype()));
  const Var at_label = sum(where(is_label, logits, 0), -1);
  return weighted_mean(log_sum_exp(logits) - at_label, weights_of_labels(logits, labels, weights));
}

Var softmax_cross_entropy_dense(const Var& logits, const Var& targets, const Var& weights) {
  need_equal("softmax_cross_entropy_dense", logits, targets);
  const Var losses = sum(targets, -1) * log_sum_exp(logits) - sum(targets * logits, -1);
  return weighted_mean(losses, weights);
}

Var sigmoid_cross_entropy(const Var& logits, const Var& targets, const Var& weights) {
  need_equal("sigmoid_cross_entropy", logits, targets);
  return weighted_mean(softplus(logits) - targets * logits, weights);
}

Var mean_squared_error(const Var& x, const Var& targets, const Var& weights) {
  need_equal("mean_squared_error", x, targets);
  const Var d = x - targets;
  return weighted_mean(d * d, weights);
}

Var huber(const Var& x, const Var& targets, double delta, const Var& weights) {
  need_equal("huber", x, targets);
  if (!(delta > 0)) fail(ErrorKind::BadInput, "huber: got delta {}, expected a positive number", delta);
  const Var d = abs(x - targets);
  return weighted_mean(where(d <= delta, 0.5 * d * d, delta * (d - delta / 2)), weights);
}

Var step_mask(const Var& lengths, const Dim& steps, const Var& like) {
  const Var numbers{lengths.context(), lengths.context().builder().iota(steps, lengths.dtype())};
  return cast(reshape(numbers, {steps, Dim(1)}) < lengths, like.dtype());
}

Var sequence_cross_entropy(const Var& logits, const Var& labels, const Var& lengths, const Var& weights) {
  if (lengths) {
    const Var mask = step_mask(lengths, logits.dim(0), logits);
    return softmax_cross_entropy(logits, labels, weights ? mask * cast(weights, logits.dtype()) : mask);
  }
  return softmax_cross_entropy(logits, labels, weights);
}

namespace {

Var total(const Vars& parameters, const char* function, const std::function<Var(const Var&)>& of) {
  if (parameters.empty()) fail(ErrorKind::BadInput, "{}: got no parameter, expected at least one", function);
  Var result = sum_all(of(parameters[0]));
  for (size_t i = 1; i < parameters.size(); ++i) result = result + sum_all(of(parameters[i]));
  return result;
}

}  // namespace

Var l1(const Vars& parameters, double amount) {
  return amount * total(parameters, "l1", [](const Var& x) { return abs(x); });
}

Var l2(const Vars& parameters, double amount) {
  return amount / 2 * total(parameters, "l2", [](const Var& x) { return x * x; });
}

Var accuracy(const Var& logits, const Var& labels, const Var& weights) {
  need_rows("accuracy", logits, labels);
  // The first of the largest: the least number among them.
  const Var numbers = class_numbers(logits, labels.dtype());
  const Var is_largest = equal(logits, with_classes(reduce_max(logits, -1)));
  const Var candidates = where(is_largest, numbers, number(logits, logits.dim(-1), labels.dtype()));
  const Var chosen{logits.context(),
                   logits.context().builder().reduce(ir::ReduceKind::Min, candidates.value(), {candidates.rank() - 1})};
  return weighted_mean(cast(equal(chosen, labels), logits.dtype()), weights_of_labels(logits, labels, weights));
}

Var binary_accuracy(const Var& logits, const Var& targets, const Var& weights) {
  need_equal("binary_accuracy", logits, targets);
  return weighted_mean(cast(equal(logits > 0.0, targets > 0.5), logits.dtype()), weights);
}

Var perplexity(const Var& cross_entropy) { return exp(cross_entropy); }

Var root_mean_squared_error(const Var& x, const Var& targets, const Var& weights) {
  return sqrt(mean_squared_error(x, targets, weights));
}

}  // namespace seqc::dsl
