/// Optimisers: what a step makes of a parameter and its gradient. Each is an expression that becomes part of the step.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/training/schedules.h"

namespace seqc::training {

/// One parameter, or rows of one, in a step. Everything but `rate` and `step` has its type.
struct Slot {
  dsl::Var parameter, gradient;
  dsl::Vars states;
  dsl::Var rate;  ///< f64[]
  dsl::Var step;  ///< f64[], from 0
};

struct Updated {
  dsl::Var parameter;
  dsl::Vars states;
};

/// An optimiser of your own is a function like those in optimizers.cpp, and the states that it wants.
struct Optimizer {
  struct State {
    std::string name;
    double start = 0;  ///< of every element
  };

  std::string text;                ///< what it is, with all its numbers; tells checkpoints apart
  Rate rate = 0.0;                 ///< the learning rate
  std::vector<State> states = {};  ///< kept for each parameter, in its type and shape
  std::function<Updated(const Slot&)> update = {};
  /// A row whose gradient is 0 stays as it is, with its states. Tables of which few rows are looked up then have only
  /// those updated, to the same values.
  bool keeps_rows_without_gradient = false;
  /// Its states must be as old as the training: it corrects for how few steps they have seen, as Adam does.
  bool counts_steps = false;
};

// As PyTorch's optimisers of these names, update for update; see optimizers.cpp for the equations.

struct SgdOptions {
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;  ///< added to the gradient: weight_decay * parameter
};
Optimizer sgd(Rate rate, SgdOptions options = {});

struct AdagradOptions {
  double rate_decay = 0;
  double weight_decay = 0;
  double initial_accumulator = 0;
  double epsilon = 1e-10;
};
Optimizer adagrad(Rate rate, AdagradOptions options = {});

struct RmspropOptions {
  double alpha = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  bool centered = false;
  double weight_decay = 0;
};
Optimizer rmsprop(Rate rate, RmspropOptions options = {});

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;  ///< adam: added to the gradient; adamw: taken off the parameter
  bool amsgrad = false;
};
Optimizer adam(Rate rate, AdamOptions options = {});
/// Weights decay by themselves (Loshchilov and Hutter 2019).
Optimizer adamw(Rate rate, AdamOptions options = {.weight_decay = 0.01});

}  // namespace seqc::training
