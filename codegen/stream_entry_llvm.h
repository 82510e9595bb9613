/// The functions of a stream in the module of its step.
#pragma once

#include "codegen/program_llvm.h"
#include "codegen/stream.h"

namespace seqc::codegen {

/// Adds NAME_state_size, NAME_init, NAME_prepare, NAME_step and NAME_stream to a module that generate_program made.
void emit_stream_entries(llvm::Module& module, const ir::Function& function, const StreamDescription& stream,
                         const Machine& machine, const ProgramOptions& options);

}  // namespace seqc::codegen
