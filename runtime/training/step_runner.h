/// Runs steps, compiled, batch after batch.
#pragma once

#include <optional>
#include <vector>

#include "runtime/compile.h"
#include "runtime/session.h"
#include "runtime/training/batch_source.h"
#include "runtime/training/step.h"

namespace seqc::training {

class StepRunner {
 public:
  explicit StepRunner(StepFunction step) : step_(std::move(step)) {}
  virtual ~StepRunner() = default;

  /// Runs the step on a batch with the kept tensors `now` (parameters, then states), and writes their next values into
  /// `next`, which has tensors of the same types (empty in evaluation). Throws Error(BadInput) for a batch that does not
  /// fit the model.
  virtual void run(const Batch& batch, int64_t number, const std::vector<ir::Tensor>& now,
                   std::vector<ir::Tensor>& next) = 0;

  // Of the last run:
  double metric(size_t i) const { return results_[i].real(0); }
  int64_t check(size_t i) const { return results_[step_.metrics.size() + i].integer(0); }
  double gradient_norm() const { return results_.back().real(0); }  ///< of training
  /// The size of a named dim, if the model has it.
  virtual std::optional<int64_t> dim(const std::string& name) const = 0;

  // What goes from batch to batch:
  void reset_carried() { carried_.clear(); }       ///< the next batch begins with zeros
  void accept_carried() { carried_.swap(next_); }  ///< the next batch begins where the last one ended
  const std::vector<ir::Tensor>& carried() const { return carried_; }  ///< empty: zeros
  void set_carried(std::vector<ir::Tensor> tensors) { carried_ = std::move(tensors); }

  const StepFunction& step() const { return step_; }

 protected:
  /// Throws Error(BadInput) unless the batch has the tensors that the model asks for, and no others.
  void check_names(const Batch& batch, const std::vector<runtime::Port>& ports) const;
  /// What the batch begins with: of the shapes that its other inputs ask for.
  void start_carried(const Batch& batch, const std::vector<runtime::Port>& ports);

  StepFunction step_;
  std::vector<ir::Tensor> results_;  // metrics, checks, and in training the norm of the gradients
  std::vector<ir::Tensor> carried_, next_;
};

/// One call a batch, and no memory taken while shapes repeat.
class OneCallRunner final : public StepRunner {
 public:
  OneCallRunner(StepFunction step, const runtime::CompileOptions& compile, int threads);

  void run(const Batch& batch, int64_t number, const std::vector<ir::Tensor>& now,
           std::vector<ir::Tensor>& next) override;
  std::optional<int64_t> dim(const std::string& name) const override;
  const runtime::Session& session() const { return session_; }

 private:
  enum class Source { Data, Carried, Step, Kept };
  struct Input {
    Source source;
    size_t index;
  };
  void find_sources();
  void gather_inputs(const Batch& batch, int64_t number, const std::vector<ir::Tensor>& now);
  /// Memory of the outputs that are not kept, of the shapes that this batch gives them.
  void make_room();

  runtime::Session session_;
  std::vector<Input> sources_;
  std::vector<seqc_tensor> inputs_, outputs_;
  ir::Tensor number_;
};

}  // namespace seqc::training
