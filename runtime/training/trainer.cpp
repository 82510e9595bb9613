#include "runtime/training/trainer.h"

#include <algorithm>
#include <filesystem>

#include "ir/clone.h"
#include "ir/error.h"
#include "runtime/training/checkpoint.h"
#include "runtime/training/faults.h"
#include "runtime/training/own_rows.h"
#include "runtime/training/ranks_runner.h"
#include "runtime/training/step_runner.h"

namespace seqc::training {

using ir::Tensor;

namespace {

std::string place(int64_t epoch, int64_t batch) { return fmt::format("epoch {}, batch {}", epoch, batch); }

/// Sums of metrics over batches, which count by their rows.
void add_metrics(const StepRunner& runner, const std::string& rows, std::vector<double>& sums, double& total) {
  const double weight = static_cast<double>(runner.dim(rows).value_or(1));
  sums.resize(runner.step().metrics.size());
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += weight * runner.metric(i);
  total += weight;
}

Metrics means(const StepRunner& runner, const std::vector<double>& sums, double total) {
  Metrics result;
  for (size_t i = 0; i < sums.size(); ++i) result[runner.step().metrics[i]] = sums[i] / total;
  return result;
}

Metrics metrics_of(const StepRunner& runner) {
  Metrics result;
  for (size_t i = 0; i < runner.step().metrics.size(); ++i) result[runner.step().metrics[i]] = runner.metric(i);
  return result;
}

std::vector<Tensor> starts(const StepFunction& step) {
  std::vector<Tensor> result;
  for (const auto* list : {&step.parameters, &step.states})
    for (const Kept& kept : *list) result.push_back(kept.start);
  return result;
}

/// Runs a batch; errors say which.
void run_batch(StepRunner& runner, Ranks& ranks, const Batch& batch, int64_t step, const std::vector<Tensor>& now,
               std::vector<Tensor>& next, const std::string& where) {
  try {
    runner.run(batch, step, now, next);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", where, error.what()));
  }
  refuse_bad_elements(runner, batch, where);
  try {
    refuse_bad_numbers(runner, batch, now, next, where);
  } catch (const Error&) {
    // All ranks see a loss that is no number: those whose rows are sound wait for the one that can say more.
    const int64_t mine = has_bad_numbers(batch) ? 1 : 0;
    const std::vector<int64_t> all = ranks.all(std::span(&mine, 1));
    if (mine == 0 && std::find(all.begin(), all.end(), 1) != all.end()) ranks.all(std::span(&mine, 1));
    throw;
  }
}

/// Runs `work`. With several ranks an error ends them all: no rank can go on alone.
template <class Work>
auto together(Ranks& ranks, const ProgressState& progress, Work&& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    if (!ranks.several()) throw;
    const std::string what = error.what();
    const bool has_place = what.starts_with("epoch ") || what.starts_with("evaluation");
    ranks.abort(has_place ? what : fmt::format("{}: {}", place(progress.epoch, progress.batch), what));
  }
}

/// What rank 0 is told and says.
template <class Told>
bool first_says(Ranks& ranks, Told&& told) {
  return ranks.first_says(ranks.first() ? told() : true);
}

}  // namespace

struct Trainer::State {
  State(const ir::Function& function, TrainerOptions given)
      : options(std::move(given)), model(ir::clone(function)), axes(row_axes(function, options.rows)) {
    if (ranks.several())
      training = std::make_unique<RanksRunner>(ranks_training_step(function, options), options, ranks);
    else
      training = std::make_unique<OneCallRunner>(training_step(function, options), options.compile, options.threads);
    progress.kept = starts(training->step());
    for (const Tensor& tensor : progress.kept) next.emplace_back(tensor.dtype(), tensor.shape());
  }

  Ranks& ranks = Ranks::world();
  TrainerOptions options;
  std::unique_ptr<ir::Function> model;
  std::map<std::string, int64_t> axes;  // of inputs, along which they have rows
  std::unique_ptr<StepRunner> training;
  std::unique_ptr<StepRunner> evaluation;  // made when it is needed
  ProgressState progress;
  std::vector<Tensor> next;  // what becomes `progress.kept` after a step
};

Trainer::Trainer(const ir::Function& model, TrainerOptions options)
    : state_(std::make_unique<State>(model, std::move(options))) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

bool Trainer::is_first() const { return state_->ranks.first(); }
const std::string& Trainer::loss() const { return state_->training->step().metrics[0]; }
int64_t Trainer::steps() const { return state_->progress.step; }
const std::vector<EpochReport>& Trainer::history() const { return state_->progress.history; }
const ir::Function& Trainer::step_function() const { return *state_->training->step().function; }

std::map<std::string, Tensor> Trainer::parameters() const {
  std::map<std::string, Tensor> result;
  const auto& list = state_->training->step().parameters;
  for (size_t i = 0; i < list.size(); ++i) result[list[i].name] = state_->progress.kept[i];
  return result;
}

