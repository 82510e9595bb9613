#include "tests/support/recurrent_cases.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <stdexcept>

namespace seqc::test {
namespace {

constexpr std::string_view kCellNames[] = {"RNN", "GRU", "LSTM"};
constexpr std::string_view kDirectionNames[] = {"forward", "reverse", "bidirectional"};

// ---- drawing ------------------------------------------------------------------------------------------------------

/// Numbers from a generator, alike on every standard library (the std distributions are not).
class Draw {
 public:
  explicit Draw(std::mt19937_64& rng) : rng_(rng) {}
  int64_t below(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  double real(double low, double high) { return low + (high - low) * static_cast<double>(rng_() >> 11) * 0x1p-53; }
  bool chance(double probability) { return real(0, 1) < probability; }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<int64_t>(values.size()))];
  }
  Tensor tensor(DType type, std::vector<int64_t> shape, double limit) {
    Tensor out(type, std::move(shape));
    for (int64_t i = 0; i < out.count(); ++i) out.set_real(i, static_cast<float>(real(-limit, limit)));
    return out;
  }

 private:
  std::mt19937_64& rng_;
};

struct Range {
  double low, high;
};
struct DrawnFunction {
  std::string_view name;
  Range alpha, beta;  ///< chosen so that every branch is taken and a recurrence over 20 steps stays bounded
};
constexpr DrawnFunction kFunctions[] = {
    {"Relu", {}, {}},
    {"Tanh", {}, {}},
    {"Sigmoid", {}, {}},
    {"Affine", {0.3, 0.9}, {-0.3, 0.3}},
    {"LeakyRelu", {0.01, 0.4}, {}},
    {"ThresholdedRelu", {0.05, 0.5}, {}},
    {"ScaledTanh", {0.5, 1.2}, {0.5, 1.2}},
    {"HardSigmoid", {0.1, 0.6}, {0.3, 0.6}},
    {"Elu", {0.3, 1.2}, {}},
    {"Softsign", {}, {}},
    {"Softplus", {}, {}},
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char ch) { return std::tolower(ch); });
  return text;
}

/// Shortens a list of parameters now and then, so that the later functions take their defaults.
void cut(Draw& draw, std::vector<float>& values) {
  if (values.empty() || draw.chance(0.6)) return;
  values.resize(static_cast<size_t>(draw.below(static_cast<int64_t>(values.size()))));
}

void draw_activations(Draw& draw, RecurrentCase& c) {
  if (draw.chance(0.35)) return;
  bool scaled_tanh = false;
  for (int64_t k = 0; k < c.directions() * c.activations_per_direction(); ++k) {
    const DrawnFunction& function = kFunctions[draw.below(std::size(kFunctions))];
    const std::string name(function.name), key = lower(name);
    const int64_t spelling = draw.below(10);
    std::string upper = name;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char ch) { return std::toupper(ch); });
    c.activations.push_back(spelling == 0 ? key : spelling == 1 ? upper : name);
    const auto parameter = [&](Range range) { return static_cast<float>(draw.real(range.low, range.high)); };
    if (takes_alpha(key)) c.activation_alpha.push_back(parameter(function.alpha));
    if (takes_beta(key)) c.activation_beta.push_back(parameter(function.beta));
    scaled_tanh = scaled_tanh || key == "scaledtanh";
  }
  if (scaled_tanh) return;  // its defaults are nowhere specified: never rely on them
  cut(draw, c.activation_alpha);
  cut(draw, c.activation_beta);
}

void draw_attributes(Draw& draw, RecurrentCase& c) {
  if (draw.chance(0.85)) c.direction = draw.pick({Direction::Forward, Direction::Reverse, Direction::Bidirectional});
  draw_activations(draw, c);
  if (draw.chance(0.35)) c.clip = static_cast<float>(draw.real(0.1, 1.5));
  c.write_hidden_size = draw.chance(0.85);
  const auto flag = [&](std::optional<int64_t>& attribute) {
    if (draw.chance(0.6)) attribute = draw.chance(0.7) ? 1 : 0;
  };
  if (c.cell == Cell::LSTM) flag(c.input_forget);
  if (c.cell == Cell::GRU && c.opset >= 3) flag(c.linear_before_reset);
  if (c.opset >= 14) flag(c.layout);
}

void draw_outputs(Draw& draw, RecurrentCase& c) {
  const int count = c.cell == Cell::LSTM ? 3 : 2;
  for (int slot = 0; slot < count; ++slot) c.wanted[slot] = draw.chance(0.7);
  if (c.cell == Cell::GRU && c.opset < 3) c.wanted[kYh] = true;  // not optional then
  if (std::none_of(c.wanted.begin(), c.wanted.end(), [](bool wanted) { return wanted; })) {
    c.wanted[draw.below(count)] = true;
  }
  // Before opset 7, Y with output_sequence=0 is legal, but readers disagree on the positions: always say 1.
  if (c.opset < 7 && c.wanted[kY]) c.output_sequence = 1;
  if (c.opset < 7 && !c.wanted[kY] && draw.chance(0.5)) c.output_sequence = 0;
}

