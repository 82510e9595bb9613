/// Shows and keeps how training goes: a progress line for each epoch, and a history.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/training/report/history.h"
#include "runtime/training/report/progress.h"
#include "runtime/training/trainer.h"

namespace seqc::training {

///   TrainOptions options{.epochs = 5, .validation = &test, .checkpoint = "digits.ckpt", .resume = true};
///   Follow follow(trainer, options, "digits.jsonl");
///   trainer.train(*batches, options);
///   report.plot(history_plot(follow.history(), "loss"));
///
/// Every batch is a line of the part "train" (its metrics and the gradient's norm), every epoch one of the part
/// "validation". After a run that was interrupted the file goes on where the checkpoint stands. What `options` call after
/// batches and epochs is still called. Of several ranks the first one writes the file. Must live as long as training
/// goes on; errors are those of History.
class Follow {
 public:
  /// Without a file the history is kept in memory; of a run that was resumed it then lacks the batches before.
  Follow(const Trainer& trainer, TrainOptions& options, std::string history_file = "",
         ProgressOutput output = ProgressOutput::standard_error());
  /// The same, but shows nothing.
  struct Quiet {};
  Follow(const Trainer& trainer, TrainOptions& options, std::string history_file, Quiet);
  Follow(const Follow&) = delete;
  Follow& operator=(const Follow&) = delete;

  /// Opens the file, if no batch has yet.
  const History& history();
  /// How long the batches of each epoch took that was trained here from its beginning, without what comes between epochs
  /// (validation, checkpoints). Measured from the end of the first batch, so that epochs of one batch are left out.
  const std::vector<double>& epoch_seconds() const { return epoch_seconds_; }

 private:
  void open(int64_t steps);
  void after_batch(const BatchReport& report);
  void after_epoch(const EpochReport& report);
  void add_epoch(const EpochReport& report);
  Progress::Values shown(const Metrics& metrics, const std::string& prefix = "") const;

  const Trainer& trainer_;
  std::string file_;
  ProgressOutput output_ = ProgressOutput::standard_error();
  bool shows_ = false;
  int64_t epochs_;
  std::optional<History> history_;
  std::unique_ptr<Progress> progress_;
  int64_t epoch_ = -1;                                   ///< that the progress line is about
  std::optional<std::chrono::nanoseconds> first_batch_;  ///< when that of this epoch was done
  std::vector<double> epoch_seconds_;
};

}  // namespace seqc::training
