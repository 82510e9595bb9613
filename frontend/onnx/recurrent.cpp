// RNN, GRU and LSTM: reads the node, cuts the weights into gates and hands them to the cells of the DSL. So does
// DynamicQuantizeLSTM of the domain com.microsoft, an LSTM whose products are those of bytes.
#include <array>

#include "frontend/onnx/node.h"
#include "frontend/onnx/recurrent_attributes.h"
#include "frontend/onnx/recurrent_quantized.h"
#include "frontend/onnx/recurrent_weights.h"

namespace seqc::frontend {

namespace {

using dsl::Var;
using dsl::Vars;

/// What one node is about, in the specification's words.
struct Recurrent {
  RecurrentKind kind;
  RecurrentAttributes attributes;
  Dim steps = 0, batch = 0, input_size = 0, hidden_size = 0;
  int64_t gates = 1;
  Value *x = nullptr, *w = nullptr, *r = nullptr;                  // x in the node's layout
  Value *b = nullptr, *h0 = nullptr, *c0 = nullptr, *p = nullptr;  // null if absent
  Value* lengths = nullptr;                                        // null if all are `steps`
  bool quantized = false;  // the operands of every product are rounded to what bytes hold

  Shape state_shape() const {
    const Dim d(attributes.directions());
    return attributes.batch_first ? Shape{batch, d, hidden_size} : Shape{d, batch, hidden_size};
  }
  int64_t direction_axis_of_states() const { return attributes.batch_first ? 1 : 0; }
};

/// Requires `value` to be of the element type of X and of shape `expected`; `note` explains it.
void check_operand(Node& node, const Recurrent& n, const Value* value, std::string_view role, const Shape& expected,
                   const std::string& note) {
  if (!value) return;
  if (value->dtype() != n.x->dtype())
    node.bad("{} is {}, expected {} as X", role, value->type().str(), ir::name(n.x->dtype()));
  std::set<std::string> undecided;
  bool differs = value->rank() != static_cast<int64_t>(expected.size());
  for (size_t i = 0; !differs && i < expected.size(); ++i) {
    const Dim difference = value->shape()[i] - expected[i];
    if (difference.is_constant())
      differs = difference.constant() != 0;
    else
      undecided.merge(symbols(difference));
  }
  if (differs)
    node.bad("{} is {}, expected {} ({}); check hidden_size={}{}", role, ir::str(value->shape()), ir::str(expected),
             note, n.hidden_size.str(), n.attributes.hidden_size ? "" : " (the last dim of R)");
  if (!undecided.empty())
    node.needs_dims(undecided, fmt::format("{} is {}, expected {}", role, ir::str(value->shape()), ir::str(expected)));
}

/// The lengths, or null when all rows have all steps.
Value* read_lengths(Node& node, const Recurrent& n) {
  if (!node.has_input(4)) return nullptr;
  Value* lengths = node.input(4, "sequence_lens");
  if (lengths->dtype() != DType::i32)
    node.bad("sequence_lens is {}, expected i32[{}]", lengths->type().str(), n.batch.str());
  node.require_rank(lengths, 1, "sequence_lens");
  node.require_equal(lengths->shape()[0], n.batch, "sequence_lens");
  const std::optional<Tensor> known = node.known_tensor(4);
  if (!known) return lengths;
  bool full = n.steps.is_constant();
  for (int64_t i = 0; i < known->count(); ++i) {
    const int64_t length = known->integer(i);
    if (length < 0 || (n.steps.is_constant() && length > n.steps.constant()))
      node.bad("sequence_lens has {}, expected 0 to seq_length={}", length, n.steps.str());
    full = full && length == n.steps.constant();
  }
  return full ? nullptr : lengths;
}

Recurrent read(Node& node, RecurrentKind kind, bool quantized) {
  Recurrent n{.kind = kind, .attributes = read_recurrent_attributes(node, kind), .quantized = quantized};
  n.gates = kind == RecurrentKind::RNN ? 1 : kind == RecurrentKind::GRU ? 3 : 4;
  n.x = node.input(0, "X");
  n.w = quantized ? dequantized_weights(node, 1, 8, "W") : node.input(1, "W");
  n.r = quantized ? dequantized_weights(node, 2, 10, "R") : node.input(2, "R");
  if (!ir::is_float(n.x->dtype())) node.bad("X is {}, expected f16, bf16, f32 or f64", n.x->type().str());
  node.require_rank(n.x, 3, "X");
  node.require_rank(n.r, 3, "R");
  n.steps = n.x->shape()[n.attributes.batch_first ? 1 : 0];
  n.batch = n.x->shape()[n.attributes.batch_first ? 0 : 1];
  n.input_size = n.x->shape()[2];
  n.hidden_size = n.attributes.hidden_size ? Dim(*n.attributes.hidden_size) : n.r->shape()[2];

  const Dim directions(n.attributes.directions());
  const Dim rows = Dim(n.gates) * n.hidden_size;
  const std::string gate_rows = n.gates == 1 ? "hidden_size" : fmt::format("{}*hidden_size", n.gates);
  check_operand(node, n, n.r, "R", {directions, rows, n.hidden_size}, gate_rows);
  check_operand(node, n, n.w, "W", {directions, rows, n.input_size}, gate_rows);
  n.b = node.optional_input(3, "B");
  check_operand(node, n, n.b, "B", {directions, Dim(2) * rows}, fmt::format("{}*hidden_size", 2 * n.gates));
  n.lengths = read_lengths(node, n);
  n.h0 = node.optional_input(5, "initial_h");
  check_operand(node, n, n.h0, "initial_h", n.state_shape(), "a row for each of batch");
  if (kind == RecurrentKind::LSTM) {
    n.c0 = node.optional_input(6, "initial_c");
    check_operand(node, n, n.c0, "initial_c", n.state_shape(), "a row for each of batch");
    n.p = node.optional_input(7, "P");
    check_operand(node, n, n.p, "P", {directions, Dim(3) * n.hidden_size}, "3*hidden_size");
  }
  return n;
}

/// Gate weights of one direction, in the order of the operator: `i`, `zrh`, `iofc`.
class Gates {
 public:
  Gates(dsl::Context& context, const Recurrent& n, int64_t direction)
      : context_(context), n_(n), direction_(direction) {}

