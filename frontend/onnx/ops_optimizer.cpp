// ai.onnx.preview.training: one step of an optimiser for any number of tensors.
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr std::string_view kDomain = "ai.onnx.preview.training";

/// Inputs R, T, then `lists` lists of equally many tensors: X..., G..., and what the optimiser keeps.
class Step {
 public:
  Step(Node& node, size_t lists) : node_(node) {
    const size_t given = node.input_count() < 2 ? 0 : node.input_count() - 2;
    if (given == 0 || given % lists != 0)
      node.bad("got {} inputs, expected R, T and {} lists of equally many tensors", node.input_count(), lists);
    count_ = given / lists;
    rate_ = as_scalar(node, node.input(0, "R"), "R");
    updates_ = as_scalar(node, node.input(1, "T"), "T");
  }

  size_t count() const { return count_; }
  /// Tensor `i` of a list; those of one number have one type.
  Value* tensor(size_t list, size_t i) const {
    Value* value = node_.input(2 + list * count_ + i, "a tensor");
    const Type expected = node_.input_type(2 + i);
    if (value->dtype() != expected.dtype || value->rank() != expected.rank())
      node_.bad("input {} is {}, expected {} as its tensor", 2 + list * count_ + i, value->type().str(),
                expected.str());
    for (size_t d = 0; d < expected.shape.size(); ++d)
      node_.require_equal(value->shape()[d], expected.shape[d],
                          fmt::format("dim {} of input {}", d, 2 + list * count_ + i));
    return value;
  }
  Value* rate(DType type) const { return node_.builder().cast(rate_, type); }
  Value* updates(DType type) const { return node_.builder().cast(updates_, type); }
  /// T > 0 ? a : b
  Value* after_first(Value* a, Value* b) const {
    return node_.builder().select(node_.builder().gt(updates_, node_.builder().scalar_like(updates_, 0)), a, b);
  }
  /// New values: those of X are list 0 of the outputs, then what the optimiser keeps.
  void set(size_t list, size_t i, Value* value) const { node_.set_output(list * count_ + i, value); }

 private:
  Node& node_;
  size_t count_ = 0;
  Value *rate_ = nullptr, *updates_ = nullptr;
};

/// G + norm_coefficient X
Value* regularized(Builder& b, Value* g, Value* x, double coefficient) {
  return coefficient == 0 ? g : b.add(b.mul(x, coefficient), g);
}

// r = R / (1 + T decay), H' = H + G^2, X' = X - r G / (sqrt(H') + epsilon)
void import_adagrad(Node& node) {
  Builder& b = node.builder();
  const Step step(node, 3);
  const double decay = node.real("decay_factor", 0), epsilon = node.real("epsilon", 1e-6f),
               norm = node.real("norm_coefficient", 0);
  for (size_t i = 0; i < step.count(); ++i) {
    Value* x = step.tensor(0, i);
    Value* g = regularized(b, step.tensor(1, i), x, norm);
    Value* rate = b.div(step.rate(x->dtype()), b.add(b.mul(step.updates(x->dtype()), decay), 1));
    Value* h = b.add(step.tensor(2, i), b.mul(g, g));
    step.set(0, i, b.sub(x, b.div(b.mul(rate, g), b.add(b.sqrt(h), epsilon))));
    step.set(1, i, h);
  }
}

// V' = alpha V + (1-alpha) G, H' = beta H + (1-beta) G^2, r = R sqrt(1 - beta^T) / (1 - alpha^T) (R when T is 0),
// X' = (1 - norm_coefficient_post) (X - r V' / (sqrt(H') + epsilon))
void import_adam(Node& node) {
  Builder& b = node.builder();
  const Step step(node, 4);
  const double alpha = node.real("alpha", 0.9f), beta = node.real("beta", 0.999f),
               epsilon = node.real("epsilon", 1e-6f), norm = node.real("norm_coefficient", 0),
               post = node.real("norm_coefficient_post", 0);
  for (size_t i = 0; i < step.count(); ++i) {
    Value* x = step.tensor(0, i);
    Value* g = regularized(b, step.tensor(1, i), x, norm);
    const auto mixed = [&](Value* old, Value* current, double keep) {
      return b.add(b.mul(old, keep), b.mul(current, 1 - keep));
    };
    Value *v = mixed(step.tensor(2, i), g, alpha), *h = mixed(step.tensor(3, i), b.mul(g, g), beta);
    const auto unbiased = [&](double base) {  // 1 - base^T, in f64: base is close to 1
      return b.sub(1, b.pow(b.scalar(DType::f64, base), step.updates(DType::f64)));
    };
    Value* rate = step.rate(x->dtype());
    Value* correction = b.cast(b.div(b.sqrt(unbiased(beta)), unbiased(alpha)), x->dtype());
    rate = step.after_first(b.mul(rate, correction), rate);
    Value* next = b.sub(x, b.div(b.mul(rate, v), b.add(b.sqrt(h), epsilon)));
    step.set(0, i, post == 0 ? next : b.mul(next, 1 - post));
    step.set(1, i, v);
    step.set(2, i, h);
  }
}

// V' = alpha V + (T > 0 ? beta : 1) G, X' = X - R V', or X - R (G + alpha V') in Nesterov's way
void import_momentum(Node& node) {
  Builder& b = node.builder();
  const Step step(node, 3);
  for (const char* name : {"alpha", "beta", "norm_coefficient", "mode"})
    if (!node.has_attribute(name)) node.bad("attribute {} is missing", name);
  const double alpha = node.real("alpha", 0), beta = node.real("beta", 0), norm = node.real("norm_coefficient", 0);
  const std::string mode = node.text("mode", "");
  if (mode != "standard" && mode != "nesterov")
    node.bad("attribute mode is \"{}\", expected standard or nesterov", mode);
  for (size_t i = 0; i < step.count(); ++i) {
    Value* x = step.tensor(0, i);
    Value* g = regularized(b, step.tensor(1, i), x, norm);
    Value* share = step.after_first(b.scalar_like(x, beta), b.scalar_like(x, 1));
    Value* v = b.add(b.mul(step.tensor(2, i), alpha), b.mul(g, share));
    Value* direction = mode == "standard" ? v : b.add(g, b.mul(v, alpha));
    step.set(0, i, b.sub(x, b.mul(direction, step.rate(x->dtype()))));
    step.set(1, i, v);
  }
}

constexpr OperatorEntry kOperators[] = {
    {"Adagrad", import_adagrad, 1, kDomain},
    {"Adam", import_adam, 1, kDomain},
    {"Momentum", import_momentum, 1, kDomain},
};

}  // namespace

std::span<const OperatorEntry> optimizer_operators() { return kOperators; }

}  // namespace seqc::frontend
