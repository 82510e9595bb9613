/// The examples that the command line of `seqc train` names, checked against the model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/interpreter.h"
#include "runtime/training/data/dataset.h"
#include "tools/seqc/train_model.h"

namespace seqc::tools {

struct TrainData {
  training::Dataset training;
  std::optional<training::Dataset> validation;
  ir::DimBindings dims;              ///< those of the examples, without the one that counts them
  std::vector<std::string> classes;  ///< names of labels that were text
  std::vector<std::string> notes;
};

/// Throws Error(BadInput) naming file, input, what was got and what was expected.
TrainData load_train_data(const TrainArguments& arguments, const TrainModel& model);

}  // namespace seqc::tools
