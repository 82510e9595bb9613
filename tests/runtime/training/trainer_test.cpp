// Whole trainings: models learn, the same bits come out for every number of threads, states go from batch to batch,
// training stops early, and bad data are refused.
#include "runtime/training/trainer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "runtime/session.h"
#include "tests/runtime/training/tasks.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using test::AddingProblem;
using test::Batches;
using training::Batch;
using training::Trainer;

Tensor f64(std::vector<int64_t> shape, const std::vector<double>& values) {
  Tensor tensor(DType::f64, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, values[static_cast<size_t>(i)]);
  return tensor;
}

Batch linear_batch(double bad = 1) { return {{"x", f64({2, 2}, {bad, 2, 3, -1})}, {"target", f64({2, 1}, {4, 1})}}; }

TEST_SUITE_BEGIN("runtime");

TEST_CASE("training: a step is what the equations say") {
  // loss = ((1 + 2 - 4)^2 + (3 - 1 - 1)^2) / 4 = 0.5; by w: mean of error * x, by b: mean of error
  Trainer trainer(*test::linear_model(), {.optimizer = training::sgd(0.1)});
  const auto report = trainer.step(linear_batch());
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
  const auto& history = trainer.train(data, {.epochs = 4, .validation = &test});
  REQUIRE(history.size() == 4);
  CHECK(history[0].training.at("loss") > 0.05);
  CHECK(history.back().validation.at("loss") < 0.005);
  CHECK(history.back().step == 400);
  // What was learnt, in use: predictions need no target.
  const auto model = trainer.model({"prediction"});
  CHECK(model->parameters().empty());
  CHECK(model->body().argument_count() == 1);
  runtime::Session session(runtime::Program::compile(trainer.model({"prediction"})));
  const Batch batch = test.batch(0, 0);
  const Tensor y = session.run({batch.at("x")})[0];
  for (int64_t i = 0; i < y.count(); ++i) CHECK(std::fabs(y.real(i) - batch.at("target").real(i)) < 0.3);
}

TEST_CASE("training: the number of threads changes no bit, with dropout and without") {
  for (const double dropout : {0.0, 0.2}) {
    CAPTURE(dropout);
    const AddingProblem data(7, 9, 6, 1);
    std::vector<std::map<std::string, Tensor>> learnt;
    std::vector<std::vector<training::EpochReport>> histories;
    for (const int threads : {1, 2, 3}) {
      Trainer trainer(*test::adding_model(17, dropout), {.optimizer = training::rmsprop(1e-2), .threads = threads});
      histories.push_back(trainer.train(data, {.epochs = 2, .validation = &data}));
      learnt.push_back(trainer.parameters());
    }
    for (size_t i = 1; i < learnt.size(); ++i) {
      CHECK(histories[i] == histories[0]);
      for (const auto& [name, tensor] : learnt[0]) CHECK_MESSAGE(learnt[i].at(name).identical(tensor), name);
    }
  }
}

TEST_CASE("training: metrics of an epoch count rows, not batches; shapes may differ from batch to batch") {
  const Batches data({linear_batch(), {{"x", f64({1, 2}, {5, 5})}, {"target", f64({1, 1}, {10})}}});
  Trainer trainer(*test::linear_model(), {.optimizer = training::sgd(0)});
  const auto& history = trainer.train(data, {.epochs = 2, .validation = &data});
  CHECK(history[1].training.at("loss") == doctest::Approx(0.5 * 2 / 3));
  CHECK(history[1].validation == history[0].training);
  CHECK(trainer.evaluate(data).at("loss") == doctest::Approx(0.5 * 2 / 3));
}

