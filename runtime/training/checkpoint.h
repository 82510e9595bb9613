/// Checkpoints: all that training needs to go on, in one file.
///
/// The file is a ZIP archive of .npy files (numpy.load opens it):
///   state.json                 format, model, optimiser and clipping, step, epoch, batch, metrics and their sums in the epoch
///                              so far, names of carried states, history
///   parameters/NAME.npy        what is trained
///   optimizer/NAME:STATE.npy   what the optimiser keeps of each parameter
///   carried/NAME.npy           states that go from batch to batch, within an epoch
///   best/NAME.npy              the parameters of the best epoch, if training stops early
/// Random numbers have no state beside the step: they are functions of the model's seed and the step's number.
#pragma once

#include <string>

#include "runtime/training/progress_state.h"

namespace seqc::training {

/// The file appears whole or not at all. Throws Error(BadInput) when it cannot be written; an older one is then as it was.
void save_checkpoint(const std::string& path, const ProgressState& progress, const StepFunction& step,
                     const TrainerOptions& options);

/// Throws Error(BadInput) for files that are damaged, and for those of another model or, unless there may be `new_settings`,
/// of another optimiser or clipping, naming what differs; within an epoch also for other metrics and carried states. See
/// Trainer::load.
ProgressState load_checkpoint(const std::string& path, const StepFunction& step, const TrainerOptions& options,
                              bool new_settings = false);

}  // namespace seqc::training
