/// What a training run shows and keeps of itself: progress, history, plot, page, table, JSON.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/training/report/history.h"
#include "runtime/training/report/progress.h"
#include "runtime/training/report/report.h"
#include "runtime/training/trainer.h"
#include "tools/seqc/train_arguments.h"

namespace seqc::tools {

class TrainRecord {
 public:
  /// Goes on after so many steps (0: a new run), of which these epochs were finished.
  TrainRecord(const TrainArguments& arguments, int64_t steps, const std::vector<training::EpochReport>& epochs);

  void add(const training::BatchReport& report);
  void add(const training::EpochReport& report);
  /// Writes plot and page.
  void save(const ir::Function& model, const std::vector<training::EpochReport>& epochs,
            const std::vector<std::pair<std::string, std::string>>& facts) const;

 private:
  void keep_validation(const training::EpochReport& report);

  const TrainArguments& arguments_;
  training::History history_;
  std::unique_ptr<training::Progress> progress_;
};

/// The position of the epoch with the least loss, of validation if there is any; -1: none.
int64_t best_epoch(const std::vector<training::EpochReport>& epochs);
/// A row an epoch.
training::Table epoch_table(const std::vector<training::EpochReport>& epochs);
nlohmann::ordered_json epochs_json(const std::vector<training::EpochReport>& epochs);

}  // namespace seqc::tools
