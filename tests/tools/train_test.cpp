// seqc train: ONNX models learn toy tasks from files.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontend/onnx/import.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"
#include "tests/tools/train_setting.h"

namespace {

using namespace seqc::test;
using nlohmann::json;

/// X[T,N,2] -> LSTM of 4 units -> last state -> y[N,1]; the initial state h0 is an input.
ModelBuilder summer() {
  ModelBuilder model(13);
  model.input("X", DType::f32, {"T", "N", 2}).input("h0", DType::f32, {1, "N", 4}).output("y", DType::f32, {"N", 1});
  model.initializer("W", random_weights({1, 16, 2}, 3)).initializer("R", random_weights({1, 16, 4}, 4));
  model.initializer("B", random_weights({1, 32}, 5)).initializer("v", random_weights({4, 1}, 6));
  model.initializer("axes", Tensor::i64({1}, {0}));
  model.node("LSTM", {"X", "W", "R", "B", "", "h0"}, {"", "Yh", ""}).attr("hidden_size", 4).name("lstm");
  model.node("Squeeze", {"Yh", "axes"}, {"h"});
  model.node("MatMul", {"h", "v"}, {"y"});
  return model;
}

}  // namespace

TEST_SUITE_BEGIN("tools");

TEST_CASE("train: a classifier with a softmax learns, and the file is the same but for its weights") {
  const TrainSetting s;
  const ToolResult result = s.train({"--epochs", "30", "--validation-split", "0.2", "--json"});
  CHECK(result.err == "note: output \"y\" ends in a softmax: the loss takes what stands before it\n");
  REQUIRE(result.exit_code == 0);
  const json summary = json::parse(result.out);
  CHECK(summary["examples"] == 72);
  CHECK(summary["validation_examples"] == 18);
  CHECK(summary["trained"] == json({"w1", "b1", "w2", "b2"}));
  CHECK(summary["steps"] == 30 * 5);
  CHECK(summary["epochs"].back()["validation"]["accuracy"] > 0.8);
  auto before = load_model(s.model), after = load_model(s.tuned);
  const auto weights = initializers(s.tuned);
  CHECK_FALSE(weights.at("b1").identical(weights.at("b2")));
  before.mutable_graph()->clear_initializer(), after.mutable_graph()->clear_initializer();
  CHECK(before.SerializeAsString() == after.SerializeAsString());
}

TEST_CASE("train: the written model's loss is the one that the trainer measured") {
  const TrainSetting s;
  const ToolResult result = s.train(
      {"--epochs", "3", "--validation-data", "x=" + s.x, "--validation-target", s.y, "--optimizer", "sgd", "--json"});
  REQUIRE(result.exit_code == 0);
  const Tensor y = predict(s.tuned, {s.points.x});
  double loss = 0;
  for (int64_t n = 0; n < 90; ++n) loss -= std::log(y.real(3 * n + s.points.labels.integer(n))) / 90;
  CHECK(json::parse(result.out)["epochs"].back()["validation"]["loss"] == doctest::Approx(loss).epsilon(1e-5));
}

TEST_CASE("train: an LSTM learns a sum, with zeros for its initial state") {
  const TrainSetting s;
  const std::string model = summer().save(s.folder / "lstm.onnx").string();
  const Tensor x = random_weights({5, 64, 2}, 9);
  Tensor sums(DType::f32, {64});  // serves as [64,1]
  for (int64_t t = 0; t < 5; ++t)
    for (int64_t n = 0; n < 64; ++n) sums.set_real(n, sums.real(n) + x.real((t * 64 + n) * 2));
  const std::vector<std::string> base = {"train",       model,
                                         "--data",      "X=" + s.save("seq.npy", x),
                                         "--target",    "y=" + s.save("sums.npy", sums),
                                         "--loss",      "mse",
                                         "-o",          s.tuned,
                                         "--quiet",     "--json",
                                         "--lr",        "0.03",
                                         "--clip-norm", "1",
                                         "--epochs",    "30"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return run_seqc(more);
  };
  CHECK(is_one_error(with({}), "input \"h0\" (f32[1,N,4]): no data for it, expected --data h0=FILE, or --zero h0"));
  const ToolResult one = with({"--zero", "h0"});
  REQUIRE(one.exit_code == 0);
  CHECK(last_loss(one) < 0.05);
  const auto weights = initializers(s.tuned);
  CHECK(with({"--zero", "h0", "--threads", "2"}).out == one.out);
  for (const auto& [name, tensor] : initializers(s.tuned)) CHECK(tensor.identical(weights.at(name)));
  const auto summary = seqc::frontend::summarize_model(s.tuned);
  CHECK(summary.inputs.at(0).type == "f32[T,N,2]");
  CHECK(summary.operators.at("LSTM") == 1);
  // Files whose first axis counts the examples.
  Tensor turned(DType::f32, {64, 5, 2});
  for (int64_t n = 0; n < 64; ++n)
    for (int64_t t = 0; t < 5; ++t)
      for (int64_t i = 0; i < 2; ++i) turned.set_real((n * 5 + t) * 2 + i, x.real((t * 64 + n) * 2 + i));
  s.save("seq.npy", turned);
  CHECK(with({"--zero", "h0", "--examples-first"}).out == one.out);
  CHECK(is_one_error(with({"--zero", "h0"}), "--examples-first"));
}

