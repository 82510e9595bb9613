#include "tools/bench/peers/seqc_engine.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace seqc::peers {

namespace {

seqc_tensor view(const Tensor& tensor) {
  seqc_tensor result{};
  result.data = tensor.data();
  result.dtype = tensor.dtype();
  result.rank = static_cast<int32_t>(tensor.shape().size());
  std::copy(tensor.shape().begin(), tensor.shape().end(), result.shape);
  return result;
}

}  // namespace

SeqcEngine::SeqcEngine(const std::string& library, int threads)
    : pool_(threads), threads_(threads > 1 ? pool_.handle() : nullptr) {
  auto start = std::chrono::steady_clock::now();
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw std::runtime_error(dlerror());
  auto* get_model = reinterpret_cast<const seqc_model* (*)()>(dlsym(handle, "seqc_library_model"));
  if (!get_model) throw std::runtime_error(library + ": no seqc_library_model");
  model_ = get_model();
  load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void SeqcEngine::bind(const std::vector<Tensor>& inputs) {
  if (static_cast<size_t>(model_->input_count) != inputs.size())
    throw std::runtime_error("seqc: " + std::to_string(model_->input_count) + " inputs, not " +
                             std::to_string(inputs.size()));
  input_views_.clear();
  for (const Tensor& input : inputs) input_views_.push_back(view(input));
  output_views_.resize(static_cast<size_t>(model_->output_count));
  size_t bytes = 0;
  if (int32_t status = model_->prepare(input_views_.data(), output_views_.data(), &bytes))
    throw std::runtime_error("seqc: status " + std::to_string(SEQC_STATUS_CODE(status)) + " for input " +
                             std::to_string(SEQC_STATUS_INPUT(status)));
  workspace_ = std::make_unique<Tensor>(SEQC_U8, std::vector<int64_t>{static_cast<int64_t>(bytes)});
  for (seqc_tensor& output : output_views_) {
    outputs_.emplace_back(static_cast<seqc_dtype>(output.dtype),
                          std::vector<int64_t>(output.shape, output.shape + output.rank));
    output.data = outputs_.back().data();
  }
}

/// With the shapes that the run wrote, where it decides them.
std::vector<Tensor> SeqcEngine::outputs() const {
  std::vector<Tensor> result;
  for (const seqc_tensor& output : output_views_)
    result.emplace_back(static_cast<seqc_dtype>(output.dtype),
                        std::vector<int64_t>(output.shape, output.shape + output.rank), output.data);
  return result;
}

}  // namespace seqc::peers
