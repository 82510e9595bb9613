/// How much work a function is: multiply-adds of its products and convolutions, and the constants they read.
#pragma once

#include <set>

#include "ir/ir.h"

namespace seqc::runtime {

struct Cost {
  ir::Dim multiply_adds;   ///< contractions and convolutions, times the steps of the scans around them
  int64_t parameters = 0;  ///< elements of float constants, each constant counted once
  bool at_least = false;   ///< a `loop` is counted as one step: how often it runs is known at run time only

  Cost& operator+=(const Cost& other);
};

Cost cost(const ir::Function& function);
/// One op with its regions; constants in `seen` are not counted, and those that it reads are added.
Cost cost(const ir::Op& op, std::set<const ir::Value*>& seen);

}  // namespace seqc::runtime
