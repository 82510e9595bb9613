/// Where the threads of one call wait for each other.
#pragma once

#include <llvm/IR/Module.h>

#include "codegen/emit_llvm.h"

namespace seqc::codegen {

/// The barrier of a module: void(workspace, threads, thread), to be called by each of `threads` threads at once.
llvm::Function* create_barrier(llvm::Module& module, const Machine& machine);

/// The two halves of a barrier, for a thread that has something to do in between. Its arrival, void(workspace, thread), and
/// its wait for one other, void(workspace, thread, other), which is called by wait_for. Before it arrives again, or writes
/// what others may read, it has to have waited for all.
llvm::Function* create_arrival(llvm::Module& module, const Machine& machine);
llvm::Function* create_wait(llvm::Module& module, const Machine& machine);
/// Emits the wait for a thread that has mostly arrived, or will soon.
void wait_for(Emitter& e, llvm::Function* wait, llvm::Value* workspace, llvm::Value* thread, llvm::Value* other);
void wait_for_all(Emitter& e, llvm::Function* wait, llvm::Value* workspace, llvm::Value* thread, llvm::Value* threads);

/// Emits what has to be done to a workspace before `threads` threads use it.
void reset_barrier(Emitter& e, llvm::Value* workspace, llvm::Value* threads);

}  // namespace seqc::codegen
