/// The least time that this machine needs for a model's products.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ir/interpreter.h"
#include "runtime/cost.h"

namespace seqc::tools {

struct LimitTime {
  double microseconds = 0;
  double multiply_adds_per_second = 0;
  /// What was read, and how fast, for the products that memory bounds: bytes swept, bytes a second.
  struct Sweep {
    uint64_t bytes;
    double bytes_per_second;
  };
  std::vector<Sweep> sweeps;
};

/// For each product the larger one of two times is counted: that of its multiply-adds at the machine's peak, and that of
/// reading its weights as often as its loop does, at the speed with which as many bytes as pass in that loop can be read.
/// Activations, data movement and everything else count nothing. Measures for some tenths of a second.
LimitTime limit_time(const std::vector<runtime::ProductCost>& products, const ir::DimBindings& dims, int threads);

/// One product of those, in seconds.
struct ProductTime {
  double compute, read;
  uint64_t swept;  ///< bytes of weights that pass between two reads
};
/// `rate`: bytes a second when so many are swept; `all_bytes`: the weights of all products of a run.
ProductTime product_time(const runtime::ProductCost& product, const ir::DimBindings& dims, uint64_t all_bytes,
                         double multiply_adds_per_second, const std::function<double(uint64_t)>& rate);

}  // namespace seqc::tools
