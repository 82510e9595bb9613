/// Learning rates: numbers for each step, computed within the step from the step's number.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/dsl/var.h"

namespace seqc::training {

/// A learning rate as a function of the step, counted from 0. A number is one that stays:
///
///   adam(1e-3)
///   adam(cosine_decay(1e-3, 10'000).warm_up(500))
class Rate {
 public:
  /// step f64[] -> rate f64[].
  using Function = std::function<dsl::Var(const dsl::Var& step)>;

  Rate(double constant);  // NOLINT: numbers are rates
  /// A schedule of your own; `text` says what it is, in checkpoints and messages.
  Rate(std::string text, Function function) : text_(std::move(text)), function_(std::move(function)) {}

  /// The same, but from rate / steps up in a straight line during the first `steps` steps (Goyal et al. 2017).
  Rate warm_up(int64_t steps) const;

  dsl::Var operator()(const dsl::Var& step) const { return function_(step); }
  const std::string& str() const { return text_; }

 private:
  std::string text_;
  Function function_;
};

/// rate * factor^floor(step / every)
Rate step_decay(double rate, int64_t every, double factor);
/// rate * factor^step
Rate exponential_decay(double rate, double factor);
/// From rate down to `last` at step `steps` along half a period of a cosine; `last` from there on (Loshchilov and Hutter 2017).
Rate cosine_decay(double rate, int64_t steps, double last = 0);
/// rate * min((step + 1) / warm_up, sqrt(warm_up / (step + 1))) (Vaswani et al. 2017, with `rate` as its peak).
Rate inverse_square_root(double rate, int64_t warm_up);
/// rates[i] before step ends[i]; the last rate from the last end on: one rate more than there are ends, which ascend.
Rate piecewise(const std::vector<double>& rates, const std::vector<int64_t>& ends);

}  // namespace seqc::training
