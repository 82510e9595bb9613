// Reductions and contractions.
#include <algorithm>

#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

std::string_view reduction_name(ir::ReduceKind kind) {
  switch (kind) {
    case ir::ReduceKind::Sum: return "ReduceSum";
    case ir::ReduceKind::Prod: return "ReduceProd";
    case ir::ReduceKind::Max: return "ReduceMax";
    case ir::ReduceKind::Min: return "ReduceMin";
  }
  return "";
}

void export_reduce(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::ReduceAttr>();
  const Value* x = op.operand(0);
  if (attr.axes.empty()) return g.define_as(op.result(), g.name(x));
  const DType type = x->dtype(), work = wide_type(type);
  Names inputs = {g.cast(g.name(x), type, work)};
  Attributes attributes = {{"keepdims", 0}};
  // Sums take axes as an input since opset 13, the others since 18.
  if (attr.kind == ir::ReduceKind::Sum || g.opset() >= 18)
    inputs.push_back(g.integers(attr.axes, "axes"));
  else
    attributes.emplace_back("axes", attr.axes);
  const std::string_view name = reduction_name(attr.kind);
  if (work == type) return g.define(op.result(), name, inputs, attributes);
  g.define_as(op.result(), g.cast(g.node(name, inputs, attributes), work, type));
}

/// x[..., k] or x[batch, ..., k] with w[batch, k, n] in either order of its last two: what MatMul and Gemm are made for.
struct Product {
  bool possible = false;
  bool w_transposed = false;  ///< w is [..., n, k]
};

Product as_product(const ir::ContractSpec& spec) {
  Product result;
  if (spec.summed.size() != 1 || spec.columns.size() != 1) return result;
  // With batch labels the rows must be one dim; without, MatMul takes any number of them in front.
  if (!spec.batch.empty() && spec.rows.size() != 1) return result;
  if (spec.lhs != spec.batch + spec.rows + spec.summed || spec.rows.empty()) return result;
  if (spec.out != spec.batch + spec.rows + spec.columns) return result;
  result.w_transposed = spec.rhs == spec.batch + spec.columns + spec.summed;
  result.possible = result.w_transposed || spec.rhs == spec.batch + spec.summed + spec.columns;
  return result;
}

/// One right-hand side; operands have one type.
void export_contraction(GraphWriter& g, const Value* result, const Name& x, const Name& w, const std::string& text) {
  const ir::ContractSpec spec = ir::parse_contract_spec(text);
  const Product product = as_product(spec);
  if (!product.possible) return g.define(result, "Einsum", {x, w}, {{"equation", spec.str()}});
  if (!product.w_transposed) return g.define(result, "MatMul", {x, w});
  if (ir::is_float(result->dtype()) && spec.batch.empty() && spec.rows.size() == 1)
    return g.define(result, "Gemm", {x, w}, {{"transB", 1}});
  std::vector<int64_t> perm;
  for (size_t i = 0; i < spec.rhs.size(); ++i) perm.push_back(static_cast<int64_t>(i));
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  g.define(result, "MatMul", {x, g.transpose(w, perm)});
}

void export_contract(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::ContractAttr>();
  if (attr.lanes > 0)
    g.unsupported("its weights are packed for one machine", "export the function as it was before the passes");
  const DType type = op.operand(0)->dtype();
  for (size_t i = 0; i < op.result_count(); ++i) {
    const Value *w = op.operand(i + 1), *result = op.result(i);
    const DType sum = result->dtype(), work = wide_type(sum);
    const Name left = g.cast(g.name(op.operand(0)), type, work), right = g.cast(g.name(w), w->dtype(), work);
    if (work == sum) {
      export_contraction(g, result, left, right, attr.spec);
      continue;
    }
    const Name wide = g.node("Einsum", {left, right}, {{"equation", attr.spec}});
    g.define_as(result, g.cast(wide, work, sum));
  }
}

}  // namespace

void export_reduction(GraphWriter& g, const Op& op) {
  switch (op.code()) {
    case Opcode::Reduce: return export_reduce(g, op);
    case Opcode::Contract: return export_contract(g, op);
    default: SEQC_CHECK(false, "export: {} reduces nothing", op.info().mnemonic);
  }
}

}  // namespace seqc::frontend