/// Initial states and lengths cannot be constants when the number of rows is open.
Feed draw_feed(Draw& draw, bool may_be_constant) {
  return may_be_constant && draw.chance(0.4) ? Feed::Initializer : Feed::Input;
}

void draw_operands(Draw& draw, RecurrentCase& c) {
  const auto set = [&](InputSlot slot, Feed feed, double limit) {
    c.inputs[slot] = {feed, draw.tensor(c.dtype, c.shape(slot), limit)};
  };
  const int64_t style = draw.below(3);  // of the weights: constants, run-time inputs, mixed
  const auto weights = [&] { return style == 0 || (style == 2 && draw.chance(0.5)) ? Feed::Initializer : Feed::Input; };
  const auto root = [](int64_t size) { return std::sqrt(static_cast<double>(size)); };
  set(kX, Feed::Input, 2.0);
  set(kW, weights(), 1.0 / root(c.I));
  set(kR, weights(), 0.6 / root(c.H));
  if (draw.chance(0.7)) set(kB, weights(), 0.3);
  if (draw.chance(0.55)) set(kInitialH, draw_feed(draw, !c.named_n), 0.8);
  if (draw.chance(0.4)) {
    c.inputs[kSequenceLens] = {draw_feed(draw, !c.named_n), Tensor(DType::i32, {c.N})};
    for (int64_t n = 0; n < c.N; ++n) c.inputs[kSequenceLens].value.set_integer(n, draw.below(c.T + 1));
  }
  if (c.cell != Cell::LSTM) return;
  if (draw.chance(0.55)) set(kInitialC, draw_feed(draw, !c.named_n), 0.8);
  if (draw.chance(0.5)) set(kP, weights(), 0.5);
}

RecurrentCase draw_case(Draw& draw, Sizes sizes) {
  RecurrentCase c;
  c.cell = draw.pick({Cell::RNN, Cell::GRU, Cell::LSTM, Cell::LSTM});
  c.opset = draw.pick<int64_t>({1, 6, 7, 11, 14, 17, 22, 22});
  c.T = draw.pick<int64_t>({0, 1, 2, 3, 3, 7, 7, 20});
  c.N = draw.pick<int64_t>({1, 1, 2, 3, 5, 17});
  c.I = draw.pick<int64_t>({1, 2, 3, 5, 7, 8, 9, 16, 17, 33});
  c.H = draw.pick<int64_t>({1, 2, 3, 5, 7, 8, 9, 16, 17, 33});
  if (sizes == Sizes::Long) {
    c.T = draw.pick<int64_t>({16, 17, 29, 40});
    c.N = draw.pick<int64_t>({1, 1, 1, 2});
    c.I = draw.pick<int64_t>({1, 5, 33, 64, 150, 400, 1100});
    c.H = draw.pick<int64_t>({1, 3, 9, 31, 48, 64, 65, 100});
  }
  c.named_t = draw.chance(0.5);
  c.named_n = draw.chance(0.5);
  c.trailing_names = draw.chance(0.25);
  c.ir3 = c.opset <= 8 && draw.chance(0.3);
  draw_attributes(draw, c);
  draw_outputs(draw, c);
  draw_operands(draw, c);
  return c;
}

bool is_tame(const RecurrentCase& c) {
  if (distance_to_jump(c) < 1e-5) return false;
  for (const ExpectedTensor& tensor : oracle(c)) {
    for (const double value : tensor.values) {
      if (!(std::abs(value) <= 50)) return false;
    }
  }
  return true;
}

// ---- models -------------------------------------------------------------------------------------------------------

/// The dims of an input or output: numbers, but for T and N where the case names them.
template <class Slot>
ModelShape model_shape(const RecurrentCase& c, Slot slot, bool has_t, int t_axis, int n_axis) {
  const std::vector<int64_t> numbers = c.shape(slot);
  ModelShape dims(numbers.begin(), numbers.end());
  if (has_t && c.named_t) dims[t_axis] = "T";
  if (n_axis >= 0 && c.named_n) dims[n_axis] = "N";
  return dims;
}

