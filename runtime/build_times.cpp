#include "runtime/build_times.h"

#include <chrono>

namespace seqc::runtime {
namespace {

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Stopwatch::Stopwatch() : start_(now()) {}
double Stopwatch::milliseconds() const { return static_cast<double>(now() - start_) / 1e6; }

}  // namespace seqc::runtime
