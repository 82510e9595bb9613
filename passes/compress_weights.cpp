#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

// Below these sizes weights stay as they are: they fit the first cache in any case, and the scales of i8 would be a good
// part of what is saved.
constexpr int64_t kFewestSummed = 8, kFewestElements = 256;
// What quantise-activations can sum of weights of two bytes.
constexpr int64_t kMostSummed = 32768;

/// Weights in fewer bytes: w is about narrow * scale.
struct Narrow {
  Tensor weights;
  std::optional<Tensor> scale;  ///< broadcasts against the result, and has no leading dims of 1; nothing: 1
  double error;                 ///< the sum of squares of what the weights have changed by
};

int64_t summed_size(const ContractSpec& spec, const Tensor& weights) {
  int64_t size = 1;
  for (size_t i = 0; i < spec.rhs.size(); ++i)
    if (spec.summed.find(spec.rhs[i]) != std::string::npos) size *= weights.shape()[i];
  return size;
}

/// Rounded to nearest even; nothing where that is not near: a number beyond f16 would become infinite.
std::optional<Narrow> round_to(DType type, const Tensor& weights) {
  Narrow narrow{Tensor(type, weights.shape()), std::nullopt, 0};
  const auto from = weights.data<float>();
  const auto to = narrow.weights.mutable_data<uint16_t>();
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = type == DType::f16 ? float_to_f16(from[i]) : float_to_bf16(from[i]);
    const float back = type == DType::f16 ? f16_to_float(to[i]) : bf16_to_float(to[i]);
    if (std::isfinite(from[i]) && !std::isfinite(back)) return std::nullopt;
    narrow.error += std::pow(static_cast<double>(back) - from[i], 2);
  }
  return narrow;
}

/// For each element of `weights`, the number of its column among those that have a scale: the labels that the result has.
std::vector<size_t> column_of_elements(const ContractSpec& spec, const Tensor& weights, std::vector<int64_t>& shape) {
  std::map<char, int64_t> strides;
  int64_t columns = 1;
  shape.assign(spec.out.size(), 1);
  for (size_t i = spec.out.size(); i-- > 0;) {
    const size_t at = spec.rhs.find(spec.out[i]);
    if (at == std::string::npos) continue;
    shape[i] = weights.shape()[at];
    strides[spec.out[i]] = columns;
    columns *= shape[i];
  }
  std::vector<size_t> result(static_cast<size_t>(weights.count()), 0);
  int64_t inner = weights.count();
  for (size_t i = 0; i < spec.rhs.size(); ++i) {
    const int64_t size = weights.shape()[i];
    inner /= size;
    const auto stride = strides.find(spec.rhs[i]);
    if (stride == strides.end()) continue;
    for (size_t e = 0; e < result.size(); ++e)
      result[e] += static_cast<size_t>(static_cast<int64_t>(e) / inner % size * stride->second);
  }
  return result;
}

/// Integers of type T, symmetric: the largest magnitude of a column becomes `most`. Nothing for NaN or infinity.
template <class T>
std::optional<Narrow> quantise(const ContractSpec& spec, const Tensor& weights, DType type, float most) {
  std::vector<int64_t> shape;
  const std::vector<size_t> column = column_of_elements(spec, weights, shape);
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  Narrow narrow{Tensor(type, weights.shape()), Tensor(DType::f32, shape), 0};
  const auto from = weights.data<float>();
  const auto scale = narrow.scale->mutable_data<float>();
  std::fill(scale.begin(), scale.end(), 0.0F);
  for (size_t i = 0; i < from.size(); ++i) {
    if (!std::isfinite(from[i])) return std::nullopt;
    scale[column[i]] = std::max(scale[column[i]], std::abs(from[i]));
  }
  for (float& s : scale) s = s == 0 ? 1 : s / most;
  const auto to = narrow.weights.mutable_data<T>();
  for (size_t i = 0; i < from.size(); ++i) {
    const float step = scale[column[i]];
    const float steps = step == 0 ? 0 : from[i] / step;  // 0: of subnormal weights
    to[i] = static_cast<T>(std::clamp(std::nearbyint(steps), -most, most));
    narrow.error += std::pow(static_cast<double>(to[i]) * step - from[i], 2);
  }
  return narrow;
}

/// All right-hand sides of a contraction in one format: they are packed together.
using NarrowSides = std::vector<Narrow>;

class Compressor {
 public:
  Compressor(Function& f, const PassContext& context) : f_(f), context_(context) {}

  bool compress(Op* op) {
    const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
    for (size_t i = 1; i < op->operands().size(); ++i)
      if (!is_worth(op->operand(i), spec)) return false;
    const auto sides = in_best_format(op, spec);
    if (!sides) return false;
    replace(op, *sides, spec);
    return true;
  }

