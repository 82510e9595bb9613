// Streams of models that are compiled here, for this process or on the way to files.
#include "codegen/digest.h"
#include "ir/error.h"
#include "ir/printer.h"
#include "runtime/library.h"
#include "runtime/stream_build.h"

namespace seqc::runtime {
namespace {

codegen::StreamDescription describe(const passes::SteppedModel& plan) {
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

/// Inputs whose values are part of the model are no inputs of the step.
StreamOptions without_values(StreamOptions options, const CompileOptions& compile) {
  for (const auto& [name, value] : compile.input_values) options.dropped.insert(name);
  return options;
}

/// The step of a plan, compiled.
std::shared_ptr<const StreamProgram> finish(passes::SteppedModel model, const CompileOptions& compile) {
  const uint64_t id = stream_id(model);
  auto program = Program::compile(std::move(model.step), compile);
  return std::make_shared<StreamProgram>(std::move(program), std::move(model), id);
}

}  // namespace

uint64_t stream_id(const passes::SteppedModel& model) {
  std::string text = ir::print(*model.step);
  for (const StreamState& state : model.states) text += fmt::format("{} {:x}\n", state.name, state.initial.hash());
  return std::stoull(codegen::digest(text).substr(0, 16), nullptr, 16);
}

passes::SteppedModel plan_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile) {
  return passes::make_stream(*load_function(path, compile), without_values(options, compile));
}

LoweredStream lower_stream_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile) {
  const Stopwatch watch;
  LoweredStream result;
  passes::SteppedModel model = plan_file(path, options, compile);
  result.description = describe(model);
  const double import = watch.milliseconds();
  result.lowered = lower(std::move(model.step), compile);
  result.plan = std::move(model);
  result.lowered.times.import = import;
  return result;
}

std::shared_ptr<const StreamProgram> StreamProgram::compile(const ir::Function& model) {
  return compile(model, {}, {});
}

std::shared_ptr<const StreamProgram> StreamProgram::compile(const ir::Function& model, const StreamOptions& options) {
  return compile(model, options, {});
}

std::shared_ptr<const StreamProgram> StreamProgram::compile(const ir::Function& model, const StreamOptions& options,
                                                            const CompileOptions& compile) {
  return finish(passes::make_stream(model, without_values(options, compile)), compile);
}

std::shared_ptr<const StreamProgram> StreamProgram::open(const std::string& path) { return open(path, {}, {}); }

std::shared_ptr<const StreamProgram> StreamProgram::open(const std::string& path, const StreamOptions& options) {
  return open(path, options, {});
}

std::shared_ptr<const StreamProgram> StreamProgram::open(const std::string& path, const StreamOptions& options,
                                                         const CompileOptions& compile) {
  if (is_library(path)) return load_library(path);
  return finish(plan_file(path, options, compile), compile);
}

}  // namespace seqc::runtime
