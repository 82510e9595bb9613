/// A compilation and a profiled run as a trace, for chrome://tracing and Perfetto.
#pragma once

#include <string>

#include "runtime/profiler.h"

namespace seqc::runtime {

/// JSON of Chrome's trace events: the compiler's phases as one process; the last run of `profiler` as another, with a track for
/// each thread and one in which the phases of each scan are summed up over its steps. Steps themselves are there as far as
/// the profiler kept them; the text says so where that is not to the end.
std::string chrome_trace(const Program& program, const Profiler& profiler, const std::string& title);

}  // namespace seqc::runtime
