#include "runtime/training/schedules.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ir/error.h"

namespace seqc::training {

using dsl::Var;

namespace {

Var emit(ir::Opcode code, const Var& x) { return {x.context(), x.context().builder().emit(code, {x.value()})}; }

double checked(double rate, const char* schedule) {
  if (!(rate >= 0) || std::isinf(rate))
    fail(ErrorKind::BadInput, "{}: got {}, expected a rate of 0 or more", schedule, rate);
  return rate;
}

double steps_of(int64_t steps, const char* schedule) {
  if (steps < 1) fail(ErrorKind::BadInput, "{}: got {} steps, expected 1 or more", schedule, steps);
  return static_cast<double>(steps);
}

}  // namespace

Rate::Rate(double constant) : text_(fmt::format("{}", constant)) {
  function_ = [rate = checked(constant, "learning rate")](const Var& step) { return dsl::scalar(rate, step); };
}

Rate Rate::warm_up(int64_t steps) const {
  const double n = steps_of(steps, "warm_up");
  return {fmt::format("{} warm_up {}", text_, steps),
          [function = function_, n](const Var& step) { return function(step) * min((step + 1.0) / n, 1.0); }};
}

Rate step_decay(double rate, int64_t every, double factor) {
  const double n = steps_of(every, "step_decay");
  checked(rate, "step_decay");
  return {fmt::format("step_decay {} every {} times {}", rate, every, factor),
          [=](const Var& step) { return rate * dsl::pow(factor, emit(ir::Opcode::Floor, step / n)); }};
}

Rate exponential_decay(double rate, double factor) {
  checked(rate, "exponential_decay");
  return {fmt::format("exponential_decay {} times {}", rate, factor),
          [=](const Var& step) { return rate * dsl::pow(factor, step); }};
}

Rate cosine_decay(double rate, int64_t steps, double last) {
  const double n = steps_of(steps, "cosine_decay");
  checked(rate, "cosine_decay");
  return {fmt::format("cosine_decay {} to {} in {}", rate, last, steps), [=](const Var& step) {
            const Var angle = min(step, n) * (std::numbers::pi / n);
            return last + (rate - last) / 2 * (1.0 + emit(ir::Opcode::Cos, angle));
          }};
}

Rate inverse_square_root(double rate, int64_t warm_up) {
  const double n = steps_of(warm_up, "inverse_square_root");
  checked(rate, "inverse_square_root");
  return {fmt::format("inverse_square_root {} warm_up {}", rate, warm_up), [=](const Var& step) {
            const Var count = step + 1.0;
            return rate * min(count / n, sqrt(n / count));
          }};
}

Rate piecewise(const std::vector<double>& rates, const std::vector<int64_t>& ends) {
  if (rates.size() != ends.size() + 1 || !std::is_sorted(ends.begin(), ends.end()))
    fail(ErrorKind::BadInput, "piecewise: got {} rates and ends [{}], expected one rate more than ascending ends",
         rates.size(), fmt::join(ends, ", "));
  for (const double rate : rates) checked(rate, "piecewise");
  return {fmt::format("piecewise [{}] until [{}]", fmt::join(rates, ", "), fmt::join(ends, ", ")),
          [=](const Var& step) {
            Var rate = dsl::scalar(rates.back(), step);
            for (size_t i = ends.size(); i-- > 0;)
              rate = where(step < static_cast<double>(ends[i]), dsl::scalar(rates[i], step), rate);
            return rate;
          }};
}

}  // namespace seqc::training