void Trainer::set_parameters(const std::map<std::string, Tensor>& values) {
  const auto& list = state_->training->step().parameters;
  for (const auto& [name, value] : values) {
    const auto it = std::find_if(list.begin(), list.end(), [&](const Kept& kept) { return kept.name == name; });
    if (it == list.end()) fail(ErrorKind::BadInput, "parameter \"{}\": the trainer has none of this name", name);
    Tensor& kept = state_->progress.kept[static_cast<size_t>(it - list.begin())];
    if (value.dtype() != kept.dtype() || value.shape() != kept.shape())
      fail(ErrorKind::BadInput, "parameter \"{}\": got {}, expected {}", name, value.type_str(), kept.type_str());
    kept = value;
  }
}

std::unique_ptr<ir::Function> Trainer::trainable_model() const {
  auto result = ir::clone(*state_->model);
  const auto learnt = parameters();
  for (ir::Value* parameter : result->parameters())
    if (const auto it = learnt.find(parameter->name()); it != learnt.end())
      result->make_parameter(parameter, it->second);
  return result;
}

std::unique_ptr<ir::Function> Trainer::model(const std::vector<std::string>& outputs) const {
  auto result = trainable_model();
  finish_training(*result, outputs);
  return result;
}

StepRunner& Trainer::evaluator() {
  State& s = *state_;
  if (!s.evaluation && s.ranks.several())
    s.evaluation = std::make_unique<RanksRunner>(ranks_evaluation_step(*s.model, s.options), s.options, s.ranks);
  if (!s.evaluation)
    s.evaluation =
        std::make_unique<OneCallRunner>(evaluation_step(*s.model, s.options), s.options.compile, s.options.threads);
  return *s.evaluation;
}

Metrics Trainer::evaluate(const BatchSource& batches, int64_t epoch) {
  State& s = *state_;
  return together(s.ranks, s.progress, [&] {
    StepRunner& runner = evaluator();
    runner.reset_carried();
    std::vector<double> sums;
    double rows = 0;
    std::vector<Tensor> nothing;
    const Batches own = own_rows(batches, s.axes, s.ranks);
    const int64_t size = own->size(epoch);
    for (int64_t index = 0; index < size; ++index) {
      const Batch batch = own->batch(epoch, index);
      run_batch(runner, s.ranks, batch, -1, s.progress.kept, nothing, fmt::format("evaluation, batch {}", index));
      runner.accept_carried();
      add_metrics(runner, s.options.rows, sums, rows);
    }
    if (rows == 0) fail(ErrorKind::BadInput, "evaluation: the data have no batches with rows in epoch {}", epoch);
    return means(runner, sums, rows);
  });
}

void Trainer::run(const Batch& batch, int64_t epoch, int64_t index) {
  State& s = *state_;
  run_batch(*s.training, s.ranks, batch, s.progress.step, s.progress.kept, s.next, place(epoch, index));
  s.progress.kept.swap(s.next);
  s.training->accept_carried();
  ++s.progress.step;
}

BatchReport Trainer::step(const Batch& batch) {
  State& s = *state_;
  together(s.ranks, s.progress, [&] { run(own_rows(batch, s.axes, s.ranks), s.progress.epoch, s.progress.batch); });
  return {.epoch = s.progress.epoch,
          .batch = s.progress.batch,
          .step = s.progress.step,
          .metrics = metrics_of(*s.training),
          .gradient_norm = s.training->gradient_norm()};
}

namespace {

const std::string& watched(const TrainOptions& options, const StepFunction& step) {
  return options.watch.empty() ? step.metrics[0] : options.watch;
}

double watched_value(const EpochReport& report, const std::string& name) {
  const Metrics& metrics = report.validation.empty() ? report.training : report.validation;
  const auto it = metrics.find(name);
  if (it == metrics.end()) fail(ErrorKind::BadInput, "watch \"{}\": the model has no such metric", name);
  return it->second;
}

int64_t best_epoch(const std::vector<EpochReport>& history, const TrainOptions& options, const StepFunction& step) {
  return best_epoch(history, watched(options, step), options.watch_highest);
}

}  // namespace

int64_t best_epoch(const std::vector<EpochReport>& history, const std::string& watch, bool highest) {
  int64_t best = -1;
  for (size_t i = 0; i < history.size(); ++i) {
    const double value = watched_value(history[i], watch);
    const double least = best < 0 ? value : watched_value(history[static_cast<size_t>(best)], watch);
    if (best < 0 || (highest ? value > least : value < least)) best = static_cast<int64_t>(i);
  }
  return best;
}

bool Trainer::out_of_patience(const TrainOptions& options) const {
  const auto& history = state_->progress.history;
  if (options.patience <= 0 || history.empty()) return false;
  const int64_t best = best_epoch(history, options, state_->training->step());
  return static_cast<int64_t>(history.size()) - 1 - best >= options.patience;
}

