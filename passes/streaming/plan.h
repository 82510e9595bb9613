/// What a step over a few frames takes and gives, and what goes from step to step. Plain values: programs that only run built
/// streams include this and no compiler.
#pragma once

#include <string>
#include <vector>

#include "ir/tensor.h"
#include "ir/type.h"

namespace seqc::passes {

/// An input of a step.
struct StreamInput {
  std::string name;
  ir::Type type;
  int64_t time_axis = -1;  ///< -1: the same kind of value at every step (or, where time is none, the frame itself)
};

/// An output of a step.
struct StreamOutput {
  std::string name;
  ir::Type type;
  /// -1: has no time. Then it is what the model gives for all frames so far.
  int64_t time_axis = -1;
  int64_t per_hop = 1;  ///< frames for each hop of input frames
  int64_t late = 0;  ///< frames that are missing at the beginning: a convolution without padding needs its window full
};

/// What goes from step to step.
struct StreamState {
  std::string name;
  ir::Type type;
  int64_t rows_axis = -1;  ///< where independent streams lie beside each other; -1: nowhere, all share it
  ir::Tensor initial;      ///< of a rank-0 tensor, or of the type's rank with dims that are 1 where it is repeated
  std::string source;      ///< what it is for, for people: "history of conv /encoder/conv1 (2 frames)"
};

/// A model as a step: its inputs, then its states go in, its outputs, then the next states come out.
struct StreamPlan {
  std::string time = {};  ///< the named dim of the step's inputs that counts frames; empty: one call, one frame
  std::string rows = {};  ///< the named dim that counts independent streams; empty if there is none
  int64_t hop = 1;        ///< a step takes a multiple of so many frames, for strides group them
  int64_t warm_up = 0;    ///< hops after which every step is like the one before
  std::vector<StreamInput> inputs = {};
  std::vector<StreamOutput> outputs = {};
  std::vector<StreamState> states = {};
};

/// The plan as text for people: time, inputs and outputs, states with bytes and what they are for.
std::string str(const StreamPlan& plan);

}  // namespace seqc::passes
