/// What is in a model, counted for people and for scripts.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cost.h"
#include "runtime/ports.h"

namespace seqc::tools {

/// Ops that came from one node of the source and do arithmetic on weights, or a recurrence.
struct Layer {
  std::string name;  ///< the node's
  std::string kind;  ///< "scan, T steps", "contract", "conv", "loop"
  runtime::Cost cost;
};

struct Summary {
  std::vector<runtime::Port> inputs, outputs;
  std::vector<std::string> dims;  ///< names that inputs have
  std::vector<Layer> layers;
  runtime::Cost total;
  int64_t weight_bytes = 0;            ///< all constants
  std::map<std::string, int64_t> ops;  ///< by mnemonic, regions included
};

/// Of a function as it was imported.
Summary summarize(const ir::Function& function);

std::string text(const Summary& summary);
nlohmann::ordered_json json(const Summary& summary);

}  // namespace seqc::tools