TEST_CASE("train: some weights alone, other losses and optimisers, early stopping") {
  const TrainSetting s;
  const auto before = initializers(s.model);
  REQUIRE(s.train({"--epochs", "1", "--train-only", "*2"}).exit_code == 0);
  for (const auto& [name, tensor] : initializers(s.tuned))
    CHECK(tensor.identical(before.at(name)) == name.ends_with("1"));
  for (const char* optimizer : {"nesterov", "adagrad", "rmsprop"}) {
    const ToolResult result =
        s.train({"--epochs", "4", "--optimizer", optimizer, "--schedule", "cosine", "--warm-up", "2", "--json"});
    REQUIRE(result.exit_code == 0);
    const json epochs = json::parse(result.out)["epochs"];
    CHECK(epochs[3]["training"]["loss"] < epochs[0]["training"]["loss"]);
  }
  const ToolResult stopped =
      s.train({"--epochs", "200", "--validation-split", "0.3", "--patience", "2", "--json"}, "", "", "0.5");
  REQUIRE(stopped.exit_code == 0);
  const json summary = json::parse(stopped.out);
  CHECK(summary["epochs"].size() < 200);
  CHECK(summary["best_epoch"] == summary["epochs"].size() - 2);
}

TEST_CASE("train: sequences with lengths, batches of a size that the model fixes") {
  const TrainSetting s;
  ModelBuilder model(13);  // y[2,5,3] = x w: two examples, five steps, three classes
  model.input("x", DType::f32, {2, 5, 2}).output("y", DType::f32, {2, 5, 3});
  model.initializer("w", random_weights({2, 3}, 1)).node("MatMul", {"x", "w"}, {"y"});
  Tensor labels(DType::i32, {7, 5});
  const Tensor x = random_weights({7, 5, 2}, 2);
  for (int64_t i = 0; i < 35; ++i) labels.set_integer(i, i % 5 == 4 ? -1 : x.real(2 * i) > 0);
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"train",    model.save(s.folder / "s.onnx").string(),
                                    "--data",   s.save("s.npy", x),
                                    "--target", s.save("l.npy", labels),
                                    "--loss",   "sequence-cross-entropy",
                                    "-o",       s.tuned,
                                    "--epochs", "40",
                                    "--lr",     "0.1",
                                    "--quiet",  "--json",
                                    "--axis",   "x=0"};
    all.insert(all.end(), more.begin(), more.end());
    return run_seqc(all);
  };
  const std::string lengths = s.save("n.npy", Tensor::i64({7}, {4, 4, 4, 4, 4, 4, 4}));
  const ToolResult result = with({"--lengths", lengths});
  CHECK(result.err == "note: the model takes batches of 2: each epoch leaves 1 of 7 examples out\n");
  REQUIRE(result.exit_code == 0);
  CHECK(json::parse(result.out)["epochs"].back()["training"]["accuracy"] > 0.9);
  CHECK(is_one_error(with({"--lengths", s.save("n5.npy", Tensor::i64({7}, {4, 4, 5, 4, 4, 4, 4}))}),
                     "the label of example 2 at step 4 is -1, expected 0 to 2 of 3 classes"));
  CHECK(is_one_error(with({}), "the label at [0,4] is -1"));
  CHECK(is_one_error(with({"--lengths", lengths, "--batch", "3"}), "the model takes batches of 2 examples"));
}

