// A recurrent cell that no framework ships, written in ten lines: a fast memory with coupled gates and a slow one that
// follows it. It learns to forecast a stream of measurements, runs on it step by step, and is as fast as an LSTM.
//   example_custom_cell                  a series that the program makes
//   example_custom_cell --data DIR       minimum temperatures: daily-min-temperatures.csv in that folder
//   example_custom_cell --predict 5      streams the last measurements through the trained model, without training
//   example_custom_cell --ir             what the compiler makes of the cell
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "frontend/dsl/dsl.h"
#include "ir/printer.h"
#include "passes/pass.h"
#include "runtime/training/data/series.h"
#include "tools/examples/support/curves.h"
#include "tools/examples/support/run.h"
#include "tools/examples/support/series.h"
#include "tools/examples/support/step_time.h"

using namespace seqc;
using dsl::Var, dsl::Vars;
using ir::Dim, ir::DType, ir::Tensor;

namespace {

constexpr int64_t kHidden = 64, kRows = 16, kSteps = 50;

/// States h, fast, slow [N,H]; output h.
struct FastSlowCell {
  dsl::Gate forget, cell, output;
  Var follow;  ///< [H]: how much of the slow memory stays, before the sigmoid

  dsl::Step operator()(const Var& x, const Vars& states) const {
    const auto gate = [&](const dsl::Gate& g) { return linear(x, g.w, g.b) + linear(states[0], g.r); };
    const Var f = sigmoid(gate(forget)).named("f");
    const Var fast = (f * states[1] + (1.0 - f) * tanh(gate(cell))).named("fast");
    const Var stay = sigmoid(follow).named("stay");
    const Var slow = (stay * states[2] + (1.0 - stay) * fast).named("slow");
    const Var h = (sigmoid(gate(output)) * tanh(fast + slow)).named("h");
    return {{h, fast, slow}, {h}};
  }
};

dsl::Cell fast_slow(dsl::Model& model) {
  return FastSlowCell{.forget = dsl::gate_parameters(model, "forget", 1, kHidden, 1.0),
                      .cell = dsl::gate_parameters(model, "cell", 1, kHidden),
                      .output = dsl::gate_parameters(model, "output", 1, kHidden),
                      .follow = model.parameter("follow", {kHidden}, dsl::Init::constant(2.0))};
}

/// States come in as NAME_0 and go out as NAME, so that a stream may be cut anywhere, in training as in use.
training::Trainer trainer_for(bool lstm, const training::Scaler& scaler, training::TrainerOptions options,
                              uint64_t seed) {
  dsl::Model model("custom_cell", seed);
  const ir::Shape shape = {Dim::symbol("T"), Dim::symbol("N"), 1};
  const auto scaled = [&](const Var& value) { return (value - scaler.shift[0]) / scaler.scale[0]; };
  const Var x = scaled(model.input("x", DType::f32, shape)), y = scaled(model.input("y", DType::f32, shape));
  const std::vector<std::string> names =
      lstm ? std::vector<std::string>{"h", "c"} : std::vector<std::string>{"h", "fast", "slow"};
  Vars states;
  for (const std::string& name : names)
    states.push_back(model.input(name + "_0", DType::f32, {Dim::symbol("N"), kHidden}));
  const dsl::Cell cell = lstm ? dsl::Cell(dsl::lstm_parameters(model, "lstm", 1, kHidden)) : fast_slow(model);
  const dsl::Scanned scanned = dsl::scan(cell, x, states);
  const Var forecast = x + dsl::dense_parameters(model, "change", kHidden, 1)(scanned.outputs[0]);
  model.output("forecast", forecast * scaler.scale[0] + scaler.shift[0]);
  for (size_t i = 0; i < names.size(); ++i) {
    model.output(names[i], scanned.states[i]);
    options.carry[names[i]] = names[i] + "_0";
  }
  model.output("loss", dsl::mean_squared_error(forecast, y));
  return training::Trainer(*model.finish(/*trainable=*/true)->functions[0], options);
}

/// Forecasts for x[T,1,1], `steps` steps with each call; states go from call to call.
std::vector<double> stream(runtime::Session model, const Tensor& x, int64_t steps) {
  std::vector<Tensor> inputs(4, Tensor(DType::f32, {1, kHidden}));
  std::vector<double> forecasts;
  for (int64_t t = 0; t + steps <= x.shape()[0]; t += steps) {
    inputs[0] = Tensor(DType::f32, {steps, 1, 1});
    for (int64_t i = 0; i < steps; ++i) inputs[0].set_real(i, x.real(t + i));
    const std::vector<Tensor> outputs = model.run(inputs);  // forecast, h, fast, slow
    for (int64_t i = 0; i < steps; ++i) forecasts.push_back(outputs[0].real(i));
    std::copy(outputs.begin() + 1, outputs.end(), inputs.begin() + 1);
  }
  return forecasts;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "custom_cell",
                     .about = "Forecasts a stream of measurements with a recurrent cell that no framework ships.",
                     .epochs = 60,
                     .data = "a folder with daily-min-temperatures.csv"});
  int64_t predict = 0;
  bool ir = false;
  run.options().add_option("--predict", predict, "streams so many measurements through the trained model");
  run.options().add_flag("--ir", ir, "prints the model as written, and as the compiler leaves it");

  return run.main(argc, argv, [&] {
    const Tensor series = run.data().empty() ? examples::waves(4000) : examples::temperatures(run.data());
    const int64_t length = series.count(), learnt = length * 8 / 10, unseen = length - learnt - 1;
    const auto train = examples::series_streams(series, 0, learnt, {.streams = kRows, .steps = kSteps});
    const auto test = examples::series_streams(series, learnt, length, {.streams = 1, .steps = unseen});
    const Tensor x = test->batch(0, 0).at("x");
    if (predict > 0) {
      const std::vector<double> says = stream(run.open(), x, 1);
      for (int64_t t = std::max<int64_t>(0, unseen - predict); t < unseen; ++t)
        run.print(fmt::format("after {:.3f} comes {:.3f}, foretold was {:.3f}", x.real(t), series.real(learnt + t + 1),
                              says[t]));
      return;
    }
    const auto scaler = training::Scaler::standard(training::first_steps(series, learnt));
    training::TrainerOptions options{
        .optimizer = training::adam(training::cosine_decay(3e-3, run.epochs() * train->size(0))),
        .clip = training::by_global_norm(1),
        .threads = run.threads()};
    training::Trainer trainer = trainer_for(/*lstm=*/false, scaler, options, run.seed());
    if (ir) {
      const auto function = trainer.model({"forecast"});
      run.print("// as written\n" + ir::print(*function));
      passes::PassContext context;
      passes::run_passes(*function, passes::standard_pipeline(), context, {});
      return run.print("// after the pipeline\n" + ir::print(*function));
    }
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);
    run.export_onnx(trainer, {"forecast", "h", "fast", "slow"}, *test);

    const std::vector<double> at_once = stream(run.open(), x, unseen), by_step = stream(run.open(), x, 1);
    double difference = 0, last_value = 0;  // the latter is said by those who think that all stays as it is
    for (int64_t t = 0; t < unseen; ++t) {
      difference = std::max(difference, std::fabs(at_once[t] - by_step[t]));
      last_value += std::pow((series.real(learnt + t + 1) - x.real(t)) / scaler.scale[0], 2);
    }
    run.figure("last value loss", last_value / static_cast<double>(unseen));
    run.figure("difference when streamed", difference);
    run.plot("forecast", examples::forecast_plot("one step ahead", by_step, series, {.begin = learnt + 1}));

    training::Trainer lstm = trainer_for(/*lstm=*/true, scaler, options, run.seed());
    const training::Batch batch = train->batch(0, 0);
    const double own_time = examples::work_nanoseconds(trainer, batch),
                 lstm_time = examples::work_nanoseconds(lstm, batch);
    run.sample("Speed and streams", fmt::format("a multiply-add of training takes {:.4f} ns, with an LSTM {:.4f} ns\n"
                                                "forecasts step by step differ from those at once by {}\n",
                                                own_time, lstm_time, difference));
  });
}
