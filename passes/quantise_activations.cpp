#include <algorithm>
#include <cmath>
#include <tuple>

#include "ir/builder.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "passes/value_ranges.h"

namespace seqc::passes {
namespace {

using namespace ir;

constexpr int64_t kMostSummed = 32768;  // two sums of so many products of 255 and 128 fit into i32
constexpr int32_t kZero = 128;          // what stands for 0 in a row of u8
constexpr int32_t kTwoDigits = 127 * 256 + 127;
constexpr double kSlack = 1 + 0x1p-10;  // known bounds hold up to what ops round
constexpr double kSmallest = 0x1p-100;  // rows without larger numbers are zeros: their scale stays a normal number

/// Adds 128 times the sum of each column.
void add_zero_products(const ContractSpec& spec, const Tensor& weights, Tensor& to) {
  std::vector<int64_t> strides(spec.rhs.size(), 0);
  int64_t columns = 1;
  for (size_t i = spec.out.size(); i-- > 0;) {
    const size_t at = spec.rhs.find(spec.out[i]);
    if (at == std::string::npos) continue;
    strides[at] = columns;
    columns *= weights.shape()[at];
  }
  const auto sums = to.mutable_data<int32_t>();
  const auto from = weights.data<int8_t>();
  for (size_t e = 0; e < from.size(); ++e) {
    int64_t rest = static_cast<int64_t>(e), column = 0;
    for (size_t i = spec.rhs.size(); i-- > 0; rest /= weights.shape()[i])
      column += rest % weights.shape()[i] * strides[i];
    sums[static_cast<size_t>(column)] += kZero * from[e];
  }
}

/// The shape of a number a column as it broadcasts against the result, without leading dims of 1.
std::vector<int64_t> column_shape(const ContractSpec& spec, const Tensor& weights) {
  std::vector<int64_t> shape(spec.out.size(), 1);
  for (size_t i = 0; i < spec.out.size(); ++i)
    if (const size_t at = spec.rhs.find(spec.out[i]); at != std::string::npos) shape[i] = weights.shape()[at];
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  return shape;
}

/// Integers as bytes, signed digits, the upper one first: v = 256 * bytes[0] + bytes[1], or v = bytes[0].
using Limbs = std::vector<Value*>;

struct QuantisedRows {
  Limbs bytes;   ///< u8, of the shape of x; kZero stands for 0
  Value* scale;  ///< f32, beside the result
};

/// i8 as it is; i16 as two bytes of signed digits.
Limbs weight_limbs(Function& f, Value* weights) {
  if (weights->dtype() == DType::i8) return {weights};
  Tensor upper(DType::i8, weights->constant().shape()), lower = upper;
  const auto from = weights->constant().data<int16_t>();
  for (size_t i = 0; i < from.size(); ++i) {
    const auto low = static_cast<int8_t>(from[i] & 0xff);  // wraps
    lower.mutable_data<int8_t>()[i] = low;
    upper.mutable_data<int8_t>()[i] = static_cast<int8_t>((from[i] - low) / 256);
  }
  const auto name = [&](const char* which) { return weights->name().empty() ? "" : weights->name() + which; };
  return {f.constant(std::move(upper), name("_upper")), f.constant(std::move(lower), name("_lower"))};
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

/// A number as integers of a scale: round(x * steps_a_unit).
Value* rounded_steps(Builder& b, Value* x, Value* steps_a_unit) {
  return b.cast(b.emit(Opcode::Round, {b.mul(x, steps_a_unit)}), DType::i32);
}

/// Each row of x (what is summed over together) as integers, its largest magnitude as `most`; and what one of them is.
std::pair<Value*, Value*> steps_and_scale(Builder& b, Value* x, const ContractSpec& spec, double most) {
  std::vector<int64_t> summed;
  Shape with_ones = x->shape();
  for (size_t i = 0; i < spec.lhs.size(); ++i) {
    if (spec.summed.find(spec.lhs[i]) == std::string::npos) continue;
    summed.push_back(static_cast<int64_t>(i));
    with_ones[i] = Dim(1);
  }
  Value* largest = b.max(b.reduce(ReduceKind::Max, b.abs(x), summed), b.scalar_like(x, kSmallest));
  Value* steps_a_unit = b.reshape(b.div(b.scalar_like(x, most), largest), with_ones);
  return {rounded_steps(b, x, steps_a_unit), beside_result(b, b.mul(largest, b.scalar_like(x, 1 / most)), spec)};
}

/// `bound`: no magnitude in x is larger, as far as is known.
QuantisedRows quantise(Builder& b, Value* x, const ContractSpec& spec, ActivationFormat format, double bound) {
  const bool one_byte = format == ActivationFormat::I8;
  Value *steps, *scale;
  if (!one_byte && bound >= kSmallest && bound <= 1 / kSmallest) {
    const double step = kSlack * bound / kTwoDigits;
    steps = rounded_steps(b, x, b.scalar_like(x, 1 / step));
    scale = b.scalar_like(x, step);
  } else {
    std::tie(steps, scale) = steps_and_scale(b, x, spec, one_byte ? 127 : kTwoDigits);
  }
  const auto from_zero = [&](Value* digit) { return b.add(digit, b.scalar_like(digit, kZero)); };
  Value* lowest = from_zero(steps);
  if (one_byte) return {{b.cast(lowest, DType::u8)}, scale};
  Value* upper = b.emit(Opcode::Shr, {lowest, b.scalar_like(steps, 8)});
  return {{b.cast(from_zero(upper), DType::u8), b.cast(lowest, DType::u8)}, scale};  // casts leave the lowest byte
}

bool can_quantise(const Op* op, const ContractSpec& spec) {
  const Shape& x = op->operand(0)->shape();
  if (op->as<ContractAttr>().lanes != 0 || op->operand(0)->dtype() != DType::f32) return false;
  Dim summed(1);
  for (size_t i = 0; i < spec.lhs.size(); ++i)
    if (spec.summed.find(spec.lhs[i]) != std::string::npos) summed = summed * x[i];
  if (!summed.is_constant() || summed.constant() > kMostSummed || summed.constant() == 0) return false;
  return std::all_of(op->operands().begin() + 1, op->operands().end(), [](const Value* w) {
    return w->is_constant() && (w->dtype() == DType::i8 || w->dtype() == DType::i16);
  });
}

/// Sums of products of bytes that count alike, and what the zeros of the rows have added to them.
struct Sums {
  Value* products = nullptr;
  Tensor of_zeros = {};
  std::string name = {};  ///< of the weights
};

/// A result is the sum of 256^i * sums[i] over i.
using WeightedSums = std::vector<Sums>;

/// Adds the products of a byte of the rows and one of the weights, for each result.
void add_products(Builder& b, Value* row, const std::vector<Limbs>& weights, size_t limb, const ContractSpec& spec,
                  size_t power, std::vector<WeightedSums>& sums) {
  std::vector<Value*> operands = {row};
  for (const Limbs& w : weights) operands.push_back(w[limb]);
  const Op* product = b.create(Opcode::Contract, operands, ContractAttr{.spec = spec.str(), .columns = {}});
  for (size_t i = 0; i < sums.size(); ++i) {
    const Tensor& w = operands[i + 1]->constant();
    Sums& sum = sums[i][power];
    if (!sum.products) sum = {nullptr, Tensor(DType::i32, column_shape(spec, w)), operands[i + 1]->name()};
    sum.products = sum.products ? b.add(sum.products, product->result(i)) : product->result(i);
    add_zero_products(spec, w, sum.of_zeros);
  }
}

/// What the integers add up to, as f32, in units of 256^lowest.
Value* total(Builder& b, const WeightedSums& sums, size_t lowest) {
  Value* total = nullptr;
  for (size_t power = sums.size(); power-- > lowest;) {
    const auto& [products, of_zeros, name] = sums[power];
    Value* exact = b.sub(products, b.constant(of_zeros, name.empty() ? "" : name + "_zeros"));
    Value* here = b.cast(exact, DType::f32);
    total = total ? b.emit(Opcode::Fma, {total, b.scalar_like(total, 256), here}) : here;
  }
  return total;
}

bool rewrite(Op* op, ActivationFormat format, double bound) {
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  if (!can_quantise(op, spec)) return false;
  Builder b = Builder::before(op);
  b.set_location(op->location());
  std::vector<Limbs> weights;
  for (size_t i = 1; i < op->operands().size(); ++i) weights.push_back(weight_limbs(b.function(), op->operand(i)));
  const QuantisedRows rows = quantise(b, op->operand(0), spec, format, bound);
  // The product of two lower digits is left out: it counts less than what rounding to integers has cost.
  const size_t limbs = weights[0].size(), highest = limbs + rows.bytes.size() - 2, lowest = highest == 2 ? 1 : 0;
  std::vector<WeightedSums> sums(op->result_count(), WeightedSums(highest + 1));
  for (size_t w = 0; w < limbs; ++w)
    for (size_t x = 0; x < rows.bytes.size(); ++x)
      if (const size_t power = highest - w - x; power >= lowest)
        add_products(b, rows.bytes[x], weights, w, spec, power, sums);
  Value* scale = lowest == 0 ? rows.scale : b.mul(rows.scale, b.scalar_like(rows.scale, 256));
  std::vector<Value*> results;
  for (const WeightedSums& of_result : sums) results.push_back(b.mul(total(b, of_result, lowest), scale));
  replace_op(op, results);
  return true;
}

}  // namespace

/// Makes products of f32 with constant weights of i8 or i16 products of bytes: each row becomes integers as the program
/// runs, by a scale of its own, and their sums are exact. With PassContext::activations I8:
///   contract x @w:i8    becomes    mul (cast<f32> (sub (contract q @w) @zeros)) s
/// where s is the row's largest magnitude / 127, q is round(x / s) + 128 as u8, and zeros are 128 times the column sums.
/// With I16 a row has two bytes, signed digits around 128 as well, and s is its largest / 32639; weights of i16 have two
/// digits, too. Each pair of bytes is a product of its own, but for the two lower ones, which count less than what
/// rounding has cost.
/// Rows of two bytes whose numbers have a bound that the ops before them tell (tanh, sigmoid, ...) have one scale made of
/// it, and nothing is looked for as the program runs; NaN counts as 0 there.
/// Before: pack-weights. After: compress-weights. Approximates: rows keep about two digits, or four.
/// Does not fire on: ActivationFormat::F32, weights of other types or known at run time only, sums of an unknown number
/// or of more than 32768 terms, which i32 might not hold.
bool quantise_activations(Function& f, PassContext& context) {
  if (context.activations == ActivationFormat::F32) return false;
  const auto is_product = [](const Op* op) { return op->code() == Opcode::Contract; };
  const std::vector<Op*> products = find_ops(f.body(), is_product);
  std::vector<double> bounds;  // found before anything is replaced: they are known by the values' addresses
  ValueRanges ranges;
  for (const Op* op : products) bounds.push_back(ranges.of(op->operand(0)).magnitude());
  bool changed = false;
  for (size_t i = 0; i < products.size(); ++i) changed |= rewrite(products[i], context.activations, bounds[i]);
  return changed;
}

}  // namespace seqc::passes
