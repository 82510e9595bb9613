// Reads pictures of digits row by row with the simplest recurrent layer, h' = tanh(x·Wᵀ + h·Rᵀ + b).
//   example_mnist_rnn                 learns digits that the program draws
//   example_mnist_rnn --data DIR      MNIST: the four files train-images-idx3-ubyte.gz, ... in that folder
//   example_mnist_rnn --predict 3     what the trained model says to three of the test pictures, without training
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

constexpr int64_t kRows = 28, kPixels = 28, kHidden = 150, kDigits = 10, kBatch = 150;

std::unique_ptr<ir::Module> build(uint64_t seed) {
  dsl::Model model("mnist_rnn", seed);
  const Var x = model.input("x", DType::f32, {kRows, Dim::symbol("N"), kPixels});
  const Var label = model.input("label", DType::i64, {Dim::symbol("N")});

  const dsl::RnnCell rnn = dsl::rnn_parameters(model, "rnn", kPixels, kHidden);
  const Var h = dsl::scan(rnn, x, {dsl::zeros_like_rows(x, kHidden)}).states[0];  // [N,150], after the last row
  const Var logits = dsl::dense_parameters(model, "digit", kHidden, kDigits)(h);

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
  examples::Run run({.name = "mnist_rnn",
                     .about = "Reads pictures of digits row by row with a plain tanh RNN and says which digit it was.",
                     .epochs = 25,
                     .built_in_epochs = 16,
                     .data = "a folder with the four files of MNIST"});
  int64_t count = 0;
  run.options().add_option("--predict", count, "shows so many test pictures and what the trained model says to them");

  return run.main(argc, argv, [&] {
    const examples::Digits digits = examples::load_digits(run.data());
    if (count > 0) return predict(run, digits.test, count);

    const auto train = training::prefetch(training::batches(digits.train, {.size = kBatch, .seed = run.seed()}));
    const auto test = training::batches(digits.test, {.size = kBatch, .shuffle = false});
    const int64_t steps = run.epochs() * train->size(0);

    // A plain RNN sees gradients that vanish and explode: clipping bounds the latter, and a rate that falls to zero
    // lets the weights settle.
    training::Trainer trainer(*build(run.seed())->functions[0],
                              {.optimizer = training::adam(training::cosine_decay(1e-3, steps)),
                               .clip = training::by_global_norm(1),
                               .expected_dims = {{"N", kBatch}},
                               .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);
    run.export_onnx(trainer, {"probabilities"}, *test);
    predict(run, digits.test, 4);
  });
}
