/// Folders in the layout of ONNX's backend suite: model.onnx, test_data_set_0/input_0.pb, ...
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "tests/support/onnx_model.h"

namespace seqc::test {

/// A folder of `shared` beside the sources, or below $SEQC_SHARED; nothing, and a message, where there is none.
std::optional<std::filesystem::path> shared_folder(const std::string& name);

/// Folders below `root` that hold a model, in order; with SEQC_CASE=text those whose names have that text.
std::vector<std::filesystem::path> model_folders(const std::filesystem::path& root);

/// Values of the first test data set by the names of the model's inputs; nothing for models with other than tensors.
std::optional<std::vector<NamedTensor>> read_inputs(const std::filesystem::path& folder);

}  // namespace seqc::test
