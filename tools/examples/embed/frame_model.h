/// A stream that takes one frame at a time, with memory for the frame and for what comes of it.
#pragma once

#include <seqc/runtime.hpp>
#include <string>
#include <vector>

/// All memory is taken at the start; a step allocates nothing.
class FrameModel {
 public:
  /// A library of `seqc build --stream` with one input, of f32. Throws seqc::Error.
  explicit FrameModel(const std::string& library);

  const std::vector<int64_t>& frame_shape() const { return frame_.shape(); }
  /// To be filled before a step.
  float* frame() { return static_cast<float*>(frame_view_.data); }
  size_t frame_size() const { return static_cast<size_t>(frame_.count()); }
  void step();
  /// The first output, after a step.
  const float* result() const { return static_cast<const float*>(result_views_[0].data); }
  size_t result_size() const { return static_cast<size_t>(results_[0].count()); }

 private:
  seqc::runtime::Stream stream_;
  seqc::ir::Tensor frame_;
  std::vector<seqc::ir::Tensor> results_;
  seqc_tensor frame_view_;
  std::vector<seqc_tensor> result_views_;
};
