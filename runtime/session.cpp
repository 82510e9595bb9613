#include "runtime/session.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "ir/error.h"
#include "ir/memory.h"

namespace seqc::runtime {
namespace {

std::vector<seqc_tensor> views(const std::vector<ir::Tensor>& tensors) {
  std::vector<seqc_tensor> result;
  for (const ir::Tensor& tensor : tensors) result.push_back(view(tensor));
  return result;
}

/// The part of an output that a run filled; strings that outlive inputs and program.
ir::Tensor finished(ir::Tensor tensor, const seqc_tensor& filled) {
  const std::vector<int64_t> shape(filled.shape, filled.shape + filled.rank);
  if (shape == tensor.shape()) return tensor.with_own_strings();
  ir::Tensor result(tensor.dtype(), shape);
  std::memcpy(result.mutable_bytes(), tensor.bytes(), result.byte_size());
  return result.with_own_strings();
}

std::string dims_text(const ir::DimBindings& dims) {
  std::string text;
  for (const auto& [name, value] : dims) text += fmt::format("{}{}={}", text.empty() ? " at " : ", ", name, value);
  return text;
}

}  // namespace

Session::Session(std::shared_ptr<const Program> program, int threads) : program_(std::move(program)), pool_(threads) {
  const std::vector<Port>& ports = program_->inputs();
  for (size_t i = 0; i < ports.size(); ++i)
    if (const auto it = program_->fixed_values().find(ports[i].name); it != program_->fixed_values().end())
      fixed_.emplace_back(i, it->second);
}

void Session::FreeWorkspace::operator()(std::byte* bytes) const { ir::free_memory(bytes); }

std::vector<ir::Tensor> Session::run(const std::vector<ir::Tensor>& inputs) {
  const std::vector<seqc_tensor> input_views = views(inputs);
  prepare(input_views);
  std::vector<ir::Tensor> outputs;
  std::vector<seqc_tensor> output_views;
  for (const seqc_tensor& type : output_types_) {
    outputs.emplace_back(static_cast<ir::DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
    output_views.push_back(mutable_view(outputs.back()));
  }
  const int32_t status = run(input_views, output_views);
  if (SEQC_STATUS_CODE(status) == SEQC_BAD_VALUE)
    fail(ErrorKind::BadInput,
         "input \"{}\": got another value than the program was compiled for; compile the model again for this one",
         program_->inputs()[static_cast<size_t>(SEQC_STATUS_INPUT(status))].name);
  SEQC_CHECK(status == SEQC_OK, "run after prepare gave status {}", status);
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = finished(std::move(outputs[i]), output_views[i]);
  return outputs;
}

void Session::prepare(std::span<const seqc_tensor> inputs) {
  if (prepared_ && compare(inputs) == SEQC_OK) return;
  prepared_ = false;
  dims_ = check_inputs(program_->inputs(), inputs);
  plan(inputs);
  input_types_.assign(inputs.begin(), inputs.end());
  for (seqc_tensor& type : input_types_) type.data = nullptr;
  prepared_ = true;
}

void Session::plan(std::span<const seqc_tensor> inputs) {
  const std::vector<Port>& ports = program_->outputs();
  output_types_.assign(ports.size(), seqc_tensor{});
  // The model looks at the data of inputs with fixed values; those of a run are compared when it runs.
  std::vector<seqc_tensor> checked(inputs.begin(), inputs.end());
  for (const auto& [i, value] : fixed_) checked[i].data = const_cast<std::byte*>(value.bytes());
  size_t bytes = 0;
  const int32_t status = program_->model().prepare(checked.data(), output_types_.data(), &bytes);
  if (SEQC_STATUS_CODE(status) == SEQC_TOO_LARGE)
    fail(ErrorKind::BadInput, "workspace{}: does not fit this machine's memory; choose smaller dims", dims_text(dims_));
  if (SEQC_STATUS_CODE(status) == SEQC_TOO_SMALL)
    fail(ErrorKind::BadInput, "inputs{}: the model takes a slice that such dims do not have; choose larger dims",
         dims_text(dims_));
  SEQC_CHECK(status == SEQC_OK, "prepare refuses input {} with code {} after it was checked", SEQC_STATUS_INPUT(status),
             SEQC_STATUS_CODE(status));
  uint64_t total = bytes;
  for (size_t i = 0; i < ports.size(); ++i)
    total += byte_size(output_types_[i], fmt::format("output \"{}\"{}", ports[i].name, dims_text(dims_)));
  check_memory(total, fmt::format("a run{}", dims_text(dims_)));
  reserve(bytes);
}

void Session::reserve(size_t bytes) {
  workspace_bytes_ = bytes;
  if (bytes <= workspace_capacity_) return;
  workspace_.reset();
  workspace_capacity_ = 0;
  workspace_.reset(ir::allocate_memory(bytes));
  workspace_capacity_ = bytes;
}

int32_t Session::compare(std::span<const seqc_tensor> inputs) const noexcept {
  if (inputs.size() != input_types_.size()) return SEQC_BAD_SHAPE;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const seqc_tensor &got = inputs[i], &want = input_types_[i];
    const auto status = [&](int32_t code) { return code | static_cast<int32_t>(i) << 8; };
    if (got.dtype != want.dtype) return status(SEQC_BAD_DTYPE);
    if (got.rank != want.rank) return status(SEQC_BAD_RANK);
    if (!std::equal(got.shape, got.shape + got.rank, want.shape)) return status(SEQC_BAD_SHAPE);
  }
  return SEQC_OK;
}

int32_t Session::run(std::span<const seqc_tensor> inputs, std::span<seqc_tensor> outputs,
                     const OutputListener* listener) noexcept {
  if (!prepared_ || outputs.size() != output_types_.size()) return SEQC_BAD_SHAPE;
  if (const int32_t status = compare(inputs); status != SEQC_OK) return status;
  for (const auto& [i, value] : fixed_)
    if (std::memcmp(inputs[i].data, value.bytes(), value.byte_size()) != 0)
      return SEQC_BAD_VALUE | static_cast<int32_t>(i) << 8;
  const bool announces = !program_->announced_order().empty();
  if (announces) std::memcpy(workspace_.get() + kListenerAt, &listener, sizeof listener);
  if (program_->tells_of_kernels()) {
    const KernelListener* told = run_listener_ ? run_listener_->kernels() : nullptr;
    std::memcpy(workspace_.get() + kKernelListenerAt, &told, sizeof told);
  }
  if (run_listener_) run_listener_->begin_run();
  program_->model().run(inputs.data(), outputs.data(), workspace_.get(), pool_.handle());
  if (run_listener_) run_listener_->end_run();
  if (listener && !announces)
    for (size_t i = 0; i < outputs.size(); ++i) listener->ready(listener->context, static_cast<int32_t>(i));
  return SEQC_OK;
}

}  // namespace seqc::runtime
