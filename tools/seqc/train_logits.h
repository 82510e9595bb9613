/// What stands before the softmax or sigmoid at the end of a model, which losses want to see.
#pragma once

#include "ir/ir.h"

namespace seqc::tools {

enum class Ending { None, Softmax, SoftmaxElsewhere, Sigmoid };

/// How a value is made. `SoftmaxElsewhere`: a softmax along another axis than the last one of the value.
struct Logits {
  Ending ending = Ending::None;
  /// Of the same shape (in a wider type, where the output is cast to a narrower one), without the softmax or sigmoid; null
  /// unless there is one.
  ir::Value* value = nullptr;
};

/// Looks through copies, casts, transpositions and reshapes; writes those anew before the function's end, for what stood before.
Logits find_logits(ir::Value* output);

}  // namespace seqc::tools
