#include "runtime/stream_program.h"

#include <cstring>

#include "ir/error.h"
#include "runtime/library.h"
#include "runtime/ports.h"

namespace seqc::runtime {
namespace {

ir::Tensor copy(const seqc_tensor& tensor) {
  ir::Tensor result(static_cast<ir::DType>(tensor.dtype),
                    std::vector<int64_t>(tensor.shape, tensor.shape + tensor.rank));
  std::memcpy(result.mutable_bytes(), tensor.data, result.byte_size());
  return result;
}

/// What a library says of its stream, with the ports of its model.
StreamPlan plan_of(const seqc_stream& stream) {
  StreamPlan plan;
  plan.time = stream.time ? stream.time : "";
  plan.rows = stream.rows ? stream.rows : "";
  plan.hop = stream.hop;
  plan.warm_up = stream.warm_up;
  const std::vector<Port> inputs = ports_of(stream.model->inputs, stream.model->input_count),
                          outputs = ports_of(stream.model->outputs, stream.model->output_count);
  const auto input_count = static_cast<size_t>(stream.input_count);
  for (size_t i = 0; i < input_count; ++i)
    plan.inputs.push_back({inputs[i].name, inputs[i].type, stream.inputs[i].time_axis});
  for (size_t i = 0; i < static_cast<size_t>(stream.output_count); ++i) {
    const seqc_stream_port& port = stream.outputs[i];
    plan.outputs.push_back({outputs[i].name, outputs[i].type, port.time_axis, port.per_hop, port.late});
  }
  for (size_t i = 0; i < static_cast<size_t>(stream.state_count); ++i) {
    const Port& port = inputs[input_count + i];
    plan.states.push_back(
        {port.name, port.type, stream.states[i].rows_axis, copy(stream.states[i].initial), "the library's"});
  }
  return plan;
}

}  // namespace

StreamProgram::StreamProgram(std::shared_ptr<const Program> program, StreamPlan plan, uint64_t id)
    : program_(std::move(program)), plan_(std::move(plan)), id_(id) {}

std::shared_ptr<const StreamProgram> StreamProgram::load_library(const std::string& path) {
  const Library library(path);
  if (!library.stream())
    fail(ErrorKind::BadInput, "{}: is no stream; build it with --stream, or run it as a model", path);
  auto program = Program::load_library(path);  // which keeps it loaded
  return std::make_shared<StreamProgram>(std::move(program), plan_of(*library.stream()), library.stream()->id);
}

}  // namespace seqc::runtime
