// Five recurrent cells on tasks that ask for memory, and why some of them fail: how the gradient fares on its way back
// through the steps, where it vanishes or explodes.
//   example_cells                  short sequences
//   example_cells --full           long ones, up to 400 steps; all cells without clipping as well
//   example_cells --only 400-gru   those runs whose names contain this
//   example_cells --predict 3      what the trained models say to three sequences, without training
#include <algorithm>
#include <cmath>

#include "frontend/dsl/dsl.h"
#include "tools/examples/support/curves.h"
#include "tools/examples/support/memory_tasks.h"
#include "tools/examples/support/run.h"

using namespace seqc;
using dsl::Init, dsl::Var;
using examples::MemoryTask;
using ir::Dim, ir::DType;

namespace {

struct Task {
  std::string name;
  MemoryTask memory;
  int64_t hidden, batches;
  std::vector<std::string> unclipped;  ///< cells that are trained without clipping as well
};
const std::vector<std::string> kCells = {"rnn", "orthogonal", "gru", "lstm", "peephole"};
const std::vector<Task> kShort = {{"adding-50", {.steps = 50}, 32, 50, {"rnn"}},
                                  {"copy-20", {.steps = 20, .copied = 3}, 32, 50, {}}};
const std::vector<Task> kFull = {{"adding-100", {.steps = 100}, 64, 60, kCells},
                                 {"adding-400", {.steps = 400}, 64, 60, kCells},
                                 {"copy-60", {.steps = 60, .copied = 5}, 64, 60, kCells}};

/// A cell with fresh parameters. The gates of those that have some start so that what is remembered stays for about a
/// fifth of a sequence: 1 / (1 - sigmoid(log(n))) is n + 1 steps (Tallec and Ollivier 2018).
dsl::Cell make_cell(dsl::Model& model, const std::string& kind, const Task& task) {
  const int64_t inputs = task.memory.features(), hidden = task.hidden;
  const double keep = std::log(static_cast<double>(task.memory.steps) / 5);
  const auto gate = [&](const char* name, double bias) {
    return dsl::gate_parameters(model, name, inputs, hidden, bias);
  };
  if (kind == "rnn") return dsl::RnnCell{.gate = gate("rnn", 0)};
  if (kind == "gru")
    return dsl::GruCell{.update = gate("update", keep), .reset = gate("reset", 0), .candidate = gate("candidate", 0)};
  if (kind == "lstm" || kind == "peephole") {
    dsl::LstmCell lstm{.input = gate("input", -keep),
                       .output = gate("output", 0),
                       .forget = gate("forget", keep),
                       .cell = gate("cell", 0)};
    if (kind == "lstm") return lstm;
    lstm.peephole_input = model.parameter("peephole.input", {hidden}, Init::zeros());
    lstm.peephole_forget = model.parameter("peephole.forget", {hidden}, Init::zeros());
    lstm.peephole_output = model.parameter("peephole.output", {hidden}, Init::zeros());
    return lstm;
  }
  // Weights that turn states, and neither stretch nor shrink them; or stretch them to twice their length at each step.
  return dsl::RnnCell{
      .gate = {.w = model.parameter("rnn.w", {hidden, inputs}),
               .r = model.parameter("rnn.r", {hidden, hidden}, Init::orthogonal(kind == "doubling" ? 2 : 1)),
               .b = model.parameter("rnn.b", {hidden}, Init::zeros())}};
}

std::unique_ptr<ir::Module> build(const std::string& kind, const Task& task, uint64_t seed) {
  dsl::Model model("cells", seed);
  const auto [steps, copied, symbols] = task.memory;
  const Var x = model.input("x", DType::f32, {steps, Dim::symbol("N"), task.memory.features()});
  const dsl::Vars zeros(kind == "lstm" || kind == "peephole" ? 2 : 1, dsl::zeros_like_rows(x, task.hidden));
  const Var h = dsl::scan(make_cell(model, kind, task), x, zeros).outputs[0];  // [T,N,H]
  const int64_t due = task.memory.due();                                       // at how many last steps answers are due
  const Var last = slice(h, 0, steps - due, due);
  if (copied > 0) {  // which of the symbols was it?
    const Var y = model.input("y", DType::i64, {due, Dim::symbol("N")});
    const Var logits = dsl::dense_parameters(model, "dense", task.hidden, symbols)(last);
    model.output("says", softmax(logits, -1));
    model.output("loss", dsl::softmax_cross_entropy(logits, y));
  } else {
    const Var y = model.input("y", DType::f32, {due, Dim::symbol("N"), 1});
    const Var sum = dsl::dense_parameters(model, "dense", task.hidden, 1)(last);
    model.output("says", sum);
    model.output("loss", dsl::mean_squared_error(sum, y));
  }
  return model.finish(/*trainable=*/true);
}

/// One task, learnt by all cells.
void compare(examples::Run& run, const Task& task, const std::string& only, int64_t predict) {
  const auto train = examples::memory_batches(task.memory, {.batches = task.batches, .seed = run.seed()});
  const auto test = examples::memory_batches(task.memory, {.rows = 100, .batches = 2, .seed = 1000000, .fresh = false});
  const training::Batch some = test->batch(0, 0);
  training::Plot before{.title = task.name + ": gradients before training", .x_label = "step", .log_y = true};
  training::Plot after{.title = task.name + ": gradients after training", .x_label = "step", .log_y = true};
  training::Plot losses{.title = task.name + ": loss on unseen sequences", .x_label = "step of training"};
  training::Plot norms{.title = task.name + ": gradient before clipping", .x_label = "step of training", .log_y = true};
  for (const std::string& cell : kCells)
    for (const bool clipped : {true, false}) {
      const std::string name = cell + (clipped ? "" : "-unclipped"), part = task.name + "-" + name;
      if (part.find(only) == std::string::npos) continue;
      if (!clipped && std::ranges::count(task.unclipped, cell) == 0) continue;
      if (predict > 0) {
        run.print(part + ":\n" + memory_answers(task.memory, some, run.open(part).run({some.at("x")})[0], predict));
        continue;
      }
      const double rate =
          cell == "rnn" || cell == "orthogonal" ? 1e-3 : 1e-2;  // those without gates need smaller steps
      training::Trainer trainer(*build(cell, task, run.seed())->functions[0],
                                {.optimizer = training::adam(rate),
                                 .clip = clipped ? training::by_global_norm(1) : training::Clip{},
                                 .threads = run.threads()});
      if (clipped) before.series.push_back(examples::gradient_curve(name, trainer.trainable_model(), some));
      if (clipped) before.series.back().dashed = cell == "peephole";  // at first it is the LSTM
      run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()}, part);
      run.test(trainer, *test, part);
      run.export_onnx(trainer, {"says"}, *test, part);
      if (clipped) after.series.push_back(examples::gradient_curve(name, trainer.trainable_model(), some));
      if (clipped) losses.series.push_back(examples::history_curve(name, run, part, "validation", "loss"));
      if (cell == "rnn" || cell == "lstm")
        norms.series.push_back(examples::history_curve(name, run, part, "train", "gradient_norm"));
    }
  if (losses.series.empty()) return;
  auto doubling = std::move(build("doubling", task, run.seed())->functions[0]);
  before.series.push_back(examples::gradient_curve("doubling", std::move(doubling), some));
  run.plot(task.name + "-gradients", before,
           "Flat curves reach back to the first step; those that fall to the left vanish, those that rise explode.");
  run.plot(task.name + "-gradients-after", after);
  run.plot(task.name + "-losses", losses);
  run.plot(task.name + "-norms", norms);
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run(
      {.name = "cells",
       .about = "Five recurrent cells on tasks that ask for memory, and how their gradients fare through time.",
       .epochs = 12,
       .data = ""});
  bool full = false;
  int64_t predict = 0;
  std::string only;
  run.options().add_flag("--full", full, "long sequences; each cell with and without clipping");
  run.options().add_option("--only", only, "only runs whose name contains this");
  run.options().add_option("--predict", predict, "prints what the trained models say to so many sequences");

  return run.main(argc, argv, [&] {
    run.setting("full", full ? "yes" : "no");
    for (const Task& task : full ? kFull : kShort) compare(run, task, only, predict);
  });
}
