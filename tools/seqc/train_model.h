/// An ONNX model made ready for training: its weights are parameters, and a loss stands behind one of its outputs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "tools/seqc/train_arguments.h"

namespace seqc::tools {

/// A tensor that the data give for each batch.
struct TrainPort {
  std::string name;
  ir::Type type;
  int64_t batch_axis = 0;  ///< counts the examples
};

struct TrainModel {
  std::unique_ptr<ir::Function> whole;     ///< as the file has it; what can be trained are parameters
  std::unique_ptr<ir::Function> training;  ///< inputs, target -> loss, metrics
  std::string output;                      ///< what is trained
  std::vector<TrainPort> inputs;           ///< that the output needs, without those that are zeros
  TrainPort target;
  std::vector<TrainPort> lengths;     ///< one, if asked for
  std::vector<std::string> unneeded;  ///< inputs that only other outputs need
  std::string rows;                   ///< the dim that counts the examples; empty: a number
  int64_t fixed_rows = 0;             ///< that number, or 0
  int64_t classes = 0;                ///< of labels
  std::vector<std::string> trained;   ///< parameters that the output depends on
  std::vector<std::string> notes;     ///< what a user should know
};

/// Throws Error naming what does not fit, with a remedy.
TrainModel prepare_train_model(const TrainArguments& arguments);
/// The same for a model that is here already; what can be trained are parameters. Its outputs that check data
/// (dsl::kCheckPrefix) stay.
TrainModel prepare_train_model(std::unique_ptr<ir::Function> whole, const TrainArguments& arguments);

/// Inputs that are called so become zeros, with dims that the other inputs say. `whole` may have more inputs than `f`.
/// Throws Error(BadInput) for names that it does not have.
void feed_zeros(ir::Function& f, const ir::Function& whole, const std::vector<std::string>& names);

/// `model` with these values for its parameters, as it is used: the output and the inputs that it needs.
std::unique_ptr<ir::Function> predictor(const ir::Function& model, const std::string& output,
                                        const std::map<std::string, ir::Tensor>& weights);

}  // namespace seqc::tools
