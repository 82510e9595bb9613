/// Models as they are used: without what only training does.
#pragma once

#include <memory>

#include "ir/ir.h"

namespace seqc::frontend {

/// A copy without choices that are decided already (dropout, whose training step is -1 in use); null if there are none.
std::unique_ptr<ir::Function> without_decided_choices(const ir::Function& function);

}  // namespace seqc::frontend
