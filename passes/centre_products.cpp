#include <algorithm>

#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// v - k sum(v), as found: the sum runs over `axes` of v, and k is a number that was worked out with it.
struct Centring {
  Op* sub;
  Op* sum;
  std::vector<Op*> factors;  // what turns the sum into k sum(v), in order: products and quotients with one number
};

/// The shape of a sum over `axes` that keeps its rank, without dims of size 1 in front.
Shape kept_shape(const Shape& shape, const std::vector<int64_t>& axes) {
  Shape kept = shape;
  for (const int64_t axis : axes) kept[static_cast<size_t>(axis)] = Dim(1);
  return kept;
}

Shape without_leading_ones(const Shape& shape) {
  return {std::find_if(shape.begin(), shape.end(), [](const Dim& dim) { return !(dim == Dim(1)); }), shape.end()};
}

/// True if `op` multiplies its first operand by a number, or divides it.
bool is_scaling(const Op& op) {
  return (op.code() == Opcode::Mul || op.code() == Opcode::Div) && single_element(op.operand(1)) &&
         op.operand(1)->rank() <= op.operand(0)->rank();
}

bool find_centring(Op* sub, Centring& found) {
  const Value *v = sub->operand(0), *mean = sub->operand(1);
  if (!is_float(v->dtype()) || v->shape() != sub->result()->shape() || v->users().size() != 2) return false;
  found.sub = sub;
  const Value* inner = mean;
  while (inner->op() && (is_scaling(*inner->op()) || inner->op()->code() == Opcode::Reshape)) {
    if (inner->users().size() != 1) return false;
    if (is_scaling(*inner->op())) found.factors.insert(found.factors.begin(), inner->op());
    inner = inner->op()->operand(0);
  }
  found.sum = defining(inner, Opcode::Reduce);
  if (!found.sum || found.sum->operand(0) != v || inner->users().size() != 1) return false;
  const auto& attr = found.sum->as<ReduceAttr>();
  return attr.kind == ReduceKind::Sum && !attr.axes.empty() &&
         without_leading_ones(mean->shape()) == without_leading_ones(kept_shape(v->shape(), attr.axes));
}

/// The axes of the weights whose columns are the result's `axes`; empty if one of them is of rows.
std::vector<int64_t> weights_axes(const Op& contract, const std::vector<int64_t>& axes) {
  const ContractSpec spec = parse_contract_spec(contract.as<ContractAttr>().spec);
  std::vector<int64_t> own;
  for (const int64_t axis : axes) {
    const char label = spec.out[static_cast<size_t>(axis)];
    if (spec.columns.find(label) == std::string::npos) return {};
    own.push_back(static_cast<int64_t>(spec.rhs.find(label)));
  }
  std::sort(own.begin(), own.end());
  return own;
}

/// The axes of a term of a sum that are `axes` of the sum; empty if the term is repeated along one of them.
std::vector<int64_t> term_axes(const Value& term, const Shape& sum, const std::vector<int64_t>& axes) {
  std::vector<int64_t> own;
  for (const int64_t axis : axes) {
    own.push_back(axis - (std::ssize(sum) - term.rank()));
    if (own.back() < 0 || !(term.shape()[static_cast<size_t>(own.back())] == sum[static_cast<size_t>(axis)])) return {};
  }
  return own;
}

/// Moves the subtraction to where it costs nothing at run time.
class Mover {
 public:
  Mover(const Centring& centring, int64_t most_elements) : centring_(centring), most_elements_(most_elements) {}

  /// True if `value` is linear in constants that can be centred instead: a product with constant weights, a constant, or
  /// a sum of these that nothing else reads.
  bool can_centre(const Value* value, const std::vector<int64_t>& axes, bool outermost = true) const {
    if (axes.empty()) return false;
    if (value->is_constant()) return !outermost && value->constant().count() <= most_elements_;
    const Op* op = value->op();
    if (!op || op->parent() != centring_.sub->parent() || (!outermost && value->users().size() != 1)) return false;
    if (op->code() == Opcode::Contract) {
      const Value* weights = op->operand(1);
      return op->operands().size() == 2 && op->result_count() == 1 && op->as<ContractAttr>().lanes == 0 &&
             weights->dtype() == value->dtype() && can_centre(weights, weights_axes(*op, axes), false);
    }
    if (op->code() != Opcode::Add && op->code() != Opcode::Sub) return false;
    bool product = false;
    for (const Value* term : op->operands()) {
      if (!can_centre(term, term_axes(*term, value->shape(), axes), false)) return false;
      product = product || !term->is_constant();
    }
    return product;
  }

  Value* centred(Value* value, const std::vector<int64_t>& axes) const {
    if (value->is_constant()) return centred_constant(value, axes);
    Op* op = value->op();
    std::vector<Value*> operands = op->operands();
    if (op->code() == Opcode::Contract) {
      operands[1] = centred_constant(operands[1], weights_axes(*op, axes));
    } else {
      for (Value*& term : operands) term = centred(term, term_axes(*term, value->shape(), axes));
    }
    return Builder::before(centring_.sub).emit(op->code(), std::move(operands), op->attr());
  }

 private:
  /// In f64, so that what is left of the sum is no more than the rounding of the elements.
  Value* centred_constant(Value* value, const std::vector<int64_t>& axes) const {
    Builder b = Builder::before(centring_.sub);
    Value* wide = b.cast(value, DType::f64);
    Value* mean = b.reshape(b.reduce(ReduceKind::Sum, wide, axes), kept_shape(value->shape(), axes));
    for (const Op* factor : centring_.factors)
      mean = b.emit(factor->code(), {mean, b.scalar(DType::f64, single_element(factor->operand(1))->real(0))});
    return b.cast(b.sub(wide, mean), value->dtype());
  }

  const Centring& centring_;
  const int64_t most_elements_;
};

}  // namespace

/// Takes the mean off the weights of a product instead of off each of its rows:
///   z = contract x w; sub z (mul (reduce sum z) 1/n)    becomes    contract x (sub w (mul (reduce sum w) 1/n))
/// for sums over columns, and for sums of such products and constants. A normalisation of a product then waits for one
/// reduction only. Before: split-joined-products, hoist-projections. After: fold, which computes the new weights.
/// Reassociates. Does not fire on: weights that are no constants or share their rows' labels with the sum, products that
/// anything else reads, means of what is no product (a cell's state).
bool centre_products(Function& f, PassContext& context) {
  const auto subs = find_ops(f.body(), [](const Op* op) { return op->code() == Opcode::Sub; });
  bool changed = false;
  for (Op* sub : subs) {
    Centring centring{};
    if (!find_centring(sub, centring)) continue;
    const Mover mover(centring, context.max_folded_elements);
    const auto& axes = centring.sum->as<ReduceAttr>().axes;
    if (!mover.can_centre(sub->operand(0), axes)) continue;
    if (context.remarks)
      context.remarks->did(sub, "is done to the weights",
                           "the mean over a product's columns is the product with their mean");
    replace_op(sub, {mover.centred(sub->operand(0), axes)});
    changed = true;
  }
  return changed;
}

}  // namespace seqc::passes
