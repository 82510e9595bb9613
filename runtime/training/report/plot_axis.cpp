#include "runtime/training/report/plot_axis.h"

#include <algorithm>
#include <cmath>

#include "ir/error.h"

namespace seqc::training {
namespace {

/// The least of 1, 2, 5 times a power of ten that is not below `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

void linear_ticks(Axis& axis, double spacing, bool whole) {
  const double parts = std::max(2.0, std::floor(axis.pixels / spacing));
  double step = round_step((axis.high - axis.low) / parts);
  if (whole) step = std::max(1.0, step);
  const double slack = 1e-9 * (axis.high - axis.low), first = std::ceil((axis.low - slack) / step);
  for (int i = 0; i <= 2 * parts && (first + i) * step <= axis.high + slack; ++i) {
    const double value = first + i == 0 ? 0 : (first + i) * step;
    axis.ticks.push_back({value, tick_label(value, step)});
  }
}

void log_ticks(Axis& axis, double spacing) {
  const double decades = std::log10(axis.high) - std::log10(axis.low);
  const double fits = decades * spacing / axis.pixels;  // decades from label to label
  const int every = fits <= 1 ? 1 : fits <= 2 ? 2 : fits <= 3 ? 3 : static_cast<int>(std::ceil(fits / 5)) * 5;
  const double room = axis.pixels / decades;  // of a decade
  for (int power = static_cast<int>(std::floor(std::log10(axis.low))); power <= std::log10(axis.high) + 1e-9; ++power) {
    for (const int factor : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
      const double value = factor * std::pow(10.0, power);
      if (value < axis.low * (1 - 1e-9) || value > axis.high * (1 + 1e-9)) continue;
      const bool labelled = factor == 1 ? power % every == 0 : (factor == 2 || factor == 5) && room > 2.5 * spacing;
      if (labelled)
        axis.ticks.push_back({value, tick_label(value, value)});
      else if (room > (factor == 1 ? 8 : 25))
        axis.ticks.push_back({value, ""});
    }
  }
  // A range within a decade may lie between all of those.
  const auto labels =
      std::count_if(axis.ticks.begin(), axis.ticks.end(), [](const Tick& t) { return !t.label.empty(); });
  if (labels >= 2) return;
  axis.ticks.clear();
  linear_ticks(axis, spacing, false);
  std::erase_if(axis.ticks, [](const Tick& tick) { return tick.value <= 0; });
}

}  // namespace

double Axis::at(double value) const {
  if (log) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low)) * pixels;
  return (value / (high - low) - low / (high - low)) * pixels;  // differences of huge numbers would overflow
}

std::string tick_label(double value, double step) {
  const double size = std::abs(value);
  if (size < step * 1e-6) return "0";
  if (step < 1e-4 || size >= 1e15) {
    const double digits = std::clamp(std::floor(std::log10(size)) - std::floor(std::log10(step)), 0.0, 16.0);
    return fmt::format("{:.{}e}", value, static_cast<int>(digits));
  }
  for (const auto& [unit, letter] : {std::pair(1e12, "T"), {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}) {
    if (size < (unit == 1e3 ? 1e4 : unit) || step < unit / 1000) continue;
    const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step / unit) + 1e-9)));
    return fmt::format("{:.{}f}{}", value / unit, decimals, letter);
  }
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

Axis make_axis(const std::vector<double>& values, bool log, double pixels, double spacing, double margin) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  bool whole = true;
  for (const double value : values) {
    if (!std::isfinite(value) || (log && value <= 0)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
    whole = whole && value == std::floor(value);
  }
  if (low > high) low = log ? 0.1 : 0, high = 1;
  constexpr double kLargest = 1e300, kLeast = 1e-290;  // room for arithmetic
  low = std::clamp(low, -kLargest, kLargest);
  high = std::clamp(high, -kLargest, kLargest);
  if (std::abs(low) < kLeast && !log) low = 0;
  // Numbers that differ in their last digits only are drawn as equal ones: ticks between them would not have names.
  if (high - low < std::max(kLeast, 1e-9 * std::max(std::abs(low), std::abs(high)))) high = low;
  Axis axis{.low = low, .high = high, .log = log, .pixels = pixels, .ticks = {}};
  if (log) {
    const double factor = high > low ? std::pow(10, margin * (std::log10(high) - std::log10(low))) : 2;
    axis.low = std::max(low / factor, 1 / kLargest);
    axis.high = std::clamp(high * factor, 2 * axis.low, kLargest);
    log_ticks(axis, spacing);
    return axis;
  }
  const double free = high > low ? (high - low) * margin : low == 0 ? 1 : std::abs(low) / 2;
  axis.low = low >= 0 && low - free < 0 ? (margin > 0 || high == low ? 0 : low) : low - free;
  axis.high = high + free;
  if (high <= 0 && axis.high > 0) axis.high = 0;
  if (!(axis.high > axis.low)) axis.high = axis.low + 1;
  linear_ticks(axis, spacing, whole && high - low > 1);
  return axis;
}

}  // namespace seqc::training
