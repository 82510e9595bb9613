/// Streams on the way to files: the step of a model in kernel form, and what a library must know of it.
#pragma once

#include <string>

#include "codegen/stream.h"
#include "runtime/compile.h"
#include "runtime/stream.h"

namespace seqc::runtime {

struct LoweredStream {
  Lowered lowered;
  StreamPlan plan;  ///< without `step`, which was lowered
  codegen::StreamDescription description;
};

/// The plan of a model file (.onnx or .seq). Inputs with CompileOptions::input_values are no inputs of the step.
StreamPlan plan_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile);
/// plan_file, then the standard pipeline.
LoweredStream lower_stream_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile);

}  // namespace seqc::runtime
