#include "tests/runtime/sample_models.h"

#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"

namespace seqc::test {
namespace {

constexpr int64_t kFeatures = 3, kHidden = 5;

Tensor random(std::vector<int64_t> shape, uint64_t seed) {
  Random random(seed);
  return random_tensor(DType::f32, std::move(shape), random);
}

}  // namespace

std::filesystem::path save_lstm(const std::filesystem::path& file) {
  ModelBuilder model(14);
  model.input("X", DType::f32, {"T", "N", kFeatures}).input("h0", DType::f32, {1, "N", kHidden});
  model.output("Y", DType::f32, {"T", 1, "N", kHidden}).output("h", DType::f32, {1, "N", kHidden});
  model.initializer("W", random({1, 4 * kHidden, kFeatures}, 1)).initializer("R", random({1, 4 * kHidden, kHidden}, 2));
  model.initializer("B", random({1, 8 * kHidden}, 3));
  model.node("LSTM", {"X", "W", "R", "B", "", "h0"}, {"Y", "h"}).name("lstm").attr("hidden_size", kHidden);
  return model.save(file);
}

std::filesystem::path save_doubler(const std::filesystem::path& file) {
  ModelBuilder model(14);
  model.input("X", DType::f32, {"N", 3}).output("Y", DType::f32, {"N", 3});
  model.initializer("two", Tensor::f32({}, {2}));
  model.node("Mul", {"X", "two"}, {"Y"});
  return model.save(file);
}

ir::Tensor lstm_x(int64_t steps, int64_t batch) { return random({steps, batch, kFeatures}, 4); }
ir::Tensor lstm_h0(int64_t batch) { return random({1, batch, kHidden}, 5); }

}  // namespace seqc::test
