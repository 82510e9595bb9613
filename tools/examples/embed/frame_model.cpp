#include "frame_model.h"

namespace {

using seqc::ir::DType;
using seqc::ir::Tensor;

[[noreturn]] void fail(const std::string& text) { throw seqc::Error(seqc::ErrorKind::BadInput, text); }

/// One stream's next frame, or hop of frames.
Tensor frame_of(const seqc::runtime::StreamPlan& plan) {
  if (plan.inputs.size() != 1) fail("the model has " + std::to_string(plan.inputs.size()) + " inputs, expected one");
  const seqc::runtime::StreamInput& input = plan.inputs[0];
  if (input.type.dtype != DType::f32 || plan.outputs[0].type.dtype != DType::f32) fail("frames must be f32");
  std::vector<int64_t> shape;
  for (const seqc::ir::Dim& named : input.type.shape) {
    const seqc::ir::Dim dim = named.substitute({{plan.rows, 1}, {plan.time, plan.hop}});
    if (!dim.is_constant()) fail("input \"" + input.name + "\" is " + input.type.str() + "; build it with --dim");
    shape.push_back(dim.constant());
  }
  return {DType::f32, shape};
}

}  // namespace

FrameModel::FrameModel(const std::string& library)
    : stream_(seqc::runtime::StreamProgram::open(library)),
      frame_(frame_of(stream_.program().plan())),
      frame_view_(seqc::runtime::mutable_view(frame_)) {
  stream_.prepare({&frame_view_, 1});
  for (const seqc_tensor& type : stream_.output_types())
    results_.emplace_back(static_cast<DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
  for (Tensor& result : results_) result_views_.push_back(seqc::runtime::mutable_view(result));
}

void FrameModel::step() {
  if (const int32_t status = stream_.step({&frame_view_, 1}, result_views_); status != SEQC_OK)
    fail(seqc_status_text(status));
}
