#include "frontend/onnx/sequence.h"

#include "frontend/onnx/graph.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Item make_item(Sequence sequence) {
  Item item;
  item.sequence = std::make_shared<const Sequence>(std::move(sequence));
  return item;
}

Item make_none() {
  Item item;
  item.none = true;
  return item;
}

Sequence read_sequence(Node& node, size_t i) {
  const Item item = node.item(i);
  if (item.none) node.bad("input {} is an optional without an element, expected a sequence", i);
  if (!item.sequence) node.bad("input {} is no sequence", i);
  if (item.sequence->carried_by)
    node.unsupported("reading a sequence that a loop builds, inside that loop, is not supported");
  return *item.sequence;
}

bool is_uniform(const Sequence& sequence) {
  if (sequence.stacked) return true;
  for (const Item& element : sequence.elements)
    if (type_of(element) != type_of(sequence.elements[0])) return false;
  return !sequence.elements.empty() && !sequence.carried_by;
}

Value* stack(Node& node, Builder& builder, const Sequence& sequence) {
  if (sequence.stacked) return sequence.stacked;
  if (sequence.elements.empty()) node.unsupported("an empty sequence has no element type and shape");
  const Type type = type_of(sequence.elements[0]);
  std::vector<Value*> parts;
  for (Item element : sequence.elements) {
    if (type_of(element) != type)
      node.unsupported("a sequence of {} and {}; only sequences of equal tensors are supported here", type.str(),
                       type_of(element).str());
    Value* value = node.graph().model().materialize(element, builder.location());
    parts.push_back(builder.reshape(value, with_ones(value->shape(), {0})));
  }
  return builder.concat(parts, 0);
}

Item element_at(Builder& builder, const Sequence& sequence, const Dim& at) {
  if (sequence.stacked) return make_item(builder.select_axis(sequence.stacked, 0, at));
  return sequence.elements.at(static_cast<size_t>(at.constant()));
}

std::vector<Item> elements_of(Node& node, Builder& builder, const Sequence& sequence) {
  if (!sequence.stacked) return sequence.elements;
  const Dim length = sequence.length();
  if (!length.is_constant())
    node.needs_dims(symbols(length),
                    fmt::format("a sequence has {} elements, and must have a known number here", length.str()));
  if (length.constant() > kMaxElements)
    node.unsupported("a sequence of {} elements, taken apart; at most {} are supported", length.str(), kMaxElements);
  std::vector<Item> elements;
  for (int64_t i = 0; i < length.constant(); ++i) elements.push_back(element_at(builder, sequence, Dim(i)));
  return elements;
}

}  // namespace seqc::frontend
