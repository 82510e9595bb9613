/// Which axes of a model's inputs and outputs count the examples of a batch.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "tools/seqc/train_model.h"

namespace seqc::tools {

struct BatchAxes {
  std::set<std::string> symbols;  ///< dims that count the examples
  int64_t fixed = 0;              ///< or the number that does; 0: none
  std::string rows;               ///< one of the symbols; empty: none
};

/// Sets the batch axes of the inputs: those that --axis gives, then those whose dim is called like a batch (N, batch,
/// batch_size, ...), then the only named dim of an input unless it is called like time. Throws Error(BadInput).
BatchAxes find_batch_axes(std::vector<TrainPort>& inputs, const std::map<std::string, int64_t>& given);

/// The axis of the output. Throws Error(BadInput).
int64_t output_axis(const std::string& name, const ir::Type& type, const BatchAxes& batch,
                    const std::map<std::string, int64_t>& given);

/// --axis of the command line. Throws Error(BadInput) for what is no number.
std::map<std::string, int64_t> given_axes(const std::vector<std::string>& texts);

}  // namespace seqc::tools
