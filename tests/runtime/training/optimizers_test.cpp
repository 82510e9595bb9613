// Optimisers, clipping and schedules against PyTorch 1.13's numbers.
//
// The table was written by torch.optim in f64, five updates of w = [0.5, -1.25, 2] and b = [[0.25, -3]] for the loss
// (([1, 3, 0.5] * (w - 1) ** 2).sum() / 2 + ((b + w[0]) ** 4).sum() / 4
#include "runtime/training/optimizers.h"

#include <doctest/doctest.h>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "runtime/training/trainer.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Trainer;

Var sum_all(const Var& x) { return dsl::sum(reshape(x, {ir::element_count(x.shape())}), 0); }

/// A parameter with these values: a product of ones with what is given would not do, since it has no way to say them.
std::unique_ptr<ir::Function> problem() {
  dsl::Model model;
  const Var w = model.parameter("w", {3}, dsl::Init::zeros(), DType::f64);
  const Var b = model.parameter("b", {1, 2}, dsl::Init::zeros(), DType::f64);
  Tensor factors(DType::f64, {3});
  for (int64_t i = 0; i < 3; ++i) factors.set_real(i, std::vector{1.0, 3.0, 0.5}[static_cast<size_t>(i)]);
  const Var d = w - 1.0, e = b + select(w, 0, 0), square = e * e;
  model.output("loss", sum_all(model.constant(factors) * d * d) / 2 + sum_all(square * square) / 4);
  return std::move(model.finish(true)->functions[0]);
}

std::vector<double> after_five(training::TrainerOptions options) {
  Trainer trainer(*problem(), std::move(options));
  Tensor w(DType::f64, {3}), b(DType::f64, {1, 2});
  for (const auto& [i, value] : {std::pair{0, 0.5}, {1, -1.25}, {2, 2.0}}) w.set_real(i, value);
  for (const auto& [i, value] : {std::pair{0, 0.25}, {1, -3.0}}) b.set_real(i, value);
  trainer.set_parameters({{"w", w}, {"b", b}});
  for (int i = 0; i < 5; ++i) trainer.step({});
  const auto learnt = trainer.parameters();
  std::vector<double> values;
  for (int64_t i = 0; i < 3; ++i) values.push_back(learnt.at("w").real(i));
  for (int64_t i = 0; i < 2; ++i) values.push_back(learnt.at("b").real(i));
  return values;
}

void check_near(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-12));
  }
}

struct Case {
  const char* text;
  training::Optimizer optimizer;
  std::vector<double> want;
};

TEST_SUITE_BEGIN("runtime");

