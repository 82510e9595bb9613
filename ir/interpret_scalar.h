/// Arithmetic on two elements that several ops of the interpreter share: what +, *, min and max mean for each type.
#pragma once

#include <cmath>
#include <limits>

#include "ir/attributes.h"
#include "ir/interpret_element.h"

namespace seqc::ir::interp {

// Integers wrap. Bools form the lattice false < true: sums and maxima are `or`, products and minima are `and`.
inline constexpr auto kAdd =
    Cases{[]<Float T>(T a, T b) { return a + b; }, []<Integer T>(T a, T b) { return wrap<T>(bits(a) + bits(b)); },
          []<Bool T>(T a, T b) { return a || b; }};
inline constexpr auto kMultiply =
    Cases{[]<Float T>(T a, T b) { return a * b; }, []<Integer T>(T a, T b) { return wrap<T>(bits(a) * bits(b)); },
          []<Bool T>(T a, T b) { return a && b; }};
// NaN if either is NaN (which fmin and std::min get wrong); the first of equal ones, as with 0 and -0.
inline constexpr auto kMinimum =
    Cases{[]<Float T>(T a, T b) { return std::isnan(a) || a <= b ? a : b; },
          []<Integer T>(T a, T b) { return b < a ? b : a; }, []<Bool T>(T a, T b) { return a && b; }};
inline constexpr auto kMaximum =
    Cases{[]<Float T>(T a, T b) { return std::isnan(a) || a >= b ? a : b; },
          []<Integer T>(T a, T b) { return a < b ? b : a; }, []<Bool T>(T a, T b) { return a || b; }};

/// a * b + c: rounded once for floats, wrapped for integers.
inline constexpr auto kMultiplyAdd =
    Cases{[]<Float T>(T a, T b, T c) { return std::fma(a, b, c); },
          []<Integer T>(T a, T b, T c) { return wrap<T>(bits(a) * bits(b) + bits(c)); }};

/// What a reduction over nothing gives.
template <class T>
T neutral(ReduceKind kind) {
  using Limits = std::numeric_limits<T>;
  switch (kind) {
    case ReduceKind::Sum: return T{0};
    case ReduceKind::Prod: return T{1};
    case ReduceKind::Max: return Float<T> ? -Limits::infinity() : Limits::lowest();
    case ReduceKind::Min: return Float<T> ? Limits::infinity() : Limits::max();
  }
  internal_error(__FILE__, __LINE__, "reduction", "unknown kind");
}

/// Calls f with the function of two elements that `kind` repeats.
template <class F>
void with_combination(ReduceKind kind, F&& f) {
  switch (kind) {
    case ReduceKind::Sum: return f(kAdd);
    case ReduceKind::Prod: return f(kMultiply);
    case ReduceKind::Max: return f(kMaximum);
    case ReduceKind::Min: return f(kMinimum);
  }
}

/// Runs `body`, whose std::fma become single instructions where the machine has one, as no call would be fast enough for
/// the inner loop of a contraction. The bits do not depend on it. The body must be marked SEQC_INLINE_BODY.
#define SEQC_INLINE_BODY __attribute__((always_inline))
#if defined(__x86_64__)
template <class Body>
__attribute__((target("avx2,fma"))) void run_with_fma(const Body& body) {
  body();
}
#endif
template <class Body>
void run_fast(const Body& body) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run_with_fma(body);
#endif
  body();
}

}  // namespace seqc::ir::interp