 private:
  static bool is_worth(const Value* weights, const ContractSpec& spec) {
    if (!weights->is_constant() || weights->dtype() != DType::f32 || spec.columns.empty()) return false;
    const Tensor& tensor = weights->constant();
    return tensor.count() >= kFewestElements && summed_size(spec, tensor) >= kFewestSummed;
  }

  std::optional<NarrowSides> in_best_format(const Op* op, const ContractSpec& spec) const {
    if (context_.weights == WeightFormat::I8)
      return in_format(op, [&](const Tensor& w) { return quantise<int8_t>(spec, w, DType::i8, 127); });
    const DType type = context_.weights == WeightFormat::F16 ? DType::f16 : DType::bf16;
    auto floats = in_format(op, [&](const Tensor& w) { return round_to(type, w); });
    const bool to_integers =
        context_.activations == ActivationFormat::I16 && summed_size(spec, op->operand(1)->constant()) <= kMostSummed;
    if (!to_integers) return floats;
    constexpr float kMost = 127 * 256 + 127;  // two signed bytes
    auto integers = in_format(op, [&](const Tensor& w) { return quantise<int16_t>(spec, w, DType::i16, kMost); });
    if (!integers || (floats && error_of(*floats) < error_of(*integers))) return floats;
    if (context_.remarks)
      context_.remarks->did(op, "keeps its weights as integers of 16 bits, with a scale for each column",
                            fmt::format("they are closer than as {}, and rows become integers, too", name(type)));
    return integers;
  }

  template <class F>
  static std::optional<NarrowSides> in_format(const Op* op, F narrow) {
    NarrowSides sides;
    for (size_t i = 1; i < op->operands().size(); ++i) {
      auto side = narrow(op->operand(i)->constant());
      if (!side) return std::nullopt;
      sides.push_back(std::move(*side));
    }
    return sides;
  }

  static double error_of(const NarrowSides& sides) {
    return std::accumulate(sides.begin(), sides.end(), 0.0,
                           [](double sum, const Narrow& side) { return sum + side.error; });
  }

  /// Each constant once, however many steps and contractions read it.
  Value* constant(const Value* weights, const ContractSpec& spec, const Tensor& tensor, const char* suffix) {
    Value*& known = done_[{weights, spec.rhs, spec.out, tensor.dtype()}];
    if (!known) known = f_.constant(tensor, weights->name().empty() ? "" : weights->name() + suffix);
    return known;
  }

  void replace(Op* op, const NarrowSides& sides, const ContractSpec& spec) {
    Builder b = Builder::before(op);
    b.set_location(op->location());
    std::vector<Value*> operands = {op->operand(0)}, results;
    for (size_t i = 0; i < sides.size(); ++i)
      operands.push_back(constant(op->operand(i + 1), spec, sides[i].weights, ""));
    const Op* product = b.create(Opcode::Contract, std::move(operands), op->attr());
    for (size_t i = 0; i < sides.size(); ++i) {
      Value* result = product->result(i);
      const auto& scale = sides[i].scale;
      results.push_back(scale ? b.mul(result, constant(op->operand(i + 1), spec, *scale, "_scale")) : result);
    }
    replace_op(op, results);
  }

  Function& f_;
  const PassContext& context_;
  std::map<std::tuple<const Value*, std::string, std::string, DType>, Value*> done_;
};

}  // namespace

/// Keeps constant f32 weights of contractions in the format that PassContext::weights asks for, so that fewer bytes are
/// read: a step of a recurrence with few rows takes as long as its weights take to come from the caches. The arithmetic
/// stays f32; the product says what is stored, since `contract` converts its right-hand sides:
///   contract x @w:f32    becomes    contract x @w:bf16 (or f16, rounded to nearest even)
///                        or         mul (contract x @w:i8) @scale, one scale a column: its largest magnitude / 127
/// Where rows become integers of 16 bits (PassContext::activations), f16 and bf16 stand for 16 bits a weight: integers
/// with scales as well, wherever those are closer to the weights (in the mean over a contraction).
/// Before: pack-weights. After: fuse-gates, and fold, which makes weights constants. Approximates: weights change.
/// Does not fire on: WeightFormat::F32, weights of fewer than 256 elements or 8 summed ones or without columns (biases
/// are no operands of contractions), constants with values that the format lacks (beyond 65504 for f16; NaN, infinity
/// for i8), weights known at run time only.
bool compress_weights(Function& f, PassContext& context) {
  if (context.weights == WeightFormat::F32) return false;
  Compressor compressor(f, context);
  bool changed = false;
  const auto is_plain = [](const Op* op) {
    return op->code() == Opcode::Contract && op->as<ContractAttr>().lanes == 0;
  };
  for (Op* op : find_ops(f.body(), is_plain)) changed |= compressor.compress(op);
  if (changed) f.erase_unused_constants();
  return changed;
}

}  // namespace seqc::passes
