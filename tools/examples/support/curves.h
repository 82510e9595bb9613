/// Curves for plots of several runs: of their histories, and of how gradients fare through time.
#pragma once

#include <string>

#include "tools/examples/support/run.h"

namespace seqc::examples {

/// What the history of a run's `part` says of one value, of the lines "train" (for each batch) or "validation".
training::Series history_curve(const std::string& name, const Run& run, const std::string& part,
                               const std::string& lines, const std::string& value);

/// How much the loss of a batch depends on what a model was shown at each step: the norms of the gradients by the steps of
/// its input x[T, ...].
training::Series gradient_curve(const std::string& name, const training::Trainer& trainer,
                                const training::Batch& batch);

}  // namespace seqc::examples
