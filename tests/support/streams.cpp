#include "tests/support/streams.h"

#include <algorithm>
#include <cstring>

#include "ir/clone.h"
#include "ir/error.h"
#include "passes/streaming/streaming.h"
#include "runtime/session.h"
#include "tests/support/random_inputs.h"

namespace seqc::test {
namespace {

struct Blocks {
  size_t outer = 1, inner = 1;
};

Blocks blocks(const ir::Tensor& tensor, int64_t axis) {
  Blocks result;
  result.inner = ir::size_of(tensor.dtype());
  for (int64_t i = 0; i < tensor.rank(); ++i)
    if (i != axis)
      (i < axis ? result.outer : result.inner) *= static_cast<size_t>(tensor.shape()[static_cast<size_t>(i)]);
  return result;
}

}  // namespace

ir::Tensor take_frames(const ir::Tensor& tensor, int64_t axis, int64_t from, int64_t count) {
  std::vector<int64_t> shape = tensor.shape();
  const auto frames = static_cast<size_t>(shape[static_cast<size_t>(axis)]);
  shape[static_cast<size_t>(axis)] = count;
  ir::Tensor part(tensor.dtype(), shape);
  const Blocks b = blocks(tensor, axis);
  for (size_t i = 0; i < b.outer; ++i)
    std::memcpy(part.mutable_bytes() + i * static_cast<size_t>(count) * b.inner,
                tensor.bytes() + (i * frames + static_cast<size_t>(from)) * b.inner,
                static_cast<size_t>(count) * b.inner);
  return part;
}

ir::Tensor join_frames(const std::vector<ir::Tensor>& parts, int64_t axis) {
  std::vector<int64_t> shape = parts[0].shape();
  const auto at = static_cast<size_t>(axis);
  shape[at] = 0;
  for (const ir::Tensor& part : parts) shape[at] += part.shape()[at];
  ir::Tensor whole(parts[0].dtype(), shape);
  const Blocks b = blocks(whole, axis);
  size_t before = 0;
  for (const ir::Tensor& part : parts) {
    const auto frames = static_cast<size_t>(part.shape()[at]);
    for (size_t i = 0; i < b.outer; ++i)
      std::memcpy(whole.mutable_bytes() + (i * static_cast<size_t>(shape[at]) + before) * b.inner,
                  part.bytes() + i * frames * b.inner, frames * b.inner);
    before += frames;
  }
  return whole;
}

std::vector<ir::Tensor> run_in_chunks(runtime::Stream& stream, const std::vector<ir::Tensor>& inputs,
                                      const std::vector<int64_t>& chunks) {
  const auto& plan = stream.program().plan();
  std::vector<std::vector<ir::Tensor>> parts(plan.outputs.size());
  int64_t from = 0;
  for (const int64_t chunk : chunks) {
    std::vector<ir::Tensor> frames;
    for (size_t i = 0; i < inputs.size(); ++i)
      frames.push_back(plan.inputs[i].time_axis < 0 ? inputs[i]
                                                    : take_frames(inputs[i], plan.inputs[i].time_axis, from, chunk));
    const std::vector<ir::Tensor> outputs = stream.step(frames);
    for (size_t i = 0; i < outputs.size(); ++i) parts[i].push_back(outputs[i]);
    from += chunk;
  }
  std::vector<ir::Tensor> outputs;
  for (size_t i = 0; i < parts.size(); ++i)
    outputs.push_back(plan.outputs[i].time_axis < 0 ? parts[i].back()
                                                    : join_frames(parts[i], plan.outputs[i].time_axis));
  return outputs;
}

std::vector<int64_t> random_chunks(int64_t frames, uint64_t seed, bool empty) {
  Random random(seed);
  std::vector<int64_t> chunks;
  const int64_t most = random.integer(1, std::max<int64_t>(frames, 1));
  while (frames > 0) {
    chunks.push_back(std::min(frames, random.integer(empty ? 0 : 1, most)));
    frames -= chunks.back();
  }
  return chunks;
}

std::string compare_chunkings(const ir::Function& model, const runtime::StreamOptions& options,
                              const std::vector<ir::Tensor>& inputs, int trials) {
  runtime::Session session(runtime::Program::compile(ir::clone(model)));
  const std::vector<ir::Tensor> want = session.run(inputs);
  const auto program = runtime::StreamProgram::compile(model, options);
  const auto& plan = program->plan();
  int64_t frames = 0, rows = 1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (plan.inputs[i].time_axis >= 0) frames = inputs[i].shape()[static_cast<size_t>(plan.inputs[i].time_axis)];
    for (size_t axis = 0; axis < plan.inputs[i].type.shape.size(); ++axis)
      if (const ir::Dim& dim = plan.inputs[i].type.shape[axis]; dim.is_symbol() && dim.symbol_name() == plan.rows)
        rows = inputs[i].shape()[axis];
  }
  for (int trial = 0; trial < trials; ++trial) {
    runtime::Stream stream(program, rows, trial % 3 == 2 ? 2 : 1);
    const std::vector<int64_t> chunks =
        trial == 0 ? std::vector<int64_t>{frames} : random_chunks(frames, static_cast<uint64_t>(trial), true);
    const std::vector<ir::Tensor> got = run_in_chunks(stream, inputs, chunks);
    for (size_t i = 0; i < want.size(); ++i) {
      const std::string where =
          fmt::format("output \"{}\", {} frames in chunks of {}", plan.outputs[i].name, frames, fmt::join(chunks, ","));
      if (got[i].shape() != want[i].shape())
        return fmt::format("{}: {}, expected {}", where, got[i].type_str(), want[i].type_str());
      for (int64_t k = 0; k < want[i].count(); ++k)
        if (std::memcmp(got[i].bytes() + static_cast<size_t>(k) * ir::size_of(got[i].dtype()),
                        want[i].bytes() + static_cast<size_t>(k) * ir::size_of(got[i].dtype()),
                        ir::size_of(got[i].dtype())) != 0)
          return fmt::format("{}: element {} is {}, expected {}", where, k, got[i].real(k), want[i].real(k));
    }
  }
  return "";
}

}  // namespace seqc::test
