// Reads pictures of digits row by row, as a sequence of 28 steps, with an LSTM, and says which digit it was.
//   example_mnist_lstm                 learns digits that the program draws
//   example_mnist_lstm --data DIR      MNIST: the four files train-images-idx3-ubyte.gz, ... in that folder
//   example_mnist_lstm --predict 3     what the trained model says to three of the test pictures, without training
#include <algorithm>
#include <numeric>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
#include "tools/examples/support/digits.h"
#include "tools/examples/support/run.h"

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;

namespace {

constexpr int64_t kRows = 28, kPixels = 28, kHidden = 128, kDigits = 10, kBatch = 128;

std::unique_ptr<ir::Module> build(uint64_t seed) {
  dsl::Model model("mnist_lstm", seed);
  // Inputs have a name, an element type and a shape. A batch is [step, example, feature]; N may be any number.
  const Var x = model.input("x", DType::f32, {kRows, Dim::symbol("N"), kPixels});
  const Var label = model.input("label", DType::i64, {Dim::symbol("N")});

  // A layer is a function with parameters. This one is applied to every row of the pictures: [28,N,28] -> [28,N,128].
  const dsl::Dense embed = dsl::dense_parameters(model, "embed", kPixels, kHidden);
  const Var rows = embed(x);

  // A cell makes the next states of a step's input and the states before; scan repeats it over the steps. An LSTM has
  // the states h and c, which start as zeros. (The bias of its forget gate starts at 1: at first it remembers.)
  const dsl::LstmCell lstm = dsl::lstm_parameters(model, "lstm", kHidden, kHidden);
  const Var zero = dsl::zeros_like_rows(rows, kHidden);
  const Var h = dsl::scan(lstm, rows, {zero, zero}).states[0];  // [N,128], after the last row

  const Var logits = dsl::dense_parameters(model, "digit", kHidden, kDigits)(h);  // [N,10]

  // Outputs: the predictions, for use; a loss, to be made small; metrics, to be looked at.
  model.output("probabilities", dsl::softmax(logits, -1));
  model.output("loss", dsl::softmax_cross_entropy(logits, label));
  model.output("accuracy", dsl::accuracy(logits, label));
  return model.finish(/*trainable=*/true);
}

/// Shows the first `count` pictures of the test set to the exported model, and what it says to them.
void predict(examples::Run& run, const training::Dataset& test, int64_t count) {
  std::vector<int64_t> first(static_cast<size_t>(std::min(count, test.size())));
  std::iota(first.begin(), first.end(), 0);
  const Tensor x = test.gather(first).at("x");
  runtime::Session model = run.open();
  examples::show_digits(run, x, model.run({x})[0]);
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "mnist_lstm",
                     .about = "Reads pictures of digits row by row with an LSTM and says which digit it was.",
                     .epochs = 5,
                     .built_in_epochs = 4,
                     .data = "a folder with the four files of MNIST"});
  int64_t count = 0;
  run.options().add_option("--predict", count, "shows so many test pictures and what the trained model says to them");

  return run.main(argc, argv, [&] {
    const examples::Digits digits = examples::load_digits(run.data());
    if (count > 0) return predict(run, digits.test, count);

    const auto train = training::prefetch(training::batches(digits.train, {.size = kBatch, .seed = run.seed()}));
    const auto test = training::batches(digits.test, {.size = kBatch, .shuffle = false});
    const int64_t steps = run.epochs() * train->size(0);

    training::Trainer trainer(*build(run.seed())->functions[0],
                              {.optimizer = training::adam(training::cosine_decay(3e-3, steps, 1e-4)),
                               .clip = training::by_global_norm(1),
                               .expected_dims = {{"N", kBatch}},
                               .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);
    run.export_onnx(trainer, {"probabilities"}, *test);
    predict(run, digits.test, 4);
  });
}
