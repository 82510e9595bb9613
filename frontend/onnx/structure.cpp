#include "frontend/onnx/structure.h"

#include "frontend/onnx/graph.h"
#include "frontend/onnx/sequence.h"

namespace seqc::frontend {
namespace {

std::vector<Value*> materialized(Node& node, Builder& builder, const std::vector<Item>& items) {
  std::vector<Value*> values;
  for (Item item : items) values.push_back(node.graph().model().materialize(item, builder.location()));
  return values;
}

}  // namespace

std::vector<Value*> leaves(Node& node, Builder& builder, const Item& item, std::string_view what) {
  if (item.none) return {};
  if (item.is_tensor()) return materialized(node, builder, {item});
  const Sequence& sequence = *item.sequence;
  if (sequence.carried_by)
    node.unsupported("{} is a sequence that a loop builds; it can only be appended to inside that loop", what);
  if (sequence.stacked) return {sequence.stacked};
  return materialized(node, builder, sequence.elements);
}

std::vector<Value*> leaves_like(Node& node, Builder& builder, const Item& item, const Item& like,
                                std::string_view what) {
  const auto refuse = [&] {
    node.unsupported("{} is {} in one case and {} in the other; both must have the same structure", what,
                     structure_text(like), structure_text(item));
  };
  if (item.none != like.none || item.is_tensor() != like.is_tensor()) refuse();
  if (!item.sequence || item.sequence->carried_by) return leaves(node, builder, item, what);
  const bool stacked = like.sequence->stacked != nullptr;
  if (stacked && !is_uniform(*item.sequence)) refuse();
  if (stacked) return {stack(node, builder, *item.sequence)};
  if (!(item.sequence->length() == like.sequence->length())) refuse();
  return materialized(node, builder, elements_of(node, builder, *item.sequence));
}

Item rebuild(const Item& like, std::span<Value* const>& values) {
  const auto take = [&] {
    Value* value = values.front();
    values = values.subspan(1);
    return value;
  };
  if (like.none) return like;
  if (!like.sequence) return make_item(take());
  Sequence sequence;
  sequence.type = like.sequence->type;
  if (like.sequence->stacked) sequence.stacked = take();
  for (size_t i = 0; i < like.sequence->elements.size(); ++i) sequence.elements.push_back(make_item(take()));
  return make_item(std::move(sequence));
}

std::string structure_text(const Item& item) {
  if (item.none) return "an optional without an element";
  if (!item.sequence) return "a tensor";
  if (item.sequence->carried_by) return "a sequence that a loop builds";
  return fmt::format("a sequence of {}", item.sequence->length().str());
}

}  // namespace seqc::frontend
