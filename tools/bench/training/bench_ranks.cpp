// How much of the exchange of gradients between processes is hidden behind the backward pass:
//   tools/bench/training/ranks.sh [layers=3] [hidden=512] [rows=32] [steps=50] [threads=1] [rounds=15]
// LSTM layers and a dense one that names a class at every step; `rows` are those of all ranks. Takes turns of three steps of
// training with and without overlap; each figure is the median over the rounds, with quartiles.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <random>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "runtime/training/ranks_runner.h"

using namespace seqc;
using dsl::Var;
using ir::DType;
using ir::Tensor;

namespace {

using Sizes = std::map<std::string, int64_t>;

std::unique_ptr<ir::Function> network(const Sizes& sizes) {
  const ir::Dim n = ir::Dim::symbol("N");
  const int64_t hidden = sizes.at("hidden");
  dsl::Model model("network", /*seed=*/1);
  Var y = model.input("x", DType::f32, {sizes.at("steps"), n, hidden});
  const Var target = model.input("target", DType::i64, {sizes.at("steps"), n});
  for (int64_t i = 0; i < sizes.at("layers"); ++i) {
    const dsl::LstmCell cell = dsl::lstm_parameters(model, fmt::format("lstm{}", i), hidden, hidden);
    const Var zero = dsl::zeros_like_rows(y, hidden);
    y = dsl::scan(cell, y, {zero, zero}).outputs[0];
  }
  const Var logits = dsl::dense_parameters(model, "dense", hidden, 64)(y);
  model.output("loss", dsl::softmax_cross_entropy(logits, target));
  return std::move(model.finish(true)->functions[0]);
}

/// This rank's rows.
training::Batch batch(const Sizes& sizes, training::Ranks& ranks) {
  const int64_t rows = sizes.at("rows") / ranks.count();
  std::mt19937_64 random(static_cast<uint64_t>(ranks.rank()));
  std::normal_distribution<float> normal;
  Tensor x(DType::f32, {sizes.at("steps"), rows, sizes.at("hidden")}), target(DType::i64, {sizes.at("steps"), rows});
  for (float& value : x.mutable_data<float>()) value = normal(random);
  for (int64_t& value : target.mutable_data<int64_t>()) value = static_cast<int64_t>(random() % 64);
  return {{"x", x}, {"target", target}};
}

/// Trains, and notes how long steps and the exchange that nothing hides take.
class Side {
 public:
  Side(const ir::Function& model, const training::TrainerOptions& options, training::Ranks& ranks)
      : runner_(training::ranks_training_step(model, options), options, ranks) {
    for (const auto* list : {&runner_.step().parameters, &runner_.step().states})
      for (const training::Kept& kept : *list) {
        now_.push_back(kept.start);
        next_.emplace_back(kept.start.dtype(), kept.start.shape());
      }
  }

  void run(const training::Batch& batch, int steps, bool notes) {
    double exposed = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) {
      runner_.run(batch, number_++, now_, next_);
      now_.swap(next_);
      exposed += runner_.exchange().exposed_seconds();
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    if (!notes) return;
    steps_.push_back(time.count() / steps);
    exposed_.push_back(exposed / steps);
  }

  void print(const char* name) {
    const auto& exchange = runner_.exchange();
    size_t early = 0;
    for (size_t i = 0; i < exchange.buckets(); ++i) early += exchange.start_of(i).ready < last(exchange) ? 1 : 0;
    fmt::print("{:<16} step {}, exposed {}; {} of {} buckets start early; loss {:.6f}\n", name, middle(steps_),
               middle(exposed_), early, exchange.buckets(), runner_.metric(0));
  }

 private:
  static size_t last(const training::RanksExchange& exchange) {
    return exchange.buckets() == 0 ? 0 : exchange.start_of(exchange.buckets() - 1).needs;
  }
  static std::string middle(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    return fmt::format("{:.2f} ms ({:.2f}-{:.2f})", times[times.size() / 2] * 1e3, times[times.size() / 4] * 1e3,
                       times[times.size() * 3 / 4] * 1e3);
  }

  training::RanksRunner runner_;
  std::vector<Tensor> now_, next_;
  int64_t number_ = 0;
  std::vector<double> steps_, exposed_;
};

}  // namespace

int main(int argc, char** argv) try {
  Sizes sizes = {{"layers", 3}, {"hidden", 512}, {"rows", 32}, {"steps", 50}, {"threads", 1}, {"rounds", 15}};
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t at = text.find('=');
    if (at == std::string::npos || !sizes.contains(text.substr(0, at)))
      throw std::runtime_error(text + ": expected layers=, hidden=, rows=, steps=, threads= or rounds=");
    sizes[text.substr(0, at)] = std::stoll(text.substr(at + 1));
  }
  auto& ranks = training::Ranks::world();
  const auto model = network(sizes);
  training::TrainerOptions options{.optimizer = training::adam(1e-3), .clip = training::by_global_norm(5)};
  options.threads = static_cast<int>(sizes.at("threads"));
  Side overlapping(*model, options, ranks);
  options.overlap = false;
  Side behind(*model, options, ranks);
  const training::Batch rows = batch(sizes, ranks);
  for (int64_t round = -1; round < sizes.at("rounds"); ++round)
    for (Side* side : {&overlapping, &behind}) side->run(rows, 3, round >= 0);
  if (!ranks.first()) return 0;
  size_t bytes = 0;
  for (const ir::Value* parameter : model->parameters()) bytes += parameter->initial().byte_size();
  fmt::print("{} ranks, {:.1f} MB of gradients\n", ranks.count(), static_cast<double>(bytes) / 1e6);
  overlapping.print("overlap");
  behind.print("afterwards");
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
