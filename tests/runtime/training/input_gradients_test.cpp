#include "runtime/training/input_gradients.h"

#include <doctest/doctest.h>

#include <cmath>

#include "frontend/dsl/dsl.h"
#include "runtime/training/trainer.h"
#include "tests/runtime/training/data/messages.h"
#include "tests/runtime/training/tasks.h"

namespace {

using namespace seqc;
using ir::DType;
using ir::Tensor;
using training::Batch;
using training::input_gradients;
using training::Trainer;

Tensor f64(std::vector<int64_t> shape, const std::vector<double>& values) {
  Tensor tensor(DType::f64, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, values[static_cast<size_t>(i)]);
  return tensor;
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("input gradients: of a linear model by hand") {
  // loss = ((1 + 2 - 4)^2 + (3 - 1 - 1)^2) / 4, w = (1, 1): by x the errors -1 and 1, halved, times w; by target less them
  const Trainer trainer(*test::linear_model());
  const Batch batch = {{"x", f64({2, 2}, {1, 2, 3, -1})}, {"target", f64({2, 1}, {4, 1})}};
  const Batch gradients = input_gradients(trainer.model(), batch, {"target", "x"});
  REQUIRE(gradients.size() == 2);
  CHECK(gradients.at("x").type_str() == "f64[2,2]");
  for (int64_t i = 0; i < 4; ++i) CHECK(gradients.at("x").real(i) == doctest::Approx(i < 2 ? -0.5 : 0.5));
  CHECK(gradients.at("target").type_str() == "f64[2,1]");
  CHECK(gradients.at("target").real(0) == doctest::Approx(0.5));
  CHECK(gradients.at("target").real(1) == doctest::Approx(-0.5));
  CHECK(input_gradients(trainer.model(), batch, {}).empty());
  CHECK(input_gradients(trainer.trainable_model(), batch, {"x"}).at("x").identical(gradients.at("x")));
}

TEST_CASE("input gradients: of an LSTM against central differences") {
  const test::AddingProblem data(7, 3, 1, 5);
  Trainer trainer(*test::adding_model(9, /*dropout=*/0.5), {.optimizer = training::adam(1e-2)});
  trainer.step(data.batch(0, 0));  // what was learnt counts; dropout does not
  Batch batch = data.batch(1, 0);
  const Tensor gradient = input_gradients(trainer.model(), batch, {"x"}).at("x");
  REQUIRE(gradient.shape() == std::vector<int64_t>{7, 3, 2});
  CHECK(input_gradients(trainer.trainable_model(), batch, {"x"}).at("x").identical(gradient));
  const Tensor x = batch.at("x");
  for (const int64_t i : {0, 5, 18, 41}) {
    const auto loss_at = [&](double delta) {
      Tensor moved = x;
      moved.set_real(i, x.real(i) + delta);
      batch["x"] = moved;
      return trainer.evaluate(test::Batches({batch})).at("loss");
    };
    CHECK(gradient.real(i) == doctest::Approx((loss_at(1e-2) - loss_at(-1e-2)) / 2e-2).epsilon(0.02));
  }
}

TEST_CASE("input gradients: what cannot be") {
  const Trainer trainer(*test::linear_model());
  const Batch batch = {{"x", f64({2, 2}, {1, 2, 3, -1})}};
  const auto refusal = [&](const std::vector<std::string>& inputs, const std::string& loss) {
    return test::refusal([&] { input_gradients(trainer.model(), batch, inputs, loss); });
  };
  CHECK(test::contains(refusal({"y"}, "loss"), "got no argument \"y\""));
  CHECK(test::contains(refusal({"x"}, "error"), "got no output \"error\""));
  CHECK(test::contains(refusal({"x"}, "loss"), "the batch lacks \"target\""));
  CHECK(test::contains(test::refusal([&] { input_gradients(trainer.trainable_model(), batch, {"x"}, "error"); }),
                       "the model has no such output"));
}

TEST_CASE("input gradients: norms by step") {
  CHECK(training::norms_by_step(f64({3, 1, 2}, {3, 4, 0, 0, -5, 12})) == std::vector<double>{5, 0, 13});
  CHECK(training::norms_by_step(f64({2}, {-1, 2})) == std::vector<double>{1, 2});
  CHECK(training::norms_by_step(f64({0, 3}, {})).empty());
  CHECK(test::contains(test::refusal([] { training::norms_by_step(f64({}, {1})); }), "expected [T, ...]"));
}

TEST_SUITE_END();

}  // namespace
