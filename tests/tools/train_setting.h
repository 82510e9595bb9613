/// What tests of `seqc train` share: a small classifier, its data, and a folder for both.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

namespace seqc::test {

/// Floats from -0.5 to 0.5.
Tensor random_weights(std::vector<int64_t> shape, uint32_t seed);

/// x[N,2] -> h = tanh(x w1 + b1) -> logits[N,3] = h w2 + b2; the biases are equal tensors. The output y is to be made of them.
ModelBuilder unfinished_classifier(DType output = DType::f32);
/// y = softmax(logits).
ModelBuilder classifier();

/// Points of the plane in three classes: right, left above, left below.
struct ClassPoints {
  Tensor x{DType::f32, {90, 2}}, labels{DType::i64, {90}};
  ClassPoints();
  std::string csv(bool names) const;
};

struct TrainSetting {
  TempDir folder;
  ClassPoints points;
  std::string model = classifier().save(folder / "m.onnx").string();
  std::string x = save("x.npy", points.x), y = save("t.npy", points.labels), tuned = path("tuned.onnx");

  std::string path(const std::string& name) const { return (folder / name).string(); }
  std::string save(const std::string& name, const Tensor& tensor) const;
  /// The arguments that train the classifier; `more` is added.
  std::vector<std::string> arguments(const std::vector<std::string>& more, const std::string& data = "",
                                     const std::string& target = "", const std::string& rate = "0.05",
                                     const std::string& loss = "softmax-cross-entropy") const;
  ToolResult train(const std::vector<std::string>& more, const std::string& data = "", const std::string& target = "",
                   const std::string& rate = "0.05") const {
    return run_seqc(arguments(more, data, target, rate));
  }
};

/// Those of an ONNX file.
std::map<std::string, Tensor> initializers(const std::string& file);

Tensor predict(const std::string& file, const std::vector<Tensor>& inputs);

/// Of training, as --json says it.
double last_loss(const ToolResult& result);

}  // namespace seqc::test