void Trainer::finish_epoch(const TrainOptions& options) {
  State& s = *state_;
  ProgressState& p = s.progress;
  if (p.rows == 0) fail(ErrorKind::BadInput, "epoch {}: the data have no batches with rows", p.epoch);
  EpochReport report{.epoch = p.epoch, .step = p.step, .training = means(*s.training, p.sums, p.rows)};
  if (options.validation) report.validation = evaluate(*options.validation, p.epoch);
  p.history.push_back(std::move(report));
  if (options.patience > 0 &&
      best_epoch(p.history, options, s.training->step()) == static_cast<int64_t>(p.history.size()) - 1)
    p.best.assign(p.kept.begin(), p.kept.begin() + static_cast<ptrdiff_t>(s.training->step().parameters.size()));
  ++p.epoch;
  p.batch = 0;
  p.sums.clear();
  p.rows = 0;
}

bool Trainer::train_epoch(const BatchSource& batches, const TrainOptions& options) {
  State& s = *state_;
  ProgressState& p = s.progress;
  if (p.batch == 0) s.training->reset_carried();
  const Batches own = own_rows(batches, s.axes, s.ranks);
  const int64_t size = own->size(p.epoch);
  while (p.batch < size) {
    run(own->batch(p.epoch, p.batch), p.epoch, p.batch);
    add_metrics(*s.training, s.options.rows, p.sums, p.rows);
    const BatchReport report{.epoch = p.epoch,
                             .batch = p.batch,
                             .batches = size,
                             .step = p.step,
                             .metrics = metrics_of(*s.training),
                             .gradient_norm = s.training->gradient_norm()};
    ++p.batch;
    const bool goes_on = !options.on_batch || first_says(s.ranks, [&] { return options.on_batch(report); });
    if (!options.checkpoint.empty() && options.checkpoint_steps > 0 && p.step % options.checkpoint_steps == 0 &&
        p.batch < size)
      save(options.checkpoint);
    if (!goes_on) return false;
  }
  finish_epoch(options);
  const bool goes_on = !options.on_epoch || first_says(s.ranks, [&] { return options.on_epoch(p.history.back()); });
  if (!options.checkpoint.empty()) save(options.checkpoint);
  return goes_on;
}

const std::vector<EpochReport>& Trainer::train(const BatchSource& batches, const TrainOptions& options) {
  State& s = *state_;
  ProgressState& p = s.progress;
  together(s.ranks, p, [&] {
    if (options.resume && !options.checkpoint.empty() && there_for_all(options.checkpoint))
      load(options.checkpoint, options.new_settings);
    same_for_all();
    while (p.epoch < options.epochs && !out_of_patience(options))
      if (!train_epoch(batches, options)) return;
    if (options.patience > 0) std::copy(p.best.begin(), p.best.end(), p.kept.begin());
  });
  return p.history;
}

bool Trainer::there_for_all(const std::string& path) const {
  const int64_t mine = std::filesystem::exists(path) ? 1 : 0;
  const std::vector<int64_t> all = state_->ranks.all(std::span(&mine, 1));
  for (size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      fail(ErrorKind::BadInput, "{}: rank {} has this checkpoint and rank {} has not; put it where all ranks see it",
           path, all[0] ? 0 : rank, all[0] ? rank : 0);
  return mine != 0;
}

void Trainer::same_for_all() const {
  const ProgressState& p = state_->progress;
  uint64_t hash = 0;
  for (const Tensor& tensor : p.kept) hash = hash * 31 + tensor.hash();
  const int64_t mine[] = {static_cast<int64_t>(hash), p.step, p.epoch, p.batch};
  const std::vector<int64_t> all = state_->ranks.all(mine);
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i] != all[i % 4])
      fail(ErrorKind::BadInput,
           "rank {} starts with other parameters or from another step than rank 0; seeds, data and checkpoints must be "
           "the same for all ranks",
           i / 4);
}

// Rank 0 writes; if it cannot, all know.
void Trainer::save(const std::string& path) const {
  State& s = *state_;
  ProgressState& p = s.progress;
  p.carried = p.batch == 0 ? std::vector<Tensor>{} : s.training->carried();
  for (size_t i = 0; i < p.carried.size(); ++i)
    if (const int64_t axis = s.axes.at(s.training->step().carried[i].second); axis >= 0)
      p.carried[i] = s.ranks.joined(p.carried[i], axis);
  std::exception_ptr error;
  try {
    if (s.ranks.first()) save_checkpoint(path, p, s.training->step(), s.options);
  } catch (...) {
    error = std::current_exception();
  }
  const bool written = s.ranks.first_says(!error);
  if (error) std::rethrow_exception(error);
  if (!written) fail(ErrorKind::BadInput, "{}: rank 0 cannot write it; what was there before is as it was", path);
}

void Trainer::load(const std::string& path, bool new_settings) {
  State& s = *state_;
  s.progress = load_checkpoint(path, s.training->step(), s.options, new_settings);
  Batch carried;
  for (size_t i = 0; i < s.progress.carried.size(); ++i)
    carried[s.training->step().carried[i].second] = s.progress.carried[i];
  carried = own_rows(std::move(carried), s.axes, s.ranks);
  for (size_t i = 0; i < s.progress.carried.size(); ++i)
    s.progress.carried[i] = carried.at(s.training->step().carried[i].second);
  s.training->set_carried(s.progress.carried);
}

}  // namespace seqc::training
