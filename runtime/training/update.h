/// The second half of a step of training: what clipping and the optimiser make of the gradients.
#pragma once

#include <string>
#include <vector>

#include "passes/differentiate.h"
#include "runtime/training/step.h"

namespace seqc::training {

/// Writes it in front of the function's `return`, and adds to `names` and `outputs` the norm of the gradients (f64), the
/// parameters and then the optimiser's states, as they will be. What the optimiser keeps becomes inputs, listed in `states`.
void append_update(ir::Function& f, ir::Value* step, const std::vector<ir::Value*>& parameters,
                   const std::vector<passes::Gradient>& gradients, const TrainerOptions& options,
                   std::vector<Kept>& states, std::vector<std::string>& names, std::vector<ir::Value*>& outputs);

}  // namespace seqc::training
