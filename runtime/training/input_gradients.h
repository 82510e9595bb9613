/// How much a loss depends on what a model was shown: its derivatives by the inputs. Over the steps of a sequence they show
/// how far back in time a model can learn at all: on their way back they vanish, explode, or stay.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "runtime/training/batch_source.h"

namespace seqc::training {

/// The derivatives of the output `loss` by these inputs for one batch, by the inputs' names. `model` is one in use, such as
/// Trainer::model() gives it (all outputs, or {"loss"}), or a trainable one, Trainer::trainable_model(), which is looked at as
/// it is in use: that is compiled once for all values of its parameters. Throws Error(BadInput) for names that do not fit,
/// inputs that are no floats, and a batch that does not fit the model.
Batch input_gradients(std::unique_ptr<ir::Function> model, const Batch& batch, const std::vector<std::string>& inputs,
                      const std::string& loss = "loss");

/// Of a gradient [T, ...]: the Euclidean norm of each step's part.
std::vector<double> norms_by_step(const ir::Tensor& gradient);

}  // namespace seqc::training
