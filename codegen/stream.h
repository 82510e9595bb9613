/// Steps of streams as libraries: the functions of runtime/seqc_stream.h around a compiled step.
#pragma once

#include <string>
#include <vector>

#include "codegen/codegen.h"

namespace seqc::codegen {

/// What a step function is to a stream: its arguments are inputs, states and, if warm_up > 0, the position; its results
/// outputs and states. See passes/streaming/streaming.h.
struct StreamDescription {
  struct Port {
    int64_t time_axis = -1, per_hop = 1, late = 0;
  };
  struct State {
    int64_t rows_axis = -1;
    ir::Tensor initial;
  };
  std::string time, rows;  ///< named dims, or empty
  int64_t hop = 1, warm_up = 0;
  uint64_t id = 0;
  std::vector<Port> inputs, outputs;
  std::vector<State> states;
};

/// As emit, with the functions of a stream. Throws Error(BadInput) for states with other named dims than rows.
EmittedFile emit_stream(const ir::Function& function, const StreamDescription& stream, const Target& target,
                        EmitKind kind, const std::string& name, const std::string& path);

/// The text of the C header that belongs to such a library.
std::string stream_header(const ir::Function& function, const StreamDescription& stream, const std::string& name);

}  // namespace seqc::codegen
