// Streaming: recurrences. A scan over time goes on with the carries that the step before ended with.
#include <algorithm>

#include "ir/error.h"
#include "ir/named_dims.h"
#include "passes/rewrite.h"
#include "passes/streaming/flow.h"

namespace seqc::passes::streaming {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;
using Kind = Flow::Kind;

namespace {

/// Whether a value is computed from one of these inputs.
bool depends_on(const Value* value, const std::map<std::string, Value*>& inputs, std::set<const Value*>& seen) {
  if (value->is_constant() || !seen.insert(value).second) return false;
  if (!value->op()) return inputs.contains(value->name());
  bool found = false;
  for_each_operand(value->op(), [&](const Value* operand) { found = found || depends_on(operand, inputs, seen); });
  return found;
}

}  // namespace

void Rewriter::scan(const Op* op) {
  const auto& attr = op->as<ir::ScanAttr>();
  const auto carries = static_cast<size_t>(attr.carries);
  for (size_t i = carries; i < op->operands().size(); ++i)
    if (flow(op->operand(i)).is_frames() && flow(op->operand(i)).axis == 0) return scan_over_time(op);
  refuse(op, "for each frame it runs over something else than time, which is not supported");
}

void Rewriter::scan_over_time(const Op* op) {
  const auto& attr = op->as<ir::ScanAttr>();
  const auto carries = static_cast<size_t>(attr.carries);
  if (attr.reverse) refuse(op, "runs backwards in time, from the last frame on: looks ahead");
  std::optional<Flow> joined;
  for (size_t i = 0; i < op->operands().size(); ++i) {
    const Flow& own = flow(op->operand(i));
    if (!own.is_frames()) continue;
    if (i < carries) refuse(op, "it begins with something for each frame: looks ahead");
    if (own.axis != 0 || !own.plain()) refuse(op, "it runs over frames that lie beside other things");
    if (joined && !joined->same_pace(own)) refuse(op, "it brings frames together that are not of the same time");
    joined = own;
  }
  need_no_lead(op, *joined);
  if (!whole_time_.empty()) {
    std::set<std::string> names;
    ir::walk(op->region(), [&](const Op* inner) { names.merge(ir::symbols_of(*inner)); });
    if (names.contains(whole_time_)) refuse(op, "each of its steps depends on how many frames there are in all");
  }
  const Dim frames = count(*joined);
  std::vector<Value*> initial, scanned;
  for (size_t i = 0; i < op->operands().size(); ++i) {
    const Value* operand = op->operand(i);
    if (i < carries)
      initial.push_back(carry(op, i));
    else
      scanned.push_back(flow(operand).is_frames() ? mapped(operand) : along_time(op, operand, 0, frames));
  }
  ir::ValueMap map;
  ir::walk(op->region(), [&](const Op* inner) {
    for (const Value* value : inner->operands()) {
      if (!flow_known(value)) continue;
      if (flow(value).kind == Kind::Lengths) refuse(op, "its steps read how many frames there are in all");
      map[value] = mapped(value);
    }
  });
  const ir::Block& body = op->region();
  const Op* made = b_.scan(frames, initial, scanned, [&](ir::Builder& inner, const std::vector<Value*>& arguments) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      arguments[i]->set_name(body.argument(i)->name());
      map[body.argument(i)] = arguments[i];
    }
    ir::clone_ops(body, inner.block(), nullptr, map, false);
    std::vector<Value*> yielded;
    for (const Value* value : body.terminator()->operands()) yielded.push_back(map.at(value));
    return yielded;
  });
  Flow emitted = *joined;
  emitted.axis = 0;
  for (size_t i = 0; i < op->result_count(); ++i) {
    if (i < carries && joined->tail > 0 && !op->result(i)->unused() && joined->ahead)
      refuse(joined->ahead, fmt::format("looks ahead by {} frame{}: the last state needs what comes later",
                                        joined->tail, joined->tail == 1 ? "" : "s"));
    set(op->result(i), i < carries ? Flow{.kind = Kind::Latest} : emitted, made->result(i));
  }
  for (size_t i = 0; i < carries; ++i)
    if (const auto it = carry_states_.find({op, i}); it != carry_states_.end())
      next_states_[it->second] = made->result(i);
}

// A state, or what the model's own states give.
Value* Rewriter::carry(const Op* scan, size_t i) {
  const Value* operand = scan->operand(i);
  if (flow(operand).kind == Kind::Lengths)
    refuse(scan, "it begins with what depends on how many frames there are in all");
  std::set<const Value*> seen;
  if (depends_on(operand, bound_, seen)) return mapped(operand);
  const std::string& hint = scan->region().terminator()->operand(i)->name();
  const std::string place = scan->location().empty() ? "scan" : scan->location();
  const auto fill = splat_of(operand);
  const ir::DType type = operand->dtype();
  if (!ir::is_arithmetic(type)) refuse(scan, "states of strings are not supported");
  carry_states_[{scan, i}] = next_states_.size();
  ir::Tensor initial(type, {});
  if (fill)
    initial = ir::is_float(type) ? ir::Tensor::scalar(type, *fill)
                                 : ir::Tensor::scalar_int(type, static_cast<int64_t>(*fill));
  Value* state = add_state(hint.empty() ? "state" : hint, operand->type(), std::move(initial), "carry of " + place);
  if (fill) return state;
  Shape flags(operand->shape().size(), Dim(1));
  Value* flag = started();
  if (const int64_t rows = rows_axis(operand->shape()); rows >= 0)
    flags[static_cast<size_t>(rows)] = operand->shape()[static_cast<size_t>(rows)];
  else
    flag = b_.slice_axis(flag, 0, 0, 1);
  return b_.select(b_.reshape(flag, flags), state, mapped(operand));
}

}  // namespace seqc::passes::streaming
