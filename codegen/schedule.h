/// What code generation decided for each kernel of a function: tiles, loops, threads; for people.
#pragma once

#include <string>
#include <vector>

#include "codegen/codegen.h"

namespace seqc::codegen {

/// How many threads of a call work on a kernel, or on a loop of kernels.
enum class Sharing {
  One,     ///< one: there is too little to do
  All,     ///< all of them
  Each,    ///< each does all of it for itself
  BySize,  ///< the sizes of a run decide
};

struct KernelSchedule {
  const ir::Op* op;        ///< a kernel, scan, loop or if
  Sharing sharing;         ///< of a loop: One says that one thread runs all of it while the others wait behind it
  ir::Dim operations = 0;  ///< what that depends on (see codegen/work.h): of a loop the largest kernel's that it holds
  ir::Dim together = 0;    ///< operations of all kernels of a loop; threads meet behind each
  std::string loops = {};  ///< of a kernel: what stands in registers, what threads share
};

struct Schedule {
  int64_t shared_from = 0;          ///< operations from which on a kernel is shared
  Sharing run = Sharing::All;       ///< of the whole run: One says that the others are not woken
  std::vector<KernelSchedule> ops;  ///< in the order in which they run, loops in front of what they hold
};

/// Generates the code of `function` (in kernel form) for `target`, and tells what was decided on the way.
Schedule schedule(const ir::Function& function, const Target& target = {});

}  // namespace seqc::codegen
