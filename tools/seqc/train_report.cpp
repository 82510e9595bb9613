#include "tools/seqc/train_record.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/training/report/plot.h"

namespace seqc::tools {

using training::EpochReport;
using training::Metrics;

namespace {

const Metrics& judged(const EpochReport& report) {
  return report.validation.empty() ? report.training : report.validation;
}

training::Progress::Values progress_values(const Metrics& metrics) {
  training::Progress::Values values = {{"loss", metrics.at("loss")}};
  for (const auto& [name, value] : metrics)
    if (name != "loss") values.emplace_back(name, value);
  return values;
}

std::string title_of(const TrainArguments& arguments) { return std::filesystem::path(arguments.tuned).stem().string(); }

}  // namespace

TrainRecord::TrainRecord(const TrainArguments& arguments, int64_t steps, const std::vector<EpochReport>& epochs)
    : arguments_(arguments) {
  if (!arguments.history.empty())
    history_ =
        steps > 0 ? training::History::resume(arguments.history, steps) : training::History::start(arguments.history);
  // The run may have been stopped between a checkpoint and the line of its epoch.
  if (!epochs.empty() && epochs.back().step == steps) keep_validation(epochs.back());
}

void TrainRecord::keep_validation(const EpochReport& report) {
  if (!report.validation.empty())
    history_.add({.part = "validation", .epoch = report.epoch, .step = report.step, .values = report.validation});
}

void TrainRecord::add(const training::BatchReport& report) {
  history_.add({.part = "train", .epoch = report.epoch, .step = report.step, .values = report.metrics});
  if (arguments_.quiet) return;
  if (!progress_) {
    progress_ = std::make_unique<training::Progress>(fmt::format("epoch {}/{}", report.epoch + 1, arguments_.epochs),
                                                     report.batches);
    progress_->update(report.batch);
  }
  progress_->update(report.batch + 1, progress_values(report.metrics));
}

void TrainRecord::add(const EpochReport& report) {
  keep_validation(report);
  if (!progress_) return;
  training::Progress::Values values = progress_values(report.training);
  for (const auto& [name, value] : report.validation) values.emplace_back("validation " + name, value);
  progress_->finish(values);
  progress_.reset();
}

void TrainRecord::save(const ir::Function& model, const std::vector<EpochReport>& epochs,
                       const std::vector<std::pair<std::string, std::string>>& facts) const {
  training::Plot plot = training::history_plot(history_, "loss");
  if (plot.title.empty()) plot.title = title_of(arguments_);
  if (!arguments_.plot.empty()) training::save_svg(arguments_.plot, plot);
  if (arguments_.report.empty()) return;
  training::Report report(title_of(arguments_), fmt::format("{}, trained by seqc", arguments_.model));
  report.facts(facts).heading("Loss").plot(plot);
  if (!epochs.empty() && epochs[0].training.contains("accuracy"))
    report.heading("Accuracy").plot(training::history_plot(history_, "accuracy"));
  report.heading("Epochs").table(epoch_table(epochs));
  report.heading("Weights").table(training::parameter_table(model));
  report.save(arguments_.report);
}

int64_t best_epoch(const std::vector<EpochReport>& epochs) {
  int64_t best = -1;
  for (size_t i = 0; i < epochs.size(); ++i)
    if (best < 0 || judged(epochs[i]).at("loss") < judged(epochs[static_cast<size_t>(best)]).at("loss"))
      best = static_cast<int64_t>(i);
  return best;
}

training::Table epoch_table(const std::vector<EpochReport>& epochs) {
  training::Table table;
  table.columns = {"epoch", "step"};
  if (epochs.empty()) return table;
  const auto add_columns = [&](const Metrics& metrics, const std::string& prefix) {
    for (const auto& [name, value] : progress_values(metrics)) table.columns.push_back(prefix + name);
  };
  add_columns(epochs[0].training, "");
  if (!epochs.back().validation.empty()) add_columns(epochs.back().validation, "validation ");
  for (const EpochReport& epoch : epochs) {
    std::vector<std::string> row = {std::to_string(epoch.epoch + 1), std::to_string(epoch.step)};
    for (const auto& [name, value] : progress_values(epoch.training)) row.push_back(training::metric_text(value));
    if (!epoch.validation.empty())
      for (const auto& [name, value] : progress_values(epoch.validation)) row.push_back(training::metric_text(value));
    row.resize(table.columns.size(), "-");
    table.rows.push_back(std::move(row));
  }
  return table;
}

nlohmann::ordered_json epochs_json(const std::vector<EpochReport>& epochs) {
  auto list = nlohmann::ordered_json::array();
  for (const EpochReport& epoch : epochs) {
    nlohmann::ordered_json entry = {{"epoch", epoch.epoch + 1}, {"step", epoch.step}, {"training", epoch.training}};
    if (!epoch.validation.empty()) entry["validation"] = epoch.validation;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace seqc::tools
