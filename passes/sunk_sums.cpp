#include "passes/sunk_sums.h"

#include <algorithm>

#include "passes/rewrite.h"

namespace seqc::passes {

using namespace ir;

bool StepOutputs::is_of_step(const Value* value) const {
  return !value->is_constant() && is_defined_inside(value, body_);
}

size_t StepOutputs::emit(Value* value) {
  const auto it = std::find(emitted_.begin(), emitted_.end(), value);
  const auto place = static_cast<size_t>(it - emitted_.begin());
  if (it == emitted_.end()) emitted_.push_back(value);
  return place;
}

bool StepOutputs::is_emitted(const Value* value) const {
  return std::find(emitted_.begin(), emitted_.end(), value) != emitted_.end();
}

namespace {

using Stacked = std::vector<Value*>;

/// Rows of a step from which on a product by weights, and a sum over the rows, are as fast in the step as outside.
constexpr double kManyRows = 32;
/// The same for products that add up over the rows; a sum of that many bytes stays in cache from step to step.
constexpr double kManyRowsToSum = 64, kSmallSum = 128 << 10;

/// The elements of a contraction's dims of these labels.
Dim count(const Op& contract, const ContractSpec& spec, const std::string& labels) {
  Dim result(1);
  for (size_t side = 0; side < 2; ++side) {
    const std::string& from = side == 0 ? spec.lhs : spec.rhs;
    for (size_t i = 0; i < from.size(); ++i)
      if (labels.find(from[i]) != std::string::npos && (side == 0 || spec.lhs.find(from[i]) == std::string::npos))
        result = result * contract.operand(side)->shape()[i];
  }
  return result;
}

/// A label that the spec does not use, for the steps.
std::string step_label(const ContractSpec& spec) { return {unused_label(spec.str(), 't')}; }

Shape flat_rows(const Dim& steps, const Shape& shape, size_t rows) {
  const auto split = shape.begin() + static_cast<ptrdiff_t>(rows);
  Shape flat = {steps * element_count(Shape(shape.begin(), split))};
  flat.insert(flat.end(), split, shape.end());
  return flat;
}

}  // namespace

std::optional<StepOutputs::Sum> StepOutputs::sum(Value* value, bool only_emitted) {
  const Op* op = value->op();
  if (!op || !is_of_step(value)) return std::nullopt;
  switch (op->code()) {
    case Opcode::Reshape:
    case Opcode::Transpose: {  // of the sum
      auto inner = sum(op->operand(0), only_emitted);
      if (!inner) return std::nullopt;
      return [code = op->code(), attr = op->attr(), inner](Builder& b, const Stacked& stacked) {
        return b.emit(code, {(*inner)(b, stacked)}, attr);
      };
    }
    case Opcode::Contract: return sum_of_products(*op, only_emitted);
    case Opcode::Reduce: {
      const auto& attr = op->as<ReduceAttr>();
      if (!only_emitted || attr.kind != ReduceKind::Sum || !is_emitted(op->operand(0))) return std::nullopt;
      Dim rows(1);
      for (const int64_t axis : attr.axes) rows = rows * op->operand(0)->shape()[static_cast<size_t>(axis)];
      if (policy_.is_at_least(rows, kManyRows)) return std::nullopt;
      std::vector<int64_t> axes = {0};
      for (const int64_t axis : attr.axes) axes.push_back(axis + 1);
      return [axes, place = emit(op->operand(0))](Builder& b, const Stacked& stacked) {
        return b.reduce(ReduceKind::Sum, stacked[place], axes);
      };
    }
    case Opcode::ScatterNd: return only_emitted ? std::nullopt : sum_of_rows(*op);
    default: return std::nullopt;
  }
}

std::optional<StepOutputs::Sum> StepOutputs::sum_of_products(const Op& op, bool only_emitted) {
  if (only_emitted || op.result_count() != 1 || !is_of_step(op.operand(0)) || !is_of_step(op.operand(1)))
    return std::nullopt;
  const ContractSpec spec = parse_contract_spec(op.as<ContractAttr>().spec);
  if (policy_.is_at_least(count(op, spec, spec.summed), kManyRowsToSum) && policy_.bytes(op.result()) <= kSmallSum)
    return std::nullopt;
  const size_t x = emit(op.operand(0)), w = emit(op.operand(1));
  return [spec, x, w](Builder& b, const Stacked& stacked) {
    const std::string step = step_label(spec);
    return b.contract(step + spec.lhs + "," + step + spec.rhs + "->" + spec.out, stacked[x], stacked[w]);
  };
}

/// Rows of all steps behind each other are added in the same order.
std::optional<StepOutputs::Sum> StepOutputs::sum_of_rows(const Op& op) {
  if (op.as<ScatterAttr>().kind != ScatterKind::Add || !is_splat(op.operand(0), 0) || !is_of_step(op.operand(2)))
    return std::nullopt;
  const size_t rows = op.operand(1)->shape().size() - 1;
  const Shape indices = flat_rows(steps_, op.operand(1)->shape(), rows),
              updates = flat_rows(steps_, op.operand(2)->shape(), rows);
  return [indices, updates, type = op.result()->type(), i = emit(op.operand(1)), u = emit(op.operand(2))](
             Builder& b, const Stacked& stacked) {
    Value* zeros = b.broadcast(b.scalar(type.dtype, 0), type.shape);
    return b.emit(Opcode::ScatterNd, {zeros, b.reshape(stacked[i], indices), b.reshape(stacked[u], updates)},
                  ScatterAttr{ScatterKind::Add});
  };
}

std::optional<StepOutputs::Sum> StepOutputs::all_steps(Value* value) {
  const Op* op = defining(value, Opcode::Contract);
  if (!op || op->result_count() != 1) return std::nullopt;
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  const std::string step = step_label(spec), out = "->" + step + spec.out;
  Value *x = op->operand(0), *w = op->operand(1);
  if (is_emitted(x) && !is_of_step(w) && !policy_.is_at_least(count(*op, spec, spec.rows), kManyRows))
    return [text = step + spec.lhs + "," + spec.rhs + out, place = emit(x), w](Builder& b, const Stacked& stacked) {
      return b.contract(text, stacked[place], w);
    };
  if (is_emitted(w) && !is_of_step(x))
    return [text = spec.lhs + "," + step + spec.rhs + out, place = emit(w), x](Builder& b, const Stacked& stacked) {
      return b.contract(text, x, stacked[place]);
    };
  return std::nullopt;
}

}  // namespace seqc::passes
