#include "tests/runtime/training/tasks.h"

#include <random>

#include "frontend/dsl/dsl.h"

namespace seqc::test {

using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;

training::Batch AddingProblem::batch(int64_t epoch, int64_t index) const {
  std::mt19937_64 random(seed_ + static_cast<uint64_t>(epoch * batches_ + index) * 0x9e3779b97f4a7c15u);
  Tensor x(DType::f32, {steps_, rows_, 2}), target(DType::f32, {rows_, 1});
  for (int64_t n = 0; n < rows_; ++n) {
    const auto first = static_cast<int64_t>(random() % static_cast<uint64_t>(steps_ / 2));
    const auto second = steps_ / 2 + static_cast<int64_t>(random() % static_cast<uint64_t>(steps_ - steps_ / 2));
    for (int64_t t = 0; t < steps_; ++t) {
      const double value = static_cast<double>(random() >> 40) * 0x1p-24;
      x.set_real((t * rows_ + n) * 2, value);
      if (t != first && t != second) continue;
      x.set_real((t * rows_ + n) * 2 + 1, 1);
      target.set_real(n, target.real(n) + value);
    }
  }
  return {{"x", x}, {"target", target}};
}

std::unique_ptr<ir::Function> adding_model(int64_t hidden, double dropout) {
  dsl::Model model("adding", 1);
  const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim::symbol("N"), Dim(2)});
  const Var target = model.input("target", DType::f32, {Dim::symbol("N"), Dim(1)});
  dsl::LstmCell cell = dsl::lstm_parameters(model, "lstm", 2, hidden);
  const dsl::Dropout input(model, "input", dropout), state(model, "state", dropout), output(model, "output", dropout);
  cell.recurrent = state;
  const Var zero = dsl::zeros_like_rows(x, hidden);
  const Var h = dsl::scan(cell, input(x), {zero, zero}).states[0];
  const Var y = dsl::dense_parameters(model, "dense", hidden, 1)(output(h));
  model.output("prediction", y);
  model.output("loss", dsl::mean_squared_error(y, target));
  model.output("error", dsl::root_mean_squared_error(y, target));
  return std::move(model.finish(true)->functions[0]);
}

std::unique_ptr<ir::Function> linear_model() {
  dsl::Model model("linear");
  const Var x = model.input("x", DType::f64, {Dim::symbol("N"), Dim(2)});
  const Var target = model.input("target", DType::f64, {Dim::symbol("N"), Dim(1)});
  const Var w = model.parameter("w", {1, 2}, dsl::Init::ones(), DType::f64);
  const Var b = model.parameter("b", {1}, dsl::Init::zeros(), DType::f64);
  model.output("loss", 0.5 * dsl::mean_squared_error(dsl::linear(x, w, b), target));
  return std::move(model.finish(true)->functions[0]);
}

}  // namespace seqc::test
