#include "tests/support/error_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "ir/infer.h"
#include "ir/named_dims.h"
#include "tests/support/random_graph.h"

namespace seqc::test {
namespace {

using namespace ir;

constexpr double kNone = std::numeric_limits<double>::infinity();  // no bound
constexpr double kUlps = 16;                                       // of functions that are not rounded correctly

/// The largest absolute value that is finite, and the largest difference.
struct Bound {
  double size = 0, error = 0;
};

Bound join(const Bound& a, const Bound& b) { return {std::max(a.size, b.size), std::max(a.error, b.error)}; }

double epsilon(DType type) {
  switch (type) {
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    case DType::f32: return 0x1p-23;
    default: return 0x1p-52;
  }
}

double largest(DType type) {
  switch (type) {
    case DType::f16: return 65504;
    case DType::bf16:
    case DType::f32: return std::numeric_limits<float>::max();
    default: return std::numeric_limits<double>::max();
  }
}

double size_of_values(const Tensor& tensor) {
  double largest = 0;
  for (int64_t i = 0; i < tensor.count() && is_arithmetic(tensor.dtype()); ++i)
    if (const double size = std::abs(tensor.real(i)); std::isfinite(size)) largest = std::max(largest, size);
  return largest;
}

class Evaluation {
 public:
  Evaluation(const Function& function, const DimBindings& dims) : dims_(dims), most_(function) {}

  std::vector<double> run(const Function& function, const std::vector<Tensor>& inputs) {
    for (size_t i = 0; i < function.body().argument_count(); ++i)
      bounds_[function.body().argument(i)] = {size_of_values(inputs[i]), 0};
    std::vector<double> errors;
    for (const Bound& bound : block(function.body())) errors.push_back(bound.error);
    return errors;
  }

 private:
  using Bounds = std::vector<Bound>;

  Bound of(const Value* value) {
    return value->is_constant() ? Bound{size_of_values(value->constant()), 0} : bounds_.at(value);
  }

  Bounds of_operands(const Op& op) {
    Bounds bounds;
    for (const Value* operand : op.operands()) bounds.push_back(of(operand));
    return bounds;
  }

  /// The number of elements, at most where only a run can tell.
  double count(const Shape& shape) const { return number(element_count(most_.upper(shape))); }
  double number(const Dim& dim) const { return static_cast<double>(most_.upper(dim).evaluate(dims_)); }

  /// What a block yields or returns.
  Bounds block(const Block& block) {
    for (const auto& op : block.ops()) {
      if (op.get() == block.terminator()) break;
      const Bounds results =
          op->region_count() > 0 ? control(*op) : Bounds(op->result_count(), settle(*op, simple(*op)));
      for (size_t i = 0; i < results.size(); ++i) bounds_[op->result(i)] = results[i];
    }
    return of_operands(*block.terminator());
  }

  /// A result that is not the same in both evaluations is rounded apart as well; one near overflow may be infinite in one.
  Bound settle(const Op& op, Bound bound) const {
    const DType type = op.result()->dtype();
    if (bound.error == 0) return bound;
    if (!is_float(type) || std::isnan(bound.error) || !(bound.size < largest(type) / 16)) return {bound.size, kNone};
    return {bound.size, bound.error + epsilon(type) * bound.size};
  }

  Bounds control(const Op& op) {
    const Bounds operands = of_operands(op);
    if (op.code() == Opcode::If) {
      Bounds results = block(op.region(0));
      const Bounds second = block(op.region(1));
      for (size_t i = 0; i < results.size(); ++i) results[i] = decided(operands[0].error, join(results[i], second[i]));
      return results;
    }
    const bool is_scan = op.code() == Opcode::Scan;
    const size_t first = is_scan ? 0 : 2;  // operand of the first carry
    const size_t carries = is_scan ? static_cast<size_t>(op.as<ScanAttr>().carries) : operands.size() - 2;
    const int64_t steps = is_scan ? most_.upper(op.as<ScanAttr>().length).evaluate(dims_) : kMostLoopSteps;
    Bounds state(operands.begin() + static_cast<ptrdiff_t>(first),
                 operands.begin() + static_cast<ptrdiff_t>(first + carries));
    Bounds emitted(op.result_count() - carries), all = state;
    double condition = is_scan ? 0 : operands[0].error + operands[1].error;
    for (int64_t step = 0; step < steps; ++step) {
      const Block& region = op.region();
      size_t argument = 0;
      if (!is_scan) bounds_[region.argument(argument++)] = {static_cast<double>(step), 0};
      for (const Bound& bound : state) bounds_[region.argument(argument++)] = bound;
      for (size_t i = carries; is_scan && i < operands.size(); ++i) bounds_[region.argument(argument++)] = operands[i];
      const Bounds yielded = block(region);
      if (!is_scan) condition += yielded[0].error;
      for (size_t i = 0; i < carries; ++i) state[i] = yielded[i + (is_scan ? 0 : 1)];
      for (size_t i = 0; i < carries; ++i) all[i] = join(all[i], state[i]);
      for (size_t i = 0; i < emitted.size(); ++i)
        emitted[i] = join(emitted[i], yielded[carries + i + (is_scan ? 0 : 1)]);
    }
    all.insert(all.end(), emitted.begin(), emitted.end());
    for (Bound& bound : all) bound = decided(condition, bound);
    return all;
  }

