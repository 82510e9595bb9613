#include "tools/examples/support/series.h"

#include <cmath>
#include <numbers>

#include "runtime/training/data/csv.h"

namespace seqc::examples {

using ir::Tensor;
using training::Csv;

Tensor sunspots(const std::string& folder) { return Csv::load(folder + "/monthly-sunspots.csv").numbers({"Sunspots"}); }

Tensor temperatures(const std::string& folder) {
  return Csv::load(folder + "/daily-min-temperatures.csv").numbers({"Temp"});
}

Tensor waves(int64_t length) {
  Tensor series(ir::DType::f32, {length, 1});
  for (int64_t t = 0; t < length; ++t) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(t) / 25;
    series.set_real(t, 3 + std::sin(angle) + 0.5 * std::sin(angle * std::numbers::sqrt2 / 3));
  }
  return series;
}

}  // namespace seqc::examples
