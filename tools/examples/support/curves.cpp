#include "tools/examples/support/curves.h"

#include <algorithm>

#include "runtime/training/input_gradients.h"

namespace seqc::examples {

training::Series history_curve(const std::string& name, const Run& run, const std::string& part,
                               const std::string& lines, const std::string& value) {
  training::Series curve{.name = name, .smooth = lines == "train" ? 20 : 0};
  for (const training::Record& record : training::History::load(run.file(part + "/history.jsonl"))) {
    if (record.part != lines) continue;
    curve.x.push_back(static_cast<double>(record.step));
    curve.y.push_back(record.values.at(value));
  }
  return curve;
}

training::Series gradient_curve(const std::string& name, std::unique_ptr<ir::Function> model,
                                const training::Batch& batch) {
  training::Series curve{.name = name};
  curve.y = training::norms_by_step(training::input_gradients(std::move(model), batch, {"x"}).at("x"));
  for (size_t t = 0; t < curve.y.size(); ++t) curve.x.push_back(static_cast<double>(t));
  return curve;
}

training::Plot forecast_plot(const std::string& name, const std::vector<double>& forecast, const ir::Tensor& series,
                             const Foretold& what) {
  training::Plot plot{
      .title = name, .x_label = "step", .series = {{.name = "truth"}, {.name = "forecast", .dashed = true}}};
  const int64_t end = std::min({what.shown, std::ssize(forecast), series.count() - what.begin});
  for (int64_t i = -std::min(what.before, what.begin); i < end; ++i)
    for (training::Series& curve : plot.series) {
      if (curve.dashed && i < 0) continue;
      curve.x.push_back(static_cast<double>(what.begin + i));
      curve.y.push_back(curve.dashed ? forecast[static_cast<size_t>(i)] : series.real(what.begin + i));
    }
  return plot;
}

}  // namespace seqc::examples
