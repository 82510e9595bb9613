/// Curves as SVG: text that every browser shows, for light and dark backgrounds, the same for the same numbers.
#pragma once

#include <string>
#include <vector>

#include "runtime/training/report/history.h"

namespace seqc::training {

struct Series {
  std::string name;
  std::vector<double>
      x = {},
      y = {};  ///< of equal length; where y is not finite (or not positive on a log scale) the curve has a gap
  bool dashed = false;
  /// Above 0: the curve is drawn faintly, and over it the mean of each point with so many before and after it, of which
  /// there are fewer at the ends; never more after it than before it, for curves are steep at their start.
  int smooth = 0;
};

struct Plot {
  std::string title = "", x_label = "", y_label = "";
  std::vector<Series> series = {};
  bool log_x = false, log_y = false;
  struct Mark {
    double x = 0;
    std::string label = "";
  };
  std::vector<Mark> marks = {};  ///< upright lines, such as where a forecast begins
  int width = 720, height = 380;
};

/// Throws Error(BadInput) for a series whose x and y differ in length and for sizes below 200 x 120.
std::string svg(const Plot& plot);
/// The file appears whole or not at all.
void save_svg(const std::string& path, const Plot& plot);

/// What a history knows of one value, a curve for each part ("train", "validation"), over steps.
Plot history_plot(const History& history, const std::string& value, bool log_y = false);

}  // namespace seqc::training
