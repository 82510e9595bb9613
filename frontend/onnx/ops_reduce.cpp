// Reductions over axes, their compositions, and running sums.
#include <functional>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

using ir::ReduceKind;

/// log(sum(e^x)) with the largest element taken out, so that nothing overflows; infinite ones stay in.
Value* log_sum_exp(Builder& b, Value* x, const std::vector<int64_t>& axes) {
  Value* largest = reduce(b, ReduceKind::Max, x, axes, true);
  largest = b.select(b.emit(Opcode::IsInf, {largest}), b.scalar_like(x, 0), largest);
  Value* sum = reduce(b, ReduceKind::Sum, b.exp(b.sub(x, largest)), axes, true);
  return b.add(b.log(sum), largest);
}

using Reduction = Value* (*)(Builder&, Value*, const std::vector<int64_t>&);

/// The reduced value with dims of size 1 in place of `axes`.
struct Row {
  std::string_view name;
  int64_t axes_since;  ///< opset in which axes became an input
  Reduction keep;
};
template <ReduceKind K>
Value* plain(Builder& b, Value* x, const std::vector<int64_t>& axes) {
  if (x->dtype() != DType::boolean) return reduce(b, K, x, axes, true);
  return b.cast(reduce(b, K, b.cast(x, DType::u8), axes, true), DType::boolean);  // opset 20
}
Value* sum_of(Builder& b, Value* x, const std::vector<int64_t>& axes) {
  return reduce(b, ReduceKind::Sum, x, axes, true);
}
/// Roots and logarithms of integers are taken of reals, and cut off.
template <Value* (*F)(Builder&, Value*, const std::vector<int64_t>&)>
Value* of_reals(Builder& b, Value* x, const std::vector<int64_t>& axes) {
  return b.cast(F(b, ir::is_float(x->dtype()) ? x : b.cast(x, DType::f64), axes), x->dtype());
}
Value* l2_norm(Builder& b, Value* x, const std::vector<int64_t>& axes) { return b.sqrt(sum_of(b, b.mul(x, x), axes)); }
Value* log_sum(Builder& b, Value* x, const std::vector<int64_t>& axes) { return b.log(sum_of(b, x, axes)); }
constexpr Row kRows[] = {
    {"ReduceL1", 18, [](Builder& b, Value* x, const auto& axes) { return sum_of(b, b.abs(x), axes); }},
    {"ReduceL2", 18, of_reals<l2_norm>},
    {"ReduceLogSum", 18, of_reals<log_sum>},
    {"ReduceLogSumExp", 18, of_reals<log_sum_exp>},
    {"ReduceMax", 18, plain<ReduceKind::Max>},
    {"ReduceMean", 18, mean_keeping},
    {"ReduceMin", 18, plain<ReduceKind::Min>},
    {"ReduceProd", 18, plain<ReduceKind::Prod>},
    {"ReduceSum", 13, plain<ReduceKind::Sum>},
    {"ReduceSumSquare", 18, [](Builder& b, Value* x, const auto& axes) { return sum_of(b, b.mul(x, x), axes); }},
};

void import_reduce(Node& node) {
  const Row* row = nullptr;
  for (const Row& candidate : kRows)
    if (candidate.name == node.op_type()) row = &candidate;
  Value* x = node.input(0, "data");
  auto axes = read_axes(node, row->axes_since, 1, x->rank());
  const bool keep = node.integer("keepdims", 1) != 0;
  const bool noop = node.integer("noop_with_empty_axes", 0) != 0;
  if (!axes || axes->empty()) {
    if (noop)
      axes.emplace();
    else
      axes = axis_range(0, x->rank());
  }
  Value* result = row->keep(node.builder(), x, *axes);
  node.set_output(0, keep ? result : node.builder().reshape(result, without(x->shape(), *axes)));
}

/// The first (or last) position of the largest (or smallest) element: the smallest position among those that equal it.
void import_arg(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "data");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  const bool keep = node.integer("keepdims", 1) != 0, last = node.integer("select_last_index", 0) != 0;
  const ReduceKind kind = node.op_type() == "ArgMax" ? ReduceKind::Max : ReduceKind::Min;
  const Dim count = x->shape()[axis];
  if (count == Dim(0)) node.bad("axis {} of {} is empty", axis, x->type().str());
  Value* hit = b.eq(x, reduce(b, kind, x, {axis}, true));
  Value* position = along_axis(b, b.iota(count), axis, x->rank());
  Value* none = last ? b.scalar(DType::i64, -1) : dim_scalar(b, count, DType::i64);
  Value* positions = b.select(hit, position, none);
  node.set_output(0, reduce(b, last ? ReduceKind::Max : ReduceKind::Min, positions, {axis}, keep));
}

void import_cumsum(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "x");
  const auto given = node.required_ints(1, "axis");
  if (given.size() != 1) node.bad("axis holds {} numbers, expected one", given.size());
  const int64_t axis = node.axis(given[0], x->rank());
  const bool exclusive = node.integer("exclusive", 0) != 0, reverse = node.integer("reverse", 0) != 0;
  std::vector<int64_t> perm = axis_range(0, x->rank());
  std::swap(perm[0], perm[axis]);
  Value* steps = b.transpose(x, perm);
  Value* zero = b.broadcast(b.scalar_like(x, 0), Shape(steps->shape().begin() + 1, steps->shape().end()));
  ir::Op* scan = b.scan(
      steps->shape()[0], {zero}, {steps},
      [&](Builder& inner, const std::vector<Value*>& arguments) -> std::vector<Value*> {
        Value* sum = inner.add(arguments[0], arguments[1]);
        return {sum, exclusive ? arguments[0] : sum};
      },
      reverse);
  node.set_output(0, b.transpose(scan->result(1), perm));
}

constexpr OperatorEntry kOperators[] = {
    {"ArgMax", import_arg},
    {"ArgMin", import_arg},
    {"CumSum", import_cumsum},
    {"ReduceL1", import_reduce},
    {"ReduceL2", import_reduce},
    {"ReduceLogSum", import_reduce},
    {"ReduceLogSumExp", import_reduce},
    {"ReduceMax", import_reduce},
    {"ReduceMean", import_reduce},
    {"ReduceMin", import_reduce},
    {"ReduceProd", import_reduce},
    {"ReduceSum", import_reduce},
    {"ReduceSumSquare", import_reduce},
};

}  // namespace

std::span<const OperatorEntry> reduce_operators() { return kOperators; }

}  // namespace seqc::frontend