TEST_CASE("training: states go from batch to batch, and begin anew with each epoch") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {Dim::symbol("T"), Dim::symbol("N")});
  const Var before = model.input("before", DType::f64, {Dim::symbol("N")});
  const Var w = model.parameter("w", {1}, dsl::Init::ones(), DType::f64);
  const Var after = before + dsl::sum(x, 0) * w;
  model.output("loss", dsl::mean(after, 0));
  model.output("after", after);
  const auto function = std::move(model.finish(true)->functions[0]);
  const Batches data({{{"x", f64({2, 1}, {1, 2})}}, {{"x", f64({1, 1}, {4})}}, {{"x", f64({3, 1}, {8, 16, 32})}}});
  Trainer trainer(*function, {.optimizer = training::sgd(0), .carry = {{"after", "before"}}});
  std::vector<double> losses;
  trainer.train(data, {.epochs = 2, .on_batch = [&](const training::BatchReport& report) {
                         losses.push_back(report.metrics.at("loss"));
                         return true;
                       }});
  CHECK(losses == std::vector<double>{3, 7, 63, 3, 7, 63});
  CHECK(trainer.evaluate(data).at("loss") == doctest::Approx(73.0 / 3));
  CHECK_THROWS_WITH_AS(Trainer(*function, {.carry = {{"after", "x"}}}),
                       "carry \"after\": the output is f64[N], but the input \"x\" is f64[T,N]", Error);
  CHECK_THROWS_AS(Trainer(*function, {.carry = {{"after", "none"}}}), Error);
  const Batches wider({{{"x", f64({1, 1}, {1})}}, {{"x", f64({1, 2}, {1, 2})}}});
  CHECK_THROWS_WITH_AS(trainer.evaluate(wider), doctest::Contains("evaluation, batch 1: input"), Error);
}

TEST_CASE("training: stops when nothing gets better, with the best parameters") {
  // A rate that grows: the loss falls at first, then it explodes.
  const Batches data({linear_batch()});
  Trainer trainer(*test::linear_model(), {.optimizer = training::sgd(training::exponential_decay(0.01, 1.5))});
  std::vector<double> losses;
  trainer.train(data, {.epochs = 100, .validation = &data, .patience = 2, .on_epoch = [&](const auto& report) {
                         losses.push_back(report.validation.at("loss"));
                         return true;
                       }});
  REQUIRE(losses.size() < 100);
  const auto best = std::min_element(losses.begin(), losses.end());
  CHECK(losses.end() - best == 3);  // the best and two more
  CHECK(trainer.evaluate(data).at("loss") == *best);
  CHECK_THROWS_AS(trainer.train(data, {.epochs = 101, .patience = 1, .watch = "accuracy"}), Error);
}

TEST_CASE("training: what is no number stops it, and is named; nothing is changed") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const Batches data({linear_batch(), linear_batch(kNan)});
  Trainer trainer(*test::linear_model(), {.optimizer = training::sgd(0.1)});
  CHECK_THROWS_WITH_AS(trainer.train(data),
                       "epoch 0, batch 1: the loss is nan; input x[0,0] is nan, expected finite numbers", Error);
  CHECK(trainer.steps() == 1);
  CHECK(trainer.parameters().at("w").real(0) == doctest::Approx(0.9));
  CHECK_THROWS_WITH_AS(trainer.evaluate(data),
                       "evaluation, batch 1: the loss is nan; input x[0,0] is nan, expected finite numbers", Error);
  trainer.set_parameters({{"b", f64({1}, {std::numeric_limits<double>::infinity()})}});
  CHECK_THROWS_WITH_AS(trainer.step(linear_batch()),
                       doctest::Contains("the loss is inf; parameter b[0] is inf before this "
                                         "batch, expected finite numbers"),
                       Error);
  Trainer exploding(*test::linear_model(), {.optimizer = training::sgd(1e200)});
  exploding.step(linear_batch());
  CHECK_THROWS_WITH_AS(exploding.step(linear_batch()), doctest::Contains("lower the learning rate or clip gradients"),
                       Error);
}

