/// Trains models: batch after batch through a step that is compiled once.
///
///   dsl::Model model("digits");
///   ...
///   model.output("loss", loss);
///   model.output("accuracy", accuracy);
///   training::Trainer trainer(*model.finish(true)->functions[0],
///                             {.optimizer = training::adam(1e-3), .clip = training::by_global_norm(5)});
///   trainer.train(batches, {.epochs = 5, .validation = &test, .checkpoint = "digits.ckpt"});
///   auto digits = trainer.model();  // for use: what was learnt are constants
///
/// Outputs that are neither loss nor metric (predictions, a decoder's step) cost nothing, and batches need not have the
/// inputs that they alone take.
///
/// Batches are made as they are needed, by the thread that trains; prefetch() in data/batches.h makes them ahead.
///
/// The same data, model and options give the same bits, on any number of threads, and whether or not training was
/// interrupted and resumed.
///
/// Several machines: `mpirun -n K program`. Each rank computes with its rows of every batch, and losses, metrics, gradients
/// and random numbers are those that one process has of the whole batch, up to rounding (for one K: the same bits). Rank 0
/// writes checkpoints and calls `on_batch` and `on_epoch`. All ranks construct the same trainer and make the same calls, and
/// what a program prints or writes by itself, all of them print and write, unless it asks:
///
///   const auto metrics = trainer.evaluate(test);           // all ranks
///   if (trainer.is_first()) fmt::print("{}\n", metrics.at("loss"));
///
/// An error of one rank in `train`, `evaluate` and `step` ends them all, saying which rank and batch. Models in which rows
/// meet otherwise than in sums (normalisation over the batch) are refused by the constructor. A thread of each rank exchanges
/// gradients while others are computed (TrainerOptions::overlap); Open MPI keeps all threads of a rank on one core where
/// there are two ranks, unless it is told `--bind-to none`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/training/batch_source.h"
#include "runtime/training/step.h"

namespace seqc::training {

class StepRunner;

/// What a model gives beside what it learns: its loss and metrics, by the names of its outputs.
using Metrics = std::map<std::string, double>;

/// A batch that was trained on.
struct BatchReport {
  int64_t epoch = 0, batch = 0, batches = 0;  ///< both from 0
  int64_t step = 0;                           ///< how many steps have been done, this one among them
  Metrics metrics;                            ///< before the step
  double gradient_norm = 0;                   ///< before clipping
};

struct EpochReport {
  int64_t epoch = 0, step = 0;
  Metrics training = {};    ///< means over the epoch, while the parameters changed
  Metrics validation = {};  ///< after the epoch; empty without validation data
  bool operator==(const EpochReport&) const = default;
};

struct TrainOptions {
  int64_t epochs = 1;  ///< in all: what was resumed counts
  const BatchSource* validation = nullptr;

  /// A file that is written after each epoch and, if `checkpoint_steps` is above 0, after so many steps.
  std::string checkpoint = "";
  int64_t checkpoint_steps = 0;
  bool resume = false;        ///< goes on from the checkpoint if that file is there
  bool new_settings = false;  ///< even if that was made with other settings, see Trainer::load

  /// Ends after this many epochs without a better `watch` than before, and takes the parameters of the best epoch; 0: never.
  int64_t patience = 0;
  std::string watch = "";  ///< a metric, of validation if there is any; empty: the loss
  bool watch_highest = false;

  // Called after each batch and epoch, and before the checkpoint that knows of it is written; false ends training here.
  std::function<bool(const BatchReport&)> on_batch = {};
  std::function<bool(const EpochReport&)> on_epoch = {};
};

class Trainer {
 public:
  /// `model` has parameters and an output that is the loss. Throws Error(BadInput) when the options do not fit it, and
  /// Error(Unsupported) naming what has no gradient.
  explicit Trainer(const ir::Function& model, TrainerOptions options = {});
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  /// Trains. Throws Error(BadInput) for data that do not fit the model or are no numbers, naming epoch, batch and what
  /// is wrong; parameters are then those before that batch.
  const std::vector<EpochReport>& train(const BatchSource& batches, const TrainOptions& options = {});
  /// Means over all batches of an epoch, without training.
  Metrics evaluate(const BatchSource& batches, int64_t epoch = 0);
  /// One step on one batch, for loops of your own.
  BatchReport step(const Batch& batch);

  /// Whether this process is the one that prints: rank 0 of several, or on its own.
  bool is_first() const;
  const std::string& loss() const;                  ///< what the metric is called that is made small
  int64_t steps() const;                            ///< done so far
  const std::vector<EpochReport>& history() const;  ///< all epochs that were finished
  /// The parameters that are trained, as they are now.
  std::map<std::string, ir::Tensor> parameters() const;
  /// Throws Error(BadInput) for names and types that the model does not have.
  void set_parameters(const std::map<std::string, ir::Tensor>& values);
  /// A copy of the model as it is used, with what was learnt as constants: all outputs, or those that are named with the
  /// inputs that they need (no labels for predictions).
  std::unique_ptr<ir::Function> model(const std::vector<std::string>& outputs = {}) const;
  /// A copy of the model as it was given, whose parameters start with what was learnt.
  std::unique_ptr<ir::Function> trainable_model() const;
  /// The step as it is compiled, for those who want to read it.
  const ir::Function& step_function() const;

  /// Everything that training needs to go on, in a file that numpy.load reads; written whole or not at all.
  void save(const std::string& path) const;
  /// Throws Error(BadInput) for damaged files, those of another model, and those that were made with another optimiser, rate
  /// or clipping (all numbers count; of cosine_decay the steps as well); the trainer is then as before.
  ///
  /// With `new_settings` this trainer's optimiser, rate and clipping take over, from the step that the checkpoint stands at.
  /// The optimiser's states go on if it keeps states of the same names (adam and adamw do), and begin anew otherwise;
  /// optimisers for which that is not possible (Optimizer::counts_steps) are refused.
  void load(const std::string& path, bool new_settings = false);

 private:
  struct State;
  StepRunner& evaluator();
  void run(const Batch& batch, int64_t epoch, int64_t index);
  bool train_epoch(const BatchSource& batches, const TrainOptions& options);
  void finish_epoch(const TrainOptions& options);
  bool out_of_patience(const TrainOptions& options) const;
  bool there_for_all(const std::string& path) const;
  void same_for_all() const;

  std::unique_ptr<State> state_;
};

/// The position of the epoch whose metric `watch` (of validation, if there is any) is the least, or the highest; the first of
/// equal ones, -1 of none. Throws Error(BadInput) where an epoch has no such metric.
int64_t best_epoch(const std::vector<EpochReport>& history, const std::string& watch, bool highest = false);

}  // namespace seqc::training