TEST_CASE("train: plot, page, table and progress") {
  const TrainSetting s;
  std::vector<std::string> all = {"train",     s.model,
                                  "--data",    "x=" + s.x,
                                  "--target",  s.y,
                                  "-o",        s.tuned,
                                  "--loss",    "softmax-cross-entropy",
                                  "--epochs",  "2",
                                  "--plot",    s.path("p.svg"),
                                  "--report",  s.path("r.html"),
                                  "--history", s.path("h.jsonl")};
  const ToolResult result = run_seqc(all);
  REQUIRE(result.exit_code == 0);
  CHECK(result.out.find("trains 21 weights (w1, b1, w2, b2) on 90 examples, 32 a step") == 0);
  CHECK(result.out.find("accuracy") != std::string::npos);
  CHECK(result.err.find("epoch 2/2") != std::string::npos);
  CHECK(read_file(s.folder / "p.svg").starts_with("<svg"));
  CHECK(read_file(s.folder / "r.html").find("Accuracy") != std::string::npos);
  CHECK(read_file(s.folder / "h.jsonl").find("\"part\":\"train\"") != std::string::npos);
}

TEST_CASE("train: what is wrong is named, and no file is left") {
  const TrainSetting s;
  const auto refused = [&](const ToolResult& result, const std::string& text) {
    CHECK(is_one_error({result.exit_code, result.out, result.err.substr(result.err.find("error:"))}, text));
    CHECK_FALSE(std::filesystem::exists(s.tuned));
  };
  Tensor labels = s.points.labels;
  labels.set_integer(41, 3);
  refused(s.train({}, "", s.save("bad.npy", labels)), "the label at [41] is 3, expected 0 to 2 of 3 classes");
  Tensor x = s.points.x;
  x.set_real(17, NAN);
  refused(s.train({}, "x=" + s.save("nan.npy", x)), "nan.npy: input \"x\"");
  refused(s.train({}, "z=" + s.x), "--data z: the model has no such input, expected data for x");
  refused(s.train({}, "x=" + s.save("wide.npy", Tensor(DType::f32, {90, 4}))), "got f32[90,4], expected f32[N,2]");
  refused(s.train({}, "x=" + s.save("few.npy", Tensor(DType::f32, {80, 2}))), "expected 80");
  refused(s.train({}, "x=" + s.path("none.npy")), "none.npy: no such file");
  refused(s.train({"--output", "z"}), "has no output \"z\", expected one of y");
  refused(s.train({"--train-only", "q*"}), "--train-only \"q*\": no initializer of floats is called so");
  refused(s.train({"--zero", "q"}), "--zero q: the model has no such input");
  refused(s.train({"--axis", "x=2"}), "expected an axis from -2 to 1");
  refused(s.train({"--report", s.path("no/r.html")}), "no/r.html: cannot be written");
  refused(s.train({"--plot", s.tuned}), "is to be written twice");
  refused(s.train({"--optimizer", "sgd"}, "", "", "1e38"), "lower the learning rate");
  const std::vector<std::string> base = {"train", s.model, "--data", "x=" + s.x, "--target", s.y};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return run_seqc(more);
  };
  refused(with({"-o", s.tuned, "--loss", "sigmoid-cross-entropy"}),
          "ends in a softmax; use --loss softmax-cross-entropy");
  refused(with({"-o", s.path("no/t.onnx"), "--loss", "mse"}), "no/t.onnx: cannot be written");
  CHECK(with({"-o", s.tuned, "--loss", "hinge"}).exit_code == 2);
  CHECK(with({"-o", s.tuned, "--loss", "mse", "--optimizer", "lion"}).exit_code == 2);
  CHECK(with({"-o", s.tuned, "--loss", "mse", "--schedule", "linear"}).exit_code == 2);
  CHECK(with({"--loss", "mse"}).exit_code == 2);
  CHECK(run_seqc({"train", "--help"}).out.find("--validation-split") != std::string::npos);
}

TEST_SUITE_END();
