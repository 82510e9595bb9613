// The seqc side of run.sh: trains one model, as many steps as it is told on its standard input, and says how long they took.
//   bench_training MODEL THREADS FOLDER
// Writes what others need to train the same model into FOLDER: start.npz (parameters), x.npy and target.npy (the batch), and the
// step as IR (step.seq, for `seqc bench --profile`).
// Then prints a line of JSON that describes the step, and for each line "N" that it reads {"seconds": s, "loss": l}.
#include <fmt/format.h>

#include <exception>
#include <random>

#include "frontend/dsl/dsl.h"
#include "ir/clone.h"
#include "ir/printer.h"
#include "runtime/cost.h"
#include "runtime/npy.h"
#include "runtime/training/trainer.h"
#include "tools/bench/training/turns.h"
#include "tools/limit/peaks.h"

using namespace seqc;
using dsl::Var;
using ir::DType;
using ir::Tensor;

namespace {

/// A model and the batch that it is trained on.
struct Task {
  dsl::Model model{"task", /*seed=*/1};
  training::Batch batch;
};

Tensor numbers(std::vector<int64_t> shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Tensor tensor(DType::f32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) value = normal(random);
  return tensor;
}

Tensor classes(std::vector<int64_t> shape, int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  Tensor tensor(DType::i64, std::move(shape));
  for (int64_t& value : tensor.mutable_data<int64_t>())
    value = static_cast<int64_t>(random() % static_cast<uint64_t>(count));
  return tensor;
}

Var layer(dsl::Model& model, const std::string& name, const Var& x, int64_t inputs, int64_t hidden) {
  const dsl::LstmCell cell = dsl::lstm_parameters(model, name, inputs, hidden);
  const Var zero = dsl::zeros_like_rows(x, hidden);
  return dsl::scan(cell, x, {zero, zero}).outputs[0];
}

Var input(Task& task, const std::string& name, Tensor value) {
  const Var var = task.model.input(name, value.dtype(), ir::Shape(value.shape().begin(), value.shape().end()));
  task.batch.emplace(name, std::move(value));
  return var;
}

/// Rows of handwritten digits as steps.
void rows(Task& task) {
  const Var x = input(task, "x", numbers({28, 128, 28}, 2)), target = input(task, "target", classes({128}, 10, 3));
  const Var y = dsl::last_valid(layer(task.model, "lstm", x, 28, 128));
  task.model.output("loss", dsl::softmax_cross_entropy(dsl::dense_parameters(task.model, "dense", 128, 10)(y), target));
}

/// The same task with a cell that nobody ships: a memory with coupled gates, and a slow one that follows it.
void own_cell(Task& task) {
  const Var x = input(task, "x", numbers({28, 128, 28}, 2)), target = input(task, "target", classes({128}, 10, 3));
  const dsl::Gate forget = dsl::gate_parameters(task.model, "forget", 28, 128, 1.0),
                  cell = dsl::gate_parameters(task.model, "cell", 28, 128),
                  output = dsl::gate_parameters(task.model, "output", 28, 128);
  const Var follow = task.model.parameter("follow", {128}, dsl::Init::constant(2.0)), stay = sigmoid(follow);
  const auto step = [&](const Var& in, const dsl::Vars& states) -> dsl::Step {
    const auto gate = [&](const dsl::Gate& g) { return linear(in, g.w, g.b) + linear(states[0], g.r); };
    const Var f = sigmoid(gate(forget));
    const Var fast = f * states[1] + (1.0 - f) * tanh(gate(cell));
    const Var slow = stay * states[2] + (1.0 - stay) * fast;
    const Var h = sigmoid(gate(output)) * tanh(fast + slow);
    return {{h, fast, slow}, {h}};
  };
  const Var zero = dsl::zeros_like_rows(x, 128);
  const Var y = dsl::scan(step, x, {zero, zero, zero}).states[0];
  task.model.output("loss", dsl::softmax_cross_entropy(dsl::dense_parameters(task.model, "dense", 128, 10)(y), target));
}

/// Reviews of 200 words, good or bad.
void sentiment(Task& task) {
  const Var x = input(task, "x", classes({200, 64}, 10'000, 2)), target = input(task, "target", numbers({64, 1}, 3));
  const Var words = dsl::embedding_parameters(task.model, "embedding", 10'000, 256)(x);
  const Var y = dsl::last_valid(layer(task.model, "lstm", words, 256, 128));
  const Var good = cast(target > 0.0, DType::f32);
  task.model.output("loss", dsl::sigmoid_cross_entropy(dsl::dense_parameters(task.model, "dense", 128, 1)(y), good));
}

/// A text's next letter, 100 letters at a time.
void letters(Task& task) {
  const Var x = input(task, "x", classes({100, 64}, 65, 2)), target = input(task, "target", classes({100, 64}, 65, 3));
  const Var in = dsl::embedding_parameters(task.model, "embedding", 65, 256)(x);
  const Var y = layer(task.model, "second", layer(task.model, "lstm", in, 256, 256), 256, 256);
  task.model.output("loss", dsl::softmax_cross_entropy(dsl::dense_parameters(task.model, "dense", 256, 65)(y), target));
}

void build(Task& task, const std::string& name) {
  if (name == "rows") return rows(task);
  if (name == "sentiment") return sentiment(task);
  if (name == "letters") return letters(task);
  if (name == "own_cell") return own_cell(task);
  throw std::runtime_error(name + ": no such model");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: bench_training rows|sentiment|letters|own_cell THREADS FOLDER");
  const std::string folder = argv[3];
  const int threads = std::stoi(argv[2]);
  Task task;
  build(task, argv[1]);
  const auto module = task.model.finish(/*trainable=*/true);
  const auto start = std::chrono::steady_clock::now();
  training::Trainer trainer(
      *module->functions[0],
      {.optimizer = training::adam(1e-3), .clip = training::by_global_norm(5), .threads = threads});
  const double compile = bench::seconds_since(start);
  trainer.save(folder + "/start.npz");
  ir::Module step;
  step.functions.push_back(ir::clone(trainer.step_function()));
  ir::save_module(step, folder + "/step.seq");
  for (const auto& [name, value] : task.batch) runtime::save_npy(folder + "/" + name + ".npy", value);

  const auto multiply_adds = static_cast<double>(runtime::cost(trainer.step_function()).multiply_adds.constant());
  const double bound = multiply_adds / limit::Peaks(threads).multiply_adds();
  fmt::print("{{\"multiply_adds\": {}, \"bound_seconds\": {}, \"compile_seconds\": {}}}\n", multiply_adds, bound,
             compile);
  std::fflush(stdout);
  for (int steps; std::cin >> steps;) {
    const auto begin = std::chrono::steady_clock::now();
    double loss = 0;
    for (int i = 0; i < steps; ++i) loss = trainer.step(task.batch).metrics.at("loss");
    fmt::print("{{\"seconds\": {}, \"loss\": {}}}\n", bench::seconds_since(begin), loss);
    std::fflush(stdout);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
