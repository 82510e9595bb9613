/// Functions copied as they are.
#pragma once

#include <memory>

#include "ir/ir.h"

namespace seqc::passes {

/// A function of its own with the same arguments, parameters, constants (whose bytes are shared) and ops.
std::unique_ptr<ir::Function> copy_of(const ir::Function& function);

}  // namespace seqc::passes