TEST_CASE("optimizers: PyTorch's parameters after five updates") {
  const Case cases[] = {
      {"sgd",
       training::sgd(0.05),
       {1.0816248703762357, 0.0016630468750001668, 1.881095693359375, -0.14092712672249877, -2.0217417790041403}},
      {"momentum",
       training::sgd(0.05, {.momentum = 0.9}),
       {1.3980487127403802, 1.801685546875, 1.690378662109375, -1.6730326049117932, 0.01380272027673734}},
      {"nesterov",
       training::sgd(0.05, {.momentum = 0.9, .nesterov = true, .weight_decay = 0.1}),
       {0.9414620683054464, 1.7297046616635097, 1.4793574463246335, -2.0233403189855874, 0.23934407245167533}},
      {"adagrad",
       training::adagrad(0.1),
       {0.7758941702349346, -0.9356084808703101, 1.6977148620857645, -0.06585402496918084, -2.7227739817196617}},
      {"adagrad, all",
       training::adagrad(0.1, {.rate_decay = 0.2, .weight_decay = 0.1, .initial_accumulator = 0.5, .epsilon = 1e-3}),
       {0.7269766727737287, -0.9997217106834498, 1.8040125205013091, 0.07038576112294487, -2.7707059355504144}},
      {"rmsprop",
       training::rmsprop(0.01),
       {0.7770511880503198, -0.9343261771650265, 1.696465820366681, -0.06713272103358184, -2.721608026872092}},
      {"rmsprop, all",
       training::rmsprop(0.01, {.alpha = 0.9, .epsilon = 1e-4, .momentum = 0.5, .centered = true, .weight_decay = 0.1}),
       {0.6893325036517275, -1.048910018872313, 1.8014260250423817, 0.04840550626556521, -2.809924651264468}},
      {"rmsprop, momentum",
       training::rmsprop(0.01, {.momentum = 0.5}),
       {0.945529543124326, -0.7206960873337667, 1.4990830878214922, -0.2833910907754543, -2.551101705799065}},
      {"adam",
       training::adam(0.1),
       {0.9743891342276298, -0.7525399457530326, 1.5079636672529784, -0.24958813637274316, -2.5241788011148674}},
      {"adam, all",
       training::adam(0.1, {.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.1, .amsgrad = true}),
       {0.9698043797937834, -0.7528953855045103, 1.5075777816799827, -0.24709335079900605, -2.526879788843351}},
      {"adamw",
       training::adamw(0.1),
       {0.970500663840801, -0.747336349479782, 1.4992185524618897, -0.2496882002668816, -2.5106216343017835}},
      {"adamw, amsgrad",
       training::adamw(0.1, {.weight_decay = 0.3, .amsgrad = true}),
       {0.862615032414656, -0.6061420591486186, 1.2632424203130017, -0.24971360211815308, -2.142361125026326}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    check_near(after_five({.optimizer = c.optimizer}), c.want);
  }
}

TEST_CASE("optimizers: PyTorch's parameters after five updates with clipped gradients") {
  const std::pair<training::Clip, std::vector<double>> cases[] = {
      {training::by_value(0.4),
       {0.7628820000000002, -0.9871179999999998, 1.737118, -0.012882000000000015, -2.7371180000000006}},
      {training::by_norm(1.5),
       {1.244881774527783, -0.6919858070375967, 1.9567289120225637, 0.12102876621209588, -2.043370243594384}},
      {training::by_global_norm(1.5),
       {1.1126352329189486, -0.8609209294228404, 1.970254853837297, 0.20111969165295593, -2.3583572312293315}},
  };
  for (const auto& [clip, want] : cases) {
    CAPTURE(clip.str());
    check_near(after_five({.optimizer = training::sgd(0.05, {.momentum = 0.9}), .clip = clip}), want);
  }
}

TEST_CASE("schedules: PyTorch's rates") {
  const std::pair<training::Rate, std::vector<double>> cases[] = {
      {training::step_decay(0.05, 2, 0.5), {0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125}},
      {training::exponential_decay(0.05, 0.8),
       {0.05, 0.04000000000000001, 0.03200000000000001, 0.025600000000000008, 0.02048000000000001,
        0.016384000000000006}},
      {training::cosine_decay(0.05, 4, 0.01), {0.05, 0.044142135623730955, 0.03, 0.01585786437626905, 0.01, 0.01}},
      {training::piecewise({0.05, 0.02, 0.1}, {1, 3}), {0.05, 0.02, 0.02, 0.1, 0.1, 0.1}},
      {training::inverse_square_root(0.05, 2),
       {0.025, 0.05, 0.040824829046386304, 0.03535533905932738, 0.0316227766016838, 0.028867513459481287}},
      {training::Rate(0.05).warm_up(3), {0.016666666666666666, 0.03333333333333333, 0.05, 0.05, 0.05, 0.05}},
  };
  for (const auto& [rate, want] : cases) {
    CAPTURE(rate.str());
    dsl::Model model;  // a loss whose gradient is 1
    model.output("loss", sum_all(model.parameter("w", {1}, dsl::Init::zeros(), DType::f64)));
    Trainer trainer(*model.finish(true)->functions[0], {.optimizer = training::sgd(rate)});
    double before = 0;
    for (const double expected : want) {
      trainer.step({});
      const double now = trainer.parameters().at("w").real(0);
      CHECK(before - now == doctest::Approx(expected).epsilon(1e-12));
      before = now;
    }
  }
}

/// Rows of a table, summed, with a dense loss; ids[K].
std::unique_ptr<ir::Function> lookup() {
  dsl::Model model;
  const Var ids = model.input("ids", DType::i64, {Dim::symbol("K")});
  const Var rows = dsl::embedding_parameters(model, "words", 11, 3)(ids);
  const Var target = model.input("target", DType::f32, {Dim::symbol("K"), 3});
  model.output("loss", sum_all((rows - target) * (rows - target)));
  return std::move(model.finish(true)->functions[0]);
}

TEST_CASE("optimizers: rows of tables are updated as whole tables are, repeated ones once") {
  Tensor ids = Tensor::i64({6}, {3, 7, 3, 0, 3, 10}), target(DType::f32, {6, 3});
  for (int64_t i = 0; i < target.count(); ++i) target.set_real(i, static_cast<double>(i % 5) - 2);
  for (const training::Optimizer& optimizer : {training::sgd(0.1), training::adagrad(0.1)}) {
    CAPTURE(optimizer.text);
    REQUIRE(optimizer.keeps_rows_without_gradient);
    training::Optimizer dense = optimizer;
    dense.keeps_rows_without_gradient = false;
    for (const training::Clip& clip : {training::Clip{}, training::by_global_norm(0.5), training::by_value(0.3)}) {
      CAPTURE(clip.str());
      Trainer rows(*lookup(), {.optimizer = optimizer, .clip = clip});
      Trainer whole(*lookup(), {.optimizer = dense, .clip = clip});
      for (int i = 0; i < 3; ++i) {
        const auto a = rows.step({{"ids", ids}, {"target", target}}),
                   b = whole.step({{"ids", ids}, {"target", target}});
        CHECK(a.gradient_norm == doctest::Approx(b.gradient_norm).epsilon(1e-6));
      }
      const Tensor got = rows.parameters().at("words.table"), want = whole.parameters().at("words.table");
      for (int64_t i = 0; i < want.count(); ++i) CHECK(got.real(i) == doctest::Approx(want.real(i)).epsilon(1e-5));
    }
  }
  for (const training::Optimizer& optimizer :
       {training::sgd(0.1, {.momentum = 0.5}), training::sgd(0.1, {.weight_decay = 0.5}), training::adam(0.1)})
    CHECK(!optimizer.keeps_rows_without_gradient);
}

TEST_CASE("optimizers: frozen parameters stay, patterns must fit") {
  Trainer trainer(*problem(), {.optimizer = training::adam(0.1), .train = {"w*"}});
  trainer.step({});
  CHECK(trainer.parameters().size() == 1);
  CHECK(trainer.parameters().at("w").real(0) != 0);
  CHECK(trainer.model()->parameters().empty());
  CHECK(trainer.trainable_model()->parameters().size() == 2);
  CHECK_THROWS_WITH_AS(Trainer(*problem(), {.train = {"w", "c"}}),
                       "train: no parameter is called \"c\"; the model has w, b", Error);
}

TEST_CASE("optimizers: numbers that make no sense are refused") {
  CHECK_THROWS_AS(training::sgd(-0.1), Error);
  CHECK_THROWS_AS(training::sgd(0.1, {.momentum = 1}), Error);
  CHECK_THROWS_AS(training::sgd(0.1, {.nesterov = true}), Error);
  CHECK_THROWS_AS(training::adam(0.1, {.beta2 = 1}), Error);
  CHECK_THROWS_AS(training::rmsprop(0.1, {.epsilon = -1}), Error);
  CHECK_THROWS_AS(training::adagrad(0.1, {.weight_decay = -1}), Error);
  CHECK_THROWS_AS(training::by_norm(0), Error);
  CHECK_THROWS_AS(training::piecewise({0.1}, {5}), Error);
  CHECK_THROWS_AS(training::cosine_decay(0.1, 0), Error);
  CHECK_THROWS_WITH_AS(Trainer(*problem(), {.loss = "cost"}),
                       "loss \"cost\": the model has no such output, expected one of loss", Error);
}

TEST_SUITE_END();

}  // namespace
