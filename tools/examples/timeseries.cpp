// Forecasts the next value of a time series from the 20 values before it, and the future from its own forecasts.
//   example_timeseries                 a series that the program makes, with a plain RNN; then 300 further values
//   example_timeseries --data DIR      sunspots and minimum temperatures, each with an LSTM and a GRU: the files
//                                      monthly-sunspots.csv and daily-min-temperatures.csv in that folder
//   example_timeseries --only gru      those models whose names contain this: sunspots-lstm, temperatures-gru, ...
//   example_timeseries --generate 12   how the trained models think that their series go on, without training
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/data/series.h"
#include "tools/examples/support/curves.h"
#include "tools/examples/support/run.h"
#include "tools/examples/support/series.h"

using namespace seqc;
using dsl::Var;
using ir::Dim, ir::DType, ir::Tensor;

namespace {

constexpr int64_t kWindow = 20, kHidden = 100, kBatch = 32, kShown = 300;

struct Task {
  std::string name;
  Tensor series;                   ///< [L,1]
  std::vector<std::string> cells;  ///< that learn it
};

std::vector<Task> tasks(const std::string& folder) {
  if (folder.empty()) return {{"waves", examples::waves(2000), {"rnn"}}};
  return {{"sunspots", examples::sunspots(folder), {"lstm", "gru"}},
          {"temperatures", examples::temperatures(folder), {"lstm", "gru"}}};
}

/// The state of a layer of cells after the last step of x[T,N,1]: [N,100].
Var last_state(dsl::Model& model, const std::string& cell, const Var& x) {
  const Var zero = dsl::zeros_like_rows(x, kHidden);
  if (cell == "lstm") return dsl::scan(dsl::lstm_parameters(model, "lstm", 1, kHidden), x, {zero, zero}).states[0];
  if (cell == "gru") return dsl::scan(dsl::gru_parameters(model, "gru", 1, kHidden), x, {zero}).states[0];
  return dsl::scan(dsl::rnn_parameters(model, "rnn", 1, kHidden), x, {zero}).states[0];
}

std::unique_ptr<ir::Module> build(const std::string& cell, const training::Scaler& scaler, uint64_t seed) {
  dsl::Model model("timeseries", seed);
  const Var x = model.input("x", DType::f32, {kWindow, Dim::symbol("N"), 1});
  const Var y = model.input("y", DType::f32, {Dim::symbol("N"), 1});
  // Networks learn numbers around 0. The scaling is part of the model, so that it takes and gives what was measured.
  const auto scaled = [&](const Var& value) { return (value - scaler.shift[0]) / scaler.scale[0]; };
  // What is learnt is the way from the last value; it begins with none.
  const dsl::Dense change = dsl::dense_parameters(model, "change", kHidden, 1, dsl::Init::zeros());
  const Var forecast = scaled(select(x, 0, kWindow - 1)) + change(last_state(model, cell, scaled(x)));
  model.output("forecast", forecast * scaler.scale[0] + scaler.shift[0]);
  model.output("loss", dsl::mean_squared_error(forecast, scaled(y)));
  return model.finish(/*trainable=*/true);
}

std::vector<double> values(const Tensor& tensor, int64_t begin, int64_t end) {
  std::vector<double> result;
  for (int64_t i = begin; i < end; ++i) result.push_back(tensor.real(i));
  return result;
}

/// How a series goes on after its first `begin` values: each forecast becomes part of the window for the next one.
std::vector<double> generate(runtime::Session model, const Tensor& series, int64_t begin, int64_t count) {
  std::vector<double> all = values(series, begin - kWindow, begin);
  Tensor window(DType::f32, {kWindow, 1, 1});
  while (static_cast<int64_t>(all.size()) < kWindow + count) {
    for (int64_t t = 0; t < kWindow; ++t) window.set_real(t, all[all.size() - kWindow + static_cast<size_t>(t)]);
    all.push_back(model.run({window})[0].real(0));
  }
  return {all.begin() + kWindow, all.end()};
}

/// Root of the mean squared error of what was said of the values from `begin` on.
double error(const std::vector<double>& forecast, const Tensor& series, int64_t begin) {
  double squares = 0;
  for (size_t i = 0; i < forecast.size(); ++i) squares += std::pow(forecast[i] - series.real(begin + i), 2);
  return std::sqrt(squares / static_cast<double>(forecast.size()));
}

void learn(examples::Run& run, const Task& task, const std::string& cell) {
  const std::string part = task.name + "-" + cell;
  // The last fifth of the series is kept for testing, a tenth before it for validation: never look ahead.
  const int64_t length = task.series.count(), begin = length * 8 / 10, learnt = length * 7 / 10;
  const auto targets = [&](int64_t first, int64_t end) {  // windows may reach back before the first target
    return training::windows(task.series, {.window = kWindow, .begin = first, .end = end});
  };
  const training::Dataset unseen = targets(begin, length);
  const auto train = training::batches(targets(0, learnt), {.size = kBatch, .seed = run.seed()});
  const auto validation = training::batches(targets(learnt, begin), {.shuffle = false});
  const auto test = training::batches(unseen, {.size = unseen.size(), .shuffle = false});
  const auto scaler = training::Scaler::standard(training::first_steps(task.series, learnt));

  training::Trainer trainer(*build(cell, scaler, run.seed())->functions[0],
                            {.optimizer = training::adam(training::cosine_decay(1e-3, run.epochs() * train->size(0))),
                             .clip = training::by_global_norm(1),
                             .threads = run.threads()});
  run.train(trainer, *train, {.epochs = run.epochs(), .validation = validation.get()}, part);
  run.test(trainer, *test, part);
  run.export_onnx(trainer, {"forecast"}, *test, part);

  const auto forecast = values(run.open(part).run({test->batch(0, 0).at("x")})[0], 0, unseen.size());
  const auto generated = generate(run.open(part), task.series, begin, std::min(kShown, length - begin));
  const std::map<std::string, std::vector<double>> compared = {
      {"forecast", forecast},
      {"generated", generated},
      {"last value", values(task.series, begin - 1, length - 1)}};  // all stays as it is: no bad guess
  for (const auto& [name, what] : compared) {
    run.figure(name + " error", error(what, task.series, begin), part);
    run.print(fmt::format("{}: error of {} {:.4g}", part, name, error(what, task.series, begin)));
  }
  run.plot(part + "/forecast",
           examples::forecast_plot(part + ", one step ahead", forecast, task.series, {.begin = begin}));
  run.plot(part + "/generated",
           examples::forecast_plot(part + ", generated", generated, task.series, {.begin = begin}));
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "timeseries",
                     .about = "Forecasts the next value of a time series, and from its forecasts what comes then.",
                     .epochs = 15,
                     .data = "a folder with monthly-sunspots.csv and daily-min-temperatures.csv"});
  int64_t count = 0;
  std::string only;
  run.options().add_option("--generate", count, "prints so many values with which the trained models continue");
  run.options().add_option("--only", only, "only models whose name contains this");

  return run.main(argc, argv, [&] {
    for (const Task& task : tasks(run.data())) {
      for (const std::string& cell : task.cells) {
        const std::string part = task.name + "-" + cell;
        if (part.find(only) == std::string::npos) continue;
        if (count == 0)
          learn(run, task, cell);
        else
          run.print(fmt::format("{} goes on: {:.1f}", part,
                                fmt::join(generate(run.open(part), task.series, task.series.count(), count), " ")));
      }
    }
  });
}
