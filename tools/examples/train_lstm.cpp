// Trains an LSTM on a task that is made up as it goes: add up the two numbers of a sequence that are marked (Hochreiter and
// Schmidhuber 1997). Prints the loss of each epoch as a curve, and what the trained model says to a sequence it never saw.
//   example_train_lstm [epochs] [checkpoint]    with a checkpoint: may be killed and started again
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <random>

#include "frontend/dsl/dsl.h"
#include "runtime/session.h"
#include "runtime/training/trainer.h"

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;

namespace {

constexpr int64_t kSteps = 20, kRows = 64, kHidden = 32;

/// x[T,N,2]: numbers in [0, 1) and marks; target[N,1]: the sum of the two that are marked.
class AddingProblem : public training::BatchSource {
 public:
  explicit AddingProblem(int64_t batches, uint64_t seed) : batches_(batches), seed_(seed) {}
  int64_t size(int64_t) const override { return batches_; }
  training::Batch batch(int64_t epoch, int64_t index) const override {
    std::mt19937_64 random(seed_ + static_cast<uint64_t>(epoch * batches_ + index));
    Tensor x(DType::f32, {kSteps, kRows, 2}), target(DType::f32, {kRows, 1});
    auto values = x.mutable_data<float>(), sums = target.mutable_data<float>();
    for (int64_t n = 0; n < kRows; ++n) {
      const int64_t half = kSteps / 2;
      const int64_t marked[] = {static_cast<int64_t>(random() % half), half + static_cast<int64_t>(random() % half)};
      for (int64_t t = 0; t < kSteps; ++t) values[(t * kRows + n) * 2] = static_cast<float>(random() >> 40) * 0x1p-24f;
      for (const int64_t t : marked) {
        values[(t * kRows + n) * 2 + 1] = 1;
        sums[n] += values[(t * kRows + n) * 2];
      }
    }
    return {{"x", x}, {"target", target}};
  }

 private:
  int64_t batches_;
  uint64_t seed_;
};

std::unique_ptr<ir::Module> build() {
  dsl::Model model("adding", /*seed=*/1);
  const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim::symbol("N"), 2});
  const Var target = model.input("target", DType::f32, {Dim::symbol("N"), 1});
  const dsl::LstmCell cell = dsl::lstm_parameters(model, "lstm", 2, kHidden);
  const Var zero = dsl::zeros_like_rows(x, kHidden);
  const Var last = dsl::scan(cell, x, {zero, zero}).states[0];
  const Var y = dsl::dense_parameters(model, "dense", kHidden, 1)(last);
  model.output("y", y);
  model.output("loss", dsl::mean_squared_error(y, target));
  return model.finish(/*trainable=*/true);
}

}  // namespace

int main(int argc, char** argv) try {
  training::TrainOptions options{.epochs = argc > 1 ? std::atoi(argv[1]) : 8};
  if (argc > 2) options.checkpoint = argv[2], options.resume = true;
  const AddingProblem batches(/*batches=*/100, /*seed=*/1), unseen(/*batches=*/10, /*seed=*/1'000'000);
  options.validation = &unseen;
  options.on_epoch = [](const training::EpochReport& report) {
    const double loss = report.validation.at("loss");
    fmt::print("epoch {:2}  training {:.5f}  validation {:.5f}  |{:*<{}}\n", report.epoch, report.training.at("loss"),
               loss, "", static_cast<int>(loss * 300));
    return true;
  };

  training::Trainer trainer(*build()->functions[0],
                            {.optimizer = training::adam(training::cosine_decay(1e-2, options.epochs * 100, 1e-4)),
                             .clip = training::by_global_norm(1)});
  trainer.train(batches, options);

  // The model in use: only what "y" needs, with what was learnt as constants.
  runtime::Session session(runtime::Program::compile(trainer.model({"y"})));
  const training::Batch batch = unseen.batch(1000, 0);
  const Tensor y = session.run({batch.at("x")})[0];
  for (int64_t n = 0; n < 3; ++n) fmt::print("says {:.3f}, should be {:.3f}\n", y.real(n), batch.at("target").real(n));
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
