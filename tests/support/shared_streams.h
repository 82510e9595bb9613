/// What the shared models need to become streams.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/compile.h"

namespace seqc::test {

/// The axis that is time where the model does not tell, for StreamOptions::time; else "".
std::string time_of_shared_model(const std::string& model);

/// A model whose states are inputs and outputs, and the frames that it takes.
struct BoundModel {
  std::string model;
  std::vector<std::pair<std::string, std::string>> states;
  runtime::CompileOptions compile = {};
};

std::vector<BoundModel> bound_shared_models();

}  // namespace seqc::test
