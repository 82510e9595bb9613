/// Where the threads of a scan's step need not wait for each other behind a kernel, because the next one waits by itself.
#pragma once

#include <map>
#include <set>

#include "ir/ir.h"

namespace seqc::codegen {

/// A product of one row walks over its left-hand side, of which each thread has made some columns: thread j the j-th share
/// of the blocks. It waits for a thread only when it comes to that one's columns, and by then has multiplied all before
/// them. When the product is done, all threads have been waited for, as at a barrier: what follows reads and writes freely.
struct Meeting {
  const ir::Value* value;  ///< as the product reads it
  int64_t block;           ///< columns
  int64_t columns;
};

/// Pairs of kernels, of which the second waits for what the threads do in the first.
struct Meetings {
  std::map<const ir::Op*, Meeting> at;  ///< by the second
  std::set<const ir::Op*> left;         ///< the first ones, behind which threads go on
};

/// Adds those of a scan's step, the last kernel and the next step's first among them.
void plan_meetings(const ir::Op& scan, Meetings& meetings);

}  // namespace seqc::codegen
