// Gathering and scattering.
#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

/// Indices in a type that ONNX takes; GatherND and ScatterND take i64 only.
Name indices(GraphWriter& g, const Value* index, bool only_i64) {
  const Name name = g.name(index);
  if (index->dtype() == DType::i32 && !only_i64) return name;
  return g.cast(name, index->dtype(), DType::i64);
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
  g.define(op.result(), "ScatterND", {g.name(op.operand(0)), indices(g, op.operand(1), true), g.name(op.operand(2))},
           attributes);
}

}  // namespace

void export_gather(GraphWriter& g, const Op& op) {
  switch (op.code()) {
    case Opcode::Gather:
      return g.define(op.result(), "Gather", {g.name(op.operand(0)), indices(g, op.operand(1), false)},
                      {{"axis", op.as<ir::AxisAttr>().axis}});
    case Opcode::GatherElements:
      return g.define(op.result(), "GatherElements", {g.name(op.operand(0)), indices(g, op.operand(1), false)},
                      {{"axis", op.as<ir::AxisAttr>().axis}});
    case Opcode::GatherNd:
      return g.define(op.result(), "GatherND", {g.name(op.operand(0)), indices(g, op.operand(1), true)},
                      {{"batch_dims", op.as<ir::GatherNdAttr>().batch_dims}});
    case Opcode::ScatterNd: return export_scatter(g, op);
    default: SEQC_CHECK(false, "export: {} gathers nothing", op.info().mnemonic);
  }
}

}  // namespace seqc::frontend
