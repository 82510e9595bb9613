#include "tests/support/ort.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tools/bench/peers/ort_engine.h"

namespace seqc::test {

namespace {

namespace fs = std::filesystem;

std::optional<std::string> find_library() {
  if (const char* given = std::getenv("SEQC_ORT")) return given;
  const fs::path package = fs::path(SEQC_SOURCE_DIR) / "build/peers/node_modules/onnxruntime-node/bin";
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(package, none)) {
    const bool here = entry.path().parent_path().filename() ==
#ifdef __aarch64__
                      "arm64";
#else
                      "x64";
#endif
    if (here && entry.path().filename() == "libonnxruntime.so.1") return entry.path().string();
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> ort_library() {
  static const std::optional<std::string> library = [] {
    const auto found = find_library();
    if (!found)
      MESSAGE(
          "ONNX Runtime is not installed, its part is skipped: tools/bench/peers/run.sh installs it, SEQC_ORT names a "
          "library");
    return found;
  }();
  return library;
}

OrtModel::OrtModel(const std::string& library, const std::string& model)
    : engine_(std::make_unique<peers::OrtEngine>(library, model, 1, peers::DimValues{})) {}

OrtModel::~OrtModel() = default;

std::vector<ir::Tensor> OrtModel::run(const std::vector<ir::Tensor>& inputs) {
  // Element types have the same numbers here and in the C ABI.
  std::vector<peers::Tensor> given;
  for (const ir::Tensor& input : inputs)
    given.emplace_back(static_cast<seqc_dtype>(input.dtype()), input.shape(), input.bytes());
  engine_->bind(given);
  engine_->run();
  std::vector<ir::Tensor> result;
  for (const peers::Tensor& output : engine_->outputs()) {
    ir::Tensor tensor(static_cast<ir::DType>(output.dtype()), output.shape());
    if (tensor.byte_size() > 0) std::memcpy(tensor.mutable_bytes(), output.data(), tensor.byte_size());
    result.push_back(std::move(tensor));
  }
  return result;
}

std::vector<ir::Tensor> run_in_ort(const std::string& library, const std::string& model,
                                   const std::vector<ir::Tensor>& inputs) {
  return OrtModel(library, model).run(inputs);
}

}  // namespace seqc::test