  /// Gate number `index` with the sum of both biases, or with Wb only.
  dsl::Gate gate(int64_t index, bool with_recurrent_bias = true) const {
    dsl::Gate result{.w = rows(n_.w, index), .r = rows(n_.r, index)};
    if (n_.b) result.b = with_recurrent_bias ? bias_sum(index) : rows(n_.b, index);
    return result;
  }
  /// Rb of a gate; absent without B.
  Var recurrent_bias(int64_t index) const { return n_.b ? rows(n_.b, n_.gates + index) : Var(); }
  /// Number 0 to 2 of `iof`; absent without P.
  Var peephole(int64_t index) const { return n_.p ? rows(n_.p, index) : Var(); }

 private:
  Var rows(Value* weights, int64_t index) const {
    return {context_, gate_rows(context_.builder(), weights, direction_, Dim(index) * n_.hidden_size, n_.hidden_size)};
  }
  Var bias_sum(int64_t index) const {
    const Var input = rows(n_.b, index), recurrent = rows(n_.b, n_.gates + index);
    return {context_, add_biases(context_.builder(), input.value(), recurrent.value())};
  }

  dsl::Context& context_;
  const Recurrent& n_;
  int64_t direction_;
};

dsl::Cell make_cell(dsl::Context& context, const Recurrent& n, int64_t direction) {
  const Gates gates(context, n, direction);
  const RecurrentAttributes& a = n.attributes;
  const std::vector<dsl::Activation>& f = a.activations[direction];
  switch (n.kind) {
    case RecurrentKind::RNN: return dsl::RnnCell{.gate = gates.gate(0), .activation = f[0], .clip = a.clip};
    case RecurrentKind::GRU:
      return dsl::GruCell{.update = gates.gate(0),
                          .reset = gates.gate(1),
                          .candidate = gates.gate(2, !a.linear_before_reset),
                          .activations = {.update = f[0], .reset = f[0], .candidate = f[1]},
                          .reset_after = a.linear_before_reset,
                          .recurrent_bias = a.linear_before_reset ? gates.recurrent_bias(2) : Var(),
                          .clip = a.clip};
    case RecurrentKind::LSTM:
      return dsl::LstmCell{.input = gates.gate(0),
                           .output = gates.gate(1),
                           .forget = a.input_forget ? dsl::Gate{} : gates.gate(2),
                           .cell = gates.gate(3),
                           .activations = {.input = f[0], .output = f[0], .forget = f[0], .cell = f[1], .hidden = f[2]},
                           .peephole_input = gates.peephole(0),
                           .peephole_output = gates.peephole(1),
                           .peephole_forget = a.input_forget ? Var() : gates.peephole(2),
                           .input_forget = a.input_forget,
                           .clip = a.clip};
  }
  return {};
}

Var initial_state(dsl::Context& context, const Recurrent& n, Value* given, int64_t direction, const Var& x) {
  if (!given) return dsl::zeros({n.batch, n.hidden_size}, x);
  return dsl::select(Var(context, given), n.direction_axis_of_states(), Dim(direction));
}

void import_recurrent(Node& node, RecurrentKind kind, bool quantized = false) {
  const Recurrent n = read(node, kind, quantized);
  dsl::Context context(node.builder());
  Var x(context, n.x);
  if (n.attributes.batch_first) x = dsl::transpose(x, {1, 0, 2});
  if (n.quantized) x = Var(context, rounded_input(node.builder(), x.value(), n.lengths));

  const bool lstm = kind == RecurrentKind::LSTM, wants_y = node.wants_output(0);
  Vars y, h, c;  // one entry a direction: [T,N,H], [N,H], [N,H]
  for (int64_t d = 0; d < n.attributes.directions(); ++d) {
    const dsl::Cell cell = make_cell(context, n, d);
    const dsl::WideCell seen = [&](const Vars& xs, const Vars& states) {
      Vars given = states;
      if (n.quantized) given[0] = rounded_hidden(states[0], xs.size() > 1 ? xs[1] : Var());
      dsl::Step result = cell(xs[0], given);
      if (!wants_y) result.outputs.clear();
      return result;
    };
    Vars initial = {initial_state(context, n, n.h0, d, x)};
    if (lstm) initial.push_back(initial_state(context, n, n.c0, d, x));
    // Rows of a quantised LSTM share a scale in each step, so it matters which steps they share: backwards, all rows
    // start together at their ends.
    const bool mirrored = n.quantized && n.lengths && n.attributes.reversed[d];
    Vars xs = {mirrored ? Var(context, reverse_rows(node.builder(), x.value(), n.lengths)) : x};
    if (n.quantized && n.lengths) xs.emplace_back(context, counted_rows(node.builder(), n.lengths, n.steps));
    dsl::Scanned scanned = dsl::scan(
        seen, xs, initial,
        {.reverse = n.attributes.reversed[d] && !mirrored, .lengths = n.lengths ? Var(context, n.lengths) : Var()});
    if (mirrored && wants_y)
      scanned.outputs[0] = Var(context, reverse_rows(node.builder(), scanned.outputs[0].value(), n.lengths));
    h.push_back(scanned.states[0]);
    if (lstm) c.push_back(scanned.states[1]);
    if (wants_y)
      y.push_back(n.attributes.batch_first ? dsl::transpose(scanned.outputs[0], {1, 0, 2}) : scanned.outputs[0]);
  }
  const int64_t axis = n.direction_axis_of_states();
  if (wants_y) node.set_output(0, dsl::stack(y, n.attributes.batch_first ? 2 : 1).value());
  if (node.wants_output(1)) node.set_output(1, dsl::stack(h, axis).value());
  if (lstm && node.wants_output(2)) node.set_output(2, dsl::stack(c, axis).value());
}

void import_rnn(Node& node) { import_recurrent(node, RecurrentKind::RNN); }
void import_gru(Node& node) { import_recurrent(node, RecurrentKind::GRU); }
void import_lstm(Node& node) { import_recurrent(node, RecurrentKind::LSTM); }

void import_dynamic_quantize_lstm(Node& node) { import_recurrent(node, RecurrentKind::LSTM, true); }

}  // namespace

std::span<const OperatorEntry> recurrent_operators() {
  static constexpr std::array<OperatorEntry, 4> kTable = {{
      {"RNN", import_rnn},
      {"GRU", import_gru},
      {"LSTM", import_lstm},
      {"DynamicQuantizeLSTM", import_dynamic_quantize_lstm, 1, "com.microsoft"},
  }};
  return kTable;
}

}  // namespace seqc::frontend
