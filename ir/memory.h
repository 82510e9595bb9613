/// Memory of tensors and workspaces.
#pragma once

#include <cstddef>

namespace seqc::ir {

inline constexpr size_t kMemoryAlignment = 64;

/// `bytes` bytes at a multiple of kMemoryAlignment; their contents are undefined. From a few MB on, pages of 2 MB where the
/// system gives them on request (Linux: transparent huge pages, set to "madvise" or "always"): steps of a sequence lie
/// pages apart, and a table of small pages that covers them does not fit the processor. Throws std::bad_alloc.
std::byte* allocate_memory(size_t bytes);
void free_memory(std::byte* memory) noexcept;

}  // namespace seqc::ir
