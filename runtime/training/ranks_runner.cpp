#include "runtime/training/ranks_runner.h"

#include <algorithm>

#include "frontend/dsl/model.h"
#include "ir/error.h"

namespace seqc::training {

using ir::Tensor;

namespace {

bool fits(const seqc_tensor& type, const Tensor& tensor) {
  return static_cast<ir::DType>(type.dtype) == tensor.dtype() &&
         std::equal(type.shape, type.shape + type.rank, tensor.shape().begin(), tensor.shape().end());
}

}  // namespace

NamedCall::NamedCall(std::unique_ptr<ir::Function> function, const runtime::CompileOptions& compile, int threads)
    : session_(runtime::Program::compile(std::move(function), compile), threads) {
  inputs_.resize(session_.program().inputs().size());
  outputs_.resize(session_.program().outputs().size());
  views_.resize(outputs_.size());
}

void NamedCall::run(const Inputs& inputs) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const auto it = inputs.find(ports()[i].name);
    SEQC_CHECK(it != inputs.end(), "nothing is given for input \"{}\" of a step", ports()[i].name);
    inputs_[i] = runtime::view(*it->second);
  }
  session_.prepare(inputs_);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const seqc_tensor& type = session_.output_types()[i];
    if (!fits(type, outputs_[i]))
      outputs_[i] =
          Tensor(static_cast<ir::DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
    views_[i] = runtime::mutable_view(outputs_[i]);
  }
  const int32_t status = session_.run(inputs_, views_);
  SEQC_CHECK(status == SEQC_OK, "a part of a step that was prepared gives status {}", status);
}

RanksRunner::RanksRunner(RanksStep step, const TrainerOptions& options, Ranks& ranks)
    : StepRunner(std::move(step.step)),
      ranks_step_(std::move(step)),
      ranks_(ranks),
      rows_name_(options.rows),
      number_(ir::DType::i64, {}) {
  const auto compiled = [&](std::unique_ptr<ir::Function>& function) {
    return function ? std::make_unique<NamedCall>(std::move(function), options.compile, options.threads) : nullptr;
  };
  totals_ = compiled(ranks_step_.totals);
  seeds_ = compiled(ranks_step_.seeds);
  gradients_ = compiled(ranks_step_.gradients);
  update_ = compiled(ranks_step_.update);
  results_.resize(step_.metrics.size() + step_.checks.size() + (gradients_ ? 1 : 0));
  next_.resize(step_.carried.size());
}

std::optional<int64_t> RanksRunner::dim(const std::string& name) const {
  if (name == rows_name_) return rows_.all;
  const NamedCall& call = gradients_ ? *gradients_ : *totals_;
  const auto it = call.dims().find(name);
  return it == call.dims().end() ? std::nullopt : std::optional(it->second);
}

/// How many rows the ranks have, and whether they are at the same step.
void RanksRunner::share_rows(const Batch& batch, int64_t number) {
  rows_ = {};
  for (const auto& [name, axis] : row_axes(*step_.function, rows_name_))
    if (const auto it = batch.find(name); it != batch.end() && axis >= 0 && axis < it->second.rank())
      rows_.mine = it->second.shape()[static_cast<size_t>(axis)];
  const int64_t mine[] = {number, rows_.mine};
  const std::vector<int64_t> all = ranks_.all(mine);
  for (int64_t rank = 0; rank < ranks_.count(); ++rank) {
    const auto at = static_cast<size_t>(rank) * 2;
    if (all[at] != number)
      fail(ErrorKind::BadInput, "this rank is at step {}, rank {} at step {}; all must do the same", number, rank,
           all[at]);
    if (rank < ranks_.rank()) rows_.before += all[at + 1];
    rows_.all += all[at + 1];
  }
  number_.mutable_data<int64_t>()[0] = number;
  if (all_rows_.count() != rows_.all || all_rows_.dtype() != ir::DType::boolean)
    all_rows_ = Tensor(ir::DType::boolean, {rows_.all});
  if (rows_before_.count() != rows_.before || rows_before_.dtype() != ir::DType::boolean)
    rows_before_ = Tensor(ir::DType::boolean, {rows_.before});
}

