/// Examples for models that write sequences: what they shall write, and what stands before each token of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/training/data/dataset.h"

namespace seqc::training {

struct TeacherForcing {
  std::string before = "before";           ///< all tokens of a sequence but the last
  std::string target = "target";           ///< all but the first
  std::string lengths = "target_lengths";  ///< of both, [N]
};

/// Adds these inputs for whole sequences, from the token that begins to the one that ends them (Vocabulary::encode_whole):
/// at each step a model gets the right token of the step before and is asked for the next one (Williams and Zipser 1989).
/// Throws Error(BadInput) for sequences of less than two tokens.
void add_teacher_forcing(Dataset& data, const std::vector<std::vector<int64_t>>& sequences,
                         const TeacherForcing& inputs = {});

}  // namespace seqc::training
