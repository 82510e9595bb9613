/// Runs a step together with the other ranks: each has its rows of the batch, sums and gradients are added up between them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/training/ranks_exchange.h"
#include "runtime/training/ranks_step.h"
#include "runtime/training/step_runner.h"

namespace seqc::training {

/// A compiled function that takes its inputs by their names. Ranks share its outputs, or keep them until it is called again.
class RanksCall {
 public:
  using Inputs = std::map<std::string, seqc_tensor>;

  /// All ranks. `shared`: of the first outputs; the others stay with their rank. With `overlap`, they are shared while the
  /// function runs.
  RanksCall(std::unique_ptr<ir::Function> function, std::vector<Shared> shared, const TrainerOptions& options,
            bool overlap, Ranks& ranks);
  /// All ranks.
  void run(const Inputs& inputs);
  /// Of an output that is shared.
  const seqc_tensor& result(size_t output) const { return exchange_->result(output); }
  /// Of one that is not.
  ir::Tensor& output(size_t i) { return outputs_[i]; }

  const std::vector<runtime::Port>& ports() const { return session_.program().inputs(); }
  const ir::DimBindings& dims() const { return session_.dims(); }
  const RanksExchange& exchange() const { return *exchange_; }

 private:
  runtime::Session session_;
  std::unique_ptr<RanksExchange> exchange_;  ///< if anything is shared
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
  /// How gradients were added up in the last step of training.
  const RanksExchange& exchange() const { return gradients_->exchange(); }

 private:
  struct Rows {
    int64_t mine = 0, before = 0, all = 0;
  };
  void share_rows(const Batch& batch, int64_t number);
  RanksCall::Inputs inputs_of_batch(const Batch& batch, const std::vector<ir::Tensor>& now);
  /// Checks and carried tensors, from this place of a call's outputs on.
  void take_local(RanksCall& call, size_t at);
  void take_metrics(RanksCall& call);

  RanksStep ranks_step_;
  Ranks& ranks_;
  std::string rows_name_;
  std::unique_ptr<RanksCall> totals_, seeds_, gradients_, update_;
  Rows rows_;
  ir::Tensor number_, all_rows_, rows_before_;
};

/// The axis along which each input of a model has the rows of a batch; -1 if it has none.
std::map<std::string, int64_t> row_axes(const ir::Function& model, const std::string& rows);

}  // namespace seqc::training
