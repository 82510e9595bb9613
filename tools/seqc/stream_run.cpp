#include "tools/seqc/stream_run.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"
#include "runtime/library.h"
#include "runtime/stream.h"
#include "runtime/stream_build.h"
#include "tools/seqc/options.h"
#include "tools/seqc/random_inputs.h"
#include "tools/seqc/tensor_files.h"

namespace seqc::tools {
namespace {

size_t product(const ir::Tensor& tensor, int64_t from, int64_t to) {
  size_t count = 1;
  for (int64_t axis = from; axis < to; ++axis) count *= static_cast<size_t>(tensor.shape()[static_cast<size_t>(axis)]);
  return count;
}

/// Copies `count` frames from frame `from` of one tensor to frame `to` of another.
void copy_frames(ir::Tensor& target, int64_t to, const ir::Tensor& source, int64_t from, int64_t count, int64_t axis) {
  const size_t inner = product(source, axis + 1, source.rank()) * ir::size_of(source.dtype());
  const auto at = static_cast<size_t>(axis);
  for (size_t block = 0; block < product(source, 0, axis); ++block)
    std::memcpy(
        target.mutable_bytes() + (block * static_cast<size_t>(target.shape()[at]) + static_cast<size_t>(to)) * inner,
        source.bytes() + (block * static_cast<size_t>(source.shape()[at]) + static_cast<size_t>(from)) * inner,
        static_cast<size_t>(count) * inner);
}

ir::Tensor part(const ir::Tensor& tensor, int64_t axis, int64_t from, int64_t count) {
  std::vector<int64_t> shape = tensor.shape();
  shape[static_cast<size_t>(axis)] = count;
  ir::Tensor result(tensor.dtype(), shape);
  copy_frames(result, 0, tensor, from, count, axis);
  return result;
}

ir::Tensor joined(const std::vector<ir::Tensor>& parts, int64_t axis) {
  std::vector<int64_t> shape = parts[0].shape();
  const auto at = static_cast<size_t>(axis);
  shape[at] = 0;
  for (const ir::Tensor& tensor : parts) shape[at] += tensor.shape()[at];
  ir::Tensor result(parts[0].dtype(), shape);
  int64_t to = 0;
  for (const ir::Tensor& tensor : parts) {
    copy_frames(result, to, tensor, 0, tensor.shape()[at], axis);
    to += tensor.shape()[at];
  }
  return result;
}

ir::Tensor with_axis(const ir::Tensor& tensor) {
  std::vector<int64_t> shape = tensor.shape();
  shape.insert(shape.begin(), 1);
  return tensor.reshaped(shape);
}

ir::Tensor step_of(const ir::Tensor& tensor, int64_t step) {
  const ir::Tensor one = part(tensor, 0, step, 1);
  return one.reshaped({one.shape().begin() + 1, one.shape().end()});
}

std::vector<ir::Tensor> given_inputs(const RunOptions& options, const runtime::StreamPlan& plan) {
  std::vector<DeclaredPort> declared;
  std::vector<runtime::Port> ports;
  for (const runtime::StreamInput& input : plan.inputs) {
    declared.push_back({input.name, frontend::PortKind::Tensor, input.type.dtype});
    ports.push_back({input.name, input.type});
  }
  if (options.input_folder.empty() && options.input_files.empty()) {
    ir::DimBindings dims = options.compile.dims;
    if (!plan.time.empty()) dims.emplace(plan.time, 8 * plan.hop);
    return random_inputs(ports, dims, options.seed);
  }
  std::vector<GivenValue> given;
  if (!options.input_folder.empty()) given = load_folder(options.input_folder, "input", true, declared);
  for (const std::string& text : options.input_files) {
    const auto [name, file] = split_assignment(text, "--input");
    given.push_back(load_named(name, file, declared));
  }
  std::vector<ir::Tensor> inputs;
  for (const frontend::StoredValue& value : match(std::move(given), declared, "input"))
    inputs.push_back(value.tensors.at(0));
  return inputs;
}

/// Frames or steps in the inputs, which must agree.
int64_t length_of(const std::vector<ir::Tensor>& inputs, const runtime::StreamPlan& plan) {
  int64_t length = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const runtime::StreamInput& port = plan.inputs[i];
    int64_t own = -1;
    if (port.time_axis >= 0 && inputs[i].rank() == port.type.rank())
      own = inputs[i].shape()[static_cast<size_t>(port.time_axis)];
    if (plan.time.empty() && inputs[i].rank() == port.type.rank() + 1) own = inputs[i].shape()[0];
    if (own < 0) continue;
    if (length >= 0 && own != length)
      fail(ErrorKind::BadInput, "input \"{}\": {} has {} frames, and others {}", port.name, inputs[i].type_str(), own,
           length);
    length = own;
  }
  return length < 0 ? 1 : length;
}

}  // namespace

StreamRun run_stream(const RunOptions& options, const StreamArguments& arguments, int64_t chunk) {
  runtime::CompileOptions compile = options.compile;
  if (runtime::is_library(options.model)) {
    if (!arguments.time.empty() || !arguments.rows.empty() || !arguments.states.empty())
      fail(ErrorKind::BadInput, "{}: a library knows its time and states; --time, --rows and --state are for models",
           options.model);
  } else {
    fit_values(options.model, compile);
  }
  const auto program = runtime::StreamProgram::open(options.model, arguments.options(), compile);
  const runtime::StreamPlan& plan = program->plan();
  const std::vector<ir::Tensor> inputs = given_inputs(options, plan);
  const int64_t length = length_of(inputs, plan);
  int64_t rows = 1;
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t axis = 0; axis < plan.inputs[i].type.shape.size(); ++axis)
      if (const ir::Dim& dim = plan.inputs[i].type.shape[axis];
          dim.is_symbol() && dim.symbol_name() == plan.rows && inputs[i].rank() >= plan.inputs[i].type.rank())
        rows = inputs[i].shape()[axis + static_cast<size_t>(inputs[i].rank() - plan.inputs[i].type.rank())];
  runtime::Stream stream(program, rows, options.threads);
  StreamRun run;
  run.frames = length;
  for (const runtime::StreamOutput& output : plan.outputs) run.ports.push_back({output.name, output.type});
  std::vector<std::vector<ir::Tensor>> parts(plan.outputs.size());
  const int64_t size = plan.time.empty() ? 1 : chunk > 0 ? chunk : std::max<int64_t>(length, 1);
  for (int64_t from = 0; from < length || run.steps == 0; from += size, ++run.steps) {
    std::vector<ir::Tensor> frames;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const runtime::StreamInput& port = plan.inputs[i];
      if (plan.time.empty())
        frames.push_back(inputs[i].rank() == port.type.rank() + 1 ? step_of(inputs[i], from) : inputs[i]);
      else
        frames.push_back(port.time_axis < 0 || inputs[i].rank() != port.type.rank()
                             ? inputs[i]
                             : part(inputs[i], port.time_axis, from, std::min(size, length - from)));
    }
    std::vector<ir::Tensor> outputs = stream.step(frames);
    for (size_t i = 0; i < outputs.size(); ++i) parts[i].push_back(std::move(outputs[i]));
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (plan.time.empty() && run.steps > 1) {
      for (ir::Tensor& tensor : parts[i]) tensor = with_axis(tensor);
      run.outputs.push_back(joined(parts[i], 0));
    } else {
      const int64_t axis = plan.outputs[i].time_axis;
      run.outputs.push_back(axis < 0 ? parts[i].back() : joined(parts[i], axis));
    }
  }
  return run;
}

}  // namespace seqc::tools
