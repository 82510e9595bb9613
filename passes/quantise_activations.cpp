#include <algorithm>
#include <cmath>

#include "ir/builder.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

constexpr int64_t kMostSummed = 65536;  // products of 255 and 127 that i32 can sum
constexpr int32_t kZero = 128;          // what stands for 0 in a row of u8
constexpr double kSmallest = 0x1p-100;  // rows without larger numbers are zeros: their scale stays a normal number

/// 128 times the sum of each column, as it broadcasts against the result, without leading dims of 1.
Tensor zero_products(const ContractSpec& spec, const Tensor& weights) {
  std::vector<int64_t> strides(spec.rhs.size(), 0), shape(spec.out.size(), 1);
  int64_t columns = 1;
  for (size_t i = spec.out.size(); i-- > 0;) {
    const size_t at = spec.rhs.find(spec.out[i]);
    if (at == std::string::npos) continue;
    strides[at] = columns;
    columns *= shape[i] = weights.shape()[at];
  }
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  Tensor sums(DType::i32, shape);
  const auto to = sums.mutable_data<int32_t>();
  const auto from = weights.data<int8_t>();
  for (size_t e = 0; e < from.size(); ++e) {
    int64_t rest = static_cast<int64_t>(e), column = 0;
    for (size_t i = spec.rhs.size(); i-- > 0; rest /= weights.shape()[i])
      column += rest % weights.shape()[i] * strides[i];
    to[static_cast<size_t>(column)] += kZero * from[e];
  }
  return sums;
}

/// true, false: which limb stands where.
Tensor upper_and_lower() {
  Tensor tensor(DType::boolean, {2});
  tensor.set_integer(0, 1);
  return tensor;
}

struct QuantisedRows {
  Value* bytes;  ///< u8, of the shape of x; with two limbs, [2, shape of x]
  Value* scale;  ///< f32, beside the result
};

/// Each row of x (what is summed over together) in steps of its largest magnitude / `most`, of the shape of x.
std::pair<Value*, Value*> steps_and_scale(Builder& b, Value* x, const ContractSpec& spec, double most) {
  std::vector<int64_t> summed;
  Shape with_ones = x->shape();
  for (size_t i = 0; i < spec.lhs.size(); ++i) {
    if (spec.summed.find(spec.lhs[i]) == std::string::npos) continue;
    summed.push_back(static_cast<int64_t>(i));
    with_ones[i] = Dim(1);
  }
  Value* largest = b.reduce(ReduceKind::Max, b.abs(x), summed);
  Value* scale = b.mul(b.max(largest, b.scalar_like(x, kSmallest)), b.scalar_like(x, 1 / most));
  return {b.emit(Opcode::Round, {b.div(x, b.reshape(scale, with_ones))}), scale};
}

/// A value with the labels of x that are not summed, as one that broadcasts against the result.
Value* beside_result(Builder& b, Value* value, const ContractSpec& spec) {
  std::string kept, ordered;
  for (const char label : spec.lhs)
    if (spec.summed.find(label) == std::string::npos) kept += label;
  std::vector<int64_t> perm;
  for (const char label : spec.out)
    if (const size_t at = kept.find(label); at != std::string::npos) {
      perm.push_back(static_cast<int64_t>(at));
      ordered += label;
    }
  Value* transposed = b.transpose(value, perm);
  Shape shape;
  for (const char label : spec.out) {
    const size_t at = ordered.find(label);
    shape.push_back(at == std::string::npos ? Dim(1) : transposed->shape()[at]);
  }
  return b.reshape(transposed, std::move(shape));
}

/// One byte: steps of a 127th, around 128.
QuantisedRows quantise_8(Builder& b, Value* x, const ContractSpec& spec) {
  const auto [steps, scale] = steps_and_scale(b, x, spec, 127);
  return {b.cast(b.add(steps, b.scalar_like(x, kZero)), DType::u8), beside_result(b, scale, spec)};
}

