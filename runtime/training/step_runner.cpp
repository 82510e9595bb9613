#include "runtime/training/step_runner.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "ir/clone.h"
#include "ir/error.h"
#include "runtime/compile.h"

namespace seqc::training {

using ir::Tensor;

namespace {

bool same_type(const seqc_tensor& type, const Tensor& tensor) {
  return static_cast<ir::DType>(type.dtype) == tensor.dtype() &&
         std::equal(type.shape, type.shape + type.rank, tensor.shape().begin(), tensor.shape().end());
}

Tensor tensor_of(const seqc_tensor& type) {
  return Tensor(static_cast<ir::DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
}

std::shared_ptr<const runtime::Program> compile(const StepFunction& step, const runtime::CompileOptions& options) {
  return runtime::Program::compile(ir::clone(*step.function), options);
}

}  // namespace

OneCallRunner::OneCallRunner(StepFunction step, const runtime::CompileOptions& options, int threads)
    : StepRunner(std::move(step)), session_(compile(step_, options), threads), number_(ir::DType::i64, {}) {
  find_sources();
  outputs_.resize(session_.program().outputs().size());
  results_.resize(step_.metrics.size() + step_.checks.size());
  // The norm of the gradients stands between what evaluation gives and what is kept.
  if (outputs_.size() > results_.size() + step_.carried.size()) results_.emplace_back();
  next_.resize(step_.carried.size());
}

void OneCallRunner::find_sources() {
  const auto position = [](const auto& list, const auto& matches) {
    return static_cast<size_t>(std::find_if(list.begin(), list.end(), matches) - list.begin());
  };
  for (const runtime::Port& port : session_.program().inputs()) {
    const auto named = [&](const Kept& kept) { return kept.name == port.name; };
    const size_t data = position(step_.data, [&](const std::string& name) { return name == port.name; });
    const size_t carried = position(step_.carried, [&](const auto& ports) { return ports.second == port.name; });
    const size_t parameter = position(step_.parameters, named), state = position(step_.states, named);
    if (data < step_.data.size())
      sources_.push_back({Source::Data, data});
    else if (carried < step_.carried.size())
      sources_.push_back({Source::Carried, carried});
    else if (parameter < step_.parameters.size())
      sources_.push_back({Source::Kept, parameter});
    else if (state < step_.states.size())
      sources_.push_back({Source::Kept, step_.parameters.size() + state});
    else
      sources_.push_back({Source::Step, 0});
  }
  inputs_.resize(sources_.size());
}

std::optional<int64_t> OneCallRunner::dim(const std::string& name) const {
  const auto it = session_.dims().find(name);
  return it == session_.dims().end() ? std::nullopt : std::optional(it->second);
}

void StepRunner::check_names(const Batch& batch, const std::vector<runtime::Port>& ports) const {
  for (const std::string& name : step_.data)
    if (!batch.contains(name)) {
      std::vector<std::string> names;
      for (const auto& [given, tensor] : batch) names.push_back(given);
      fail(ErrorKind::BadInput, "the batch has no tensor for input \"{}\", it has {}", name,
           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
    }
  if (batch.size() == step_.data.size()) return;
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& [name, tensor] : batch)
    if (!has(step_.data, name) && !has(step_.ignored, name))
      fail(ErrorKind::BadInput, "the batch has a tensor \"{}\", which is no input of the model: {}", name,
           runtime::str(ports));
}

void StepRunner::start_carried(const Batch& batch, const std::vector<runtime::Port>& ports) {
  if (step_.carried.empty() || !carried_.empty()) return;
  // Zeros of the shape that the batch gives them.
  ir::DimBindings dims;
  for (const runtime::Port& port : ports) {
    const auto it = batch.find(port.name);
    if (it == batch.end()) continue;
    for (int64_t axis = 0; axis < std::min(it->second.rank(), port.type.rank()); ++axis)
      if (const ir::Dim& dim = port.type.shape[static_cast<size_t>(axis)]; dim.is_symbol())
        dims[dim.symbol_name()] = it->second.shape()[static_cast<size_t>(axis)];
  }
  carried_.resize(step_.carried.size());
  for (const runtime::Port& port : ports) {
    const auto at = std::find_if(step_.carried.begin(), step_.carried.end(),
                                 [&](const auto& names) { return names.second == port.name; });
    if (at == step_.carried.end()) continue;
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : port.type.shape) shape.push_back(dim.evaluate(dims));
    carried_[static_cast<size_t>(at - step_.carried.begin())] = Tensor(port.type.dtype, std::move(shape));
  }
}

void OneCallRunner::gather_inputs(const Batch& batch, int64_t number, const std::vector<Tensor>& now) {
  const auto& ports = session_.program().inputs();
  check_names(batch, ports);
  number_.mutable_data<int64_t>()[0] = number;
  start_carried(batch, ports);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const auto [source, index] = sources_[i];
    switch (source) {
      case Source::Step: inputs_[i] = runtime::view(number_); break;
      case Source::Kept: inputs_[i] = runtime::view(now[index]); break;
      case Source::Data: inputs_[i] = runtime::view(batch.find(step_.data[index])->second); break;
      case Source::Carried: inputs_[i] = runtime::view(carried_[index]); break;
    }
  }
}

void OneCallRunner::make_room() {
  const auto& types = session_.output_types();
  const size_t first = step_.metrics.size() + step_.checks.size();
  for (size_t i = 0; i < first + step_.carried.size() + (results_.size() > first ? 1 : 0); ++i) {
    const bool is_carried = i >= first && i < first + step_.carried.size();
    Tensor& tensor = i < first ? results_[i] : is_carried ? next_[i - first] : results_.back();
    if (!same_type(types[i], tensor)) tensor = tensor_of(types[i]);
    outputs_[i] = runtime::mutable_view(tensor);
  }
}

void OneCallRunner::run(const Batch& batch, int64_t number, const std::vector<Tensor>& now, std::vector<Tensor>& next) {
  gather_inputs(batch, number, now);
  session_.prepare(inputs_);
  make_room();
  const size_t first = outputs_.size() - next.size();
  for (size_t i = 0; i < next.size(); ++i) outputs_[first + i] = runtime::mutable_view(next[i]);
  const int32_t status = session_.run(inputs_, outputs_);
  SEQC_CHECK(status == SEQC_OK, "a step that was prepared gives status {}", status);
}

}  // namespace seqc::training
