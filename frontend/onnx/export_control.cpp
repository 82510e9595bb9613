// Regions: Scan, Loop and If, whose bodies are subgraphs that see the values around them.
#include <functional>

#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

/// A body: inputs are the block's arguments from `first` on, outputs what it yields.
onnx::GraphProto body_of(GraphWriter& g, const ir::Block& block, const std::string& hint,
                         const std::function<void(GraphWriter&, onnx::GraphProto&)>& begin) {
  onnx::GraphProto graph;
  graph.set_name(g.model().fresh(hint));
  GraphWriter body(g.model(), &g, graph);
  begin(body, graph);
  body.write(block);
  body.set_op(nullptr);
  body.write_outputs(block.terminator()->operands());
  return graph;
}

void add_input(GraphWriter& body, onnx::GraphProto& graph, const Value* argument, std::string_view hint) {
  const Name name = body.model().fresh(argument->name().empty() ? hint : std::string_view(argument->name()));
  GraphWriter::set_type(*graph.add_input(), name, argument->type());
  body.bind(argument, name);
}

Names results_of(GraphWriter& g, const Op& op) {
  Names results;
  for (size_t i = 0; i < op.result_count(); ++i) {
    results.push_back(g.result_name(op.result(i)));
    g.bind(op.result(i), results.back());
  }
  return results;
}

void export_scan(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::ScanAttr>();
  const ir::Block& block = op.region();
  const auto carries = static_cast<size_t>(attr.carries);
  Names inputs = g.names(op.operands());
  size_t scanned = inputs.size() - carries;
  const bool counts = scanned == 0;  // ONNX has no scan over nothing: it goes over the steps' numbers
  if (counts) {
    const Name zero = g.scalar(DType::i64, 0);
    inputs.push_back(g.expand(zero, {attr.length}));
    scanned = 1;
  }
  onnx::GraphProto body = body_of(g, block, "scan_body", [&](GraphWriter& inner, onnx::GraphProto& graph) {
    for (size_t i = 0; i < block.argument_count(); ++i)
      add_input(inner, graph, block.argument(i), i < carries ? "state" : "step");
    if (counts) GraphWriter::set_type(*graph.add_input(), inner.model().fresh("step"), {DType::i64, {}});
  });
  const size_t emitted = op.result_count() - carries;
  Attributes attributes = {{"num_scan_inputs", static_cast<int64_t>(scanned)}};
  if (attr.reverse) {
    attributes.emplace_back("scan_input_directions", std::vector<int64_t>(scanned, 1));
    if (emitted > 0) attributes.emplace_back("scan_output_directions", std::vector<int64_t>(emitted, 1));
  }
  attributes.emplace_back("body", std::move(body));
  g.set_op(&op);
  g.node_of("Scan", inputs, results_of(g, op), attributes);
}

/// ONNX stacks as many rows as steps have run; ours has `rows`, of which those behind are of no meaning.
Name full_rows(GraphWriter& g, const Name& stacked, const Value* result, const Dim& rows) {
  const Name none = g.constant(Tensor(result->dtype(), {}), "none");
  const Name all = g.node("Concat", {stacked, g.expand(none, result->shape())}, {{"axis", 0}});
  return g.node("Slice", {all, g.integers({0}, "starts"), g.dims({rows}), g.integers({0}, "axes")});
}

void export_loop(GraphWriter& g, const Op& op) {
  const Dim& at_most = op.as<ir::LoopAttr>().at_most;
  const ir::Block& block = op.region();
  const size_t carries = op.operands().size() - 2;
  Name count = g.name(op.operand(0));
  const bool emits = op.result_count() > carries;
  if (emits && !(at_most == Dim(-1)))
    count = g.node("Min", {count, g.node("Reshape", {g.dim(at_most), g.integers({}, "scalar")})});
  Names inputs = {count, g.name(op.operand(1))};
  for (size_t i = 0; i < carries; ++i) inputs.push_back(g.name(op.operand(i + 2)));
  onnx::GraphProto body = body_of(g, block, "loop_body", [&](GraphWriter& inner, onnx::GraphProto& graph) {
    add_input(inner, graph, block.argument(0), "step");
    GraphWriter::set_type(*graph.add_input(), inner.model().fresh("goes_on"), {DType::boolean, {}});
    for (size_t i = 1; i < block.argument_count(); ++i) add_input(inner, graph, block.argument(i), "state");
  });
  g.set_op(&op);
  Names outputs;
  for (size_t i = 0; i < op.result_count(); ++i) {
    outputs.push_back(i < carries ? g.result_name(op.result(i)) : g.model().fresh("rows"));
    if (i < carries) g.bind(op.result(i), outputs.back());
  }
  g.node_of("Loop", inputs, outputs, {{"body", std::move(body)}});
  for (size_t i = carries; i < op.result_count(); ++i)
    g.define_as(op.result(i), full_rows(g, outputs[i], op.result(i), op.result(i)->shape()[0]));
}

void export_if(GraphWriter& g, const Op& op) {
  const auto branch = [&](size_t i, const std::string& hint) {
    return body_of(g, op.region(i), hint, [](GraphWriter&, onnx::GraphProto&) {});
  };
  onnx::GraphProto yes = branch(0, "then"), no = branch(1, "else");
  g.set_op(&op);
  const Names inputs = {g.name(op.operand(0))};
  g.node_of("If", inputs, results_of(g, op), {{"then_branch", std::move(yes)}, {"else_branch", std::move(no)}});
}

void export_bind_dim(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::BindDimAttr>();
  const Name size = g.reshape(g.name(op.operand(0)), {}, {Dim(1)});
  const Name least = g.node("Max", {size, g.integers({0}, "size")}, {}, "size");
  const Name bound = g.node("Min", {least, g.dim(attr.at_most)}, {}, attr.name);
  g.bind_symbol(attr.name, bound);
  g.define_as(op.result(), g.reshape(bound, {Dim(1)}, {}));
}

}  // namespace

void export_control(GraphWriter& g, const Op& op) {
  switch (op.code()) {
    case Opcode::Scan: return export_scan(g, op);
    case Opcode::Loop: return export_loop(g, op);
    case Opcode::If: return export_if(g, op);
    case Opcode::BindDim: return export_bind_dim(g, op);
    default: SEQC_CHECK(false, "export: {} holds no region", op.info().mnemonic);
  }
}

}  // namespace seqc::frontend
