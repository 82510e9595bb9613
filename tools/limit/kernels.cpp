#include "tools/limit/kernels.h"

namespace seqc::limit {

// The same functions for each instruction set.
#define SEQC_DECLARE(level)                                    \
  namespace level {                                            \
  int lanes_of(int width);                                     \
  Kernel kernel(int width, int rows, int columns, int chains); \
  }
SEQC_DECLARE(baseline)
#if defined(__x86_64__)
SEQC_DECLARE(avx2)
SEQC_DECLARE(avx512)
#endif
#undef SEQC_DECLARE

namespace {

struct Level {
  int (*lanes_of)(int width);
  Kernel (*kernel)(int width, int rows, int columns, int chains);
};

Level choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq"))
    return {avx512::lanes_of, avx512::kernel};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {avx2::lanes_of, avx2::kernel};
#endif
  return {baseline::lanes_of, baseline::kernel};
}

const Level& level() {
  static const Level chosen = choose();
  return chosen;
}

}  // namespace

int lanes_of(int width) { return level().lanes_of(width); }

Kernel kernel(int width, int rows, int columns, int chains) { return level().kernel(width, rows, columns, chains); }

}  // namespace seqc::limit
