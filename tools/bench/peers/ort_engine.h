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
  /// `dims` gives values to the model's named dims, `fix_dims` has ONNX Runtime optimise the model for them; throws
  /// std::runtime_error with ONNX Runtime's message.
  OrtEngine(const std::string& library, const std::string& model, int threads, const DimValues& dims,
            bool fix_dims = false);

  /// Tensors of the types and shapes that the model asks for, not yet filled.
  std::vector<Tensor> make_inputs() const;
  void bind(const std::vector<Tensor>& inputs) override;
  void run() override;
  std::vector<Tensor> outputs() const override;
  const std::string& version() const { return version_; }

 private:
  template <class... Arguments>
  void call(int position, Arguments... arguments) const;
  void call_void(int position, void* argument) const;
  std::vector<const char*> names(int count_position, int name_position) const;
  std::pair<seqc_dtype, std::vector<int64_t>> describe(const void* tensor_info) const;
  void* wrap(const Tensor& tensor) const;
  void bind_inputs();
  bool bind_outputs_in_place();
  Tensor copy_of(const void* value) const;

  void* const* api_ = nullptr;
  void *session_ = nullptr, *memory_ = nullptr, *allocator_ = nullptr, *binding_ = nullptr;
  std::string version_;
  DimValues dims_;
  std::vector<const char*> input_names_, output_names_;
  std::vector<void*> input_values_;
  std::vector<Tensor> in_place_;  // where outputs are written
  std::vector<void*> allocated_;  // outputs of the last run, for models that do not let them be written in place
};

}  // namespace seqc::peers
