/// Runs a step together with the other ranks: each has its rows of the batch, sums and gradients are added up between them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/training/ranks.h"
#include "runtime/training/ranks_step.h"
#include "runtime/training/step_runner.h"

namespace seqc::training {

/// A compiled function that takes its inputs by their names, and keeps its outputs until it is called again.
class NamedCall {
 public:
  using Inputs = std::map<std::string, const ir::Tensor*>;

  NamedCall(std::unique_ptr<ir::Function> function, const runtime::CompileOptions& compile, int threads);
  void run(const Inputs& inputs);
  std::vector<ir::Tensor>& outputs() { return outputs_; }
  const std::vector<runtime::Port>& ports() const { return session_.program().inputs(); }
  const ir::DimBindings& dims() const { return session_.dims(); }

 private:
  runtime::Session session_;
  std::vector<seqc_tensor> inputs_, views_;
  std::vector<ir::Tensor> outputs_;
};

/// Of a batch, `run` gets the rows of this rank. All ranks call it for the same batches; metrics, norm and parameters are
/// those of the whole batch, checks and carried tensors those of the rank's own rows.
class RanksRunner final : public StepRunner {
 public:
  RanksRunner(RanksStep step, const TrainerOptions& options, Ranks& ranks);

  void run(const Batch& batch, int64_t number, const std::vector<ir::Tensor>& now,
           std::vector<ir::Tensor>& next) override;
  std::optional<int64_t> dim(const std::string& name) const override;

 private:
  struct Rows {
    int64_t mine = 0, before = 0, all = 0;
  };
  void share_rows(const Batch& batch, int64_t number);
  NamedCall::Inputs inputs_of_batch(const Batch& batch, const std::vector<ir::Tensor>& now);
  /// Checks and carried tensors, from this place of a call's outputs on.
  void take_local(std::vector<ir::Tensor>& outputs, size_t at);
  void take_metrics(std::vector<ir::Tensor>& outputs);

  RanksStep ranks_step_;
  Ranks& ranks_;
  std::string rows_name_;
  std::unique_ptr<NamedCall> totals_, seeds_, gradients_, update_;
  Rows rows_;
  ir::Tensor number_, all_rows_, rows_before_;
};

/// The axis along which each input of a model has the rows of a batch; -1 if it has none.
std::map<std::string, int64_t> row_axes(const ir::Function& model, const std::string& rows);

}  // namespace seqc::training
