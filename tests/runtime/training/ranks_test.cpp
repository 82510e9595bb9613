// Training by several processes: mpirun runs this program again, with the case "ranks: a rank" alone, whose work an environment
// variable names. Losses and parameters are those of one process to rounding, and the same bits in every run; whatever
// happens to a rank ends the job, says so and leaves a checkpoint from which the others can go on.
#include "runtime/training/ranks.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "runtime/files.h"
#include "runtime/training/ranks_step.h"
#include "tests/runtime/training/ranks_tasks.h"
#include "tests/runtime/training/tasks.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using test::RanksTask;
using training::Trainer;

constexpr const char* kCase = "ranks: a rank";

test::ToolResult run_ranks(int count, const std::string& work, const std::string& folder) {
  return test::run_ranks(count, kCase, work, folder);
}

/// Rows of the adding problem; a rank meets its end at a batch, or a number that is none.
class Trouble final : public training::BatchSource {
 public:
  Trouble(int64_t epoch, int64_t index, std::string what) : epoch_(epoch), index_(index), what_(std::move(what)) {}
  int64_t size(int64_t epoch) const override { return rows_.size(epoch); }
  training::Batch batch(int64_t epoch, int64_t index) const override {
    training::Batch batch = rows_.batch(epoch, index);
    if (epoch != epoch_ || index != index_) return batch;
    if (what_ == "killed" && training::Ranks::world().rank() == 1) {
      ::usleep(200'000);
      ::raise(SIGKILL);
    }
    if (what_ == "throws" && training::Ranks::world().rank() == 1) throw std::runtime_error("the disk is gone");
    // The last row of the first step: that of the last rank.
    if (what_ == "nan") batch.at("x").set_real(2 * 7 - 2, std::nan(""));
    return batch;
  }

 private:
  const test::AddingProblem rows_{5, 7, 6, 1};
  int64_t epoch_, index_;
  std::string what_;
};

Trainer adding_trainer() { return Trainer(*test::adding_model(4, 0.2), {.optimizer = training::adam(1e-2)}); }

/// All tasks, or the one of that name. With validation data: another two functions, compiled by all ranks.
void learn(const std::string& name, const std::string& folder) {
  for (const RanksTask& task : test::ranks_tasks()) {
    if (!name.empty() && name != task.name) continue;
    Trainer trainer(*task.model, task.options);
    const std::string file = folder + "/" + task.name;
    trainer.train(*task.data,
                  {.epochs = 2, .validation = task.validation(), .on_batch = [&](const training::BatchReport& report) {
                     // Within an epoch, with states that are carried on.
                     if (report.epoch == 1 && report.batch == 0) return false;
                     return true;
                   }});
    trainer.save(file + ".middle");
    trainer.train(*task.data, {.epochs = 2, .validation = task.validation()});
    trainer.save(file);
  }
}

void same_to_rounding(const Trainer& a, const Trainer& b, double bound) {
  REQUIRE(a.history().size() == b.history().size());
  for (size_t i = 0; i < a.history().size(); ++i)
    for (const auto& [metrics, others] : {std::pair(a.history()[i].training, b.history()[i].training),
                                          std::pair(a.history()[i].validation, b.history()[i].validation)})
      for (const auto& [name, value] : metrics) {
        CAPTURE(name);
        CHECK(std::fabs(value - others.at(name)) <= bound * (1 + std::fabs(value)));
      }
  for (const auto& [name, value] : a.parameters()) {
    CAPTURE(name);
    const Tensor other = b.parameters().at(name);
    for (int64_t i = 0; i < value.count(); ++i)
      CHECK(std::fabs(value.real(i) - other.real(i)) <= bound * (1 + std::fabs(value.real(i))));
  }
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("ranks: a rank" * doctest::skip()) {
  const auto [work, folder] = test::work_of_rank();
  if (work.empty()) return;
  if (work.starts_with("learn")) return learn(work.substr(5), folder);
  Trainer trainer = adding_trainer();
  if (work == "print") {
    const double loss = trainer.evaluate(test::AddingProblem(5, 7, 6, 1)).at("loss");
    if (trainer.is_first()) std::printf("the loss is %.4f\n", loss);
    return;
  }
  const std::string checkpoint = folder + "/checkpoint";
  trainer.train(Trouble(1, 3, work), {.epochs = 3, .checkpoint = checkpoint, .checkpoint_steps = 2, .resume = true});
}

TEST_CASE("ranks: several learn what one learns, to rounding, and the same bits in every run") {
  if (!test::has_mpirun()) return;
  const test::TempDir one, two, again, three;
  learn("", one.path().string());
  struct Run {
    int count;
    const test::TempDir& folder;
    std::string task;
  };
  for (const Run& run : {Run{2, two, ""}, Run{2, again, "words"}, Run{3, three, "words"}, Run{3, three, "root"}}) {
    const auto result = run_ranks(run.count, "learn" + run.task, run.folder.path().string());
    CAPTURE(result.out);
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 0);
  }
  for (const RanksTask& task : test::ranks_tasks()) {
    CAPTURE(task.name);
    const auto file = [&](const test::TempDir& folder) { return (folder / task.name).string(); };
    if (task.name == "words") CHECK(runtime::read_file(file(two)) == runtime::read_file(file(again)));
    Trainer alone(*task.model, task.options), other(*task.model, task.options);
    alone.load(file(one));
    for (const auto* folder : {&two, &three}) {
      if (!std::filesystem::exists(file(*folder))) continue;
      other.load(file(*folder));
      CHECK(other.steps() == alone.steps());
      same_to_rounding(alone, other, task.name == "adding" ? 2e-5 : 1e-12);
    }
    // A checkpoint of several within an epoch, from which one goes on: carried states are those of all rows.
    other.load(file(two) + ".middle");
    other.train(*task.data, {.epochs = 2, .validation = task.validation()});
    same_to_rounding(alone, other, task.name == "adding" ? 2e-5 : 1e-12);
  }
}

TEST_CASE("ranks: what a program prints is there once, if it asks who is first") {
  Trainer alone = adding_trainer();
  CHECK(alone.is_first());  // without mpirun, and without MPI
  if (!test::has_mpirun()) return;
  const auto result = run_ranks(2, "print", "/");
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  char line[40];
  std::snprintf(line, sizeof line, "the loss is %.4f\n", alone.evaluate(test::AddingProblem(5, 7, 6, 1)).at("loss"));
  const size_t at = result.out.find(line);
  REQUIRE(at != std::string::npos);
  CHECK(result.out.find("the loss is", at + 1) == std::string::npos);
}

TEST_CASE("ranks: one that is killed ends the job, and the checkpoint is one to go on from") {
  if (!test::has_mpirun()) return;
  const test::TempDir killed, whole;
  const auto result = run_ranks(2, "killed", killed.path().string());
  CAPTURE(result.err);
  CHECK(result.exit_code != 0);
  CHECK(result.exit_code != 124);  // of timeout
  CHECK(result.err.find("rank 1") != std::string::npos);
  CHECK(result.err.find("signal 9") != std::string::npos);
  Trainer trainer = adding_trainer();
  trainer.load((killed / "checkpoint").string());
  CHECK(trainer.steps() >= 6);
  CHECK(trainer.steps() < 18);
  // Gone on with, it ends in the bits of a run to which nothing happened.
  REQUIRE(run_ranks(2, "go on", killed.path().string()).exit_code == 0);
  REQUIRE(run_ranks(2, "nothing happens", whole.path().string()).exit_code == 0);
  CHECK(runtime::read_file((killed / "checkpoint").string()) == runtime::read_file((whole / "checkpoint").string()));
}

TEST_CASE("ranks: an error of one ends the job and says which rank and batch") {
  if (!test::has_mpirun()) return;
  const test::TempDir folder;
  const auto nan = run_ranks(2, "nan", folder.path().string());
  CAPTURE(nan.err);
  CHECK(nan.exit_code != 0);
  CHECK(nan.exit_code != 124);
  CHECK(nan.err.find("seqc: rank 1 of 2: epoch 1, batch 3: the loss is nan; input x[0,3,0] is nan") !=
        std::string::npos);
  const test::TempDir other;
  const auto thrown = run_ranks(2, "throws", other.path().string());
  CAPTURE(thrown.err);
  CHECK(thrown.exit_code != 0);
  CHECK(thrown.exit_code != 124);
  CHECK(thrown.err.find("seqc: rank 1 of 2: epoch 1, batch 3: the disk is gone") != std::string::npos);
}

TEST_CASE("ranks: models whose rows meet otherwise than in sums are refused by name") {
  const auto refusal = [](const std::function<Var(dsl::Model&, const Var&)>& loss) -> std::string {
    dsl::Model model("model");
    const Var x = model.input("x", DType::f32, {Dim::symbol("N"), 4});
    model.output("loss", loss(model, x * model.parameter("w", {4})));
    try {
      training::ranks_training_step(*model.finish(true)->functions[0], {});
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::Unsupported);
      return error.what();
    }
    return "";
  };
  const auto total = [](const Var& x) { return sum(sum(x, 0), 0); };
  const Dim n = Dim::symbol("N");
  CHECK(refusal([&](dsl::Model&, const Var& x) { return total(x * x); }) == "");
  const auto says = [&](const std::string& text, const std::function<Var(const Var&)>& loss) {
    const std::string got = refusal([&](dsl::Model&, const Var& x) { return loss(x); });
    CAPTURE(got);
    CAPTURE(text);
    CHECK(got.find("several ranks: ") == 0);
    CHECK(got.find(text) != std::string::npos);
  };
  says("meet a sum over all rows", [&](const Var& x) { return total((x - sum(x, 0)) * x); });
  says("otherwise than by a sum", [&](const Var& x) { return sum(reduce_max(x, 0), 0); });
  says("picks some rows", [&](const Var& x) { return total(slice(x, 0, 0, 1)); });
  says("makes more rows", [&](const Var& x) { return total(dsl::concat({x, x}, 0)); });
  says("tears the rows", [&](const Var& x) { return total(reshape(x, {4, n}) * reshape(x, {4, n})); });
  says("brings rows of the batch together that are not the same", [&](const Var& x) {
    const Var products = contract("ik,jk->ij", x, x);
    return total(products);
  });
  dsl::Model model("model");
  const Var x = model.input("x", DType::f32, {Dim::symbol("B"), 4});
  model.output("loss", total(x * model.parameter("w", {4})));
  const auto function = std::move(model.finish(true)->functions[0]);
  CHECK_THROWS_WITH_AS(training::ranks_training_step(*function, {}), doctest::Contains("TrainerOptions::rows"), Error);
  CHECK_NOTHROW(training::ranks_training_step(*function, {.rows = "B"}));
}

