/// Curves for plots of several runs: of their histories, and of how gradients fare through time.
#pragma once

#include <string>

#include "tools/examples/support/run.h"

namespace seqc::examples {

/// What the history of a run's `part` says of one value, of the lines "train" (for each batch) or "validation".
training::Series history_curve(const std::string& name, const Run& run, const std::string& part,
                               const std::string& lines, const std::string& value);

/// How much the loss of a batch depends on what a model was shown at each step: the norms of the gradients by the steps of
/// its input x[T, ...]. The model has parameters, and an output `loss`.
training::Series gradient_curve(const std::string& name, std::unique_ptr<ir::Function> model,
                                const training::Batch& batch);

/// A series [L,1], from some steps before `begin` on, and what was said of it from `begin` on, as far as that is shown.
struct Foretold {
  int64_t begin = 0, before = 60, shown = 300;
};
training::Plot forecast_plot(const std::string& name, const std::vector<double>& forecast, const ir::Tensor& series,
                             const Foretold& what);

}  // namespace seqc::examples
