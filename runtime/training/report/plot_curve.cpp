#include "runtime/training/report/plot_curve.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

namespace seqc::training {

std::vector<Point> thinned(const std::vector<Point>& run, double width) {
  if (run.size() < 4 * width) return run;
  std::vector<Point> result;
  for (size_t begin = 0, end = 0; begin < run.size(); begin = end) {
    while (end < run.size() && std::floor(run[end].x) == std::floor(run[begin].x)) ++end;
    const auto first = run.begin() + static_cast<int64_t>(begin), last = run.begin() + static_cast<int64_t>(end);
    const auto [low, high] = std::minmax_element(first, last, [](const Point& a, const Point& b) { return a.y < b.y; });
    auto chosen = std::vector{first, low, high, last - 1};
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    for (const auto point : chosen) result.push_back(*point);
  }
  return result;
}

// Not by differences of running sums: a loss that exploded once would swallow all that comes after it.
std::vector<double> moving_mean(const std::vector<double>& values, int reach) {
  std::vector<double> result = values;
  const int64_t size = std::ssize(values);
  for (int64_t i = 0; i < size; ++i) {
    if (!std::isfinite(values[static_cast<size_t>(i)])) continue;
    const int64_t before = std::min<int64_t>(reach, i), after = std::min(before, size - 1 - i);
    double sum = 0, count = 0;
    for (int64_t j = i - before; j <= i + after; ++j)
      if (const double value = values[static_cast<size_t>(j)]; std::isfinite(value)) {
        sum += value;
        ++count;
      }
    result[static_cast<size_t>(i)] = sum / count;
  }
  return result;
}

}  // namespace seqc::training
