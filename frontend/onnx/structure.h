/// Items as flat lists of tensors, for the regions of `if`, `loop` and `scan`: those take and give tensors only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// The tensors that an item is made of: a tensor itself, the elements of a sequence (a stacked one is one tensor),
/// nothing for an optional without an element. `what` names the item in messages.
std::vector<Value*> leaves(Node& node, Builder& builder, const Item& item, std::string_view what);
/// The leaves in the form that `like` has, of whose sequences one may be stacked where the other is a list. Refused by
/// name for items of different structure; the leaves may still differ in type.
std::vector<Value*> leaves_like(Node& node, Builder& builder, const Item& item, const Item& like,
                                std::string_view what);
/// An item of the structure of `like`, made of other leaves: takes as many as it needs from the front of `values`.
Item rebuild(const Item& like, std::span<Value* const>& values);
/// "a tensor", "a sequence of 3", "an optional without an element".
std::string structure_text(const Item& item);

}  // namespace seqc::frontend
