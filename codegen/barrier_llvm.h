/// Where the threads of one call wait for each other.
#pragma once

#include <llvm/IR/Module.h>

#include "codegen/emit_llvm.h"

namespace seqc::codegen {

/// The barrier of a module: void(workspace, threads, thread), to be called by each of `threads` threads at once.
llvm::Function* create_barrier(llvm::Module& module, const Machine& machine);

/// Emits what has to be done to a workspace before `threads` threads use it.
void reset_barrier(Emitter& e, llvm::Value* workspace, llvm::Value* threads);

}  // namespace seqc::codegen
