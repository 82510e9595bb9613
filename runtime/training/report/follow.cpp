#include "runtime/training/report/follow.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/training/ranks.h"

namespace seqc::training {
namespace {

void append(Progress::Values& to, const Metrics& metrics, const std::string& prefix = "") {
  for (const auto& [name, value] : metrics) to.emplace_back(prefix + name, value);
}

}  // namespace

Follow::Follow(const Trainer& trainer, TrainOptions& options, std::string history_file, ProgressOutput output)
    : trainer_(trainer), file_(std::move(history_file)), output_(std::move(output)), epochs_(options.epochs) {
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
  history_ = file_.empty() || !Ranks::world().first() ? History() : History::resume(file_, steps);
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
  if (!progress_ || epoch_ != report.epoch) {
    progress_ =
        std::make_unique<Progress>(fmt::format("epoch {}/{}", report.epoch + 1, epochs_), report.batches, output_);
    epoch_ = report.epoch;
  }
  if (report.batch == 0)
    first_batch_ = output_.now();
  else if (first_batch_ && report.batch + 1 == report.batches)
    epoch_seconds_.push_back(std::chrono::duration<double>(output_.now() - *first_batch_).count() *
                             static_cast<double>(report.batches) / static_cast<double>(report.batches - 1));
  Progress::Values shown;
  append(shown, report.metrics);
  progress_->update(report.batch + 1, shown);
}

void Follow::after_epoch(const EpochReport& report) {
  add_epoch(report);
  Progress::Values shown;
  append(shown, report.training);
  append(shown, report.validation, "validation ");
  progress_->finish(shown);
}

}  // namespace seqc::training
