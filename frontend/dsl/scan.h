/// Recurrence: a cell applied to every step of sequences.
#pragma once

#include <functional>

#include "frontend/dsl/var.h"

namespace seqc::dsl {

/// What a cell makes of one step: the next states, and what is to be seen from outside.
struct Step {
  Vars states;
  Vars outputs;
};

/// A cell over one sequence: the step's input and the states -> the step's result.
using Cell = std::function<Step(const Var& x, const Vars& states)>;
/// A cell over any number of sequences.
using WideCell = std::function<Step(const Vars& xs, const Vars& states)>;

struct ScanOptions {
  bool reverse = false;  ///< from the last step to the first; outputs keep the order of the inputs
  /// i32 or i64 [N]: only the first lengths[n] steps of row n are valid. Elsewhere states keep their values and outputs
  /// are 0, so the reverse direction starts at each row's last valid step. Needs states and outputs [N, ...].
  Var lengths = {};
  /// Number of steps, for cells without any sequence.
  ir::Dim steps = -1;
};

struct Scanned {
  Vars states;   ///< after the last step; the initial ones when there is no step
  Vars outputs;  ///< [T, ...]
};

/// Repeats `cell` over the leading dim T of `x` from the states `initial`. A state keeps its type. Throws
/// Error(BadInput) when it does not, or when sequences disagree about T.
Scanned scan(const Cell& cell, const Var& x, const Vars& initial, const ScanOptions& options = {});
Scanned scan(const WideCell& cell, const Vars& xs, const Vars& initial, const ScanOptions& options = {});

}  // namespace seqc::dsl
