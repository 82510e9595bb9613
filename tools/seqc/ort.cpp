#include "tools/seqc/ort.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "tools/bench/peers/ort_engine.h"

namespace seqc::tools {

std::optional<std::string> find_ort() {
  if (const char* given = std::getenv("SEQC_ORT"); given && *given) return given;
  for (const char* name : {"libonnxruntime.so.1", "libonnxruntime.so"})
    if (::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return name;
  return std::nullopt;
}

std::vector<ir::Tensor> run_ort(const std::string& library, const std::string& model,
                                const std::vector<ir::Tensor>& inputs) {
  // Element types have the same numbers here and in the C ABI.
  peers::OrtEngine engine(library, model, 1, {});
  std::vector<peers::Tensor> given;
  for (const ir::Tensor& input : inputs)
    given.emplace_back(static_cast<seqc_dtype>(input.dtype()), input.shape(), input.bytes());
  engine.bind(given);
  engine.run();
  std::vector<ir::Tensor> result;
  for (const peers::Tensor& output : engine.outputs()) {
    ir::Tensor tensor(static_cast<ir::DType>(output.dtype()), output.shape());
    if (tensor.byte_size() > 0) std::memcpy(tensor.mutable_bytes(), output.data(), tensor.byte_size());
    result.push_back(std::move(tensor));
  }
  return result;
}

}  // namespace seqc::tools
