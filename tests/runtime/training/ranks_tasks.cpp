#include "tests/runtime/training/ranks_tasks.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "frontend/dsl/dsl.h"
#include "tests/runtime/training/tasks.h"

namespace seqc::test {

using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;

namespace {

constexpr const char *kWork = "SEQC_TEST_RANKS", *kFolder = "SEQC_TEST_FOLDER";

const Dim kT = Dim::symbol("T"), kN = Dim::symbol("N");

/// Tags for words, and one answer from the last valid step of each row.
std::shared_ptr<const ir::Function> words_model(bool l2) {
  dsl::Model model("words", 3);
  const Var ids = model.input("ids", DType::i64, {kT, kN}), tags = model.input("tags", DType::i64, {kT, kN});
  const Var lengths = model.input("lengths", DType::i64, {kN}), answer = model.input("answer", DType::f64, {kN, 1});
  const Var h0 = model.input("h0", DType::f64, {kN, 6});
  const Var table = model.parameter("table", {7, 5}, dsl::Init::normal(0.5), DType::f64);
  const Var w = model.parameter("w", {6, 5}, dsl::Init::glorot(), DType::f64);
  const Var r = model.parameter("r", {6, 6}, dsl::Init::glorot(), DType::f64);
  const Var out = model.parameter("out", {4, 6}, dsl::Init::glorot(), DType::f64);
  const Var dense = model.parameter("dense", {1, 6}, dsl::Init::glorot(), DType::f64);
  const dsl::Scanned run = dsl::scan(
      [&](const Var& x, const dsl::Vars& state) -> dsl::Step {
        const Var h = tanh(linear(x, w) + linear(state[0], r));
        return {{h}, {h}};
      },
      dsl::Embedding{table}(ids), {h0});
  const Var logits = linear(run.outputs[0], out);
  const Var tagging = dsl::sequence_cross_entropy(logits, tags, lengths);
  Var loss = tagging + dsl::mean_squared_error(linear(dsl::last_valid(run.outputs[0], lengths), dense), answer);
  if (l2) loss = loss + dsl::l2({w, table}, 1e-2);
  model.output("loss", loss);
  model.output("accuracy", dsl::accuracy(logits, tags, dsl::step_mask(lengths, kT, logits)));
  model.output("perplexity", dsl::perplexity(tagging));
  model.output("h", run.states[0]);
  return std::move(model.finish(true)->functions[0]);
}

/// Five rows of very unequal lengths, and once a single row.
std::shared_ptr<const training::BatchSource> words() {
  std::vector<training::Batch> batches;
  for (int64_t index = 0; index < 3; ++index) {
    const int64_t steps = 4 + index, rows = 5;
    Tensor ids(DType::i64, {steps, rows}), tags(DType::i64, {steps, rows}), lengths(DType::i64, {rows}),
        answer(DType::f64, {rows, 1});
    for (int64_t i = 0; i < ids.count(); ++i) {
      ids.set_integer(i, (i * 5 + index) % 7);
      tags.set_integer(i, (i * 3 + index) % 4);
    }
    for (int64_t n = 0; n < rows; ++n) {
      lengths.set_integer(n, n == 0 ? steps : n == 1 ? 0 : 1 + n % 2);
      answer.set_real(n, 0.25 * static_cast<double>(n) - 0.5);
    }
    batches.push_back({{"ids", ids}, {"tags", tags}, {"lengths", lengths}, {"answer", answer}});
  }
  return std::make_shared<Batches>(std::move(batches));
}

/// The root of a mean: what a row contributes depends on all the others.
std::shared_ptr<const ir::Function> root_model() {
  dsl::Model model("root");
  const Var x = model.input("x", DType::f64, {kN, 3}), target = model.input("target", DType::f64, {kN, 1});
  const Var w = model.parameter("w", {1, 3}, dsl::Init::ones(), DType::f64);
  model.output("loss", dsl::root_mean_squared_error(linear(x, w), target));
  return std::move(model.finish(true)->functions[0]);
}

std::shared_ptr<const training::BatchSource> points() {
  std::vector<training::Batch> batches;
  for (const int64_t rows : {4, 1}) {  // of one row, all ranks but one have nothing
    Tensor x(DType::f64, {rows, 3}), target(DType::f64, {rows, 1});
    for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, static_cast<double>(i * 7 % 5) - 1.5);
    for (int64_t i = 0; i < rows; ++i) target.set_real(i, static_cast<double>(i));
    batches.push_back({{"x", x}, {"target", target}});
  }
  return std::make_shared<Batches>(std::move(batches));
}

}  // namespace

bool has_mpirun() {
  const bool found = std::system("command -v mpirun >/dev/null 2>&1") == 0;
  if (!found) MESSAGE("no mpirun here: training by several processes is not tested");
  return found;
}

ToolResult run_ranks(int count, const std::string& test_case, const std::string& work, const std::string& folder) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  return run_program({"timeout", "-k", "5", "120", "mpirun", "--allow-run-as-root", "--oversubscribe", "-n",
                      std::to_string(count), "-x", std::string(kWork) + "=" + work, "-x",
                      std::string(kFolder) + "=" + folder, self, "--test-case=" + test_case, "--no-skip"});
}

WorkOfRank work_of_rank() {
  const char *work = std::getenv(kWork), *folder = std::getenv(kFolder);
  return work && folder ? WorkOfRank{work, folder} : WorkOfRank{};
}

std::vector<RanksTask> ranks_tasks() {
  return {{"adding",
           adding_model(9, 0.3),
           {.optimizer = training::adam(1e-2), .clip = training::by_global_norm(0.5)},
           std::make_shared<AddingProblem>(5, 7, 4, 1)},
          {"words",
           words_model(false),
           {.optimizer = training::sgd(0.1), .clip = training::by_norm(0.3), .carry = {{"h", "h0"}}},
           words()},
          {"words with L2",
           words_model(true),
           {.optimizer = training::adagrad(0.1), .clip = training::by_value(0.2), .carry = {{"h", "h0"}}},
           words(),
           true},
          {"root", root_model(), {.optimizer = training::sgd(0.1, {.momentum = 0.5})}, points()}};
}

}  // namespace seqc::test