  /// A bound of what a condition (or an index) with this error chooses.
  static Bound decided(double error, Bound bound) { return error > 0 ? Bound{bound.size, kNone} : bound; }

  Bound simple(const Op& op) {
    const Bounds x = of_operands(op);
    double error = 0, size = 0;
    for (const Bound& bound : x) error += bound.error, size = std::max(size, bound.size);
    switch (op.code()) {
      case Opcode::Iota: return {count(op.result()->shape()), 0};
      case Opcode::Dims: {
        for (const Dim& dim : op.as<DimsAttr>().value) size = std::max(size, std::abs(number(dim)));
        return {size, 0};
      }
      case Opcode::Gather:
      case Opcode::GatherElements:
      case Opcode::GatherNd: return decided(x[1].error, x[0]);
      case Opcode::ScatterNd: return scatter(op, x);
      case Opcode::Reduce:
        return reduced(op.as<ReduceAttr>().kind, op.result()->dtype(), x[0], count(op.operand(0)->shape()));
      case Opcode::ReduceWindow: {
        double taps = 1;
        for (const int64_t size : op.as<WindowAttr>().window) taps *= static_cast<double>(size);
        return reduced(op.as<WindowAttr>().kind, op.result()->dtype(), x[0], taps);
      }
      case Opcode::Contract: return chain(op, summed_elements(op));
      case Opcode::Conv: {
        const Shape& w = op.operand(1)->shape();
        return chain(op, count(Shape(w.begin() + 1, w.end())));
      }
      case Opcode::Add: {
        Bound bound = elementwise(op, x);
        if (const Products products = added_products(op.result()); products.count > 1)
          bound.error += products.depth * epsilon(op.result()->dtype()) * bound.size;
        return bound;
      }
      case Opcode::Reshape:
      case Opcode::Broadcast:
      case Opcode::Transpose:
      case Opcode::Slice:
      case Opcode::Concat:
      case Opcode::Pad: return {size, error};
      default: return elementwise(op, x);
    }
  }

  double summed_elements(const Op& op) const {
    const ContractSpec spec = parse_contract_spec(op.as<ContractAttr>().spec);
    double product = 1;
    for (size_t i = 0; i < spec.lhs.size(); ++i)
      if (spec.summed.find(spec.lhs[i]) != std::string::npos) product *= number(op.operand(0)->shape()[i]);
    return product;
  }

  /// Contractions that are added up, and the number of products in all of them: each may go on with another's sum.
  struct Products {
    int count = 0;
    double depth = 0;
  };
  Products added_products(const Value* value) const {
    if (!value->op()) return {};
    const Op& op = *value->op();
    if (op.code() == Opcode::Contract) return {1, summed_elements(op)};
    if (op.code() != Opcode::Add && op.info().op_class != OpClass::Move) return {};
    Products all;
    for (const Value* operand : op.operands()) {
      const Products more = added_products(operand);
      all.count += more.count;
      all.depth += more.depth;
    }
    return all;
  }

  /// A sum of n products.
  Bound chain(const Op& op, double n) {
    const Bounds x = of_operands(op);
    Bound w = x[1];
    for (size_t i = 2; i < x.size(); ++i) w = join(w, x[i]);
    const Bound product = multiply(x[0], w);
    // Each of the n steps rounds.
    const double rounding = product.error > 0 ? n * n * product.size * epsilon(op.operand(0)->dtype()) : 0;
    return {n * product.size, n * product.error + rounding};
  }

