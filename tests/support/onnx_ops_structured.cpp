// Random nodes: recurrences, control flow, sequences and optionals.
#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

// --- recurrences -----------------------------------------------------------------------------------------------------

void recurrent(G& g, int64_t gates, int64_t functions) {
  const bool lstm = gates == 4, batch_first = g.opset >= 14 && g.chance(30);
  const std::string direction = g.word({"forward", "reverse", "bidirectional"});
  const int64_t d = direction == "bidirectional" ? 2 : 1, hidden = g.pick<int64_t>({1, 2, 3, 7, 8, 9}),
                in = g.integer(1, 5);
  const int64_t steps = g.integer(1, 5), n = g.integer(1, 4);
  g.of(batch_first ? Sizes{n, steps, in} : Sizes{steps, n, in});
  g.same({d, gates * hidden, in});
  g.same({d, gates * hidden, hidden});
  const Sizes state = batch_first ? Sizes{n, d, hidden} : Sizes{d, n, hidden};
  const auto maybe = [&](const Sizes& shape) { g.chance(50) ? (void)g.same(shape) : g.none(); };
  maybe({d, 2 * gates * hidden});
  if (g.chance(40))
    g.given(g.ints(1, steps, {n}, {DType::i32}));
  else
    g.none();
  maybe(state);
  if (lstm) {
    maybe(state);
    maybe({d, 3 * hidden});
    g.maybe("input_forget", 0, 1);
  }
  if (direction != "forward" || g.chance(30)) g.node().attr("direction", std::string_view(direction));
  g.attr("hidden_size", hidden);
  if (batch_first) g.attr("layout", 1);
  if (g.chance(30)) {
    std::vector<std::string> names;
    for (int64_t i = 0; i < d * functions; ++i)
      names.push_back(g.word({"Tanh", "Sigmoid", "Relu", "Affine", "LeakyRelu", "HardSigmoid", "Softsign", "Elu",
                              "ScaledTanh", "Softplus", "ThresholdedRelu"}));
    g.node().strings("activations", names);
  }
  if (g.chance(20)) g.node().attr("clip", 0.5);
  if (gates == 3 && g.opset >= 3) g.maybe("linear_before_reset", 0, 1);
  if (g.opset < 7) g.attr("output_sequence", 1);
  g.outputs(static_cast<size_t>(g.integer(g.opset < 3 ? 2 : 1, lstm ? 3 : 2)));
}

// --- control flow ----------------------------------------------------------------------------------------------------

/// y = op(inputs...), of one type.
GraphBuilder branch(const std::string& op, const std::vector<std::string>& inputs) {
  GraphBuilder graph(op);
  graph.node(op, inputs, {"result"});
  graph.output("result");
  return graph;
}

std::string name_of(G& g) { return g.take().back(); }

/// The branches see the values around them.
void branches(G& g) {
  const Tensor x = g.x(0, 3, kFloats);
  const std::string name = name_of(g);
  g.given(Tensor::scalar_int(DType::boolean, g.integer(0, 1)));
  g.node().attr("then_branch", branch(g.word({"Neg", "Tanh", "Identity"}), {name}));
  g.node().attr("else_branch", branch(g.word({"Abs", "Sigmoid", "Exp"}), {name}));
}

/// carry = op(carry, x at each step), and all of the carries.
void scan(G& g) {
  const Tensor x = g.filled(2, 3, kFloats);
  const std::string over = name_of(g);
  const int64_t axis = g.opset < 9 ? 0 : g.axis(x.rank());
  Sizes rest = x.shape();
  const auto at = static_cast<size_t>((axis + x.rank()) % x.rank());
  rest.erase(rest.begin() + static_cast<ptrdiff_t>(at));
  g.of(x.dtype(), rest);
  g.again(over);
  GraphBuilder body("body");
  const ModelShape shape(rest.begin(), rest.end());
  body.input("h", x.dtype(), shape).input("xt", x.dtype(), shape);
  body.node(g.word({"Add", "Mul", "Sub"}), {"h", "xt"}, {"sum"});
  body.node(g.word({"Tanh", "Sigmoid"}), {"sum"}, {"h1"});
  body.node("Neg", {"h1"}, {"y"});
  body.output("h1", x.dtype(), shape).output("y", x.dtype(), shape);
  g.node().attr("body", body);
  g.attr("num_scan_inputs", 1);
  if (axis != 0 || g.chance(30)) g.ints_attr("scan_input_axes", {axis});
  if (g.chance(50)) g.ints_attr("scan_input_directions", {g.integer(0, 1)});
  if (g.chance(50)) g.ints_attr("scan_output_directions", {g.integer(0, 1)});
  if (g.chance(50)) g.ints_attr("scan_output_axes", {g.axis(x.rank())});
  g.outputs(2);
}

