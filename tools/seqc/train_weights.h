/// Which initializers of an ONNX model training changes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "tools/seqc/train_arguments.h"

namespace seqc::tools {

/// The model with the weights that are to be trained as parameters. Throws Error(BadInput) for patterns that name none,
/// and when there is none.
std::unique_ptr<ir::Function> import_trainable(const TrainArguments& arguments);

}  // namespace seqc::tools
