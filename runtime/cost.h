/// How much work a function is: multiply-adds of its products and convolutions, and the constants they read.
#pragma once

#include <set>
#include <vector>

#include "ir/ir.h"
#include "ir/named_dims.h"

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

/// What a product or convolution asks of a machine: multiply-adds, and its weights (the right operand), which it reads
/// again and again. What it reads and writes besides is left out.
struct ProductCost {
  ir::Dim multiply_adds;  ///< of a run
  ir::Dim weight_bytes;
  ir::Dim sweeps;       ///< how often a run goes through the weights: the steps of the scans around it
  ir::Dim swept_bytes;  ///< the weights of all products in the innermost loop around it, which pass between two sweeps
  ir::DType type;       ///< of the sums
  const ir::Op* op = nullptr;  ///< as long as the function is there
};

/// Every product of a function; of `if` the first branch alone.
std::vector<ProductCost> product_costs(const ir::Function& function);
/// For those who outlive the function: with the largest sizes where a run decides them, and without the op.
ProductCost bounded(ProductCost product, const ir::DimBounds& bounds);

}  // namespace seqc::runtime