TEST_CASE("ranks: a state that is nothing but the numbers of the rows") {
  dsl::Model model("model");
  const Dim n = Dim::symbol("N");
  const Var x = model.input("x", DType::f32, {n, 4}), before = model.input("p0", DType::i64, {n});
  const Var later = x * reshape(cast(before, DType::f32), {n, 1}) * model.parameter("w", {4});
  model.output("loss", sum(sum(later, 0), 0));
  model.output("p", Var(x.context(), x.context().builder().iota(n)));
  const auto step = training::ranks_training_step(*model.finish(true)->functions[0], {.carry = {{"p", "p0"}}});
  const auto& outputs = step.gradients->body().terminator()->operands();
  // Sum, state, gradient; rows of the ranks in front count.
  REQUIRE(outputs.size() == 3);
  const std::map<std::string, int64_t> sizes = {{"N", 3}, {"rows_of_all_ranks", 9}, {"rows_of_ranks_before", 5}};
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < step.gradients->body().argument_count(); ++i) {
    const ir::Value* argument = step.gradients->body().argument(i);
    if (argument->is_parameter()) continue;
    std::vector<int64_t> shape;
    for (const Dim& dim : argument->shape()) shape.push_back(dim.evaluate(sizes));
    inputs.emplace_back(argument->dtype(), shape);
  }
  const std::vector<Tensor> got = ir::interpret(*step.gradients, inputs);
  REQUIRE(got[1].type_str() == "i64[3]");
  for (int64_t i = 0; i < 3; ++i) CHECK(got[1].integer(i) == 5 + i);
}

TEST_SUITE_END();

}  // namespace
