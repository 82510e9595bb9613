/// Which file, and which part of it, each input of a model is trained on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/seqc/train_files.h"
#include "tools/seqc/train_model.h"

namespace seqc::tools {

struct TrainSources {
  std::map<std::string, FilePart> inputs;
  FilePart target;
  std::vector<std::string> notes;
};

/// What `data` ([INPUT=]FILE[:PART], given with `option`) and `target` ([OUTPUT=]FILE[:PART]) say. Throws Error(BadInput)
/// for inputs that the model has not, and for those that are given twice or not at all.
TrainSources find_train_sources(const TrainArguments& arguments, const TrainModel& model, TrainFiles& files,
                                const std::vector<std::string>& data, const std::string& target,
                                const std::string& option);

/// The input of that name that the data give; null if there is none.
const TrainPort* find_input(const TrainModel& model, const std::string& name);

}  // namespace seqc::tools
