/// What decides the code of a just-in-time program, as a key under which the code can be kept.
#pragma once

#include <llvm/Target/TargetMachine.h>

#include <string>
#include <vector>

#include "codegen/codegen.h"
#include "codegen/program_llvm.h"

namespace seqc::codegen {

/// seqc's version, a hash of the sources that generate code, and the version of the LLVM library that runs.
std::string generator_version();

/// Equal keys stand for equal code. Constants of rank 1 and more count by their types alone: such code finds their bytes
/// through symbols (see Program::externals), so weights are neither hashed nor kept, and a model that was trained further
/// has the code of the one before.
std::string code_key(const ir::Function& function, const Target& target, const llvm::TargetMachine& machine,
                     const ProgramOptions& options, const std::string& version = generator_version());

/// The constants of a function in the order in which the text shows them. Functions of one key have as many.
std::vector<const ir::Value*> constants_of(const ir::Function& function);

}  // namespace seqc::codegen
