#include "runtime/training/gradient_rows.h"

#include <numeric>

#include "ir/error.h"

namespace seqc::training {

using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::Opcode;
using ir::Shape;

namespace {

Var gather_rows(const Var& x, const Var& rows) {
  return {x.context(), x.context().builder().emit(Opcode::Gather, {x.value(), rows.value()}, ir::AxisAttr{0})};
}

Var scatter_rows(const Var& x, const Var& rows, const Var& updates, ir::ScatterKind kind) {
  const Var index = reshape(rows, {rows.dim(0), Dim(1)});
  return {x.context(), x.context().builder().emit(Opcode::ScatterNd, {x.value(), index.value(), updates.value()},
                                                  ir::ScatterAttr{kind})};
}

Clip bounded(Clip::Kind kind, double bound, const char* name) {
  if (!(bound > 0)) fail(ErrorKind::BadInput, "{}: got {}, expected a bound above 0", name, bound);
  return {kind, bound};
}

/// bound / (norm + 1e-6), at most 1: PyTorch's factor.
Var shrinking(const Var& norm, double bound) { return min(bound / (norm + 1e-6), 1.0); }

}  // namespace

Clip by_value(double bound) { return bounded(Clip::Kind::Value, bound, "by_value"); }
Clip by_norm(double bound) { return bounded(Clip::Kind::Norm, bound, "by_norm"); }
Clip by_global_norm(double bound) { return bounded(Clip::Kind::GlobalNorm, bound, "by_global_norm"); }

std::string Clip::str() const {
  switch (kind) {
    case Kind::None: return "none";
    case Kind::Value: return fmt::format("by_value {}", bound);
    case Kind::Norm: return fmt::format("by_norm {}", bound);
    case Kind::GlobalNorm: return fmt::format("by_global_norm {}", bound);
  }
  return "";
}

// Rows that appear more than once are added up in one place: the table `last` says for each row of the parameter at which
// position of `indices` it was seen last.
ParameterGradient::ParameterGradient(dsl::Context& context, ir::Value* parameter, const passes::Gradient& gradient)
    : parameter_(context, parameter) {
  if (gradient.dense) {
    elements_ = Var(context, gradient.dense);
    return;
  }
  ir::Builder& b = context.builder();
  indices_ = Var(context, gradient.indices);
  const Var rows(context, gradient.rows);
  const Var positions(context, b.iota(rows.dim(0)));
  const Var unseen(context, b.broadcast(b.scalar(ir::DType::i64, 0), {parameter_.dim(0)}));
  const Var last = scatter_rows(unseen, indices_, positions, ir::ScatterKind::Set);
  place_ = gather_rows(last, indices_);
  elements_ = scatter_rows(dsl::zeros(rows.shape(), rows), place_, rows, ir::ScatterKind::Add);
}

Var ParameterGradient::square() const {
  std::vector<int64_t> axes(static_cast<size_t>(elements_.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  const Var squares = elements_ * elements_;
  ir::Builder& b = elements_.context().builder();
  const Var sum(elements_.context(),
                axes.empty() ? squares.value() : b.reduce(ir::ReduceKind::Sum, squares.value(), axes));
  return cast(sum, ir::DType::f64);
}

Updated ParameterGradient::update(const Optimizer& optimizer, const Vars& states, const Var& rate,
                                  const Var& step) const {
  if (!is_sparse()) return optimizer.update({parameter_, elements_, states, rate, step});
  // Each repeated row is computed from its sum again, so that it does not matter which of them is written last.
  Vars state_rows;
  for (const Var& state : states) state_rows.push_back(gather_rows(state, indices_));
  const Slot slot{gather_rows(parameter_, indices_), gather_rows(elements_, place_), state_rows, rate, step};
  const Updated rows = optimizer.update(slot);
  Updated whole{scatter_rows(parameter_, indices_, rows.parameter, ir::ScatterKind::Set), {}};
  for (size_t i = 0; i < states.size(); ++i)
    whole.states.push_back(scatter_rows(states[i], indices_, rows.states[i], ir::ScatterKind::Set));
  return whole;
}

Var clip_gradients(const Clip& clip, std::vector<ParameterGradient>& gradients, dsl::Context& context) {
  Var total(context, context.builder().scalar(ir::DType::f64, 0));
  Vars norms;
  for (const ParameterGradient& gradient : gradients) {
    const Var square = gradient.square();
    total = total + square;
    norms.push_back(sqrt(square));
  }
  const Var norm = sqrt(total);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const auto scale = [&](const Var& of) {
      const Var factor = shrinking(of, clip.bound);
      gradients[i].apply([&](const Var& x) { return x * cast(factor, x.dtype()); });
    };
    switch (clip.kind) {
      case Clip::Kind::None: break;
      case Clip::Kind::Value:
        gradients[i].apply([&](const Var& x) { return clamp(x, -clip.bound, clip.bound); });
        break;
      case Clip::Kind::Norm: scale(norms[i]); break;
      case Clip::Kind::GlobalNorm: scale(norm); break;
    }
  }
  return norm;
}

}  // namespace seqc::training
