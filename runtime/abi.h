/// What generated code and the runtime agree upon besides seqc.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace seqc::runtime {

/// Who is told that an output of a running function is written and will not change: on the thread that called `run`, while
/// the others of the call go on. Outputs may still be read by the run.
struct OutputListener {
  void (*ready)(void* context, int32_t output);
  void* context;
};

/// Where the workspace of a function that announces its outputs has a `const OutputListener*` (or null) when it runs.
inline constexpr size_t kListenerAt = 24;

}  // namespace seqc::runtime
