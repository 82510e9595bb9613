/// Streams on the way to files: the step of a model in kernel form, and what a library must know of it.
#pragma once

#include <string>

#include "codegen/stream.h"
#include "passes/streaming/streaming.h"
#include "runtime/compile.h"
#include "runtime/stream_program.h"

namespace seqc::runtime {

struct LoweredStream {
  Lowered lowered;
  StreamPlan plan;
  codegen::StreamDescription description;
};

/// The number that StreamProgram::id() gives for a model that is not compiled yet.
uint64_t stream_id(const passes::SteppedModel& model);
/// The plan of a model file (.onnx or .seq). Inputs with CompileOptions::input_values are no inputs of the step.
passes::SteppedModel plan_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile);
/// plan_file, then the standard pipeline.
LoweredStream lower_stream_file(const std::string& path, const StreamOptions& options, const CompileOptions& compile);

}  // namespace seqc::runtime
