/// Save or recompute: what the way forward keeps for the way back.
#pragma once

#include <vector>

#include "passes/reverse_sweep.h"

namespace seqc::passes {

/// Ops that were cloned for the way back, and how their values come about there.
struct Recomputed {
  std::vector<ir::Op*> ops;  ///< in order; clones that nothing needs are gone
  /// Values that cost nothing to save, as the op gives them anyway.
  ValueSet free;
  /// Values that are there if they are saved: states at the start of a step.
  ValueSet states;
};

struct SavedValues {
  std::vector<ir::Value*> values;  ///< in order
  double bytes = 0;                ///< of one step
};

/// How much is computed again: only arithmetic that costs less than the memory traffic that it saves; all that makes the
/// memory smaller; everything.
enum class Recompute { Cheap, All, Everything };

/// Which values to save so that all that `needed` holds can be had. Sums of products, windows and regions are saved;
/// arithmetic and movement is computed again when that takes no more memory than saving its result.
SavedValues choose_saved(const Recomputed& clones, const std::vector<ir::Value*>& needed, Recompute how,
                         const SavePolicy& policy);

/// Erases ops of this list that nothing uses, from the last to the first; keeps terminators.
void erase_unused(std::vector<ir::Op*>& ops);

}  // namespace seqc::passes
