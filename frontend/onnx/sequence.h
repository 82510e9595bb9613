/// Sequences of tensors, which exist at import only.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// Either a list of tensors of known length and any shapes, or equal tensors stacked along a new leading dim, whose size
/// is the length.
struct Sequence {
  DType type = DType::f32;
  std::vector<Item> elements;  ///< tensors, when `stacked` is null
  Value* stacked = nullptr;
  /// Set for a sequence that a loop carries: the elements before this step, of which nobody knows anything. `elements`
  /// are those that the step has appended.
  const void* carried_by = nullptr;

  Dim length() const { return stacked ? stacked->shape()[0] : Dim(static_cast<int64_t>(elements.size())); }
  bool empty() const { return !stacked && elements.empty() && !carried_by; }
};

inline constexpr int64_t kMaxElements = 4096;  ///< that sequences are taken apart into, one by one

Item make_item(Sequence sequence);
Item make_none();

/// The sequence of an input, whose elements can be read. Throws BadInput if it is none.
Sequence read_sequence(Node& node, size_t i);
/// Whether its elements can be stacked: there are some, all of one type.
bool is_uniform(const Sequence& sequence);
/// The elements as one tensor with a leading dim; refused by name if they are not uniform.
Value* stack(Node& node, Builder& builder, const Sequence& sequence);
/// One element of a stacked sequence or of a list; `at` counts from the front, and is a number for a list.
Item element_at(Builder& builder, const Sequence& sequence, const Dim& at);
/// The elements one by one; refused by name if their number is not known.
std::vector<Item> elements_of(Node& node, Builder& builder, const Sequence& sequence);

}  // namespace seqc::frontend
