// w parameter, g gradient, lr learning rate, t step from 1 on. The equations are those of PyTorch's documentation.
#include "runtime/training/optimizers.h"

#include <fmt/format.h>

#include "ir/error.h"

namespace seqc::training {

using dsl::Var;

namespace {

/// A number computed in f64, among the parameter's elements.
Var in_type(const Var& number, const Slot& slot) { return cast(number, slot.parameter.dtype()); }

/// g + weight_decay * w
Var decayed(const Slot& slot, double weight_decay) {
  return weight_decay == 0 ? slot.gradient : slot.gradient + weight_decay * slot.parameter;
}

void check_share(const char* optimizer, const char* name, double value) {
  if (!(value >= 0 && value < 1))
    fail(ErrorKind::BadInput, "{}: got {} {}, expected one in [0, 1)", optimizer, name, value);
}

void check_positive(const char* optimizer, const char* name, double value) {
  if (!(value >= 0)) fail(ErrorKind::BadInput, "{}: got {} {}, expected 0 or more", optimizer, name, value);
}

}  // namespace

// v = momentum v + g;  w = w - lr v, with Nesterov w - lr (g + momentum v)              (Sutskever et al. 2013)
Optimizer sgd(Rate rate, SgdOptions options) {
  check_share("sgd", "momentum", options.momentum);
  check_positive("sgd", "weight decay", options.weight_decay);
  if (options.nesterov && options.momentum == 0)
    fail(ErrorKind::BadInput, "sgd: got nesterov without momentum, expected a momentum above 0");
  Optimizer result{.text = fmt::format("sgd rate {} momentum {} nesterov {} weight_decay {}", rate.str(),
                                       options.momentum, options.nesterov, options.weight_decay),
                   .rate = rate};
  result.keeps_rows_without_gradient = options.momentum == 0 && options.weight_decay == 0;
  if (options.momentum != 0) result.states = {{"momentum"}};
  result.update = [options](const Slot& slot) -> Updated {
    const Var g = decayed(slot, options.weight_decay), lr = in_type(slot.rate, slot);
    if (options.momentum == 0) return {slot.parameter - lr * g, {}};
    const Var v = options.momentum * slot.states[0] + g;
    return {slot.parameter - lr * (options.nesterov ? g + options.momentum * v : v), {v}};
  };
  return result;
}

// s = s + g^2;  w = w - lr / (1 + (t - 1) rate_decay) g / (sqrt(s) + epsilon)           (Duchi, Hazan and Singer 2011)
Optimizer adagrad(Rate rate, AdagradOptions options) {
  check_positive("adagrad", "rate decay", options.rate_decay);
  check_positive("adagrad", "weight decay", options.weight_decay);
  check_positive("adagrad", "initial accumulator", options.initial_accumulator);
  check_positive("adagrad", "epsilon", options.epsilon);
  Optimizer result{
      .text = fmt::format("adagrad rate {} rate_decay {} weight_decay {} initial_accumulator {} epsilon {}", rate.str(),
                          options.rate_decay, options.weight_decay, options.initial_accumulator, options.epsilon),
      .rate = rate,
      .states = {{"sum", options.initial_accumulator}}};
  // Without an epsilon and a sum to start with, a row that has no gradient would become 0 / 0, as it does in PyTorch.
  result.keeps_rows_without_gradient =
      options.weight_decay == 0 && (options.epsilon > 0 || options.initial_accumulator > 0);
  result.update = [options](const Slot& slot) -> Updated {
    const Var g = decayed(slot, options.weight_decay);
    const Var lr = in_type(slot.rate / (1.0 + slot.step * options.rate_decay), slot);
    const Var s = slot.states[0] + g * g;
    return {slot.parameter - lr * (g / (sqrt(s) + options.epsilon)), {s}};
  };
  return result;
}

// s = alpha s + (1 - alpha) g^2;  d = sqrt(s) + epsilon, centred: m = alpha m + (1 - alpha) g, d = sqrt(s - m^2) + epsilon
// w = w - lr g / d, with momentum: v = momentum v + g / d, w = w - lr v                (Hinton 2012; Graves 2013)
Optimizer rmsprop(Rate rate, RmspropOptions options) {
  check_share("rmsprop", "alpha", options.alpha);
  check_share("rmsprop", "momentum", options.momentum);
  check_positive("rmsprop", "epsilon", options.epsilon);
  check_positive("rmsprop", "weight decay", options.weight_decay);
  Optimizer result{
      .text = fmt::format("rmsprop rate {} alpha {} epsilon {} momentum {} centered {} weight_decay {}", rate.str(),
                          options.alpha, options.epsilon, options.momentum, options.centered, options.weight_decay),
      .rate = rate,
      .states = {{"square"}}};
  if (options.centered) result.states.push_back({"mean"});
  if (options.momentum != 0) result.states.push_back({"momentum"});
  result.update = [options](const Slot& slot) -> Updated {
    const Var g = decayed(slot, options.weight_decay), lr = in_type(slot.rate, slot);
    Updated updated;
    const Var s = options.alpha * slot.states[0] + (1 - options.alpha) * (g * g);
    updated.states = {s};
    Var variance = s;
    if (options.centered) {
      const Var m = options.alpha * slot.states[1] + (1 - options.alpha) * g;
      updated.states.push_back(m);
      variance = max(s - m * m, 0.0);  // rounding may leave less than nothing
    }
    Var change = g / (sqrt(variance) + options.epsilon);
    if (options.momentum != 0) {
      change = options.momentum * slot.states.back() + change;
      updated.states.push_back(change);
    }
    updated.parameter = slot.parameter - lr * change;
    return updated;
  };
  return result;
}

namespace {

// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  amsgrad: u = max(u, v), else u = v
// w = w - lr / (1 - beta1^t) m / (sqrt(u) / sqrt(1 - beta2^t) + epsilon)                (Kingma and Ba 2015; Reddi et al. 2018)
Updated adam_update(const Slot& slot, const Var& w, const Var& g, const AdamOptions& options) {
  const Var t = slot.step + 1.0;
  const Var step_size = in_type(slot.rate / (1.0 - dsl::pow(options.beta1, t)), slot);
  const Var correction = in_type(sqrt(1.0 - dsl::pow(options.beta2, t)), slot);
  const Var m = options.beta1 * slot.states[0] + (1 - options.beta1) * g;
  const Var v = options.beta2 * slot.states[1] + (1 - options.beta2) * (g * g);
  const Var u = options.amsgrad ? max(slot.states[2], v) : v;
  Updated updated{w - step_size * (m / (sqrt(u) / correction + options.epsilon)), {m, v}};
  if (options.amsgrad) updated.states.push_back(u);
  return updated;
}

Optimizer adam_like(const char* name, const Rate& rate, const AdamOptions& options) {
  check_share(name, "beta1", options.beta1);
  check_share(name, "beta2", options.beta2);
  check_positive(name, "epsilon", options.epsilon);
  check_positive(name, "weight decay", options.weight_decay);
  Optimizer result{
      .text = fmt::format("{} rate {} beta1 {} beta2 {} epsilon {} weight_decay {} amsgrad {}", name, rate.str(),
                          options.beta1, options.beta2, options.epsilon, options.weight_decay, options.amsgrad),
      .rate = rate,
      .states = {{"m"}, {"v"}},
      .counts_steps = true};
  if (options.amsgrad) result.states.push_back({"u"});
  return result;
}

}  // namespace

Optimizer adam(Rate rate, AdamOptions options) {
  Optimizer result = adam_like("adam", rate, options);
  result.update = [options](const Slot& slot) {
    return adam_update(slot, slot.parameter, decayed(slot, options.weight_decay), options);
  };
  return result;
}

// w = (1 - lr weight_decay) w, then as Adam without weight decay
Optimizer adamw(Rate rate, AdamOptions options) {
  Optimizer result = adam_like("adamw", rate, options);
  result.update = [options](const Slot& slot) {
    const Var kept = in_type(1.0 - slot.rate * options.weight_decay, slot);
    return adam_update(slot, slot.parameter * kept, slot.gradient, options);
  };
  return result;
}

}  // namespace seqc::training
