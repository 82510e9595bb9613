// Gathering and scattering.
#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

/// The indices as far as they are known: moved into range, as our ops do with those outside. ONNX has no meaning for them.
Tensor in_range(Tensor index, const std::vector<Dim>& sizes) {
  for (int64_t i = 0; i < index.count(); ++i) {
    const Dim& size = sizes[static_cast<size_t>(i) % sizes.size()];
    if (!size.is_constant() || size.constant() == 0) continue;
    const int64_t at = index.integer(i), n = size.constant();
    if (at >= n || at < -n) index.set_integer(i, at < 0 ? 0 : n - 1);
  }
  return index;
}

/// Indices in a type that ONNX takes; GatherND and ScatterND take i64 only. `sizes`: of the axes that the indices walk
/// along, one after the other.
Name indices(GraphWriter& g, const Value* index, const std::vector<Dim>& sizes, bool only_i64) {
  Name name;
  if (index->is_constant() && !sizes.empty()) {
    const Tensor moved = in_range(index->constant(), sizes);
    if (!moved.identical(index->constant())) name = g.constant(moved, "indices");
  }
  if (name.empty()) name = g.name(index);
  if (index->dtype() == DType::i32 && !only_i64) return name;
  return g.cast(name, index->dtype(), DType::i64);
}

/// The dims that the tuples in index[..., k] walk along.
std::vector<Dim> tuple_sizes(const Value* x, const Value* index, int64_t batch_dims) {
  const auto first = x->shape().begin() + batch_dims;
  return {first, first + index->shape().back().constant()};
}

std::string_view reduction_name(ir::ScatterKind kind) {
  switch (kind) {
    case ir::ScatterKind::Set: return "none";
    case ir::ScatterKind::Add: return "add";
    case ir::ScatterKind::Mul: return "mul";
    case ir::ScatterKind::Max: return "max";
    case ir::ScatterKind::Min: return "min";
  }
  return "";
}

void export_scatter(GraphWriter& g, const Op& op) {
  const ir::ScatterKind kind = op.as<ir::ScatterAttr>().kind;
  const bool young = kind == ir::ScatterKind::Max || kind == ir::ScatterKind::Min;
  if (young && g.opset() < 18)
    g.unsupported(fmt::format("scattering with {} is younger than opset {}", reduction_name(kind), g.opset()),
                  "export with opset 18 or later (--opset 18)");
  Attributes attributes;
  if (kind != ir::ScatterKind::Set) attributes.emplace_back("reduction", reduction_name(kind));
  g.define(op.result(), "ScatterND",
           {g.name(op.operand(0)), indices(g, op.operand(1), tuple_sizes(op.operand(0), op.operand(1), 0), true),
            g.name(op.operand(2))},
           attributes);
}

}  // namespace

void export_gather(GraphWriter& g, const Op& op) {
  const Value *x = op.operand(0), *index = op.operand(1);
  const auto along_axis = [&] { return indices(g, index, {x->shape()[op.as<ir::AxisAttr>().axis]}, false); };
  switch (op.code()) {
    case Opcode::Gather:
      return g.define(op.result(), "Gather", {g.name(x), along_axis()}, {{"axis", op.as<ir::AxisAttr>().axis}});
    case Opcode::GatherElements:
      return g.define(op.result(), "GatherElements", {g.name(x), along_axis()}, {{"axis", op.as<ir::AxisAttr>().axis}});
    case Opcode::GatherNd:
      return g.define(op.result(), "GatherND",
                      {g.name(x), indices(g, index, tuple_sizes(x, index, op.as<ir::GatherNdAttr>().batch_dims), true)},
                      {{"batch_dims", op.as<ir::GatherNdAttr>().batch_dims}});
    case Opcode::ScatterNd: return export_scatter(g, op);
    default: SEQC_CHECK(false, "export: {} gathers nothing", op.info().mnemonic);
  }
}

}  // namespace seqc::frontend
