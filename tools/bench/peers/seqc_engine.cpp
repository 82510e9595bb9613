#include "tools/bench/peers/seqc_engine.h"

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

SeqcEngine::SeqcEngine(const std::string& library, int threads) {
  auto start = std::chrono::steady_clock::now();
  session_ = std::make_unique<runtime::Session>(runtime::Program::load_library(library), threads);
  load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void SeqcEngine::bind(const std::vector<Tensor>& inputs) {
  input_views_.clear();
  for (const Tensor& input : inputs) input_views_.push_back(view(input));
  session_->prepare(input_views_);
  output_views_ = session_->output_types();
  for (seqc_tensor& output : output_views_) {
    outputs_.emplace_back(static_cast<seqc_dtype>(output.dtype),
                          std::vector<int64_t>(output.shape, output.shape + output.rank));
    output.data = outputs_.back().data();
  }
}

void SeqcEngine::run() {
  if (int32_t status = session_->run(input_views_, output_views_))
    throw std::runtime_error("seqc: status " + std::to_string(status));
}

}  // namespace seqc::peers