/// Two bytes: steps of a 32512th. The upper limb, around 128, stands before the lower one: they are rows of one product,
/// so that weights are read once.
QuantisedRows quantise_16(Builder& b, Value* x, const ContractSpec& spec, Function& f) {
  const auto [steps, scale] = steps_and_scale(b, x, spec, 127.0 * 256);
  Value* upper = b.emit(Opcode::Floor, {b.mul(steps, b.scalar_like(x, 1.0 / 256))});
  Value* lower = b.sub(steps, b.mul(upper, b.scalar_like(x, 256)));
  std::vector<int64_t> limbs(x->shape().size() + 1, 1);
  limbs[0] = 2;
  Value* is_upper = f.constant(upper_and_lower().reshaped(limbs), "");
  Value* both = b.select(is_upper, b.add(upper, b.scalar_like(x, kZero)), lower);
  return {b.cast(both, DType::u8), beside_result(b, scale, spec)};
}

bool can_quantise(const Op* op, const ContractSpec& spec) {
  const Shape& x = op->operand(0)->shape();
  if (op->as<ContractAttr>().lanes != 0 || op->operand(0)->dtype() != DType::f32) return false;
  Dim summed(1);
  for (size_t i = 0; i < spec.lhs.size(); ++i)
    if (spec.summed.find(spec.lhs[i]) != std::string::npos) summed = summed * x[i];
  if (!summed.is_constant() || summed.constant() > kMostSummed || summed.constant() == 0) return false;
  return std::all_of(op->operands().begin() + 1, op->operands().end(),
                     [](const Value* w) { return w->is_constant() && w->dtype() == DType::i8; });
}

/// The sums of products with one byte of a row, without what its 128 adds.
Value* sums_without_zero(Builder& b, Value* product, const Value* weights, const ContractSpec& spec, Function& f) {
  const std::string name = weights->name().empty() ? "" : weights->name() + "_zeros";
  return b.cast(b.sub(product, f.constant(zero_products(spec, weights->constant()), name)), DType::f32);
}

bool rewrite(Op* op, ActivationFormat format) {
  ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  if (!can_quantise(op, spec)) return false;
  Builder b = Builder::before(op);
  b.set_location(op->location());
  Function& f = *op->parent()->function();
  const bool limbs = format == ActivationFormat::I16;
  const QuantisedRows rows = limbs ? quantise_16(b, op->operand(0), spec, f) : quantise_8(b, op->operand(0), spec);
  ContractSpec of_bytes = spec;
  if (limbs) {
    const char label = unused_label(spec.str(), 'l');
    of_bytes.lhs.insert(0, 1, label);
    of_bytes.out.insert(0, 1, label);
  }
  std::vector<Value*> operands = op->operands(), results;
  operands[0] = rows.bytes;
  const Op* product =
      b.create(Opcode::Contract, std::move(operands), ContractAttr{.spec = of_bytes.str(), .columns = {}});
  for (size_t i = 0; i < product->result_count(); ++i) {
    const Value* weights = op->operand(i + 1);
    Value* sums = product->result(i);
    if (limbs) {
      const auto limb = [&](int64_t which) {
        return b.reshape(b.slice_axis(sums, 0, Dim(which), Dim(1)), op->result(i)->shape());
      };
      Value* upper = sums_without_zero(b, limb(0), weights, spec, f);
      Value* lower = b.cast(limb(1), DType::f32);
      results.push_back(b.mul(b.add(b.mul(upper, b.scalar_like(upper, 256)), lower), rows.scale));
    } else {
      results.push_back(b.mul(sums_without_zero(b, sums, weights, spec, f), rows.scale));
    }
  }
  replace_op(op, results);
  return true;
}

}  // namespace

/// Makes products of f32 with constant weights of i8 products of bytes: each row becomes integers as the program runs, by
/// a scale of its own, and their sums are exact. With PassContext::activations I8:
///   contract x @w:i8    becomes    mul (cast<f32> (sub (contract q @w) @zeros)) s
/// where s is the row's largest magnitude / 127, q is round(x / s) + 128 as u8, and zeros are 128 times the column sums.
/// With I16 a row has two bytes, upper and lower limb, which are two rows of the product; s is its largest / 32512.
/// Before: pack-weights. After: compress-weights. Approximates: rows keep about two digits, or four.
/// Does not fire on: ActivationFormat::F32, weights of other types or known at run time only, sums of an unknown number
/// or of more than 65536 terms, which i32 might not hold.
bool quantise_activations(Function& f, PassContext& context) {
  if (context.activations == ActivationFormat::F32) return false;
  bool changed = false;
  const auto is_product = [](const Op* op) { return op->code() == Opcode::Contract; };
  for (Op* op : find_ops(f.body(), is_product)) changed |= rewrite(op, context.activations);
  return changed;
}

}  // namespace seqc::passes
