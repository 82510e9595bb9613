/// Asks, where a library runs, whether the processor has the instructions that the library was compiled for.
#pragma once

#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <string>
#include <vector>

namespace seqc::codegen {

/// Instruction sets, in LLVM's names, that code for a target may use beyond the baseline of its architecture.
struct CpuNeeds {
  llvm::Triple::ArchType arch = llvm::Triple::UnknownArch;
  std::vector<std::string> features;
};

/// Those that LLVM may choose for generated kernels and that can be asked for: on x86-64 through cpuid, on AArch64 with
/// Linux through getauxval. Elsewhere nothing is checked.
CpuNeeds cpu_needs(const llvm::TargetMachine& machine);

/// Makes a function run on any processor of the architecture.
void make_baseline(llvm::Function& function, const CpuNeeds& needs);

/// Emits `const char* missing_feature(void)`: null, or the first need that the processor lacks. It asks once.
llvm::Function* emit_missing_feature(llvm::Module& module, const CpuNeeds& needs);

}  // namespace seqc::codegen
