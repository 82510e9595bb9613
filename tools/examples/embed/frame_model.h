/// A model that is run frame by frame and hands its state on: outputs that become inputs of the next frame.
#pragma once

#include <memory>
#include <seqc/runtime.hpp>
#include <string>
#include <utility>
#include <vector>

/// All memory is taken at the start; a step allocates nothing.
class FrameModel {
 public:
  /// `states` name an input and the output that becomes it; they begin with zeros. The inputs' dims must be numbers (seqc build
  /// --dim), and one input must be left: the frame. Throws seqc::Error.
  FrameModel(const std::string& library, const std::vector<std::pair<std::string, std::string>>& states);

  const std::vector<int64_t>& frame_shape() const { return inputs_[frame_].shape(); }
  /// To be filled before a step.
  float* frame() { return reinterpret_cast<float*>(input_views_[frame_].data); }
  size_t frame_size() const { return static_cast<size_t>(inputs_[frame_].count()); }
  void step();
  /// The first output that is no state, after a step.
  const float* result() const { return reinterpret_cast<const float*>(output_views_[result_].data); }
  size_t result_size() const { return static_cast<size_t>(outputs_[result_].count()); }

 private:
  std::shared_ptr<const seqc::runtime::Program> program_;
  seqc::runtime::Session session_;
  std::vector<seqc::ir::Tensor> inputs_, outputs_;
  std::vector<seqc_tensor> input_views_, output_views_;
  std::vector<std::pair<size_t, size_t>> states_;  // positions of inputs and outputs that take turns
  size_t frame_ = 0, result_ = 0;
};
