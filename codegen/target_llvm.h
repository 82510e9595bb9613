/// LLVM's view of a Target, and what is done with a generated module for it.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>

#include "codegen/codegen.h"
#include "codegen/emit_llvm.h"

namespace seqc::codegen {

/// Throws Error(BadInput) for what LLVM does not know.
std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target& target);
Machine describe_machine(const llvm::TargetMachine& machine, const Target& target);
/// "x86_64-pc-linux-gnu znver4" and, if given, the features asked for.
std::string describe_target(const llvm::TargetMachine& machine, const Target& target);

/// Fits the module to the target and runs the few LLVM passes that generated kernels profit from.
void optimize(llvm::Module& module, llvm::TargetMachine& machine);

}  // namespace seqc::codegen
