/// How long a training step takes for its work, to compare models of different size.
#pragma once

#include "runtime/training/trainer.h"

namespace seqc::examples {

/// Nanoseconds of a training step for each multiply-add in it: the best of so many steps on this batch, which the trainer
/// learns from.
double work_nanoseconds(training::Trainer& trainer, const training::Batch& batch, int steps = 30);

}  // namespace seqc::examples
