// LSTM, GRU and RNN nodes from recognised cells: gates of weights joined as the operators want them.
#include <algorithm>
#include <cmath>

#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

std::string_view operator_name(RecurrentKind kind) {
  switch (kind) {
    case RecurrentKind::RNN: return "RNN";
    case RecurrentKind::GRU: return "GRU";
    case RecurrentKind::LSTM: return "LSTM";
  }
  return "";
}

/// The elements of a weight, if the file can hold them; null if they are computed.
const Tensor* stored(const Value* value) {
  if (value->is_constant()) return &value->constant();
  return value->is_parameter() ? &value->initial() : nullptr;
}

/// What the names of all weights begin with: `enc.` of `enc.input.w` and `enc.forget.r`.
std::string common_prefix(const RecurrentMatch& match) {
  std::string prefix;
  bool first = true;
  for (const Value* value : match.values()) {
    if (!value || !stored(value) || value == match.initial_h || value == match.initial_c || value->name().empty())
      continue;
    const std::string& name = value->name();
    const auto end = std::mismatch(prefix.begin(), prefix.end(), name.begin(), name.end()).first;
    prefix = first ? name : std::string(prefix.begin(), end);
    first = false;
  }
  const size_t dot = prefix.find_last_of("./_");
  return dot == std::string::npos ? "" : prefix.substr(0, dot + 1);
}

class RecurrentNode {
 public:
  RecurrentNode(GraphWriter& g, const Op& scan, const RecurrentMatch& match)
      : g_(g), scan_(scan), match_(match), prefix_(common_prefix(match)) {
    hidden_ = scan.operand(0)->shape()[1].constant();
  }

  void write() {
    std::vector<const Value*> biases = match_.wb;
    biases.insert(biases.end(), match_.rb.begin(), match_.rb.end());
    Names inputs = {g_.name(match_.x),
                    joined(match_.w, "W", match_.x->shape()[2]),
                    joined(match_.r, "R", Dim(hidden_)),
                    joined(biases, "B", {}),
                    lengths(),
                    initial(match_.initial_h)};
    if (match_.kind == RecurrentKind::LSTM) {
      inputs.push_back(initial(match_.initial_c));
      inputs.push_back(joined(match_.p, "P", {}));
    }
    const Names outputs = {wants_y() ? g_.model().fresh("Y") : "", wants(0) ? g_.model().fresh("Y_h") : "",
                           wants(1) ? g_.model().fresh("Y_c") : ""};
    g_.node_of(operator_name(match_.kind), inputs, outputs, attributes());
    // Y is [T, directions, N, H], states are [directions, N, H].
    for (size_t i = match_.carries.size(); i < scan_.result_count(); ++i)
      if (!scan_.result(i)->unused()) g_.define(scan_.result(i), "Squeeze", {outputs[0], g_.integers({1}, "axes")});
    for (size_t i = 0; i < match_.carries.size(); ++i)
      if (wants(i)) g_.define(scan_.result(match_.carries[i]), "Squeeze", {outputs[i + 1], g_.integers({0}, "axes")});
  }

 private:
  bool wants(size_t state) const {
    return state < match_.carries.size() && !scan_.result(match_.carries[state])->unused();
  }
  bool wants_y() const {
    for (size_t i = match_.carries.size(); i < scan_.result_count(); ++i)
      if (!scan_.result(i)->unused()) return true;
    return false;
  }

  Name lengths() {
    if (!match_.lengths) return "";
    return g_.cast(g_.name(match_.lengths), match_.lengths->dtype(), DType::i32);
  }
  Name initial(const Value* state) {
    return state ? g_.node("Unsqueeze", {g_.name(state), g_.integers({0}, "axes")}) : "";
  }

  /// Gates one below the other with a leading dim of one direction; absent ones are zeros, unless all are. `columns`:
  /// of matrices.
  Name joined(const std::vector<const Value*>& gates, const std::string& role, const std::optional<Dim>& columns) {
    if (std::all_of(gates.begin(), gates.end(), [](const Value* gate) { return gate == nullptr; })) return "";
    if (std::all_of(gates.begin(), gates.end(), [](const Value* gate) { return !gate || stored(gate); }))
      return g_.constant(joined_tensor(gates, columns), prefix_ + role);
    ir::Shape shape = {Dim(hidden_)};
    if (columns) shape.push_back(*columns);
    Names parts;
    for (const Value* gate : gates)
      parts.push_back(gate ? g_.name(gate) : g_.expand(g_.scalar(match_.x->dtype(), 0), shape));
    const Name all = g_.node("Concat", parts, {{"axis", 0}}, prefix_ + role);
    return g_.node("Unsqueeze", {all, g_.integers({0}, "axes")}, {}, prefix_ + role);
  }

  Tensor joined_tensor(const std::vector<const Value*>& gates, const std::optional<Dim>& columns) const {
    std::vector<int64_t> shape = {1, static_cast<int64_t>(gates.size()) * hidden_};
    if (columns) shape.push_back(columns->constant());
    Tensor all(match_.x->dtype(), shape);
    const size_t each = all.byte_size() / gates.size();
    for (size_t i = 0; i < gates.size() && each > 0; ++i)
      if (gates[i]) std::copy_n(stored(gates[i])->bytes(), each, all.mutable_bytes() + i * each);
    return all;
  }

  Attributes attributes() const {
    Attributes all = {{"hidden_size", hidden_}};
    if (match_.reverse) all.emplace_back("direction", std::string_view("reverse"));
    std::vector<std::string> names;
    std::vector<double> alphas, betas;
    bool standard = true;
    constexpr dsl::ActivationKind kStandard[] = {dsl::ActivationKind::Sigmoid, dsl::ActivationKind::Tanh,
                                                 dsl::ActivationKind::Tanh};
    for (size_t i = 0; i < match_.activations.size(); ++i) {
      const dsl::Activation& activation = match_.activations[i];
      const bool rnn = match_.kind == RecurrentKind::RNN;
      standard = standard && activation.kind == (rnn ? dsl::ActivationKind::Tanh : kStandard[i]);
      names.emplace_back(dsl::name(activation.kind));
      if (dsl::takes_alpha(activation.kind)) alphas.push_back(activation.alpha);
      if (dsl::takes_beta(activation.kind)) betas.push_back(activation.beta);
    }
    if (!standard) all.emplace_back("activations", names);
    if (!alphas.empty()) all.emplace_back("activation_alpha", alphas);
    if (!betas.empty()) all.emplace_back("activation_beta", betas);
    if (!std::isinf(match_.clip)) all.emplace_back("clip", match_.clip);
    if (match_.linear_before_reset) all.emplace_back("linear_before_reset", 1);
    if (match_.input_forget) all.emplace_back("input_forget", 1);
    return all;
  }

  GraphWriter& g_;
  const Op& scan_;
  const RecurrentMatch& match_;
  std::string prefix_;
  int64_t hidden_ = 0;
};

}  // namespace

void export_recurrent(GraphWriter& g, const Op& scan, const RecurrentMatch& match) {
  RecurrentNode(g, scan, match).write();
}

}  // namespace seqc::frontend