ModelShape model_shape(const RecurrentCase& c, InputSlot slot) {
  const bool batch_first = c.batch_first();
  switch (slot) {
    case kX: return model_shape(c, slot, true, batch_first ? 1 : 0, batch_first ? 0 : 1);
    case kSequenceLens: return model_shape(c, slot, false, 0, 0);
    case kInitialH:
    case kInitialC: return model_shape(c, slot, false, 0, batch_first ? 0 : 1);
    default: return model_shape(c, slot, false, 0, -1);
  }
}

ModelShape model_shape(const RecurrentCase& c, OutputSlot slot) {
  const bool batch_first = c.batch_first();
  if (slot == kY) return model_shape(c, slot, true, batch_first ? 1 : 0, batch_first ? 0 : 2);
  return model_shape(c, slot, false, 0, batch_first ? 0 : 1);
}

void write_attributes(const RecurrentCase& c, NodeRef node) {
  if (c.direction) node.attr("direction", kDirectionNames[static_cast<int>(*c.direction)]);
  if (!c.activations.empty()) node.strings("activations", c.activations);
  if (!c.activation_alpha.empty()) node.floats("activation_alpha", c.activation_alpha);
  if (!c.activation_beta.empty()) node.floats("activation_beta", c.activation_beta);
  if (c.clip) node.attr("clip", *c.clip);
  if (c.write_hidden_size) node.attr("hidden_size", c.H);
  if (c.input_forget) node.attr("input_forget", *c.input_forget);
  if (c.linear_before_reset) node.attr("linear_before_reset", *c.linear_before_reset);
  if (c.layout) node.attr("layout", *c.layout);
  if (c.output_sequence) node.attr("output_sequence", *c.output_sequence);
}

// ---- reading nodes ------------------------------------------------------------------------------------------------

void read_attribute(const onnx::AttributeProto& attribute, RecurrentCase& c, int64_t& hidden_size) {
  const std::string& name = attribute.name();
  if (name == "direction") {
    const auto* found = std::find(std::begin(kDirectionNames), std::end(kDirectionNames), attribute.s());
    if (found == std::end(kDirectionNames)) throw std::runtime_error("no direction " + attribute.s());
    c.direction = static_cast<Direction>(found - kDirectionNames);
  } else if (name == "activations") {
    c.activations = {attribute.strings().begin(), attribute.strings().end()};
  } else if (name == "activation_alpha") {
    c.activation_alpha = {attribute.floats().begin(), attribute.floats().end()};
  } else if (name == "activation_beta") {
    c.activation_beta = {attribute.floats().begin(), attribute.floats().end()};
  } else if (name == "clip") {
    c.clip = attribute.f();
  } else if (name == "hidden_size") {
    hidden_size = attribute.i();
  } else if (name == "input_forget") {
    c.input_forget = attribute.i();
  } else if (name == "linear_before_reset") {
    c.linear_before_reset = attribute.i();
  } else if (name == "layout") {
    c.layout = attribute.i();
  } else if (name == "output_sequence") {
    c.output_sequence = attribute.i();
  } else {
    throw std::runtime_error("unknown attribute " + name);
  }
}

}  // namespace

RecurrentCase random_case(std::mt19937_64& rng, Sizes sizes) {
  Draw draw(rng);
  while (true) {
    RecurrentCase c = draw_case(draw, sizes);
    if (is_tame(c)) return c;
  }
}

RecurrentCase random_case(uint64_t seed, Sizes sizes) {
  std::mt19937_64 rng(seed);
  return random_case(rng, sizes);
}

onnx::ModelProto to_model(const RecurrentCase& c) {
  ModelBuilder model(c.opset, "recurrent");
  if (c.ir3) model.ir_version(3);
  const int input_count = c.cell == Cell::LSTM ? kInputSlots : kInitialC;
  const int output_count = c.cell == Cell::LSTM ? kOutputSlots : kYc;
  std::vector<std::string> inputs, outputs;
  for (int index = 0; index < input_count; ++index) {
    const auto slot = static_cast<InputSlot>(index);
    const std::string name(kInputNames[slot]);
    const Operand& operand = c.inputs[slot];
    inputs.push_back(c.has(slot) ? name : "");
    if (operand.feed == Feed::Input) model.input(name, operand.value.dtype(), model_shape(c, slot));
    if (operand.feed == Feed::Initializer) model.initializer(name, operand.value);
  }
  for (int index = 0; index < output_count; ++index) {
    const auto slot = static_cast<OutputSlot>(index);
    const std::string name(kOutputNames[slot]);
    outputs.push_back(c.wanted[slot] ? name : "");
    if (c.wanted[slot]) model.output(name, c.dtype, model_shape(c, slot));
  }
  if (!c.trailing_names) {
    while (inputs.back().empty()) inputs.pop_back();
    while (outputs.back().empty()) outputs.pop_back();
  }
  write_attributes(c, model.node(kCellNames[static_cast<int>(c.cell)], inputs, outputs).name("cell"));
  return model.build();
}

