/// What the command line of `seqc train` says.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "runtime/compile.h"
#include "runtime/training/clip.h"
#include "runtime/training/optimizers.h"

namespace seqc::tools {

enum class Loss {
  SoftmaxCrossEntropy,
  SoftmaxCrossEntropyDense,
  SigmoidCrossEntropy,
  MeanSquaredError,
  Huber,
  Sequence
};

struct TrainArguments {
  std::string model, tuned;
  runtime::CompileOptions compile;
  int threads = 1;

  // Data: [INPUT=]FILE[:PART]
  std::vector<std::string> data, validation_data;
  std::string target, validation_target, lengths, validation_lengths;
  double validation_split = 0;
  std::vector<std::string> zeros, axes, scales;  ///< INPUT, INPUT=AXIS, INPUT=FACTOR[,SHIFT]
  bool examples_first = false;

  // What is made small, and how
  std::string output;  ///< of the model; empty: the only one, or that of `target`
  Loss loss = Loss::MeanSquaredError;
  std::string loss_name;
  double huber_delta = 1;
  std::vector<std::string> train_only;
  std::string optimizer = "adam", schedule = "constant";
  double rate = 1e-3, momentum = 0.9, weight_decay = -1;  ///< below 0: what the optimiser does by itself
  int64_t warm_up = 0;
  double clip_norm = 0, clip_value = 0;

  // How long
  int64_t epochs = 10, batch = 0;  ///< 0: what the model fixes, otherwise 32
  uint64_t seed = 0;
  bool in_order = false;
  int64_t patience = 0;

  std::string checkpoint, history, plot, report;
  int64_t checkpoint_steps = 0;
  bool resume = false, new_settings = false, json = false, quiet = false;
};

void add_train_arguments(CLI::App& app, TrainArguments& arguments);

/// The optimiser with its schedule; `steps` are those of the whole training.
training::Optimizer optimizer_of(const TrainArguments& arguments, int64_t steps);
training::Clip clip_of(const TrainArguments& arguments);

/// The loss of that name. Throws Error(BadInput) that lists them all.
Loss loss_of(const std::string& name);
/// Whether targets are numbers of classes.
bool takes_labels(Loss loss);

}  // namespace seqc::tools
