/// Values of a model's inputs become tensors for the ports of the compiled model, where sequences have a port for each
/// element.
#pragma once

#include "runtime/compile.h"
#include "tools/seqc/tensor_files.h"

namespace seqc::tools {

/// The tensors in the order of the program's ports. What they say of the model's structure goes into `options`: their
/// shapes and values as known inputs; lengths of sequences, presence of optionals and the shapes of elements as given.
/// Throws Error(BadInput) where options say otherwise.
std::vector<ir::Tensor> feed(const std::vector<DeclaredPort>& ports, const std::vector<frontend::StoredValue>& values,
                             runtime::CompileOptions& options);

/// Inputs that options alone give, without any tensor: `--optional x=none`, `--sequence x=0`.
std::vector<GivenValue> empty_inputs(const std::vector<DeclaredPort>& ports, const runtime::CompileOptions& options);

/// Whether a port is a sequence or an optional: programs then serve one structure.
bool has_structure(const std::vector<DeclaredPort>& ports);

}  // namespace seqc::tools
