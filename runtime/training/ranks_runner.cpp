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

Tensor tensor_of(const seqc_tensor& type) {
  return Tensor(static_cast<ir::DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
}

std::shared_ptr<const runtime::Program> compile(std::unique_ptr<ir::Function> function, const TrainerOptions& options,
                                                bool announces_outputs) {
  runtime::CompileOptions compile = options.compile;
  compile.announces_outputs = announces_outputs;
  return runtime::Program::compile(std::move(function), compile);
}

}  // namespace

RanksCall::RanksCall(std::unique_ptr<ir::Function> function, std::vector<Shared> shared, const TrainerOptions& options,
                     bool overlap, Ranks& ranks)
    : session_(compile(std::move(function), options, overlap), options.threads) {
  inputs_.resize(session_.program().inputs().size());
  outputs_.resize(session_.program().outputs().size());
  views_.resize(outputs_.size());
  if (shared.empty()) return;
  shared.resize(outputs_.size(), Shared::No);
  exchange_ = std::make_unique<RanksExchange>(ranks, std::move(shared), session_.program().announced_order(), overlap);
}

void RanksCall::run(const Inputs& inputs) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const auto it = inputs.find(ports()[i].name);
    SEQC_CHECK(it != inputs.end(), "nothing is given for input \"{}\" of a step", ports()[i].name);
    inputs_[i] = it->second;
  }
  session_.prepare(inputs_);
  if (exchange_) exchange_->begin(session_.output_types());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    views_[i] = session_.output_types()[i];
    if (exchange_ && exchange_->own(i)) {
      views_[i].data = exchange_->own(i);
      continue;
    }
    if (!fits(views_[i], outputs_[i])) outputs_[i] = tensor_of(views_[i]);
    views_[i] = runtime::mutable_view(outputs_[i]);
  }
  const runtime::OutputListener listener = {
      [](void* exchange, int32_t output) { static_cast<RanksExchange*>(exchange)->ready(static_cast<size_t>(output)); },
      exchange_.get()};
  const int32_t status = session_.run(inputs_, views_, exchange_ ? &listener : nullptr);
  SEQC_CHECK(status == SEQC_OK, "a part of a step that was prepared gives status {}", status);
  if (exchange_) exchange_->finish();
}

RanksRunner::RanksRunner(RanksStep step, const TrainerOptions& options, Ranks& ranks)
    : StepRunner(std::move(step.step)),
      ranks_step_(std::move(step)),
      ranks_(ranks),
      rows_name_(options.rows),
      number_(ir::DType::i64, {}) {
  const bool trains = ranks_step_.gradients != nullptr;
  const auto call = [&](std::unique_ptr<ir::Function>& function, std::vector<Shared> shared, bool overlap) {
    return function ? std::make_unique<RanksCall>(std::move(function), std::move(shared), options, overlap, ranks)
                    : nullptr;
  };
  const size_t sums = ranks_step_.sums.size();
  totals_ = call(ranks_step_.totals, std::vector(trains ? ranks_step_.early.size() : sums, Shared::Sum), false);
  seeds_ = call(ranks_step_.seeds, {}, false);
  std::vector<Shared> shared(sums, Shared::Sum);
  shared.resize(sums + step_.checks.size() + step_.carried.size(), Shared::No);
  for (const bool sparse : ranks_step_.sparse)
    shared.insert(shared.end(), sparse ? 2 : 1, sparse ? Shared::Joined : Shared::Sum);
  gradients_ = call(ranks_step_.gradients, std::move(shared), options.overlap);
  update_ = call(ranks_step_.update, {}, false);
  results_.resize(step_.metrics.size() + step_.checks.size() + (trains ? 1 : 0));
  next_.resize(step_.carried.size());
}

std::optional<int64_t> RanksRunner::dim(const std::string& name) const {
  if (name == rows_name_) return rows_.all;
  const RanksCall& call = gradients_ ? *gradients_ : *totals_;
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

RanksCall::Inputs RanksRunner::inputs_of_batch(const Batch& batch, const std::vector<Tensor>& now) {
  using runtime::view;
  RanksCall::Inputs inputs = {
      {kAllRows, view(all_rows_)}, {kRowsBefore, view(rows_before_)}, {dsl::kTrainingStep, view(number_)}};
  for (const auto& [name, tensor] : batch) inputs[name] = view(tensor);
  for (size_t i = 0; i < carried_.size(); ++i) inputs[step_.carried[i].second] = view(carried_[i]);
  for (size_t i = 0; i < step_.parameters.size(); ++i) inputs[step_.parameters[i].name] = view(now[i]);
  for (size_t i = 0; i < step_.states.size() && i + step_.parameters.size() < now.size(); ++i)
    inputs[step_.states[i].name] = view(now[step_.parameters.size() + i]);
  return inputs;
}

void RanksRunner::take_local(RanksCall& call, size_t at) {
  for (size_t i = 0; i < step_.checks.size(); ++i) results_[step_.metrics.size() + i] = call.output(at++);
  for (size_t i = 0; i < step_.carried.size(); ++i) std::swap(next_[i], call.output(at++));
}

void RanksRunner::take_metrics(RanksCall& call) {
  for (size_t i = 0; i < step_.metrics.size(); ++i) results_[i] = call.output(i);
}

void RanksRunner::run(const Batch& batch, int64_t number, const std::vector<Tensor>& now, std::vector<Tensor>& next) {
  const auto& ports = (gradients_ ? *gradients_ : *totals_).ports();
  check_names(batch, ports);
  start_carried(batch, ports);
  share_rows(batch, number);
  RanksCall::Inputs inputs = inputs_of_batch(batch, now);
  const size_t sum_count = ranks_step_.sums.size();

  const size_t early = gradients_ ? ranks_step_.early.size() : sum_count;
  if (totals_) {
    totals_->run(inputs);
    for (size_t i = 0; i < early; ++i)
      inputs[fmt::format("sum:{}", gradients_ ? ranks_step_.early[i] : i)] = totals_->result(i);
    for (size_t i = 0; i < ranks_step_.commons; ++i)
      inputs[fmt::format("common:{}", i)] = runtime::view(totals_->output(early + i));
    if (!gradients_) take_local(*totals_, early + ranks_step_.commons);
  }
  if (gradients_) {
    seeds_->run(inputs);
    for (size_t i = 0; i < ranks_step_.seeded.size(); ++i)
      inputs[fmt::format("seed:{}", ranks_step_.seeded[i])] = runtime::view(seeds_->output(i));
    gradients_->run(inputs);
    for (size_t i = 0; i < sum_count; ++i) inputs[fmt::format("sum:{}", i)] = gradients_->result(i);
    take_local(*gradients_, sum_count);
    size_t at = sum_count + step_.checks.size() + step_.carried.size();
    for (size_t i = 0; i < step_.parameters.size(); ++i) {
      const std::string name = "gradient:" + step_.parameters[i].name;
      if (ranks_step_.sparse[i])
        for (const char* what : {".indices", ".rows"}) inputs[name + what] = gradients_->result(at++);
      else
        inputs[name] = gradients_->result(at++);
    }
  }
  update_->run(inputs);
  take_metrics(*update_);
  if (!gradients_) return;
  size_t at = step_.metrics.size();
  results_.back() = update_->output(at++);
  for (Tensor& tensor : next) std::swap(tensor, update_->output(at++));
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
