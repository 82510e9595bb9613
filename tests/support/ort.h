/// ONNX Runtime as a judge of exported models, where it is installed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::peers {
class OrtEngine;
}

namespace seqc::test {

/// Its library: $SEQC_ORT, or where tools/bench/peers/run.sh puts it. Nothing if it is not there; the first call says so
/// in the test's output.
std::optional<std::string> ort_library();

/// A model in ONNX Runtime, which keeps what it allocates for it until the process ends: one is for many inputs.
class OrtModel {
 public:
  /// Throws std::runtime_error with ONNX Runtime's message, as `run` does.
  OrtModel(const std::string& library, const std::string& model);
  ~OrtModel();
  std::vector<ir::Tensor> run(const std::vector<ir::Tensor>& inputs);

 private:
  std::unique_ptr<peers::OrtEngine> engine_;
};

/// The outputs of a model file. Throws std::runtime_error with ONNX Runtime's message.
std::vector<ir::Tensor> run_in_ort(const std::string& library, const std::string& model,
                                   const std::vector<ir::Tensor>& inputs);

}  // namespace seqc::test
