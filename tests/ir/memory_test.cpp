#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <new>

#include "ir/memory.h"

namespace {

using namespace seqc;

bool is_multiple(const std::byte* address, size_t of) { return reinterpret_cast<uintptr_t>(address) % of == 0; }

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("memory: every size is aligned and can be written to its end") {
    constexpr size_t kMega = size_t{1} << 20;
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}, 2 * kMega + 1, 4 * kMega - 1,
                               4 * kMega, 4 * kMega + 1, 7 * kMega + 3}) {
      INFO(bytes << " bytes");
      std::byte* memory = ir::allocate_memory(bytes);
      REQUIRE(memory != nullptr);
      CHECK(is_multiple(memory, bytes < 4 * kMega ? ir::kMemoryAlignment : 2 * kMega));
      for (size_t i = 0; i < bytes; i += bytes > 4096 ? 4096 : 1) memory[i] = std::byte{1};
      if (bytes > 0) memory[bytes - 1] = std::byte{2};
      ir::free_memory(memory);
    }
    ir::free_memory(nullptr);
  }

  TEST_CASE("memory: more than there can be is refused") {
    const size_t all = std::numeric_limits<size_t>::max();
    for (const size_t bytes : {all, all - 1}) CHECK_THROWS_AS(ir::allocate_memory(bytes), std::bad_alloc);
  }
}
