#include "ir/memory.h"

#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace seqc::ir {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;

}  // namespace

std::byte* allocate_memory(size_t bytes) {
  const bool large = bytes >= 2 * kLargePage;
  const size_t alignment = large ? kLargePage : kMemoryAlignment;
  const size_t rounded = (bytes + kMemoryAlignment) / kMemoryAlignment * kMemoryAlignment;
  void* memory = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  if (large) madvise(memory, rounded / kLargePage * kLargePage, MADV_HUGEPAGE);  // a wish: small pages do as well
#endif
  return static_cast<std::byte*>(memory);
}

void free_memory(std::byte* memory) noexcept { std::free(memory); }

}  // namespace seqc::ir
