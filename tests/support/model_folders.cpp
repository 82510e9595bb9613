#include "tests/support/model_folders.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "frontend/onnx/import.h"

namespace seqc::test {

namespace fs = std::filesystem;

std::optional<fs::path> shared_folder(const std::string& name) {
  const char* given = std::getenv("SEQC_SHARED");
  const fs::path folder = (given ? fs::path(given) : fs::path(SEQC_SOURCE_DIR).parent_path() / "shared") / name;
  if (fs::exists(folder)) return folder;
  MESSAGE("skipped: no folder shared/" << name << " beside the sources (set SEQC_SHARED)");
  return std::nullopt;
}

std::vector<fs::path> model_folders(const fs::path& root) {
  const char* wanted = std::getenv("SEQC_CASE");
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root)) {
    const bool chosen = !wanted || entry.path().filename().string().find(wanted) != std::string::npos;
    if (chosen && fs::exists(entry.path() / "model.onnx")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::optional<std::vector<NamedTensor>> read_inputs(const fs::path& folder) {
  const auto summary = frontend::summarize_model((folder / "model.onnx").string());
  std::vector<NamedTensor> inputs;
  for (const auto& port : summary.inputs) {
    if (port.kind != frontend::PortKind::Tensor) return std::nullopt;
    if (port.has_default) continue;
    const fs::path file = folder / "test_data_set_0" / fmt::format("input_{}.pb", inputs.size());
    Tensor value = frontend::load_tensor_proto(file.string());
    if (port.tensor && port.tensor->dtype == DType::bf16 && value.dtype() == DType::u16)  // as the suite stores them
      value = Tensor::of<uint16_t>(DType::bf16, value.shape(), value.data<uint16_t>());
    if (port.tensor && port.tensor->rank() != value.rank()) return std::nullopt;  // the suite contradicts itself
    inputs.push_back({port.name, std::move(value)});
  }
  for (const auto& port : summary.outputs)
    if (port.kind != frontend::PortKind::Tensor) return std::nullopt;
  return inputs;
}

}  // namespace seqc::test
