/// Axes of plots: ranges, round ticks, labels.
#pragma once

#include <string>
#include <vector>

namespace seqc::training {

struct Tick {
  double value;
  std::string label;  ///< empty: a thin line between labelled ones
};

/// Values from `low` to `high` on `pixels`.
struct Axis {
  double low = 0, high = 1;
  bool log = false;
  double pixels = 1;
  std::vector<Tick> ticks;

  double at(double value) const;  ///< in pixels from `low`
};

/// Over these values (those that are not finite, and on log scales not positive, do not count), with a tick about every
/// `spacing` pixels at 1, 2 or 5 times a power of ten; on log scales at powers of ten. `margin` is the share of the range
/// that is left free at both ends. Whole numbers alone get whole ticks.
Axis make_axis(const std::vector<double>& values, bool log, double pixels, double spacing, double margin);

/// Of a tick of an axis whose ticks lie `step` apart: "0.25", "1500", "20k", "12.5k", "3e-05".
std::string tick_label(double value, double step);

}  // namespace seqc::training
