#include "frontend/onnx/loop_carries.h"

#include <algorithm>

#include "frontend/onnx/control_flow.h"
#include "frontend/onnx/structure.h"
#include "frontend/onnx/support.h"
#include "ir/named_dims.h"

namespace seqc::frontend {

Carries::Carries(Node& node, const LoopParts& parts, Sequences sequences, const Growths& growths,
                 const std::optional<Dim>& most, Growths* noticed)
    : node_(node), parts_(parts), sequences_(sequences), growths_(growths), most_(most), noticed_(noticed) {
  Builder& b = node.builder();
  for (size_t i = 0; i < parts.carried.size(); ++i) {
    if (is_appended(i)) continue;
    auto values = leaves(node, b, parts.carried[i], "a carried value");
    if (const auto growth = growths.find(i); growth != growths.end()) {
      SEQC_CHECK(most, "a carried tensor that grows without end");
      start_[i] = values[0]->shape()[static_cast<size_t>(growth->second.axis)];
      values[0] = in_buffer(b, i, values[0]);
    }
    initial_.insert(initial_.end(), values.begin(), values.end());
  }
}

std::vector<Item> Carries::inputs(Builder& b, Value* step, std::span<Value* const> arguments) const {
  std::vector<Item> items;
  std::map<size_t, Dim> sizes;  // of growing tensors in this step
  for (size_t i = 0; i < parts_.carried.size(); ++i) {
    if (is_appended(i)) {
      Sequence sequence;
      sequence.type = parts_.carried[i].sequence->type;
      sequence.carried_by = this;
      items.push_back(make_item(std::move(sequence)));
      continue;
    }
    items.push_back(rebuild(parts_.carried[i], arguments));
    const auto growth = growths_.find(i);
    if (growth == growths_.end()) continue;
    const auto& [axis, by] = growth->second;
    // Those that grow alike, as keys and values of a cache do, have one size.
    const auto alike = [&](const auto& other) {
      return other.first != i && start_.at(other.first) == start_.at(i) && growths_.at(other.first).by == by;
    };
    const auto twin = std::find_if(sizes.begin(), sizes.end(), alike);
    if (twin == sizes.end()) {
      Value* filled = b.add(dim_scalar(b, start_.at(i), DType::i64), b.mul(step, dim_scalar(b, by, DType::i64)));
      sizes.insert_or_assign(i, b.bind_dim(filled, "filled", start_.at(i) + by * *most_));
    } else {
      sizes.insert_or_assign(i, Dim(twin->second));
    }
    items.back() = make_item(b.slice_axis(items.back().value, axis, Dim(0), sizes.at(i)));
  }
  size_ = std::move(sizes);
  return items;
}

std::pair<std::vector<Value*>, std::vector<Value*>> Carries::results(Builder& b,
                                                                     const std::vector<Item>& outputs) const {
  std::vector<Value*> next, rows;
  std::vector<size_t> carry_of;
  for (size_t i = 0; i < parts_.carried.size(); ++i) {
    if (is_appended(i)) {
      rows.push_back(appended(b, outputs[i + 1]));
      continue;
    }
    for (Value* leaf : leaves_like(node_, b, outputs[i + 1], parts_.carried[i], "a carried value")) {
      next.push_back(growths_.count(i) ? next_in_buffer(b, i, leaf) : leaf);
      carry_of.push_back(i);
    }
  }
  for (size_t k = 0; k < next.size(); ++k) notice(carry_of[k], initial_[k]->type(), next[k]);
  for (size_t k = 0; k < next.size(); ++k) require_carry(node_, carry_of[k], initial_[k]->type(), next[k]);
  return {next, rows};
}

std::span<Value* const> Carries::set_outputs(std::span<Value* const> final, std::span<Value* const> rows,
                                             const std::optional<Dim>& steps) const {
  for (size_t i = 0; i < parts_.carried.size(); ++i) {
    if (is_appended(i)) {
      parts_.set_output(i, make_item(extended(*parts_.carried[i].sequence, rows.front())));
      rows = rows.subspan(1);
      continue;
    }
    Item item = rebuild(parts_.carried[i], final);
    if (const auto growth = growths_.find(i); growth != growths_.end()) {
      const auto& [axis, by] = growth->second;
      item = make_item(node_.builder().slice_axis(item.value, axis, Dim(0), start_.at(i) + by * steps.value()));
    }
    parts_.set_output(i, std::move(item));
  }
  return rows;
}

Value* Carries::in_buffer(Builder& b, size_t carry, Value* value) const {
  const auto& [axis, by] = growths_.at(carry);
  Shape lo(value->shape().size(), Dim(0)), hi = lo;
  hi[static_cast<size_t>(axis)] = start_.at(carry) + by * *most_ - value->shape()[static_cast<size_t>(axis)];
  return b.emit(Opcode::Pad, {value, b.blank_like(value)}, ir::PadAttr{lo, hi});
}

Value* Carries::next_in_buffer(Builder& b, size_t carry, Value* next) const {
  const auto& [axis, by] = growths_.at(carry);
  const Dim grown = size_.at(carry) + by;
  if (next->rank() != type_of(parts_.carried[carry]).rank() || !(next->shape()[static_cast<size_t>(axis)] == grown))
    node_.unsupported(
        "carried value {} becomes {} in a step that sees {} of it; only tensors that grow by as much in "
        "every step are supported",
        carry, next->type().str(), size_.at(carry).str());
  return in_buffer(b, carry, next);
}

/// Sizes that only a run tells are no growth: how much it is, must be known before the first step.
void Carries::notice(size_t carry, const Type& initial, const Value* next) const {
  if (!noticed_ || growths_.count(carry) || !parts_.carried[carry].is_tensor()) return;
  if (next->rank() != initial.rank() || next->dtype() != initial.dtype) return;
  std::optional<Growth> growth;
  for (int64_t axis = 0; axis < initial.rank(); ++axis) {
    const auto at = static_cast<size_t>(axis);
    if (next->shape()[at] == initial.shape[at]) continue;
    if (growth) return;
    growth = Growth{axis, next->shape()[at] - initial.shape[at]};
  }
  if (!growth || !provably_nonnegative(growth->by)) return;
  if (!ir::DimBounds(node_.graph().model().function).varies(growth->by)) (*noticed_)[carry] = *growth;
}

Value* Carries::appended(Builder& b, const Item& item) const {
  if (!item.sequence || item.sequence->carried_by != this || item.sequence->elements.size() != 1)
    node_.unsupported("a carried sequence is supported only if each step appends one tensor to it");
  return tensor_result(node_, b, item.sequence->elements[0], "an element");
}

Sequence Carries::extended(Sequence before, Value* rows) const {
  Builder& b = node_.builder();
  if (before.carried_by) node_.unsupported("a sequence carried through two loops is not supported");
  const Sequence added{.type = before.type, .elements = {}, .stacked = rows};
  if (before.empty()) return added;
  Value* first = is_uniform(before) ? stack(node_, b, before) : nullptr;
  if (first &&
      Shape(first->shape().begin() + 1, first->shape().end()) == Shape(rows->shape().begin() + 1, rows->shape().end()))
    return {.type = before.type, .elements = {}, .stacked = b.concat({first, rows}, 0)};
  before = {.type = before.type, .elements = elements_of(node_, b, before)};
  const auto elements = elements_of(node_, b, added);
  before.elements.insert(before.elements.end(), elements.begin(), elements.end());
  return before;
}

}  // namespace seqc::frontend
