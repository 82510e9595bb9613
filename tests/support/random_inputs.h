/// Random arguments for functions, the same on every machine for the same seed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "ir/interpreter.h"

namespace seqc::test {

/// A small generator of random numbers (splitmix64); the standard library's distributions differ between vendors.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits();
  double uniform(double low, double high);
  int64_t integer(int64_t low, int64_t high);  ///< both included

 private:
  uint64_t state_;
};

/// Floats uniform in [-1,1], signed integers in [-3,3], unsigned ones in [0,3], bools true or false.
ir::Tensor random_tensor(ir::DType type, std::vector<int64_t> shape, Random& random);

/// One tensor for each argument of `function`. `dims` must bind every name in the arguments' types.
std::vector<ir::Tensor> random_inputs(const ir::Function& function, const ir::DimBindings& dims, uint64_t seed);

/// The dim names in the types of the arguments.
std::set<std::string> dim_names(const ir::Function& function);

/// Values for these names: all 1 in trial 0, distinct odd numbers in trial 1, then any of 0, 1, 2, 3, 5, 7.
ir::DimBindings trial_dims(const ir::Function& function, int trial);

}  // namespace seqc::test
