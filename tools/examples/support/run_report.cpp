// What a run tells: figures, samples and plots, on the terminal, in summary.json and in report.html.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "runtime/files.h"
#include "runtime/training/ranks.h"
#include "runtime/training/report/text.h"
#include "tools/examples/support/figures.h"
#include "tools/examples/support/run.h"

namespace seqc::examples {

void Run::print(const std::string& line) const {
  if (!first()) return;
  fmt::print("{}{}", line, line.ends_with('\n') ? "" : "\n");
  std::fflush(stdout);
}

void Run::figure(const std::string& name, double value, const std::string& part) {
  figures_.push_back({.part = part, .name = name, .value = value, .about_training = false});
}

void Run::sample(const std::string& heading, const std::string& text) {
  print(fmt::format("{}\n{}", heading, text));
  own_sections_.push_back([=](training::Report& report) { report.heading(heading).sample(text); });
}

void Run::plot(const std::string& name, const training::Plot& plot, const std::string& text) {
  if (first()) training::save_svg(file(name + ".svg"), plot);
  own_sections_.push_back([=](training::Report& report) {
    report.plot(plot);
    if (!text.empty()) report.text(text);
  });
}

void Run::add_curves(const training::Trainer& trainer, const training::History& history, const std::string& part) {
  training_sections_.push_back([part](training::Report& report) { report.heading(part.empty() ? "Training" : part); });
  std::vector<std::string> metrics;
  for (const auto& [metric, value] : trainer.history()[0].training)
    metrics.insert(metric == "loss" ? metrics.begin() : metrics.end(), metric);
  for (const std::string& metric : metrics) {
    // What falls to a small part of what it was, a loss or a perplexity, is seen on a logarithmic scale alone.
    const std::vector<double> values = history.curve("train", metric).values;
    const bool falls = !values.empty() && values.back() > 0 && values.front() > 10 * values.back();
    training::Plot curve = training::history_plot(history, metric, falls);
    if (curve.title.empty()) curve.title = metric;
    training::save_svg(file((std::filesystem::path(part) / (metric + ".svg")).string()), curve);
    training_sections_.push_back([curve](training::Report& report) { report.plot(curve); });
  }
}

void Run::write_summary() const {
  nlohmann::ordered_json summary = {{"program", about_.name},
                                    {"data", data_.empty() ? "built-in" : data_},
                                    {"seed", seed_},
                                    {"threads", threads_},
                                    {"ranks", training::Ranks::world().count()},
                                    {"figures", nlohmann::ordered_json::object()}};
  for (const Figure& f : figures_) summary["figures"][joined_name(f.part, f.name)] = f.value;
  runtime::write_file(file("summary.json"), summary.dump(2) + "\n");
}

void Run::write_report() const {
  training::Report report(about_.name, about_.about);
  std::vector<std::pair<std::string, std::string>> facts;
  training::Table parts;  // a row a part, a column a figure
  // What the run is judged by comes first.
  std::vector<Figure> figures;
  for (const bool about_training : {false, true})
    for (const Figure& f : figures_)
      if (f.about_training == about_training && !f.name.starts_with("processor"))  // that one is for comparisons
        figures.push_back(f);
  for (const Figure& f : figures) {
    const std::string text = figure_text(f.name, f.value);
    if (f.part.empty()) {
      facts.emplace_back(f.name, text);
      continue;
    }
    if (parts.columns.empty()) parts.columns = {""};
    auto column = std::find(parts.columns.begin(), parts.columns.end(), f.name);
    if (column == parts.columns.end()) column = parts.columns.insert(column, f.name);
    const auto index = static_cast<size_t>(column - parts.columns.begin());
    auto row = std::find_if(parts.rows.begin(), parts.rows.end(), [&](const auto& r) { return r[0] == f.part; });
    if (row == parts.rows.end()) row = parts.rows.insert(row, {f.part});
    row->resize(std::max(row->size(), index + 1));
    (*row)[index] = text;
  }
  if (!facts.empty()) report.facts(facts);
  if (!parts.rows.empty()) report.table(parts);
  report.text(fmt::format("Data: {}. Seed {}.", data_.empty() ? "the program's built-in set" : data_, seed_));
  for (const Sections* sections : {&own_sections_, &training_sections_})
    for (const auto& section : *sections) section(report);
  report.save(file("report.html"));
}

}  // namespace seqc::examples
