/// Points of curves: fewer of them, and means over them.
#pragma once

#include <vector>

namespace seqc::training {

struct Point {
  double x, y;  ///< in pixels
};

/// Of points from left to right, those within one pixel column become their first, lowest, highest and last, so that what
/// is drawn stays the same; those of few points stay as they are.
std::vector<Point> thinned(const std::vector<Point>& points, double width);

/// Around each number the mean of it and (of the numbers among) the `reach` values before it and after it; at the ends
/// there are fewer, and never more after it than before it. What is no number stays so.
std::vector<double> moving_mean(const std::vector<double>& values, int reach);

}  // namespace seqc::training
