#include "tests/runtime/allocation_counter.h"

#include <atomic>
#include <cstddef>

namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> calls{0};

[[maybe_unused]] void note() {
  if (counting.load(std::memory_order_relaxed)) calls.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define SEQC_WATCHES_MALLOC 0
#else
#define SEQC_WATCHES_MALLOC 1
// The executable's definitions take precedence over the C library's for every shared library, LLVM's among them; `new`
// ends here as well. What glibc hands out under these names its own `free` takes back.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  note();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  note();
  return __libc_calloc(count, size);
}
void* realloc(void* pointer, size_t size) {
  note();
  return __libc_realloc(pointer, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}
}
#endif

namespace seqc::test {

AllocationCounter::AllocationCounter() {
  calls = 0;
  counting = true;
}
AllocationCounter::~AllocationCounter() { counting = false; }
int64_t AllocationCounter::count() const { return calls; }
bool AllocationCounter::works() { return SEQC_WATCHES_MALLOC; }

}  // namespace seqc::test
