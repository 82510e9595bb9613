// Compiled once for each instruction set, see CMakeLists.txt: SEQC_LEVEL is the namespace. Nothing here may be a function
// that other files have too (as those of the standard library's headers): the linker would keep one of them for all.
#include <cstddef>
#include <utility>

#include "tools/limit/kernels.h"

#ifdef __clang__
#define SEQC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SEQC_UNROLL _Pragma("GCC unroll 32")
#endif

namespace seqc::limit::SEQC_LEVEL {

namespace {

#if defined(__AVX512F__)
constexpr int kWidest = 64, kRegisters = 32;
#elif defined(__AVX__)
constexpr int kWidest = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kWidest = 16, kRegisters = 32;
#else
constexpr int kWidest = 16, kRegisters = 16;
#endif

template <int Bytes>
struct Vector {
  typedef float Type __attribute__((vector_size(Bytes), aligned(4), may_alias));
};
template <int Bytes>
using V = typename Vector<Bytes>::Type;

template <int Bytes, int Rows, int Columns, int Chains>
void run(const float* panel, const float* rows, int64_t k, float* out) {
  constexpr int kLanes = Bytes / 4;
  V<Bytes> sums[Chains][Rows][Columns] = {};
  auto add = [&](int chain) __attribute__((always_inline)) {
    SEQC_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const V<Bytes> x = V<Bytes>{} + rows[r];
      SEQC_UNROLL
      for (int c = 0; c < Columns; ++c) sums[chain][r][c] += *reinterpret_cast<const V<Bytes>*>(panel + c * kLanes) * x;
    }
    panel += Columns * kLanes;
    rows += Rows;
  };
  int64_t i = 0;
  for (; i + Chains <= k; i += Chains) {
    SEQC_UNROLL
    for (int chain = 0; chain < Chains; ++chain) add(chain);
  }
  for (; i < k; ++i) add(0);
  SEQC_UNROLL
  for (int r = 0; r < Rows; ++r) {
    SEQC_UNROLL
    for (int c = 0; c < Columns; ++c) {
      V<Bytes> sum = sums[0][r][c];
      SEQC_UNROLL
      for (int chain = 1; chain < Chains; ++chain) sum += sums[chain][r][c];
      *reinterpret_cast<V<Bytes>*>(out + (r * Columns + c) * kLanes) = sum;
    }
  }
}

// One register stays free for a weight or a broadcast value (with few rows both come straight from memory).
constexpr bool fits(int rows, int columns, int chains) {
  const int sums = rows * columns * chains;
  return sums <= kRegisters - 1 - (rows > 1 ? columns : 1) && (chains == 1 || rows == 1);
}

template <int Bytes, int Rows, int Columns, int Chains>
constexpr Kernel pick() {
  if constexpr (fits(Rows, Columns, Chains))
    return &run<Bytes, Rows, Columns, Chains>;
  else
    return nullptr;
}

struct Table {
  Kernel kernels[kMaxRows * kMaxColumns];
};

template <int Bytes, int Chains, size_t... Is>
constexpr Table table(std::index_sequence<Is...>) {
  return {{pick<Bytes, static_cast<int>(Is) / kMaxColumns + 1, static_cast<int>(Is) % kMaxColumns + 1, Chains>()...}};
}

template <int Bytes, int Chains>
constexpr Table kTable = table<Bytes, Chains>(std::make_index_sequence<kMaxRows * kMaxColumns>());

template <int Bytes>
Kernel look_up(int rows, int columns, int chains) {
  const size_t place = static_cast<size_t>((rows - 1) * kMaxColumns + columns - 1);
  switch (chains) {
    case 1: return kTable<Bytes, 1>.kernels[place];
    case 2: return kTable<Bytes, 2>.kernels[place];
    case 4: return kTable<Bytes, 4>.kernels[place];
    default: return nullptr;
  }
}

}  // namespace

int lanes_of(int width) { return (width == 0 ? kWidest : kWidest / 2) / 4; }

Kernel kernel(int width, int rows, int columns, int chains) {
  if (rows < 1 || rows > kMaxRows || columns < 1 || columns > kMaxColumns) return nullptr;
  return width == 0 ? look_up<kWidest>(rows, columns, chains) : look_up<kWidest / 2>(rows, columns, chains);
}

}  // namespace seqc::limit::SEQC_LEVEL