/// carry = op(carry, x), while the sum of the carry stays below a number.
void loop(G& g) {
  const Tensor x = g.filled(0, 2, {DType::f32, DType::f64});
  const std::string around = name_of(g);
  const bool ends = g.chance(40);
  g.known(Tensor::scalar_int(DType::i64, g.integer(0, 4)));
  const bool conditional = ends || g.chance(50);
  if (conditional)
    g.given(Tensor::scalar_int(DType::boolean, 1));
  else
    g.none();
  g.of(x.dtype(), x.shape());
  GraphBuilder body("body");
  const ModelShape shape(x.shape().begin(), x.shape().end());
  body.input("i", DType::i64, {}).input("go", DType::boolean, {}).input("h", x.dtype(), shape);
  body.node(g.word({"Add", "Mul", "Sub"}), {"h", around}, {"h1"});
  if (ends) {
    body.node("ReduceSum", {"h1"}, {"total"}).attr("keepdims", 0);
    body.initializer("limit", Tensor::scalar(x.dtype(), g.random.uniform(-1, 3)));
    body.node("Less", {"total", "limit"}, {"on"});
  } else {
    body.node("Identity", {"go"}, {"on"});
  }
  body.node("Abs", {"h1"}, {"y"});
  body.output("on", DType::boolean, {}).output("h1", x.dtype(), shape).output("y", x.dtype(), shape);
  g.node().attr("body", body);
  g.outputs(2);
  if (conditional) g.last();
}

// --- sequences and optionals -------------------------------------------------------------------------------------------

/// A sequence of tensors of one type and rank that differ along `axis`; their count, and one of them.
int64_t sequence(G& g, int64_t axis, std::string* element = nullptr) {
  const Tensor x = g.x(1, 3, {DType::f32, DType::i64, DType::f64});
  if (element) *element = g.names().front();
  const int64_t count = g.integer(1, 3);
  for (int64_t i = 1; i < count; ++i) {
    Sizes shape = x.shape();
    if (axis >= 0 && axis < x.rank()) shape[static_cast<size_t>(axis)] = g.size();
    g.same(shape);
  }
  g.from("SequenceConstruct", g.take());
  return count;
}

Tensor position(G& g, int64_t count) {
  return g.known(Tensor::scalar_int(g.pick(kIndices), g.integer(-count, count - 1)));
}

void sequence_at(G& g) { position(g, sequence(g, 0)); }

void concat_from_sequence(G& g) {
  const bool stacks = g.chance(50);
  sequence(g, stacks ? -1 : 0);
  g.attr("axis", g.chance(30) && stacks ? -1 : 0);
  if (stacks || g.chance(50)) g.attr("new_axis", stacks ? 1 : 0);
}

/// The sequence, changed, joined again.
void changed(G& g, const char* op) {
  std::string element;
  const int64_t count = sequence(g, 0, &element);
  const bool erases = std::string_view(op) == "SequenceErase";
  g.cancel_unless(!erases || count > 1);
  if (!erases) g.again(element);
  if (g.chance(60)) position(g, count);
  g.from(op, g.take());
  g.attr("axis", 0);
}

void split_to_sequence(G& g) {
  const Tensor x = g.filled(1, 3);
  const int64_t axis = g.axis(x.rank()), size = x.shape()[static_cast<size_t>((axis + x.rank()) % x.rank())];
  if (g.chance(60)) g.known(Tensor::scalar_int(DType::i64, g.integer(1, size)));
  g.from("SplitToSequence", g.take(), [&](NodeRef& node) { node.attr("axis", axis); });
  g.known(Tensor::scalar_int(DType::i64, 0));
}

void optional(G& g) {
  g.x(0, 3, {DType::f32, DType::i64});
  g.from("Optional", g.take());
}

/// Adds to each element, joined again.
void sequence_map(G& g) {
  const Tensor x = g.x(1, 2, {DType::f32});
  const std::string first = name_of(g);
  g.from("SequenceConstruct", {first, first});
  GraphBuilder body("body");
  body.input("e", DType::f32, ModelShape(x.shape().begin(), x.shape().end()));
  body.node("Tanh", {"e"}, {"r"});
  body.output("r", DType::f32, ModelShape(x.shape().begin(), x.shape().end()));
  g.from("SequenceMap", g.take(), [&](NodeRef& node) { node.attr("body", body); });
  g.attr("axis", 0);
}

}  // namespace

std::span<const OnnxOperator> onnx_structured_operators() {
  // Sequences and optionals are no outputs: the node that takes them apart stands for the one that makes them.
  static const OnnxOperator kTable[] = {
      {"ConcatFromSequence", concat_from_sequence, 11},
      {"ConcatFromSequence", [](G& g) { changed(g, "SequenceErase"); }, 11},
      {"ConcatFromSequence", [](G& g) { changed(g, "SequenceInsert"); }, 11},
      {"ConcatFromSequence", sequence_map, 17},
      {"GRU", [](G& g) { recurrent(g, 3, 2); }},
      {"If", branches, 7},
      {"LSTM", [](G& g) { recurrent(g, 4, 3); }},
      {"Loop", loop},
      {"OptionalGetElement", optional, 15},
      {"OptionalHasElement", optional, 15},
      {"RNN", [](G& g) { recurrent(g, 1, 1); }},
      {"Scan", scan, 9},
      {"SequenceAt", sequence_at, 11},
      {"SequenceAt", split_to_sequence, 11},
      {"SequenceLength", [](G& g) { sequence(g, 0); }, 11},
  };
  return kTable;
}

}  // namespace seqc::test
