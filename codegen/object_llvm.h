/// Machine code for a module.
#pragma once

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

namespace seqc::codegen {

/// Verifies and optimises `module` and turns it into an object file's bytes, or into assembly text.
llvm::SmallVector<char, 0> emit_object(llvm::Module& module, llvm::TargetMachine& machine, bool as_text = false);

}  // namespace seqc::codegen
