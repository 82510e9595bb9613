/// ONNX Runtime as a judge, where it is installed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::tools {

/// Its library: what SEQC_ORT names, or else the one that the system's loader finds. Nothing if there is none.
std::optional<std::string> find_ort();

/// The outputs of a model file, in the model's order. `inputs` are in the model's order as well.
/// Throws std::runtime_error with ONNX Runtime's message.
std::vector<ir::Tensor> run_ort(const std::string& library, const std::string& model,
                                const std::vector<ir::Tensor>& inputs);

}  // namespace seqc::tools
