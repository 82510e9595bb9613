/// ONNX Runtime as a peer: loaded from its shared library through its C API, without its header.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/peers/engine.h"

namespace seqc::peers {

using DimValues = std::map<std::string, int64_t>;

/// Lives until the process ends: what ONNX Runtime allocates for it is not given back.
class OrtEngine : public Engine {
 public:
  /// `dims` gives values to the model's named dims; throws std::runtime_error with ONNX Runtime's message.
  OrtEngine(const std::string& library, const std::string& model, int threads, const DimValues& dims);

  /// Tensors of the types and shapes that the model asks for, not yet filled.
  std::vector<Tensor> make_inputs() const;
  void bind(const std::vector<Tensor>& inputs) override;
  void run() override;
  std::vector<Tensor> outputs() const override { return outputs_; }
  const std::string& version() const { return version_; }

 private:
  template <class... Arguments>
  void call(int position, Arguments... arguments) const;
  std::vector<const char*> names(int count_position, int name_position) const;
  std::pair<seqc_dtype, std::vector<int64_t>> describe(const void* tensor_info) const;
  void* wrap(const Tensor& tensor) const;
  void bind_in_place();

  void* const* api_ = nullptr;
  void *session_ = nullptr, *memory_ = nullptr, *allocator_ = nullptr, *binding_ = nullptr;
  std::string version_;
  DimValues dims_;
  std::vector<const char*> input_names_, output_names_;
  std::vector<void*> input_values_, output_values_;
  std::vector<Tensor> outputs_;
};

}  // namespace seqc::peers
