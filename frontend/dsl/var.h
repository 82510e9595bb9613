/// Variables of the DSL: handles of IR values, with operators and functions that emit IR at the place under construction.
#pragma once

#include <string>
#include <vector>

#include "ir/builder.h"

namespace seqc::dsl {

/// Where ops are being emitted: at first the builder it was made with; inside the body of a scan, that body. All
/// variables of a model share one context, which must outlive them.
class Context {
 public:
  explicit Context(ir::Builder& builder) : builder_(&builder) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ir::Builder& builder() const { return *builder_; }

  /// Integers that must be in [0, size), unless their weight (null: 1) is 0; called `name`.
  struct Range {
    std::string name;
    ir::Value* integers;
    ir::Dim size;
    ir::Value* weights;
  };
  /// Those of the model so far, scans' bodies left out: whoever trains it refuses data that are outside.
  const std::vector<Range>& ranges() const { return ranges_; }
  void add_range(Range range) {
    if (steps_.empty()) ranges_.push_back(std::move(range));
  }

  /// Step numbers (integers) of the scans around the place under construction, from outside in.
  const std::vector<ir::Value*>& steps() const { return steps_; }

  /// Emits into another builder, that of a scan's body, as long as it lives; `step` is the number of the scan's step.
  class Inside {
   public:
    Inside(Context& context, ir::Builder& builder, ir::Value* step) : context_(context), outer_(context.builder_) {
      context_.builder_ = &builder;
      context_.steps_.push_back(step);
    }
    ~Inside() {
      context_.builder_ = outer_;
      context_.steps_.pop_back();
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Context& context_;
    ir::Builder* outer_;
  };

 private:
  ir::Builder* builder_;
  std::vector<ir::Value*> steps_;
  std::vector<Range> ranges_;
};

/// A variable: an IR value and its context. Cheap to copy. Default-made ones are absent: optional arguments take them.
class Var {
 public:
  Var() = default;
  /// `value` may be null, which makes an absent variable.
  Var(Context& context, ir::Value* value) : context_(&context), value_(value) {}

  explicit operator bool() const { return value_ != nullptr; }
  /// The IR value; an Internal error for absent variables.
  ir::Value* value() const;
  Context& context() const;
  ir::DType dtype() const { return value()->dtype(); }
  const ir::Shape& shape() const { return value()->shape(); }
  int64_t rank() const { return value()->rank(); }
  const ir::Dim& dim(int64_t axis) const { return value()->shape()[axis < 0 ? axis + rank() : axis]; }

  /// Gives the value a name for readers of the IR.
  const Var& named(const std::string& name) const;

 private:
  Context* context_ = nullptr;
  ir::Value* value_ = nullptr;
};
using Vars = std::vector<Var>;

/// A number as a rank-0 constant of `like`'s element type.
Var scalar(double value, const Var& like);

// Elementwise; two operands broadcast as in NumPy, a number takes the other operand's element type.
Var operator-(const Var& a);
#define SEQC_DSL_BINARY(function)                                                   \
  Var function(const Var& a, const Var& b);                                         \
  inline Var function(const Var& a, double b) { return function(a, scalar(b, a)); } \
  inline Var function(double a, const Var& b) { return function(scalar(a, b), b); }
SEQC_DSL_BINARY(operator+)
SEQC_DSL_BINARY(operator-)
SEQC_DSL_BINARY(operator*)
SEQC_DSL_BINARY(operator/)
SEQC_DSL_BINARY(operator<)
SEQC_DSL_BINARY(operator<=)
SEQC_DSL_BINARY(operator>)
SEQC_DSL_BINARY(operator>=)
SEQC_DSL_BINARY(equal)
SEQC_DSL_BINARY(min)
SEQC_DSL_BINARY(max)
SEQC_DSL_BINARY(pow)
#undef SEQC_DSL_BINARY
Var operator&&(const Var& a, const Var& b);  ///< of bools; both sides are computed
Var operator||(const Var& a, const Var& b);
Var operator!(const Var& a);

Var abs(const Var& x);
Var sqrt(const Var& x);
Var exp(const Var& x);
Var expm1(const Var& x);
Var log(const Var& x);
Var log1p(const Var& x);
Var erf(const Var& x);
Var tanh(const Var& x);
Var sigmoid(const Var& x);
Var relu(const Var& x);
Var softplus(const Var& x);  ///< log(1 + e^x), without overflow
/// Bounds x by lo and hi.
Var clamp(const Var& x, double lo, double hi);
/// condition ? a : b, element by element; `condition` is bool.
Var where(const Var& condition, const Var& a, const Var& b);
Var where(const Var& condition, const Var& a, double b);
Var where(const Var& condition, double a, const Var& b);
Var cast(const Var& x, ir::DType type);

/// x·wᵀ + b over the last dim: x[..., I], w[O, I], b[O] or absent -> [..., O].
Var linear(const Var& x, const Var& w, const Var& b = {});
/// One Einstein sum of two operands, such as "ni,ji->nj"; see ir::ContractAttr.
Var contract(const std::string& spec, const Var& x, const Var& w);

// Shapes. A negative axis counts from the end.
Var reshape(const Var& x, ir::Shape shape);
Var broadcast(const Var& x, ir::Shape shape);
Var transpose(const Var& x, std::vector<int64_t> perm);
Var concat(const Vars& parts, int64_t axis);
/// Elements [start, start + size) of one axis.
Var slice(const Var& x, int64_t axis, ir::Dim start, ir::Dim size);
/// One element of an axis, which vanishes.
Var select(const Var& x, int64_t axis, ir::Dim index);
/// Joins along a new axis.
Var stack(const Vars& parts, int64_t axis);

// Reductions over one axis, which vanishes.
Var sum(const Var& x, int64_t axis);
Var mean(const Var& x, int64_t axis);
Var reduce_max(const Var& x, int64_t axis);
/// e^x over its sum along an axis, without overflow.
Var softmax(const Var& x, int64_t axis);

/// Says that integers must be in [0, size) where `weights`, if given, are not 0: see Context::Range. They are called by
/// the name of the model's input if they are one, else `role`.
void need_range(const std::string& role, const Var& integers, const ir::Dim& size, const Var& weights = {});

/// Zeros of the element type of `like`.
Var zeros(ir::Shape shape, const Var& like);
/// Zeros [N, size] for x[T, N, ...]: the usual initial state of a scan over x.
Var zeros_like_rows(const Var& x, ir::Dim size);

}  // namespace seqc::dsl
