/// Functions copied as they are.
#pragma once

#include <memory>

#include "ir/ir.h"

namespace seqc::ir {

/// A function of its own with the same arguments, parameters, constants (whose bytes are shared) and ops.
std::unique_ptr<Function> clone(const Function& function);

}  // namespace seqc::ir
