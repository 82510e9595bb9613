#include "tools/seqc/train_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/training/report/plot.h"
#include "runtime/training/report/progress.h"

namespace seqc::tools {

using training::EpochReport;
using training::Metrics;

namespace {

/// The loss, then the others.
std::vector<std::pair<std::string, double>> in_order(const Metrics& metrics) {
  std::vector<std::pair<std::string, double>> values = {{"loss", metrics.at("loss")}};
  for (const auto& [name, value] : metrics)
    if (name != "loss") values.emplace_back(name, value);
  return values;
}

std::string title_of(const TrainArguments& arguments) { return std::filesystem::path(arguments.tuned).stem().string(); }

}  // namespace

void save_reports(const TrainArguments& arguments, const ir::Function& model, const training::History& history,
                  const std::vector<EpochReport>& epochs,
                  const std::vector<std::pair<std::string, std::string>>& facts) {
  training::Plot plot = training::history_plot(history, "loss");
  if (plot.title.empty()) plot.title = title_of(arguments);
  if (!arguments.plot.empty()) training::save_svg(arguments.plot, plot);
  if (arguments.report.empty()) return;
  training::Report report(title_of(arguments), fmt::format("{}, trained by seqc", arguments.model));
  report.facts(facts).heading("Loss").plot(plot);
  if (!epochs.empty() && epochs[0].training.contains("accuracy"))
    report.heading("Accuracy").plot(training::history_plot(history, "accuracy"));
  report.heading("Epochs").table(epoch_table(epochs));
  report.heading("Weights").table(training::parameter_table(model));
  report.save(arguments.report);
}

training::Table epoch_table(const std::vector<EpochReport>& epochs) {
  training::Table table;
  table.columns = {"epoch", "step"};
  if (epochs.empty()) return table;
  const auto add_columns = [&](const Metrics& metrics, const std::string& prefix) {
    for (const auto& [name, value] : in_order(metrics)) table.columns.push_back(prefix + name);
  };
  add_columns(epochs[0].training, "");
  if (!epochs.back().validation.empty()) add_columns(epochs.back().validation, "validation ");
  for (const EpochReport& epoch : epochs) {
    std::vector<std::string> row = {std::to_string(epoch.epoch + 1), std::to_string(epoch.step)};
    for (const auto& [name, value] : in_order(epoch.training)) row.push_back(training::metric_text(value));
    if (!epoch.validation.empty())
      for (const auto& [name, value] : in_order(epoch.validation)) row.push_back(training::metric_text(value));
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
