// Models from ONNX files go on training: their initializers become parameters, and a loss is put behind their outputs.
#include <doctest/doctest.h>

#include <random>

#include "frontend/dsl/dsl.h"
#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "runtime/training/trainer.h"
#include "tests/runtime/training/tasks.h"
#include "tests/support/onnx_model.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::DType;
using ir::Tensor;

Tensor normals(std::vector<int64_t> shape, uint64_t seed, double scale = 0.3) {
  Tensor tensor(DType::f32, std::move(shape));
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, scale * std::normal_distribution<double>()(random));
  return tensor;
}

/// x[T,N,2] -> LSTM of 9 units -> a dense layer of its last state -> y[N,1], with biases that all begin with 0.
std::string lstm_file(const test::TempDir& folder) {
  test::ModelBuilder model(14);
  model.input("x", DType::f32, {"T", "N", 2}).output("y", DType::f32, {"N", 1});
  model.initializer("W", normals({1, 36, 2}, 1)).initializer("R", normals({1, 36, 9}, 2));
  model.initializer("B", Tensor(DType::f32, {1, 72})).initializer("D", normals({9, 1}, 3));
  model.initializer("c", Tensor(DType::f32, {1})).initializer("c2", Tensor(DType::f32, {1}));
  model.initializer("axes", Tensor::i64({1}, {0})).initializer("half", Tensor::f32({}, {0.5}));
  model.initializer("unused", normals({3}, 4));
  model.node("LSTM", {"x", "W", "R", "B"}, {"", "h", ""}).attr("hidden_size", 9);
  model.node("Squeeze", {"h", "axes"}, {"last"});
  model.node("MatMul", {"last", "D"}, {"product"});
  model.node("Add", {"product", "c"}, {"sum"});
  model.node("Add", {"sum", "c2"}, {"both"});
  model.node("Mul", {"both", "half"}, {"y"});
  return model.save(folder / "lstm.onnx").string();
}

std::vector<std::string> names(const std::vector<ir::Value*>& values) {
  std::vector<std::string> result;
  for (const ir::Value* value : values) result.push_back(value->name());
  return result;
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("fine-tuning: float initializers become parameters where they are asked for, each its own") {
  const test::TempDir folder;
  const std::string file = lstm_file(folder);
  CHECK(frontend::import_model(file)->parameters().empty());
  const auto all = frontend::import_model(file, {.trainable = [](const std::string&) { return true; }});
  CHECK(names(all->parameters()) == std::vector<std::string>{"W", "R", "B", "D", "c", "c2"});
  const auto some = frontend::import_model(file, {.trainable = [](const std::string& name) { return name == "D"; }});
  CHECK(names(some->parameters()) == std::vector<std::string>{"D"});
}

TEST_CASE("fine-tuning: a model from ONNX learns") {
  const test::TempDir folder;
  dsl::Model model(frontend::import_model(lstm_file(folder), {.trainable = [](const std::string&) { return true; }}));
  const Var y = model.find("y");
  CHECK(model.find("W").value()->is_parameter());
  CHECK_THROWS_WITH_AS(model.find("z"), "model \"main\": has no input, parameter or output \"z\"", Error);
  CHECK_THROWS_AS(model.parameter("W", {1}), Error);
  model.output("loss", dsl::mean_squared_error(y, model.input("target", DType::f32, y.shape())));
  const auto module = model.finish(true);
  training::Trainer trainer(*module->functions[0],
                            {.optimizer = training::adam(1e-2), .clip = training::by_global_norm(1)});
  const test::AddingProblem data(8, 32, 100, 1), test(8, 50, 4, 2);
  const auto& history = trainer.train(data, {.epochs = 5, .validation = &test});
  CHECK(history.front().training.at("loss") > 0.05);
  CHECK(history.back().validation.at("loss") < 0.01);
  const auto learnt = trainer.parameters();
  CHECK(learnt.at("c").identical(learnt.at("c2")));  // two that begin alike and have one gradient
  const auto tuned = trainer.model({"y"});
  CHECK(tuned->body().argument_count() == 1);
}

TEST_SUITE_END();

}  // namespace
