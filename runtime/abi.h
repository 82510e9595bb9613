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

/// Who is told on each thread of a call what runs: `begin` in front of each kernel and each loop (a position in
/// codegen::profiled_ops), `end` when this thread has done its part of a kernel, `met` when the others have as well, or the
/// loop is over.
struct KernelListener {
  void (*begin)(void* context, int32_t op, int32_t thread);
  void (*end)(void* context, int32_t op, int32_t thread);
  void (*met)(void* context, int32_t op, int32_t thread);
  void* context;
};

/// Where the workspace of a function that tells of its kernels has a `const KernelListener*` (or null) when it runs.
inline constexpr size_t kKernelListenerAt = 32;

}  // namespace seqc::runtime
