#include "tools/examples/support/series.h"

#include <cmath>
#include <numbers>

#include "ir/error.h"
#include "runtime/training/data/csv.h"

namespace seqc::examples {

using ir::Tensor;
using training::Csv;

namespace {

class Streams : public training::BatchSource {
 public:
  Streams(Tensor series, int64_t begin, int64_t length, const SeriesStreams& options)
      : series_(std::move(series)), begin_(begin), length_(length), options_(options) {}
  int64_t size(int64_t) const override { return length_ / options_.steps; }
  training::Batch batch(int64_t, int64_t index) const override {
    const auto [rows, steps] = options_;
    Tensor x(ir::DType::f32, {steps, rows, 1}), y(ir::DType::f32, {steps, rows, 1});
    for (int64_t t = 0; t < steps; ++t)
      for (int64_t n = 0; n < rows; ++n) {
        const int64_t from = begin_ + n * length_ + index * steps + t;
        x.set_real(t * rows + n, series_.real(from));
        y.set_real(t * rows + n, series_.real(from + 1));
      }
    return {{"x", x}, {"y", y}};
  }
  int64_t batch_axis(const std::string&) const override { return 1; }

 private:
  Tensor series_;
  int64_t begin_, length_;  ///< of each stream
  SeriesStreams options_;
};

}  // namespace

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

training::Batches series_streams(const Tensor& series, int64_t begin, int64_t end, const SeriesStreams& options) {
  const int64_t length = (end - begin - 1) / options.streams;  // the last value is only followed to
  if (length < options.steps)
    fail(ErrorKind::BadInput, "series streams: got {} values, expected at least {} for {} streams of {} steps",
         end - begin, options.streams * options.steps + 1, options.streams, options.steps);
  return std::make_shared<Streams>(series, begin, length, options);
}

}  // namespace seqc::examples
