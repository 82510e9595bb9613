#include "tests/tools/train_setting.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>

#include "runtime/npy.h"
#include "runtime/session.h"

namespace seqc::test {

using nlohmann::json;

Tensor random_weights(std::vector<int64_t> shape, uint32_t seed) {
  std::mt19937 random(seed);
  Tensor tensor(DType::f32, std::move(shape));
  for (float& value : tensor.mutable_data<float>()) value = static_cast<float>(random() % 2001) / 2000 - 0.5f;
  return tensor;
}

ModelBuilder unfinished_classifier(DType output) {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N", 2}).output("y", output, {"N", 3});
  model.initializer("w1", random_weights({2, 3}, 1)).initializer("b1", Tensor(DType::f32, {3}));
  model.initializer("w2", random_weights({3, 3}, 2)).initializer("b2", Tensor(DType::f32, {3}));
  model.node("MatMul", {"x", "w1"}, {"a"});
  model.node("Add", {"a", "b1"}, {"b"});
  model.node("Tanh", {"b"}, {"h"});
  model.node("MatMul", {"h", "w2"}, {"c"});
  model.node("Add", {"c", "b2"}, {"logits"}).name("last");
  return model;
}

ModelBuilder classifier() {
  ModelBuilder model = unfinished_classifier();
  model.node("Softmax", {"logits"}, {"y"});
  return model;
}

ClassPoints::ClassPoints() {
  std::mt19937 random(7);
  for (int64_t n = 0; n < 90; ++n) {
    const double a = static_cast<double>(random() % 1000) / 500 - 1, b = static_cast<double>(random() % 1000) / 500 - 1;
    x.set_real(2 * n, a), x.set_real(2 * n + 1, b);
    labels.set_integer(n, a > 0 ? 0 : b > 0 ? 1 : 2);
  }
}

std::string ClassPoints::csv(bool names) const {
  std::string text = "x.0,x.1,kind\n";
  const char* kinds[] = {"right", "above", "below"};
  for (int64_t n = 0; n < 90; ++n) {
    const int64_t label = labels.integer(n);
    text += fmt::format("{},{},{}\n", x.real(2 * n), x.real(2 * n + 1),
                        names ? std::string(kinds[label]) : std::to_string(label));
  }
  return text;
}

std::string TrainSetting::save(const std::string& name, const Tensor& tensor) const {
  runtime::save_npy(path(name), tensor);
  return path(name);
}

std::vector<std::string> TrainSetting::arguments(const std::vector<std::string>& more, const std::string& data,
                                                 const std::string& target, const std::string& rate,
                                                 const std::string& loss) const {
  std::vector<std::string> all = {"train",    model,
                                  "--data",   data.empty() ? "x=" + x : data,
                                  "--target", target.empty() ? y : target,
                                  "-o",       tuned,
                                  "--loss",   loss,
                                  "--batch",  "15",
                                  "--lr",     rate,
                                  "--quiet"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::map<std::string, Tensor> initializers(const std::string& file) {
  std::map<std::string, Tensor> result;
  const auto model = load_model(file);
  for (const auto& proto : model.graph().initializer()) result[proto.name()] = tensor_of(proto);
  return result;
}

Tensor predict(const std::string& file, const std::vector<Tensor>& inputs) {
  return runtime::Session(runtime::Program::compile_file(file)).run(inputs).at(0);
}

double last_loss(const ToolResult& result) { return json::parse(result.out).at("epochs").back()["training"]["loss"]; }

}  // namespace seqc::test
