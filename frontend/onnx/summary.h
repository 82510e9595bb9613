/// What a model in memory says about itself, without importing it.
#pragma once

#include "frontend/onnx/import.h"

namespace seqc::frontend {

/// As summarize_model; `name` stands for the file in messages.
ModelSummary summarize_model_bytes(std::span<const std::byte> bytes, const std::string& name);

}  // namespace seqc::frontend
