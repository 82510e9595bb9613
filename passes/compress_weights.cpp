#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

// Below these sizes weights stay as they are: they fit the first cache in any case, and the scales of i8 would be a good
// part of what is saved.
constexpr int64_t kFewestSummed = 8, kFewestElements = 256;

/// Weights in fewer bytes: w is about narrow * scale.
struct Narrow {
  Value* weights;
  Value* scale;  ///< broadcasts against the result, and has no leading dims of 1; null: 1
};

DType stored_type(WeightFormat format) {
  switch (format) {
    case WeightFormat::F32: return DType::f32;
    case WeightFormat::F16: return DType::f16;
    case WeightFormat::BF16: return DType::bf16;
    case WeightFormat::I8: return DType::i8;
  }
  internal_error(__FILE__, __LINE__, "format", "unknown weight format");
}

int64_t summed_size(const ContractSpec& spec, const Tensor& weights) {
  int64_t size = 1;
  for (size_t i = 0; i < spec.rhs.size(); ++i)
    if (spec.summed.find(spec.rhs[i]) != std::string::npos) size *= weights.shape()[i];
  return size;
}

/// Round to nearest even; false where that is not near: a number beyond f16 would become infinite.
bool round_to(DType type, const Tensor& weights, Tensor& rounded) {
  const auto from = weights.data<float>();
  const auto to = rounded.mutable_data<uint16_t>();
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = type == DType::f16 ? float_to_f16(from[i]) : float_to_bf16(from[i]);
    const float back = type == DType::f16 ? f16_to_float(to[i]) : bf16_to_float(to[i]);
    if (std::isfinite(from[i]) && !std::isfinite(back)) return false;
  }
  return true;
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

/// Symmetric: the largest magnitude of a column becomes 127. False for columns with NaN or infinity.
bool quantise(const ContractSpec& spec, const Tensor& weights, Tensor& quantised, Tensor& scales) {
  std::vector<int64_t> shape;
  const std::vector<size_t> column = column_of_elements(spec, weights, shape);
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  scales = Tensor(DType::f32, shape);
  const auto from = weights.data<float>();
  const auto scale = scales.mutable_data<float>();
  std::fill(scale.begin(), scale.end(), 0.0F);
  for (size_t i = 0; i < from.size(); ++i) {
    if (!std::isfinite(from[i])) return false;
    scale[column[i]] = std::max(scale[column[i]], std::abs(from[i]));
  }
  for (float& s : scale) s = s == 0 ? 1 : s / 127;
  const auto to = quantised.mutable_data<int8_t>();
  for (size_t i = 0; i < from.size(); ++i) {
    const float steps = scale[column[i]] == 0 ? 0 : from[i] / scale[column[i]];  // 0: of subnormal weights
    to[i] = static_cast<int8_t>(std::clamp(std::nearbyint(steps), -127.0F, 127.0F));
  }
  return true;
}

class Compressor {
 public:
  Compressor(Function& f, WeightFormat format) : f_(f), format_(format), type_(stored_type(format)) {}

  bool compress(Op* op) {
    const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
    std::vector<Narrow> narrow;
    for (size_t i = 1; i < op->operands().size(); ++i) {  // all or none: they are packed together
      const Value* weights = op->operand(i);
      if (!is_worth(weights, spec)) return false;
      narrow.push_back(compressed(weights, spec));
      if (!narrow.back().weights) return false;
    }
    replace(op, narrow);
    return true;
  }

 private:
  static bool is_worth(const Value* weights, const ContractSpec& spec) {
    if (!weights->is_constant() || weights->dtype() != DType::f32 || spec.columns.empty()) return false;
    const Tensor& tensor = weights->constant();
    return tensor.count() >= kFewestElements && summed_size(spec, tensor) >= kFewestSummed;
  }

  /// Each constant once, however many steps and contractions read it; weights null if they have no narrow form.
  const Narrow& compressed(const Value* weights, const ContractSpec& spec) {
    const auto [it, inserted] = done_.try_emplace({weights, spec.rhs, spec.out}, Narrow{nullptr, nullptr});
    if (!inserted) return it->second;
    const Tensor& tensor = weights->constant();
    Tensor narrow(type_, tensor.shape()), scales;
    const bool fits =
        format_ == WeightFormat::I8 ? quantise(spec, tensor, narrow, scales) : round_to(type_, tensor, narrow);
    if (!fits) return it->second;
    it->second.weights = f_.constant(std::move(narrow), weights->name());
    if (format_ == WeightFormat::I8)
      it->second.scale = f_.constant(std::move(scales), weights->name().empty() ? "" : weights->name() + "_scale");
    return it->second;
  }

  static void replace(Op* op, const std::vector<Narrow>& narrow) {
    Builder b = Builder::before(op);
    b.set_location(op->location());
    std::vector<Value*> operands = {op->operand(0)}, results;
    for (const Narrow& n : narrow) operands.push_back(n.weights);
    const Op* product = b.create(Opcode::Contract, std::move(operands), op->attr());
    for (size_t i = 0; i < narrow.size(); ++i) {
      Value* result = product->result(i);
      results.push_back(narrow[i].scale ? b.mul(result, narrow[i].scale) : result);
    }
    replace_op(op, results);
  }

  Function& f_;
  const WeightFormat format_;
  const DType type_;
  std::map<std::tuple<const Value*, std::string, std::string>, Narrow> done_;
};

}  // namespace

/// Keeps constant f32 weights of contractions in the format that PassContext::weights asks for, so that fewer bytes are
/// read: a step of a recurrence with few rows takes as long as its weights take to come from the caches. The arithmetic
/// stays f32; the product says what is stored, since `contract` converts its right-hand sides:
///   contract x @w:f32    becomes    contract x @w:bf16 (or f16, rounded to nearest even)
///                        or         mul (contract x @w:i8) @scale, one scale a column: its largest magnitude / 127
/// Before: pack-weights. After: fuse-gates, and fold, which makes weights constants. Approximates: weights change.
/// Does not fire on: WeightFormat::F32, weights of fewer than 256 elements or 8 summed ones or without columns (biases
/// are no operands of contractions), constants with values that the format lacks (beyond 65504 for f16; NaN, infinity
/// for i8), weights known at run time only.
bool compress_weights(Function& f, PassContext& context) {
  if (context.weights == WeightFormat::F32) return false;
  Compressor compressor(f, context.weights);
  bool changed = false;
  const auto is_plain = [](const Op* op) {
    return op->code() == Opcode::Contract && op->as<ContractAttr>().lanes == 0;
  };
  for (Op* op : find_ops(f.body(), is_plain)) changed |= compressor.compress(op);
  if (changed) f.erase_unused_constants();
  return changed;
}

}  // namespace seqc::passes
