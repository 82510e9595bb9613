// Derivatives of reductions and contractions.
#include "ir/error.h"
#include "passes/derivative_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A reduced value beside the operand again: its dims of size 1 come back.
Value* kept(Builder& b, Value* reduced, const Op& op) {
  Shape shape = op.operand(0)->shape();
  for (const int64_t axis : op.as<ReduceAttr>().axes) shape[axis] = Dim(1);
  return b.reshape(reduced, shape);
}

/// The product of all others: products of those in front and behind, so that zeros do no harm. Along one axis.
Value* product_of_others(Builder& b, Value* x, int64_t axis) {
  std::vector<int64_t> perm;
  for (int64_t i = 0; i < x->rank(); ++i) perm.push_back(i);
  std::swap(perm[0], perm[axis]);
  Value* steps = b.transpose(x, perm);
  Value* one = b.broadcast(b.scalar_like(x, 1), Shape(steps->shape().begin() + 1, steps->shape().end()));
  const auto running = [&](bool reverse) {
    const Op* scan = b.scan(
        steps->shape()[0], {one}, {steps},
        [](Builder& inner, const std::vector<Value*>& a) -> std::vector<Value*> {
          return {inner.mul(a[0], a[1]), a[0]};
        },
        reverse);
    return scan->result(1);
  };
  return b.transpose(b.mul(running(false), running(true)), perm);
}

}  // namespace

Adjoints reduce_derivative(Builder& b, const Op& op, Value* g) {
  Value* x = op.operand(0);
  const auto& attr = op.as<ReduceAttr>();
  switch (attr.kind) {
    case ReduceKind::Sum: return {b.broadcast(kept(b, g, op), x->shape())};
    case ReduceKind::Prod: {
      // One axis after the other, the last first: what stands in front of an axis is reduced by it.
      std::vector<Value*> stages = {x};
      for (size_t i = attr.axes.size(); i-- > 1;)
        stages.push_back(b.reduce(ReduceKind::Prod, stages.back(), {attr.axes[i]}));
      for (size_t i = 0; i < attr.axes.size(); ++i) {
        Value* stage = stages[stages.size() - 1 - i];
        Shape shape = stage->shape();
        shape[attr.axes[i]] = Dim(1);
        g = b.mul(b.reshape(g, shape), product_of_others(b, stage, attr.axes[i]));
      }
      return {g};
    }
    case ReduceKind::Max:
    case ReduceKind::Min: {  // equal extremes share it
      Value* hit = b.cast(b.eq(x, kept(b, op.result(), op)), x->dtype());
      Value* count = b.reduce(ReduceKind::Sum, hit, attr.axes);
      return {b.mul(hit, kept(b, b.div(g, count), op))};
    }
  }
  internal_error(__FILE__, __LINE__, "kind", "unknown reduction");
}

/// y = sum x w: dx = sum dy w over what x lacks, dw = sum x dy over what w lacks.
Adjoints contract_derivative(Builder& b, const Op& op, const Adjoints& adjoints, const std::vector<bool>& wanted) {
  const auto& attr = op.as<ContractAttr>();
  if (attr.lanes > 0) fail(ErrorKind::Internal, "{}: differentiate stands before pack-weights", op.location());
  const ContractSpec spec = parse_contract_spec(attr.spec);
  Adjoints result(op.operands().size(), nullptr);
  for (size_t i = 1; i < op.operands().size(); ++i) {
    Value* g = adjoints[i - 1];
    if (!g) continue;
    if (wanted[0]) {
      Value* w = b.cast(op.operand(i), g->dtype());
      Value* dx = b.contract(spec.out + "," + spec.rhs + "->" + spec.lhs, g, w);
      result[0] = result[0] ? b.add(result[0], dx) : dx;
    }
    if (wanted[i]) {
      Value* dw = b.contract(spec.lhs + "," + spec.out + "->" + spec.rhs, op.operand(0), g);
      result[i] = b.cast(dw, op.operand(i)->dtype());
    }
  }
  return result;
}

}  // namespace seqc::passes
