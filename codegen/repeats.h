/// Small kernels of a scan's steps that every thread runs for itself, in memory of its own: then threads meet only behind the
/// kernels that they share.
#pragma once

#include <cstdint>
#include <set>

#include "ir/ir.h"

namespace seqc::codegen {

/// Whether that is possible: a step consists of kernels alone, whose results are small and of known sizes, and carries
/// nothing for longer than to the next step. Then all results that do not leave the step have two places, which the steps
/// take in turn (plan_memory): a thread may be a step ahead of one that still reads.
bool may_repeat(const ir::Op& scan);

/// Those of the kernels that have less than `worth_meeting` operations, where others have twice as much on average: one thread
/// that runs all steps has them in its caches, and others can make its inputs meanwhile. Else none. Nor where others make what
/// is carried and not emitted: it has two places, of which a thread that is a step ahead would write what another still reads.
std::set<const ir::Op*> repeated_kernels(const ir::Op& scan, int64_t worth_meeting);

/// Whether what comes after the step that makes it needs `value`: it is emitted or carried.
bool leaves_step(const ir::Value* value);

}  // namespace seqc::codegen
