/// Sequences of tensors, which exist at import only.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// Either a list of tensors of known length, or equal tensors stacked along a new leading dim, whose size is the length.
struct Sequence {
  DType type = DType::f32;
  std::vector<Value*> elements;  ///< when `stacked` is null
  Value* stacked = nullptr;
  /// Set for a sequence that a loop carries: the elements before this step, of which nobody knows anything. `elements`
  /// are those that the step has appended.
  const void* carried_by = nullptr;

  Dim length() const { return stacked ? stacked->shape()[0] : Dim(static_cast<int64_t>(elements.size())); }
  bool empty() const { return !stacked && elements.empty() && !carried_by; }
};

Item make_item(Sequence sequence);
/// The elements as one tensor with a leading dim; refused by name if they are none or differ in type.
Value* stack(Node& node, const Sequence& sequence);

}  // namespace seqc::frontend
