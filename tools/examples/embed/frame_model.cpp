#include "frame_model.h"

#include <set>

namespace {

using seqc::runtime::Port;

[[noreturn]] void fail(const std::string& text) { throw seqc::Error(seqc::ErrorKind::BadInput, text); }

size_t position(const std::vector<Port>& ports, const std::string& name) {
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == name) return i;
  fail("the model has no \"" + name + "\", but " + seqc::runtime::str(ports));
}

/// The first that is not in `taken`.
size_t remaining(const std::vector<Port>& ports, const std::set<size_t>& taken) {
  for (size_t i = 0; i < ports.size(); ++i)
    if (!taken.contains(i)) return i;
  fail("every input or output is a state: " + seqc::runtime::str(ports));
}

seqc::ir::Tensor zeros(const Port& port) {
  std::vector<int64_t> shape;
  for (const seqc::ir::Dim& dim : port.type.shape) {
    if (!dim.is_constant()) fail("input \"" + port.name + "\" has named dims; build the model with --dim NAME=NUMBER");
    shape.push_back(dim.constant());
  }
  return {port.type.dtype, shape};
}

}  // namespace

FrameModel::FrameModel(const std::string& library, const std::vector<std::pair<std::string, std::string>>& states)
    : program_(seqc::runtime::Program::open(library)), session_(program_) {
  std::set<size_t> state_inputs, state_outputs;
  for (const auto& [in, out] : states) {
    states_.emplace_back(position(program_->inputs(), in), position(program_->outputs(), out));
    state_inputs.insert(states_.back().first);
    state_outputs.insert(states_.back().second);
  }
  for (size_t i = 0; i < program_->inputs().size(); ++i) {
    const Port& port = program_->inputs()[i];
    const auto fixed = program_->fixed_values().find(port.name);
    inputs_.push_back(fixed == program_->fixed_values().end() ? zeros(port) : fixed->second);
    if (fixed != program_->fixed_values().end()) state_inputs.insert(i);  // nothing to fill in, either
    input_views_.push_back(seqc::runtime::mutable_view(inputs_.back()));
  }
  frame_ = remaining(program_->inputs(), state_inputs);
  result_ = remaining(program_->outputs(), state_outputs);
  session_.prepare(input_views_);
  for (const seqc_tensor& type : session_.output_types()) {
    outputs_.emplace_back(static_cast<seqc::ir::DType>(type.dtype),
                          std::vector<int64_t>(type.shape, type.shape + type.rank));
    output_views_.push_back(seqc::runtime::mutable_view(outputs_.back()));
  }
  if (inputs_[frame_].dtype() != seqc::ir::DType::f32 || outputs_[result_].dtype() != seqc::ir::DType::f32)
    fail("frames must be f32");
  for (const auto& [in, out] : states_)
    if (inputs_[in].byte_size() != outputs_[out].byte_size())
      fail("state \"" + program_->inputs()[in].name + "\": input and output differ in size");
}

void FrameModel::step() {
  session_.run(input_views_, output_views_);
  for (const auto& [in, out] : states_) std::swap(input_views_[in].data, output_views_[out].data);
}
