/// Inputs and outputs of a function of the IR, as those who run it see them.
#pragma once

#include <vector>

#include "ir/ir.h"
#include "runtime/ports.h"

namespace seqc::runtime {

std::vector<Port> inputs_of(const ir::Function& function);
std::vector<Port> outputs_of(const ir::Function& function);

}  // namespace seqc::runtime
