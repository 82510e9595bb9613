#include <cstring>

#include "codegen/digest.h"
#include "ir/error.h"
#include "ir/printer.h"
#include "runtime/library.h"
#include "runtime/ports.h"
#include "runtime/stream_build.h"

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

/// A library's program that keeps it loaded.
std::shared_ptr<const StreamProgram> load_stream(const std::string& path) {
  const Library library(path);
  if (!library.stream())
    fail(ErrorKind::BadInput, "{}: is no stream; build it with --stream, or run it as a model", path);
  auto program = Program::load_library(path);
  return std::make_shared<StreamProgram>(std::move(program), plan_of(*library.stream()), library.stream()->id);
}

codegen::StreamDescription describe(const StreamPlan& plan) {
  codegen::StreamDescription stream;
  stream.time = plan.time;
  stream.rows = plan.rows;
  stream.hop = plan.hop;
  stream.warm_up = plan.warm_up;
  stream.id = stream_id(plan);
  for (const StreamInput& input : plan.inputs) stream.inputs.push_back({input.time_axis});
  for (const StreamOutput& output : plan.outputs)
    stream.outputs.push_back({output.time_axis, output.per_hop, output.late});
  for (const StreamState& state : plan.states) stream.states.push_back({state.rows_axis, state.initial});
  return stream;
}

}  // namespace

StreamProgram::StreamProgram(std::shared_ptr<const Program> program, StreamPlan plan, uint64_t id)
    : program_(std::move(program)), plan_(std::move(plan)), id_(id) {}

uint64_t stream_id(const StreamPlan& plan) {
  std::string text = ir::print(*plan.step);
  for (const StreamState& state : plan.states) text += fmt::format("{} {:x}\n", state.name, state.initial.hash());
  return std::stoull(codegen::digest(text).substr(0, 16), nullptr, 16);
}

StreamPlan plan_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile) {
  StreamOptions used = options;
  for (const auto& [name, value] : compile.input_values) used.dropped.insert(name);
  return passes::make_stream(*load_function(path, compile), used);
}

LoweredStream lower_stream_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile) {
  const Stopwatch watch;
  LoweredStream result;
  result.plan = plan_file(path, options, compile);
  result.description = describe(result.plan);
  const double import = watch.milliseconds();
  result.lowered = lower(std::move(result.plan.step), compile);
  result.lowered.times.import = import;
  return result;
}

std::shared_ptr<const StreamProgram> StreamProgram::compile(const ir::Function& model, const StreamOptions& options,
                                                            const CompileOptions& compile) {
  StreamPlan plan = passes::make_stream(model, options);
  const uint64_t id = stream_id(plan);
  auto program = Program::compile(std::move(plan.step), compile);
  return std::make_shared<StreamProgram>(std::move(program), std::move(plan), id);
}

std::shared_ptr<const StreamProgram> StreamProgram::open(const std::string& path, const StreamOptions& options,
                                                         const CompileOptions& compile) {
  if (is_library(path)) return load_stream(path);
  StreamPlan plan = plan_file(path, options, compile);
  const uint64_t id = stream_id(plan);
  auto program = Program::compile(std::move(plan.step), compile);
  return std::make_shared<StreamProgram>(std::move(program), std::move(plan), id);
}

}  // namespace seqc::runtime
