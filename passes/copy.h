/// Functions copied as they are.
#pragma once

#include "ir/clone.h"

namespace seqc::passes {

inline std::unique_ptr<ir::Function> copy_of(const ir::Function& function) { return ir::clone(function); }

}  // namespace seqc::passes
