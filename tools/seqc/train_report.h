/// What a training run leaves behind for people: plot, page, table, JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "runtime/training/report/history.h"
#include "runtime/training/report/report.h"
#include "runtime/training/trainer.h"
#include "tools/seqc/train_arguments.h"

namespace seqc::tools {

/// Writes plot and page.
void save_reports(const TrainArguments& arguments, const ir::Function& model, const training::History& history,
                  const std::vector<training::EpochReport>& epochs,
                  const std::vector<std::pair<std::string, std::string>>& facts);

/// A row an epoch.
training::Table epoch_table(const std::vector<training::EpochReport>& epochs);
nlohmann::ordered_json epochs_json(const std::vector<training::EpochReport>& epochs);

}  // namespace seqc::tools
