#include "tools/seqc/tensor_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "runtime/library.h"
#include "runtime/npy.h"
#include "runtime/program.h"

namespace seqc::tools {
namespace {

namespace fs = std::filesystem;

/// K of `<prefix>_K`.
std::optional<int64_t> numbered(const std::string& stem, const std::string& prefix) {
  if (!stem.starts_with(prefix + "_")) return std::nullopt;
  const std::string digits = stem.substr(prefix.size() + 1);
  int64_t index = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (code != std::errc() || end != digits.data() + digits.size() || index < 0) return std::nullopt;
  return index;
}

std::string list(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("\"{}\"", fmt::join(names, "\", \""));
}

}  // namespace

ir::Tensor load_tensor(const std::string& path, std::string* name) {
  if (path.ends_with(".npy")) return runtime::load_npy(path);
  if (path.ends_with(".pb")) return frontend::load_tensor_proto(path, name);
  fail(ErrorKind::BadInput, "{}: expected a .npy file, or a .pb file that holds a TensorProto", path);
}

std::vector<GivenTensor> load_folder(const std::string& folder, const std::string& prefix, bool named_files) {
  if (!fs::is_directory(folder)) fail(ErrorKind::BadInput, "{}: no such folder", folder);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<GivenTensor> result;
  for (const fs::path& file : files) {
    const std::string stem = file.stem().string(), extension = file.extension().string();
    if (extension != ".pb" && extension != ".npy") continue;
    GivenTensor given{.file = file.string(), .name = {}, .tensor = {}};
    if (const auto index = numbered(stem, prefix))
      given.index = *index;
    else if (named_files && extension == ".npy" && !numbered(stem, "output"))
      given.name = stem;
    else
      continue;
    given.tensor = load_tensor(given.file, &given.name);
    result.push_back(std::move(given));
  }
  return result;
}

std::vector<ir::Tensor> match(const std::vector<GivenTensor>& given, const std::vector<std::string>& names,
                              const std::string& what) {
  std::vector<const GivenTensor*> chosen(names.size(), nullptr);
  for (const GivenTensor& tensor : given) {
    auto at = static_cast<size_t>(std::find(names.begin(), names.end(), tensor.name) - names.begin());
    if (at == names.size() && tensor.index >= 0)
      at = static_cast<size_t>(tensor.index);  // names in .pb files may be stale
    if (at >= names.size())
      fail(ErrorKind::BadInput, "{}: the model has no {} {}; it has {}", tensor.file, what,
           tensor.index >= 0 ? fmt::format("number {}", tensor.index) : fmt::format("\"{}\"", tensor.name),
           list(names));
    if (chosen[at])
      fail(ErrorKind::BadInput, "{}: is for {} \"{}\", as {} is", tensor.file, what, names[at], chosen[at]->file);
    chosen[at] = &tensor;
  }
  std::vector<ir::Tensor> result;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!chosen[i])
      fail(ErrorKind::BadInput, "{} \"{}\" (number {}): is missing; expected {}_{}.npy, {}_{}.pb or --{} {}=FILE", what,
           names[i], i, what, i, what, i, what, names[i]);
    result.push_back(chosen[i]->tensor);
  }
  return result;
}

std::vector<std::string> input_names(const std::string& model) {
  std::vector<std::string> names;
  const auto take = [&](const std::vector<runtime::Port>& ports) {
    for (const runtime::Port& port : ports) names.push_back(port.name);
  };
  if (runtime::is_library(model)) {
    take(runtime::Program::load_library(model)->inputs());
  } else if (model.ends_with(".seq")) {
    take(runtime::inputs_of(*runtime::load_function(model)));
  } else {
    for (const auto& input : frontend::summarize_model(model).inputs)
      if (!input.has_default) names.push_back(input.name);
  }
  return names;
}

std::map<std::string, ir::Tensor> by_name(const std::vector<std::string>& names,
                                          const std::vector<ir::Tensor>& tensors) {
  std::map<std::string, ir::Tensor> result;
  for (size_t i = 0; i < names.size(); ++i) result[names[i]] = tensors[i];
  return result;
}

}  // namespace seqc::tools
