// Reads pictures of digits row by row with three recurrent layers, one on top of the other, and dropout between them: noise
// that is there in training and not in use.
//   example_deep_rnn                  learns digits that the program draws
//   example_deep_rnn --data DIR       MNIST: the four files train-images-idx3-ubyte.gz, ... in that folder
//   example_deep_rnn --predict 3      what the trained model says to three of the test pictures, without training
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
#include "tools/examples/support/digits.h"
#include "tools/examples/support/run.h"

using namespace seqc;
using dsl::Var;
using ir::Dim, ir::DType, ir::Tensor;

namespace {

constexpr int64_t kRows = 28, kPixels = 28, kHidden = 100, kLayers = 3, kDigits = 10, kBatch = 100;

std::unique_ptr<ir::Module> build(double dropout, uint64_t seed) {
  dsl::Model model("deep_rnn", seed);
  Var h = model.input("x", DType::f32, {kRows, Dim::symbol("N"), kPixels});
  const Var label = model.input("label", DType::i64, {Dim::symbol("N")});
  for (int64_t layer = 1; layer <= kLayers; ++layer) {
    // What a layer puts out at every step is what the next one reads: [28,N,28] -> [28,N,100] -> ...
    const int64_t inputs = layer == 1 ? kPixels : kHidden;
    const dsl::RnnCell cell = dsl::rnn_parameters(model, fmt::format("rnn{}", layer), inputs, kHidden);
    h = dsl::scan(cell, h, {dsl::zeros_like_rows(h, kHidden)}).outputs[0];
    h = dsl::Dropout(model, fmt::format("drop{}", layer), dropout)(h);
  }
  const Var logits = dsl::dense_parameters(model, "digit", kHidden, kDigits)(dsl::last_valid(h));
  model.output("probabilities", dsl::softmax(logits, -1));
  model.output("loss", dsl::softmax_cross_entropy(logits, label));
  model.output("accuracy", dsl::accuracy(logits, label));
  return model.finish(/*trainable=*/true);
}

double difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  for (int64_t i = 0; i < a.count(); ++i) largest = std::max(largest, std::fabs(a.real(i) - b.real(i)));
  return largest;
}

/// The two modes of a model. Trainer::model() is the model in use: there is no dropout in it.
void show_modes(examples::Run& run, const training::Trainer& trainer, const training::Batch& batch) {
  const auto says = [&](const training::Trainer& of) {
    return runtime::Session(runtime::Program::compile(of.model({"probabilities"}))).run({batch.at("x")})[0];
  };
  training::Trainer plain(*build(/*dropout=*/0, run.seed())->functions[0]);
  plain.set_parameters(trainer.parameters());
  // A step of training says what the loss was before it. These steps move nothing: they learn at a rate of 0.
  training::Trainer noisy(*trainer.trainable_model(), {.optimizer = training::sgd(0)});
  const double first = noisy.step(batch).metrics.at("loss"), second = noisy.step(batch).metrics.at("loss");
  const double in_use = difference(says(trainer), says(trainer)), no_dropout = difference(says(trainer), says(plain));
  run.figure("difference in training", std::fabs(first - second));
  run.figure("difference in use", in_use);
  run.figure("difference from no dropout", no_dropout);
  run.sample("Dropout in training and in use",
             fmt::format("training, the same batch twice:        losses {:.4f} and {:.4f}\n"
                         "in use, the same batch twice:          probabilities differ by {}\n"
                         "in use, and a model without dropout:   probabilities differ by {}\n",
                         first, second, in_use, no_dropout));
}

/// What the trained model says to the first pictures of a batch.
std::string predictions(runtime::Session model, const training::Batch& batch, int64_t count) {
  const std::vector<std::string> says = examples::digit_texts(model.run({batch.at("x")})[0]);
  std::string text;
  for (int64_t n = 0; n < std::min(count, kBatch); ++n)
    text += fmt::format("{}, is {}\n", says[static_cast<size_t>(n)], batch.at("label").integer(n));
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "deep_rnn",
                     .about = "Reads pictures of digits with three recurrent layers and dropout between them.",
                     .epochs = 10,
                     .data = "a folder with the four files of MNIST"});
  int64_t predict = 0;
  double dropout = 0.2;
  run.options().add_option("--predict", predict, "what the trained model says to so many test pictures, up to 100");
  run.options().add_option("--dropout", dropout, "the share of numbers that is left out")->capture_default_str();

  return run.main(argc, argv, [&] {
    run.setting("dropout", std::to_string(dropout));
    const examples::Digits digits = examples::load_digits(run.data());
    const auto train = training::prefetch(training::batches(digits.train, {.size = kBatch, .seed = run.seed()}));
    const auto test = training::batches(digits.test, {.size = kBatch, .shuffle = false});
    if (predict > 0) return run.print(predictions(run.open(), test->batch(0, 0), predict));

    const int64_t steps = run.epochs() * train->size(0);
    training::Trainer trainer(*build(dropout, run.seed())->functions[0],
                              {.optimizer = training::adam(training::cosine_decay(1e-3, steps)),
                               .clip = training::by_global_norm(1),
                               .expected_dims = {{"N", kBatch}},
                               .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);
    run.export_onnx(trainer, {"probabilities"}, *test);
    show_modes(run, trainer, test->batch(0, 0));
  });
}
