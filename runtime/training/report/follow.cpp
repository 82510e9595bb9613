#include "runtime/training/report/follow.h"

#include <fmt/format.h>

#include <utility>

namespace seqc::training {

Follow::Follow(const Trainer& trainer, TrainOptions& options, std::string history_file, ProgressOutput output)
    : Follow(trainer, options, std::move(history_file), Quiet()) {
  output_ = std::move(output);
  shows_ = true;
}

Follow::Follow(const Trainer& trainer, TrainOptions& options, std::string history_file, Quiet)
    : trainer_(trainer), file_(std::move(history_file)), epochs_(options.epochs) {
  options.on_batch = [this, before = std::move(options.on_batch)](const BatchReport& report) {
    after_batch(report);
    return !before || before(report);
  };
  options.on_epoch = [this, before = std::move(options.on_epoch)](const EpochReport& report) {
    after_epoch(report);
    return !before || before(report);
  };
}

const History& Follow::history() {
  if (!history_) open(trainer_.steps());
  return *history_;
}

void Follow::open(int64_t steps) {
  if (file_.empty() || !trainer_.is_first())
    history_.emplace();
  else
    history_ = steps > 0 ? History::resume(file_, steps) : History::start(file_);
  // The checkpoint of an epoch is written before its line is: whoever was stopped between them has the line from there.
  for (const EpochReport& report : trainer_.history()) add_epoch(report);
}

void Follow::add_epoch(const EpochReport& report) {
  if (!report.validation.empty()) history_->add({"validation", report.epoch, report.step, report.validation});
}

void Follow::after_batch(const BatchReport& report) {
  if (!history_) open(report.step - 1);
  Metrics values = report.metrics;
  values["gradient_norm"] = report.gradient_norm;
  history_->add({"train", report.epoch, report.step, std::move(values)});
  if (report.batch == 0)
    first_batch_ = output_.now();
  else if (first_batch_ && report.batch + 1 == report.batches)
    epoch_seconds_.push_back(std::chrono::duration<double>(output_.now() - *first_batch_).count() *
                             static_cast<double>(report.batches) / static_cast<double>(report.batches - 1));
  if (!shows_) return;
  if (!progress_ || epoch_ != report.epoch) {
    progress_ =
        std::make_unique<Progress>(fmt::format("epoch {}/{}", report.epoch + 1, epochs_), report.batches, output_);
    epoch_ = report.epoch;
  }
  progress_->update(report.batch + 1, shown(report.metrics));
}

/// The loss, then the others.
Progress::Values Follow::shown(const Metrics& metrics, const std::string& prefix) const {
  Progress::Values values;
  for (const bool loss : {true, false})
    for (const auto& [name, value] : metrics)
      if ((name == trainer_.loss()) == loss) values.emplace_back(prefix + name, value);
  return values;
}

void Follow::after_epoch(const EpochReport& report) {
  add_epoch(report);
  if (!progress_) return;
  Progress::Values values = shown(report.training);
  for (auto& value : shown(report.validation, "validation ")) values.push_back(std::move(value));
  progress_->finish(values);
}

}  // namespace seqc::training
