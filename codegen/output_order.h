/// When the outputs of a function are written for good.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace seqc::codegen {

/// Outputs that are complete behind an op of the function's own block; behind its return those whose size a run decides.
struct CompletedOutputs {
  const ir::Op* op;
  std::vector<int32_t> outputs;
};

/// For a function in kernel form, in program order; ops that complete no output are left out.
std::vector<CompletedOutputs> completed_outputs(const ir::Function& function);

}  // namespace seqc::codegen
