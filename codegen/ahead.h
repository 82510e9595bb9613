/// What the steps of a scan read from far, and which kernel asks for it a step before.
#pragma once

#include <optional>
#include <vector>

#include "ir/ir.h"

namespace seqc::codegen {

/// Half of a core's second cache: what a step may keep there besides what it computes.
inline constexpr int64_t kKeptBytes = 512 << 10;

/// Rows of scanned inputs, all of one size: each is read once, in the order of the steps, from a cache that the cores
/// share or from memory.
struct Ahead {
  const ir::Op* kernel;                  ///< a product that is long enough to ask for the next step's meanwhile
  std::vector<const ir::Value*> slices;  ///< the scan's arguments, as they are in this step
  int64_t step = 0;                      ///< bytes from those of a step to those of the next
  int64_t lines = 0;                     ///< cache lines of each
};

/// Nothing where the inputs of a step are small, of unknown size or too large to wait in a core's cache, or where no
/// product is long enough.
std::optional<Ahead> plan_ahead(const ir::Op& scan);

}  // namespace seqc::codegen
