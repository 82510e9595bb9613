/// One step of training as one function: forward, loss, backward, clipping and update.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "runtime/compile.h"
#include "runtime/training/clip.h"
#include "runtime/training/optimizers.h"

namespace seqc::training {

/// What a model is trained for, and how.
struct TrainerOptions {
  std::string loss = "loss";  ///< the output to be made small, one float
  Optimizer optimizer = adam(1e-3);
  Clip clip = {};
  /// Parameters that are trained, by name; `*` and `?` stand for anything. The others are constants.
  std::vector<std::string> train = {"*"};
  /// Outputs that the next batch takes as inputs, by name, such as {"h_n", "h_0"}: truncated backpropagation through time.
  std::map<std::string, std::string> carry = {};
  /// Bytes that each scan may keep for the way back, see passes::GradientOptions.
  int64_t max_saved_bytes = -1;
  std::map<std::string, int64_t> expected_dims = {};

  int threads = 1;
  /// Several ranks: gradients are added up while others are still computed, see ranks_exchange.h. The bits are the same.
  bool overlap = true;
  /// Metrics of an epoch are means over its batches, which count by this dim's size where the model has it.
  std::string rows = "N";
  runtime::CompileOptions compile = {};
};

/// A tensor that goes from step to step: a parameter, or what the optimiser keeps of one.
struct Kept {
  std::string name;  ///< of the input, and of the output with its next value
  ir::Tensor start;
};

/// A function and the meaning of its ports. Inputs that only other outputs of the model need are not among them.
///
///   inputs:  data, carried, then for a step `training_step`, kept
///   outputs: metrics (the loss is the first), checks, carried, then for a step the norm of the gradients (f64), kept
struct StepFunction {
  std::unique_ptr<ir::Function> function;
  std::vector<std::string> data;                             ///< inputs that a batch gives
  std::vector<std::string> ignored;                          ///< inputs of the model that nothing here needs
  std::vector<std::pair<std::string, std::string>> carried;  ///< output, input
  std::vector<std::string> metrics, checks;
  std::vector<Kept> parameters;  ///< those that are trained
  std::vector<Kept> frozen;      ///< those that are not: constants
  std::vector<Kept> states;      ///< of the optimiser: NAME:STATE for each parameter and state
};

/// Throws Error(BadInput) when names do not fit the model. Outputs that are no numbers and are not carried are left out.
StepFunction training_step(const ir::Function& model, const TrainerOptions& options);

/// What a step of training computes of a batch before it learns: metrics, checks and carried. Inputs are data, carried,
/// the step's number and the parameters; `states` is empty.
StepFunction forward_step(const ir::Function& model, const TrainerOptions& options);

/// The same outputs without training: `parameters` are inputs, and the model behaves as it does in use.
StepFunction evaluation_step(const ir::Function& model, const TrainerOptions& options);

/// The model as it is used: every parameter is a constant of its initial value, nothing is left of training. Of the
/// outputs those that are named (none: all), with the inputs that they need.
void finish_training(ir::Function& model, const std::vector<std::string>& outputs = {});

/// The same, but parameters stay what they are.
void use_parameters(ir::Function& model, const std::vector<std::string>& outputs = {});

}  // namespace seqc::training
