/// Other forms of repetition that a gradient can pass through: scans in segments, loops as scans.
#pragma once

#include <vector>

#include "ir/builder.h"

namespace seqc::passes {

/// What stands for an op: new ops in front of it, and a value for each of its results.
struct Rewritten {
  std::vector<ir::Op*> ops;
  std::vector<ir::Value*> results;
  ir::Op* outer = nullptr;  ///< of a scan in segments: the scan over them
};

/// A scan over whole segments of `steps` steps, each a scan of its own, and one over what is left at the end.
Rewritten scan_in_segments(ir::Op* scan, int64_t steps);

/// The steps of a segment so that the states at the start of each segment and what is kept of each step of one segment take
/// no more than `limit` bytes together: as many as may be; with a limit that is too small, those that need least.
int64_t segment_steps(double steps, double state_bytes, double step_bytes, double limit);

/// A scan over the most steps that a loop can take, which passes its carries on once the loop has ended.
/// Throws Error(Unsupported) when there is no such number.
Rewritten loop_as_scan(ir::Op* loop);

/// Puts the results in place of the op's, and erases it.
void put_in_place(ir::Op* op, const Rewritten& rewritten);

}  // namespace seqc::passes