std::vector<NamedTensor> inputs(const RecurrentCase& c) {
  std::vector<NamedTensor> out;
  for (int slot = 0; slot < kInputSlots; ++slot) {
    if (c.inputs[slot].feed == Feed::Input) out.push_back({std::string(kInputNames[slot]), c.inputs[slot].value});
  }
  return out;
}

RecurrentCase from_node(const onnx::NodeProto& node, int64_t opset, const FindTensor& find) {
  RecurrentCase c;
  const auto* cell = std::find(std::begin(kCellNames), std::end(kCellNames), node.op_type());
  if (cell == std::end(kCellNames)) throw std::runtime_error(node.op_type() + " is no recurrent operator");
  c.cell = static_cast<Cell>(cell - kCellNames);
  c.opset = opset;
  int64_t hidden_size = -1;
  for (const auto& attribute : node.attribute()) read_attribute(attribute, c, hidden_size);
  c.write_hidden_size = hidden_size >= 0;

  for (int slot = 0; slot < node.input_size(); ++slot) {
    if (node.input(slot).empty()) continue;
    const std::optional<Tensor> value = find(node.input(slot));
    if (!value) throw std::runtime_error("no tensor for input " + node.input(slot));
    c.inputs.at(slot) = {Feed::Input, *value};
  }
  for (int slot = 0; slot < node.output_size(); ++slot) c.wanted.at(slot) = !node.output(slot).empty();

  const std::vector<int64_t>&x = c.inputs[kX].value.shape(), &r = c.inputs[kR].value.shape();
  if (x.size() != 3 || r.size() != 3) throw std::runtime_error("X and R must have rank 3");
  c.dtype = c.inputs[kX].value.dtype();
  c.T = x[c.batch_first() ? 1 : 0];
  c.N = x[c.batch_first() ? 0 : 1];
  c.I = x[2];
  c.H = r[2];
  if (hidden_size >= 0 && hidden_size != c.H) throw std::runtime_error("hidden_size contradicts R");
  for (int slot = 0; slot < kInputSlots; ++slot) {
    const auto input = static_cast<InputSlot>(slot);
    if (c.has(input) && c.inputs[slot].value.shape() != c.shape(input)) {
      throw std::runtime_error(fmt::format("{} is {}, expected [{}]", kInputNames[slot],
                                           c.inputs[slot].value.type_str(), fmt::join(c.shape(input), ",")));
    }
  }
  return c;
}

std::string describe(const RecurrentCase& c) {
  std::string out = fmt::format("{} opset={} {} T={} N={} I={} H={}", kCellNames[static_cast<int>(c.cell)], c.opset,
                                ir::name(c.dtype), c.T, c.N, c.I, c.H);
  const auto add = [&](std::string_view name, const auto& value) {
    if (value) out += fmt::format(" {}={}", name, *value);
  };
  const auto add_list = [&](std::string_view name, const auto& list) {
    if (!list.empty()) out += fmt::format(" {}=[{}]", name, fmt::join(list, ","));
  };
  if (c.direction) out += fmt::format(" direction={}", kDirectionNames[static_cast<int>(*c.direction)]);
  add_list("activations", c.activations);
  add_list("activation_alpha", c.activation_alpha);
  add_list("activation_beta", c.activation_beta);
  add("clip", c.clip);
  add("input_forget", c.input_forget);
  add("linear_before_reset", c.linear_before_reset);
  add("layout", c.layout);
  add("output_sequence", c.output_sequence);
  if (!c.write_hidden_size) out += " no-hidden_size";
  out += " |";
  for (int slot = 0; slot < kInputSlots; ++slot) {
    const Operand& operand = c.inputs[slot];
    if (operand.feed == Feed::Absent) continue;
    out += fmt::format(" {}{}", kInputNames[slot], operand.feed == Feed::Initializer ? ":const" : "");
    if (slot != kSequenceLens) continue;
    std::vector<int64_t> lengths;
    for (int64_t n = 0; n < operand.value.count(); ++n) lengths.push_back(operand.value.integer(n));
    out += fmt::format("=[{}]", fmt::join(lengths, ","));
  }
  out += " ->";
  for (int slot = 0; slot < kOutputSlots; ++slot) {
    if (c.wanted[slot]) out += fmt::format(" {}", kOutputNames[slot]);
  }
  if (c.named_t || c.named_n) out += fmt::format(" | named{}{}", c.named_t ? " T" : "", c.named_n ? " N" : "");
  if (c.trailing_names) out += " | trailing \"\"";
  if (c.ir3) out += " | IR 3";
  return out;
}

}  // namespace seqc::test
