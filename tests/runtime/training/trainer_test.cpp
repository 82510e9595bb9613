// Whole trainings: models learn, a step is one call that allocates nothing, the same bits come out for every number of
// threads.
#include "runtime/training/trainer.h"

#include <doctest/doctest.h>

#include "ir/error.h"
#include "ir/printer.h"
#include "passes/copy.h"
#include "runtime/compile.h"
#include "tests/runtime/training/tasks.h"

namespace {

using namespace seqc;
using ir::DType;
using ir::Tensor;
using test::AddingProblem;
using test::Batches;
using training::Trainer;

Tensor f64(std::vector<int64_t> shape, const std::vector<double>& values) {
  Tensor tensor(DType::f64, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, values[static_cast<size_t>(i)]);
  return tensor;
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("training: a step is what the equations say") {
  // loss = ((1 + 2 - 4)^2 + (3 - 1 - 1)^2) / 4 = 0.5; by w: mean of error * x, by b: mean of error
  Trainer trainer(*test::linear_model(), {.optimizer = training::sgd(0.1)});
  const training::Batch batch = {{"x", f64({2, 2}, {1, 2, 3, -1})}, {"target", f64({2, 1}, {4, 1})}};
  const auto report = trainer.step(batch);
  CHECK(report.metrics.at("loss") == doctest::Approx(0.5));
  CHECK(report.step == 1);
  CHECK(report.gradient_norm == doctest::Approx(std::sqrt(1 + 2.25)));
  const auto learnt = trainer.parameters();
  CHECK(learnt.at("w").real(0) == doctest::Approx(0.9));
  CHECK(learnt.at("w").real(1) == doctest::Approx(1.15));
  CHECK(learnt.at("b").real(0) == doctest::Approx(0));
}

TEST_CASE("training: an LSTM learns to add two numbers of a sequence") {
  const AddingProblem data(10, 32, 100, 1), test(10, 50, 4, 2);
  Trainer trainer(*test::adding_model(24), {.optimizer = training::adam(1e-2), .clip = training::by_global_norm(1)});
  if (getenv("SHOW")) {
    auto lowered = runtime::lower(passes::copy_of(trainer.step_function()));
    MESSAGE(ir::print(*lowered.function));
  }
  const auto& history = trainer.train(data, {.epochs = 4, .validation = &test});
  REQUIRE(history.size() == 4);
  for (const auto& report : history) {
    CAPTURE(report.epoch);
    MESSAGE(report.training.at("loss") << " " << report.validation.at("loss"));
  }
  CHECK(history.back().validation.at("loss") < 0.01);
  CHECK(history.back().step == 400);
}

TEST_SUITE_END();

}  // namespace
