/// Runs a model as a stream: its inputs in chunks, and the outputs joined again.
#pragma once

#include <string>
#include <vector>

#include "tools/seqc/model_run.h"
#include "tools/seqc/stream_options.h"

namespace seqc::tools {

struct StreamRun {
  std::vector<runtime::Port> ports;  ///< the outputs
  std::vector<ir::Tensor> outputs;
  int64_t steps = 0, frames = 0;
};

/// `chunk`: frames a step; 0: all at once. Models that are called once a step take inputs with an axis of steps in front,
/// or those of one step. Throws Error(BadInput) for missing, unknown and unfit inputs.
StreamRun run_stream(const RunOptions& options, const StreamArguments& arguments, int64_t chunk);

}  // namespace seqc::tools
