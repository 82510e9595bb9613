/// `seqc inspect --coverage` and `--operators`: what of a model, and of ONNX, is supported.
#pragma once

#include <string>

#include "runtime/compile.h"

namespace seqc::tools {

/// Prints which nodes of a model are compiled and which are refused, all of them at once. Returns 0 if the model can be
/// compiled, else 1.
int print_coverage(const std::string& model, const runtime::CompileOptions& options, bool as_json);

/// Prints the table of ONNX operators, as Markdown or as JSON.
int print_operators(bool as_json);

}  // namespace seqc::tools
