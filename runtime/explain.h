/// Says of each scan of a model what became of it: what was fused, hoisted, unrolled and shared between threads, what was not, and
/// why.
#pragma once

#include <string>
#include <vector>

#include "codegen/schedule.h"
#include "passes/remarks.h"
#include "runtime/compile.h"

namespace seqc::runtime {

/// A kernel as it runs.
struct PhaseExplanation {
  std::string name;   ///< "contract ni,ji->nj f32[1,8] x f32[32,8] (4 products), sigmoid, mul, ..."
  std::string loops;  ///< tiles, registers, what threads share
  codegen::Sharing sharing;
  std::string operations;  ///< a formula
};

/// A sentence about a scan: something that was done, or was not, and why.
struct Reason {
  std::string topic;  ///< "hoist", "fuse", "unroll", "threads", "memory", ...: what a reader looks for
  std::string pass;   ///< that said so; empty: code generation
  bool done = false;
  std::string about;  ///< the op; empty: the scan itself
  std::string what, why;
};

struct ScanExplanation {
  std::string name;    ///< "scan of %h (lstm1)"
  std::string length;  ///< "T"
  /// Why it is no loop in the program any more ("its steps are written out"); empty: it is one, and what follows tells of it.
  std::string gone;
  bool reverse = false;
  std::vector<std::string> carries, inputs, outputs;  ///< with their types
  std::vector<Reason> reasons;                        ///< in the order of the pipeline, then of code generation
  std::vector<PhaseExplanation> phases;               ///< of a step, in order; a barrier stands between two
};

struct Explanation {
  std::vector<ScanExplanation> scans;     ///< in program order; those that are gone last
  std::vector<Reason> elsewhere;          ///< about ops outside of scans
  std::vector<PhaseExplanation> kernels;  ///< outside of scans
  int64_t shared_from = 0;                ///< operations from which on threads share a kernel
  std::string target;
};

/// Takes a function as it was imported through the standard pipeline and through code generation.
Explanation explain(std::unique_ptr<ir::Function> function, const CompileOptions& options = {});

}  // namespace seqc::runtime
