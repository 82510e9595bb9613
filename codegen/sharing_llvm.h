/// Which ops the threads of a call share, and which one thread runs alone while the others wait.
#pragma once

#include "codegen/emit_llvm.h"
#include "codegen/schedule.h"

namespace seqc::codegen {

/// Operations that are worth a meeting of the threads. They also meet where a run begins.
int64_t worth_meeting(const Machine& machine);

/// i1: whether threads save less by sharing the kernels of `op` than they lose by waiting for each other: none is worth
/// it, or all kernels of a scan's step together are not, as threads meet behind each.
llvm::Value* is_alone(Emitter& e, const ir::Op& op, const Emitter::Symbols& symbols);

/// i1: whether a whole run is for the caller's thread: what sharing its ops saves does not pay for bringing the others
/// in, or for waking them when they have slept through what one thread does alone. Sizes that only the run can tell count
/// with their largest.
llvm::Value* is_run_alone(Emitter& e, const ir::Function& function, const Emitter::Symbols& symbols);

/// Whether `condition`, an i1, is known not to hold.
bool is_never(llvm::Value* condition);

/// What `alone` says, for people: of anything, and of `op`.
Sharing sharing_of(llvm::Value* alone);
KernelSchedule describe_sharing(const ir::Op& op, llvm::Value* alone);

}  // namespace seqc::codegen
