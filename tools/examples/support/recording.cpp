#include "tools/examples/support/recording.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/error.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "runtime/training/data/shuffle.h"

namespace seqc::examples {

using ir::Tensor;

namespace {

/// The inputs of a program from a batch. What it lacks (states that are carried, an encoder's output) is made up: numbers
/// from -1/2 to 1/2, and 7 for dims that nothing tells.
std::vector<Tensor> inputs_of(const runtime::Program& program, const training::Batch& batch) {
  ir::DimBindings dims;
  for (const runtime::Port& port : program.inputs())
    if (const auto it = batch.find(port.name); it != batch.end())
      for (size_t i = 0; i < port.type.shape.size(); ++i)
        if (port.type.shape[i].is_symbol()) dims[port.type.shape[i].symbol_name()] = it->second.shape()[i];
  std::vector<Tensor> inputs;
  for (const runtime::Port& port : program.inputs()) {
    if (const auto it = batch.find(port.name); it != batch.end()) {
      inputs.push_back(it->second);
      continue;
    }
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : port.type.shape) {
      if (dim.is_symbol()) dims.try_emplace(dim.symbol_name(), 7);
      shape.push_back(dim.evaluate(dims));
    }
    inputs.emplace_back(port.type.dtype, shape);
    training::KeyedRandom random(inputs.size(), 0);
    if (ir::is_float(port.type.dtype))
      for (int64_t i = 0; i < inputs.back().count(); ++i)
        inputs.back().set_real(i, static_cast<double>(random.below(1001)) / 1000 - 0.5);
  }
  return inputs;
}

void add(training::ArchiveWriter& archive, const std::string& set, int64_t index, const std::string& name,
         const Tensor& value) {
  archive.add(fmt::format("{}{}.{}.npy", set, index, name), runtime::npy_bytes(value));
}

}  // namespace

void record_model(const std::string& path, std::unique_ptr<ir::Function> model, const training::BatchSource& batches,
                  int threads) {
  runtime::Session session(runtime::Program::compile(std::move(model)), threads);
  const runtime::Program& program = session.program();
  training::ArchiveWriter archive(path);
  for (int64_t i = 0; i < batches.size(0); ++i) {
    const std::vector<Tensor> inputs = inputs_of(program, batches.batch(0, i));
    const std::vector<Tensor> outputs = session.run(inputs);
    for (size_t k = 0; k < inputs.size(); ++k) add(archive, "", i, program.inputs()[k].name, inputs[k]);
    for (size_t k = 0; k < outputs.size(); ++k) add(archive, "", i, program.outputs()[k].name, outputs[k]);
  }
  archive.finish();
}

void DataFile::add(const std::string& set, const training::BatchSource& batches, int64_t epoch) {
  const training::Batch first = batches.batch(epoch, 0);
  const auto [known, fresh] = sets_.try_emplace(set, first);
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first && a.second.identical(b.second); };
  if (!fresh && !std::equal(first.begin(), first.end(), known->second.begin(), known->second.end(), same))
    fail(
        ErrorKind::BadInput,
        "--save-data: got a model with other {} data than the one before, expected one set of data; choose models that "
        "learn from the same",
        set);
  if (!fresh) return;
  for (int64_t i = 0; i < batches.size(epoch); ++i)
    for (const auto& [name, value] : batches.batch(epoch, i)) examples::add(archive_, set + ".", i, name, value);
}

}  // namespace seqc::examples
