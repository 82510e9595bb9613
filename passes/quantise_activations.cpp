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

/// The dims of a tensor labelled by `labels` as those of the result, 1 where it lacks a label. The labels have the
/// result's order.
Shape beside_result(const ContractSpec& spec, const std::string& labels, const Shape& shape) {
  Shape result;
  for (const char label : spec.out) {
    const size_t at = labels.find(label);
    result.push_back(at == std::string::npos ? Dim(1) : shape[at]);
  }
  return result;
}

/// 128 times the sum of each column, of the result's rank.
Tensor zero_products(const ContractSpec& spec, const Tensor& weights) {
  std::vector<int64_t> strides(spec.rhs.size(), 0), shape(spec.out.size(), 1);
  int64_t columns = 1;
  for (size_t i = spec.out.size(); i-- > 0;) {
    const size_t at = spec.rhs.find(spec.out[i]);
    if (at == std::string::npos) continue;
    strides[at] = columns;
    columns *= shape[i] = weights.shape()[at];
  }
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

struct QuantisedRows {
  Value* bytes;  ///< u8, of the shape of x
  Value* scale;  ///< f32, beside the result
};

/// Each row of x (what is summed over together) in steps of a 127th of its largest magnitude, around 128.
QuantisedRows quantise(Builder& b, Value* x, const ContractSpec& spec) {
  std::vector<int64_t> summed;
  std::string kept;
  Shape with_ones = x->shape();
  for (size_t i = 0; i < spec.lhs.size(); ++i) {
    if (spec.summed.find(spec.lhs[i]) == std::string::npos) {
      kept += spec.lhs[i];
      continue;
    }
    summed.push_back(static_cast<int64_t>(i));
    with_ones[i] = Dim(1);
  }
  Value* largest = b.reduce(ReduceKind::Max, b.abs(x), summed);
  Value* scale = b.mul(b.max(largest, b.scalar_like(x, kSmallest)), b.scalar_like(x, 1.0 / 127));
  Value* steps = b.round(b.div(x, b.reshape(scale, with_ones)));
  Value* bytes = b.cast(b.add(steps, b.scalar_like(x, kZero)), DType::u8);
  std::vector<int64_t> perm;
  std::string ordered;
  for (const char label : spec.out)
    if (const size_t at = kept.find(label); at != std::string::npos) {
      perm.push_back(static_cast<int64_t>(at));
      ordered += label;
    }
  Value* beside = b.transpose(scale, perm);
  return {bytes, b.reshape(beside, beside_result(spec, ordered, beside->shape()))};
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

bool rewrite(Op* op) {
  if (op->code() != Opcode::Contract) return false;
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  if (!can_quantise(op, spec)) return false;
  Builder b = Builder::before(op);
  b.set_location(op->location());
  Function& f = *op->parent()->function();
  const QuantisedRows rows = quantise(b, op->operand(0), spec);
  std::vector<Value*> operands = op->operands(), results;
  operands[0] = rows.bytes;
  const Op* product = b.create(Opcode::Contract, std::move(operands), op->attr());
  for (size_t i = 0; i < product->result_count(); ++i) {
    const Value* weights = op->operand(i + 1);
    Value* zeros =
        f.constant(zero_products(spec, weights->constant()), weights->name().empty() ? "" : weights->name() + "_zeros");
    results.push_back(b.mul(b.cast(b.sub(product->result(i), zeros), DType::f32), rows.scale));
  }
  replace_op(op, results);
  return true;
}

}  // namespace

/// Makes products of f32 with constant weights of i8 products of bytes: each row becomes u8 as the program runs, by a
/// scale of its own, and the sums of integers are exact.
///   contract x @w:i8    becomes    mul (cast<f32> (sub (contract q @w) @zeros)) s
/// where s is the row's largest magnitude / 127, q is round(x / s) + 128 as u8, and zeros are 128 times the column sums.
/// Before: pack-weights. After: compress-weights. Approximates: rows keep about two digits.
/// Does not fire on: a PassContext that does not ask for it, weights of other types or known at run time only, sums of
/// an unknown number or of more than 65536 terms, which i32 might not hold.
bool quantise_activations(Function& f, PassContext& context) {
  if (!context.quantise_activations) return false;
  bool changed = false;
  walk(f.body(), [&](Op* op) { changed |= rewrite(op); });
  return changed;
}

}  // namespace seqc::passes
