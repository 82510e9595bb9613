#include "frontend/onnx/recurrent_attributes.h"

namespace seqc::frontend {

namespace {

using dsl::Activation;
using dsl::ActivationKind;

/// The default activations of one direction.
std::vector<ActivationKind> default_activations(RecurrentKind kind) {
  switch (kind) {
    case RecurrentKind::RNN: return {ActivationKind::Tanh};
    case RecurrentKind::GRU: return {ActivationKind::Sigmoid, ActivationKind::Tanh};
    case RecurrentKind::LSTM: return {ActivationKind::Sigmoid, ActivationKind::Tanh, ActivationKind::Tanh};
  }
  return {};
}

ActivationKind activation_kind(Node& node, const std::string& name) {
  if (const auto kind = dsl::parse_activation(name)) return *kind;
  node.bad(
      "activations has \"{}\", expected one of Affine, Elu, HardSigmoid, LeakyRelu, Relu, ScaledTanh, Sigmoid, "
      "Softplus, Softsign, Tanh, ThresholdedRelu",
      name);
}

/// The kinds of all directions in one list, as the attribute has them.
std::vector<ActivationKind> activation_kinds(Node& node, RecurrentKind kind, size_t directions) {
  const std::vector<ActivationKind> defaults = default_activations(kind);
  std::vector<ActivationKind> kinds;
  const std::vector<std::string> names = node.texts("activations");
  if (names.empty()) {
    for (size_t d = 0; d < directions; ++d) kinds.insert(kinds.end(), defaults.begin(), defaults.end());
    return kinds;
  }
  for (const std::string& name : names) kinds.push_back(activation_kind(node, name));
  const size_t expected = directions * defaults.size();
  // The specification's own default for RNN is [Tanh, Tanh] in every direction; one direction uses the first.
  if (kind == RecurrentKind::RNN && directions == 1 && kinds.size() == 2) kinds.pop_back();
  if (kinds.size() != expected)
    node.bad("activations has {} entries, expected {} ({} for each of {} directions)", names.size(), expected,
             defaults.size(), directions);
  return kinds;
}

/// Deals out a list of parameters to those activations that take one, in order. ("The values are consumed in the order
/// of activation functions"; those beyond the list keep their defaults.)
void deal_parameters(Node& node, std::string_view attribute, std::vector<Activation>& activations,
                     bool (*takes)(ActivationKind), double Activation::* field) {
  const std::vector<float> values = node.reals(attribute);
  size_t next = 0, takers = 0;
  for (Activation& activation : activations) {
    if (!takes(activation.kind)) continue;
    ++takers;
    if (next < values.size()) activation.*field = values[next++];
  }
  if (takers > 0 && values.size() > takers)
    node.bad("{} has {} entries, expected at most {}, one for each activation that takes one; remove the others",
             attribute, values.size(), takers);
}

std::vector<std::vector<Activation>> read_activations(Node& node, RecurrentKind kind, size_t directions) {
  std::vector<Activation> all;
  for (const ActivationKind each : activation_kinds(node, kind, directions)) all.push_back(Activation::of(each));
  deal_parameters(node, "activation_alpha", all, dsl::takes_alpha, &Activation::alpha);
  deal_parameters(node, "activation_beta", all, dsl::takes_beta, &Activation::beta);

  const size_t each = all.size() / directions;
  std::vector<std::vector<Activation>> result;
  for (size_t d = 0; d < directions; ++d)
    result.emplace_back(all.begin() + static_cast<ptrdiff_t>(d * each),
                        all.begin() + static_cast<ptrdiff_t>((d + 1) * each));
  return result;
}

std::vector<bool> read_direction(Node& node) {
  const std::string direction = node.text("direction", "forward");
  if (direction == "forward") return {false};
  if (direction == "reverse") return {true};
  if (direction == "bidirectional") return {false, true};
  node.bad("direction is \"{}\", expected forward, reverse or bidirectional", direction);
}

bool read_flag(Node& node, std::string_view name) {
  const int64_t value = node.integer(name, 0);
  if (value != 0 && value != 1) node.bad("{} is {}, expected 0 or 1", name, value);
  return value == 1;
}

double read_clip(Node& node) {
  if (!node.has_attribute("clip")) return dsl::kNoClip;
  const double clip = node.real("clip", 0);
  if (!(clip >= 0)) node.bad("clip is {}, expected a threshold >= 0", clip);
  return clip;
}

}  // namespace

RecurrentAttributes read_recurrent_attributes(Node& node, RecurrentKind kind) {
  RecurrentAttributes result;
  result.reversed = read_direction(node);
  result.activations = read_activations(node, kind, result.reversed.size());
  result.clip = read_clip(node);
  if (node.has_attribute("hidden_size")) {
    result.hidden_size = node.integer("hidden_size", 0);
    if (*result.hidden_size < 1) node.bad("hidden_size is {}, expected at least 1", *result.hidden_size);
  }
  if (node.opset() >= 14) result.batch_first = read_flag(node, "layout");
  // Up to opset 6 output_sequence says whether Y must be there; it moves no output, and Y is made whenever it is named.
  if (node.opset() < 7) read_flag(node, "output_sequence");
  if (kind == RecurrentKind::GRU && node.opset() >= 3)
    result.linear_before_reset = node.integer("linear_before_reset", 0) != 0;
  if (kind == RecurrentKind::LSTM) result.input_forget = read_flag(node, "input_forget");
  return result;
}

}  // namespace seqc::frontend
