/// What is wrong with a batch after which training cannot go on.
#pragma once

#include <string>

#include "runtime/training/step_runner.h"

namespace seqc::training {

/// Throws Error(BadInput) saying which element of the batch lies outside of what the model takes, if a check says so.
void refuse_bad_elements(const StepRunner& runner, const Batch& batch, const std::string& where);

/// Throws Error(BadInput) when the loss or (in training) a gradient is no number, naming the first thing that has NaN or
/// infinities: an input, a parameter, or a parameter's gradient.
void refuse_bad_numbers(const StepRunner& runner, const Batch& batch, const std::vector<ir::Tensor>& now,
                        const std::vector<ir::Tensor>& next, const std::string& where);

/// Whether an element of the batch is NaN or infinite.
bool has_bad_numbers(const Batch& batch);

}  // namespace seqc::training
