/// Elementwise ops on values in registers.
#pragma once

#include <vector>

#include "codegen/emit_llvm.h"

namespace seqc::codegen {

/// The result of elementwise `op` on operands of equal lane count (register types, see emit_llvm.h).
llvm::Value* emit_point_op(Emitter& e, const ir::Op& op, const std::vector<llvm::Value*>& operands);

}  // namespace seqc::codegen