  /// Of n elements, in any order: lanes have sums of their own. f16 and bf16 are summed in f32 and rounded once.
  static Bound reduced(ReduceKind kind, DType type, const Bound& x, double n) {
    const double ulp = !is_float(type) || n < 3 ? 0 : type == DType::f64 ? 0x1p-52 : 0x1p-23;
    switch (kind) {
      case ReduceKind::Max:
      case ReduceKind::Min: return {x.size, ulp > 0 ? std::max(x.error, 0x1p-1074) : x.error};  // +0 or -0
      case ReduceKind::Sum: return {n * x.size, n * x.error + n * n * x.size * ulp};
      case ReduceKind::Prod: {
        const double size = std::pow(std::max(1.0, x.size), n);
        return {size, x.error > 0 ? kNone : n * size * ulp};
      }
    }
    return {};
  }

  Bound scatter(const Op& op, const Bounds& x) const {
    const double n = count(op.operand(2)->shape());
    const Bound chosen = decided(x[1].error, join(x[0], x[2]));
    switch (op.as<ScatterAttr>().kind) {
      case ScatterKind::Set:
      case ScatterKind::Max:
      case ScatterKind::Min: return chosen;
      case ScatterKind::Add: return {x[0].size + n * x[2].size, x[0].error + n * chosen.error};
      case ScatterKind::Mul: return {x[0].size * std::pow(std::max(1.0, x[2].size), n), chosen.error > 0 ? kNone : 0};
    }
    return {};
  }

  static Bound multiply(const Bound& a, const Bound& b) {
    if (a.error == 0 && b.error == 0) return {a.size * b.size, 0};
    return {a.size * b.size, a.size * b.error + b.size * a.error + a.error * b.error};
  }

  Bound elementwise(const Op& op, const Bounds& x) const {
    const DType type = op.result()->dtype();
    const Bound& a = x[0];
    double error = 0, size = 0;
    for (const Bound& bound : x) error += bound.error, size = std::max(size, bound.size);
    /// A function with values up to `most` whose slope is at most `slope`, off by a few units in the last place.
    const auto function = [&](double most, double slope) {
      return Bound{most, (a.error > 0 ? slope * a.error : 0) + kUlps * epsilon(type) * most};
    };
    switch (op.code()) {
      case Opcode::Neg:
      case Opcode::Abs:
      case Opcode::Copy:
      case Opcode::Min:
      case Opcode::Max: return {size, error};
      case Opcode::Cast:
        return {size, error > 0 && (!is_float(type) || !is_float(op.operand(0)->dtype())) ? kNone : error};
      case Opcode::Add:
      case Opcode::Sub: return {a.size + x[1].size, error};
      case Opcode::Mul: return multiply(a, x[1]);
      case Opcode::Fma: {
        const Bound product = multiply(a, x[1]);
        return {product.size + x[2].size, product.error + x[2].error};
      }
      case Opcode::Select: return decided(a.error, join(x[1], x[2]));
      case Opcode::Tanh:
      case Opcode::Sigmoid:
      case Opcode::Sin:
      case Opcode::Cos: return function(1, 1);
      case Opcode::Erf: return function(1, 2);
      case Opcode::Atan: return function(2, 1);
      case Opcode::Asinh: return function(std::asinh(size) + 1, 1);
      case Opcode::Asin:
      case Opcode::Acos: return function(4, kNone);
      case Opcode::Log:
      case Opcode::Log1p:
      case Opcode::Acosh: return function(750, kNone);
      case Opcode::Exp:
      case Opcode::Expm1:
      case Opcode::Sinh:
      case Opcode::Cosh: return function(std::exp(size) + 1, std::exp(size + a.error));
      case Opcode::Tan:
      case Opcode::Atanh: return {kNone, kNone};
      case Opcode::Pow: return {kNone, is_float(type) ? kNone : error > 0 ? kNone : 0};
      case Opcode::Div: return {kNone, error > 0 ? kNone : 0};
      case Opcode::Floor:
      case Opcode::Ceil:
      case Opcode::Round: return {size + 1, error > 0 ? kNone : 0};
      case Opcode::Sqrt: return {size + 1, error > 0 ? kNone : 0};
      default:
        return {is_float(type) ? size + 1 : largest(DType::f32),
                error > 0 ? kNone : 0};  // comparisons, bits, remainders
    }
  }

  const DimBindings& dims_;
  const DimBounds most_;
  std::map<const Value*, Bound> bounds_;
};

}  // namespace

std::vector<double> error_bounds(const Function& function, const DimBindings& dims, const std::vector<Tensor>& inputs) {
  return Evaluation(function, dims).run(function, inputs);
}

}  // namespace seqc::test