TEST_CASE("training: inputs that only outputs for use need may be missing from batches") {
  dsl::Model model("two", 1);
  const Var x = model.input("x", DType::f64, {Dim::symbol("N"), 2}),
            target = model.input("target", DType::f64, {Dim::symbol("N"), 1});
  const Var given = model.input("given", DType::f64, {Dim::symbol("M"), 2});
  const Var w = model.parameter("w", {1, 2}, dsl::Init::ones(), DType::f64);
  model.output("loss", dsl::mean_squared_error(dsl::linear(x, w), target));
  model.output("y", dsl::linear(given, w));
  const auto module = model.finish(/*trainable=*/true);
  const auto trainer = [&] { return Trainer(*module->functions[0], {.optimizer = training::sgd(0.1)}); };
  Trainer without = trainer(), with = trainer();
  Batch more = linear_batch();
  more["given"] = f64({3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(without.step(linear_batch()).metrics == with.step(more).metrics);
  CHECK(without.parameters().at("w").identical(with.parameters().at("w")));
  CHECK(without.evaluate(Batches({linear_batch()})) == with.evaluate(Batches({more})));
  more["other"] = more["given"];
  CHECK_THROWS_WITH_AS(with.step(more), doctest::Contains("a tensor \"other\", which is no input"), Error);
  const auto used = without.model({"y"});
  REQUIRE(used->body().argument_count() == 1);
  CHECK(used->body().argument(0)->name() == "given");
}

TEST_CASE("training: batches that do not fit the model are refused") {
  Trainer trainer(*test::linear_model());
  CHECK_THROWS_WITH_AS(trainer.step({{"x", f64({1, 2}, {1, 2})}}),
                       "epoch 0, batch 0: the batch has no tensor for input \"target\", it has x", Error);
  Batch more = linear_batch();
  more["y"] = f64({1}, {1});
  CHECK_THROWS_WITH_AS(trainer.step(more), doctest::Contains("a tensor \"y\", which is no input of the model"), Error);
  Batch wrong = linear_batch();
  wrong["x"] = f64({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK_THROWS_WITH_AS(trainer.step(wrong), doctest::Contains("epoch 0, batch 0: input \"x\": got f64[2,3]"), Error);
  CHECK_THROWS_WITH_AS(trainer.train(Batches({})), doctest::Contains("the data have no batches"), Error);
}

TEST_CASE("training: labels and ids out of range are refused with their places") {
  dsl::Model model;
  const Var ids = model.input("ids", DType::i32, {Dim::symbol("N"), 2});
  const Var labels = model.input("labels", DType::i64, {Dim::symbol("N"), 2});
  const Var mask = model.input("mask", DType::f32, {Dim::symbol("N"), 2});
  const Var rows = dsl::embedding_parameters(model, "words", 5, 3)(ids);
  const Var logits = dsl::dense_parameters(model, "dense", 3, 4)(rows);
  model.output("loss", dsl::softmax_cross_entropy(logits, labels, mask));
  model.output("accuracy", dsl::accuracy(logits, labels, mask));
  const auto function = std::move(model.finish(true)->functions[0]);
  Trainer trainer(*function);
  const auto batch = [](std::vector<int64_t> words, const std::vector<int64_t>& classes, float last) {
    Tensor i32(DType::i32, {3, 2});
    for (int64_t i = 0; i < 6; ++i) i32.set_integer(i, words[static_cast<size_t>(i)]);
    return Batch{
        {"ids", i32}, {"labels", Tensor::i64({3, 2}, classes)}, {"mask", Tensor::f32({3, 2}, {1, 1, 1, 1, 1, last})}};
  };
  trainer.step(batch({0, 1, 2, 3, 4, 0}, {0, 1, 2, 3, 0, 1}, 1));
  trainer.step(batch({0, 1, 2, 3, 4, 0}, {0, 1, 2, 3, 0, -1}, 0));  // what is masked may be anything
  CHECK_THROWS_WITH_AS(trainer.step(batch({0, 1, 2, 3, 4, 0}, {0, 1, 2, 3, 4, -1}, 1)),
                       "epoch 0, batch 0: labels[2,0] is 4, expected a number in [0, 4)", Error);
  CHECK_THROWS_WITH_AS(trainer.step(batch({0, 1, 2, -1, 4, 0}, {0, 1, 2, 3, 0, 1}, 1)),
                       "epoch 0, batch 0: ids[1,1] is -1, expected a number in [0, 5)", Error);
  CHECK(trainer.steps() == 2);
  const Batches bad({batch({0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 0, 1}, 1)});
  CHECK_THROWS_WITH_AS(trainer.evaluate(bad), "evaluation, batch 0: ids[2,1] is 5, expected a number in [0, 5)", Error);
  CHECK(trainer.model()->output_names == std::vector<std::string>{"loss", "accuracy"});
}

TEST_SUITE_END();

}  // namespace
