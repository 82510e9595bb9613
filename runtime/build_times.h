/// How long it took to get a program.
#pragma once

#include <cstdint>

namespace seqc::runtime {

/// Milliseconds spent on the way from a file to code that can run; 0 for what did not happen.
struct BuildTimes {
  double import = 0, passes = 0, codegen = 0, load = 0;
  double total() const { return import + passes + codegen + load; }
};

/// Milliseconds since its construction.
class Stopwatch {
 public:
  Stopwatch();
  double milliseconds() const;

 private:
  int64_t start_;  // nanoseconds
};

}  // namespace seqc::runtime
