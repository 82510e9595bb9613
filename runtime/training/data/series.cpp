#include "runtime/training/data/series.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "ir/error.h"
#include "runtime/training/data/numbers.h"

namespace seqc::training {
namespace {

using ir::Tensor;

/// [L,F] of a series [L] or [L,F].
Tensor two_axes(const Tensor& series) {
  if (!ir::is_float(series.dtype()) || series.rank() < 1 || series.rank() > 2)
    fail(ErrorKind::BadInput, "a series of {}, expected floats [steps, columns] or [steps]", series.type_str());
  return series.rank() == 2 ? series : series.reshaped({series.count(), 1});
}

std::vector<int64_t> chosen_columns(const std::vector<int64_t>& chosen, int64_t columns, std::string_view what) {
  std::vector<int64_t> result = chosen;
  if (chosen.empty()) {
    result.resize(static_cast<size_t>(columns));
    std::iota(result.begin(), result.end(), 0);
  }
  for (const int64_t column : result)
    if (column < 0 || column >= columns)
      fail(ErrorKind::BadInput, "{}: the series has no column {}; it has {}", what, column, columns);
  return result;
}

/// Steps `begin(i)` to `begin(i) + steps - 1` of some columns, for every example i: [examples, steps, columns].
template <class Begin>
Tensor cut(const Tensor& series, const std::vector<int64_t>& columns, int64_t examples, int64_t steps, Begin begin) {
  const int64_t width = series.shape()[1];
  Tensor result(series.dtype(), {examples, steps, static_cast<int64_t>(columns.size())});
  const size_t size = ir::size_of(series.dtype());
  std::byte* to = result.mutable_bytes();
  for (int64_t i = 0; i < examples; ++i)
    for (int64_t t = 0; t < steps; ++t)
      for (const int64_t column : columns) {
        std::memcpy(to, series.bytes() + static_cast<size_t>((begin(i) + t) * width + column) * size, size);
        to += size;
      }
  return result;
}

/// f(value, column) for every element.
template <class F>
Tensor each(const Tensor& values, size_t columns, F f) {
  const int64_t last = values.rank() == 0 ? 1 : values.shape().back();
  if (!ir::is_float(values.dtype()) || (columns != 1 && last != static_cast<int64_t>(columns)))
    fail(ErrorKind::BadInput, "values of {}, expected floats whose last axis counts {} columns", values.type_str(),
         columns);
  Tensor result(values.dtype(), values.shape());
  for (int64_t i = 0; i < values.count(); ++i)
    result.set_real(i, f(values.real(i), columns == 1 ? 0 : static_cast<size_t>(i) % columns));
  return result;
}

/// Calls `fit` with the values of each column.
template <class Fit>
void each_column(const Tensor& series, Fit fit) {
  const Tensor table = two_axes(series);
  check_finite("series", table);
  const int64_t steps = table.shape()[0], columns = table.shape()[1];
  if (steps == 0) fail(ErrorKind::BadInput, "scaling cannot be fitted on a series without steps");
  for (int64_t c = 0; c < columns; ++c) {
    std::vector<double> values;
    for (int64_t t = 0; t < steps; ++t) values.push_back(table.real(t * columns + c));
    fit(values);
  }
}

}  // namespace

Dataset windows(const Tensor& given, const WindowOptions& options) {
  const Tensor series = two_axes(given);
  const auto [window, horizon, stride] = std::tuple(options.window, options.horizon, options.stride);
  if (window < 1 || horizon < 1 || stride < 1)
    fail(ErrorKind::BadInput, "window {}, horizon {}, stride {}, expected 1 or more of each", window, horizon, stride);
  const int64_t steps = series.shape()[0], end = options.end < 0 ? steps : options.end;
  if (options.begin < 0 || options.begin > end || end > steps)
    fail(ErrorKind::BadInput, "steps {} to {} are no part of a series of {}", options.begin, end, steps);
  const int64_t first = std::max<int64_t>(0, options.begin - window);  // where the first window begins
  const int64_t room = end - first - window - horizon;
  if (room < 0)
    fail(ErrorKind::BadInput, "steps {} to {} hold no window of {} and {} after it; {} are missing", first, end, window,
         horizon, -room);
  const int64_t examples = room / stride + 1;

  const auto inputs = chosen_columns(options.inputs, series.shape()[1], "inputs");
  const auto targets = chosen_columns(options.targets, series.shape()[1], "targets");
  const ArrayOptions layout{.batch_axis = options.time_major ? 1 : 0};
  Dataset data;
  data.add(options.input, cut(series, inputs, examples, window, [&](int64_t i) { return first + i * stride; }), layout);
  const Tensor following =
      cut(series, targets, examples, horizon, [&](int64_t i) { return first + i * stride + window; });
  if (horizon == 1)
    data.add(options.target, following.reshaped({examples, following.shape()[2]}));
  else
    data.add(options.target, following, layout);
  return data;
}

Scaler Scaler::standard(const Tensor& series) {
  Scaler result;
  each_column(series, [&](const std::vector<double>& values) {
    const auto count = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    const double deviation = std::sqrt(squares / count);
    result.shift.push_back(mean);
    result.scale.push_back(deviation > 0 ? deviation : 1);
  });
  return result;
}

Scaler Scaler::range(const Tensor& series, double low, double high) {
  if (!(low < high)) fail(ErrorKind::BadInput, "a range from {} to {}, expected a rising one", low, high);
  Scaler result;
  each_column(series, [&](const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const double scale = *most > *least ? (*most - *least) / (high - low) : 1;
    result.scale.push_back(scale);
    result.shift.push_back(*least - low * scale);
  });
  return result;
}

Tensor Scaler::apply(const Tensor& values) const {
  return each(values, shift.size(), [&](double x, size_t column) { return (x - shift[column]) / scale[column]; });
}

Tensor Scaler::undo(const Tensor& values) const {
  return each(values, shift.size(), [&](double x, size_t column) { return x * scale[column] + shift[column]; });
}

Scaler Scaler::columns(const std::vector<int64_t>& chosen) const {
  Scaler result;
  for (const int64_t column : chosen_columns(chosen, static_cast<int64_t>(shift.size()), "scaling")) {
    result.shift.push_back(shift[static_cast<size_t>(column)]);
    result.scale.push_back(scale[static_cast<size_t>(column)]);
  }
  return result;
}

Tensor first_steps(const Tensor& series, int64_t count) {
  if (series.rank() == 0 || count < 0 || count > series.shape()[0])
    fail(ErrorKind::BadInput, "{} has no first {} steps", series.type_str(), count);
  std::vector<int64_t> shape = series.shape();
  shape[0] = count;
  Tensor result(series.dtype(), shape);
  result.keep_strings_of(series);
  if (result.count() > 0) std::memcpy(result.mutable_bytes(), series.bytes(), result.byte_size());
  return result;
}

}  // namespace seqc::training