NamedCall::Inputs RanksRunner::inputs_of_batch(const Batch& batch, const std::vector<Tensor>& now) {
  NamedCall::Inputs inputs = {{kAllRows, &all_rows_}, {kRowsBefore, &rows_before_}, {dsl::kTrainingStep, &number_}};
  for (const auto& [name, tensor] : batch) inputs[name] = &tensor;
  for (size_t i = 0; i < carried_.size(); ++i) inputs[step_.carried[i].second] = &carried_[i];
  for (size_t i = 0; i < step_.parameters.size(); ++i) inputs[step_.parameters[i].name] = &now[i];
  for (size_t i = 0; i < step_.states.size() && i + step_.parameters.size() < now.size(); ++i)
    inputs[step_.states[i].name] = &now[step_.parameters.size() + i];
  return inputs;
}

void RanksRunner::take_local(std::vector<Tensor>& outputs, size_t at) {
  for (size_t i = 0; i < step_.checks.size(); ++i) results_[step_.metrics.size() + i] = outputs[at++];
  for (size_t i = 0; i < step_.carried.size(); ++i) std::swap(next_[i], outputs[at++]);
}

void RanksRunner::take_metrics(std::vector<Tensor>& outputs) {
  for (size_t i = 0; i < step_.metrics.size(); ++i) results_[i] = outputs[i];
}

void RanksRunner::run(const Batch& batch, int64_t number, const std::vector<Tensor>& now, std::vector<Tensor>& next) {
  const auto& ports = (gradients_ ? *gradients_ : *totals_).ports();
  check_names(batch, ports);
  start_carried(batch, ports);
  share_rows(batch, number);
  NamedCall::Inputs inputs = inputs_of_batch(batch, now);
  const size_t sum_count = ranks_step_.sums.size();
  std::vector<Tensor*> to_add;

  const size_t early = gradients_ ? ranks_step_.early.size() : sum_count;
  if (totals_) {
    totals_->run(inputs);
    auto& outputs = totals_->outputs();
    for (size_t i = 0; i < early; ++i) {
      to_add.push_back(&outputs[i]);
      inputs[fmt::format("sum:{}", gradients_ ? ranks_step_.early[i] : i)] = &outputs[i];
    }
    ranks_.sum(to_add);
    for (size_t i = 0; i < ranks_step_.commons; ++i) inputs[fmt::format("common:{}", i)] = &outputs[early + i];
    if (!gradients_) take_local(outputs, early + ranks_step_.commons);
  }
  if (gradients_) {
    seeds_->run(inputs);
    for (size_t i = 0; i < ranks_step_.seeded.size(); ++i)
      inputs[fmt::format("seed:{}", ranks_step_.seeded[i])] = &seeds_->outputs()[i];
    gradients_->run(inputs);
    auto& outputs = gradients_->outputs();
    to_add.clear();
    for (size_t i = 0; i < sum_count; ++i) {
      to_add.push_back(&outputs[i]);
      inputs[fmt::format("sum:{}", i)] = &outputs[i];
    }
    size_t at = sum_count;
    take_local(outputs, at);
    at += step_.checks.size() + step_.carried.size();
    for (size_t i = 0; i < step_.parameters.size(); ++i) {
      const std::string name = "gradient:" + step_.parameters[i].name;
      if (ranks_step_.sparse[i]) {
        for (const char* what : {".indices", ".rows"}) {
          outputs[at] = ranks_.joined(outputs[at], 0);
          inputs[name + what] = &outputs[at++];
        }
      } else {
        to_add.push_back(&outputs[at]);
        inputs[name] = &outputs[at++];
      }
    }
    ranks_.sum(to_add);
  }
  update_->run(inputs);
  auto& outputs = update_->outputs();
  take_metrics(outputs);
  if (!gradients_) return;
  size_t at = step_.metrics.size();
  results_.back() = outputs[at++];
  for (Tensor& tensor : next) std::swap(tensor, outputs[at++]);
}

std::map<std::string, int64_t> row_axes(const ir::Function& model, const std::string& rows) {
  std::map<std::string, int64_t> result;
  for (size_t i = 0; i < model.body().argument_count(); ++i) {
    const ir::Value* argument = model.body().argument(i);
    if (argument->is_parameter()) continue;
    const auto& shape = argument->shape();
    const auto at = std::find(shape.begin(), shape.end(), ir::Dim::symbol(rows));
    result[argument->name()] = at == shape.end() ? -1 : at - shape.begin();
  }
  return result;
}

}  // namespace seqc::training
