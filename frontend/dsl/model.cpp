#include "frontend/dsl/model.h"

#include <algorithm>
#include <cmath>

#include "ir/error.h"

namespace seqc::dsl {

namespace {

std::unique_ptr<ir::Module> one_function(const std::string& name) {
  auto module = std::make_unique<ir::Module>();
  module->functions.push_back(std::make_unique<ir::Function>(name));
  return module;
}

/// SplitMix64 (Steele, Lea and Flood 2014): equal on every platform, unlike the standard library's distributions.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  /// In [0, 1).
  double uniform() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_;
};

/// FNV-1a, so that a parameter keeps its values when others are added before it.
uint64_t seed_of(uint64_t seed, const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

ir::Tensor initial_value(const Init& init, uint64_t seed, const std::vector<int64_t>& shape, ir::DType type) {
  ir::Tensor tensor(type, shape);
  const int64_t rows = shape.empty() ? 1 : std::max<int64_t>(1, shape[0]);
  const double fans = static_cast<double>(rows) + static_cast<double>(tensor.count()) / static_cast<double>(rows);
  const double bound = init.kind == Init::Kind::Glorot ? std::sqrt(6.0 / std::max(1.0, fans)) : init.value;
  Random random(seed);
  for (int64_t i = 0; i < tensor.count(); ++i)
    tensor.set_real(i, init.kind == Init::Kind::Constant ? init.value : bound * (2 * random.uniform() - 1));
  return tensor;
}

}  // namespace

Model::Model(const std::string& name, uint64_t seed)
    : module_(one_function(name)), builder_(*module_->functions[0]), context_(builder_), seed_(seed) {}

Var Model::input(const std::string& name, ir::DType type, ir::Shape shape) {
  return {context_, function().body().add_argument({type, std::move(shape)}, name)};
}

Var Model::constant(ir::Tensor value, const std::string& name) {
  return {context_, builder_.constant(std::move(value), name)};
}

Var Model::parameter(const std::string& name, const std::vector<int64_t>& shape, Init init, ir::DType type) {
  if (std::ranges::find(parameter_names_, name) != parameter_names_.end())
    fail(ErrorKind::BadInput, "parameter \"{}\": got a second one of this name, expected distinct names", name);
  parameter_names_.push_back(name);
  return constant(initial_value(init, seed_of(seed_, name), shape, type), name);
}

void Model::output(const std::string& name, const Var& value) {
  outputs_.push_back(value);
  function().output_names.push_back(name);
}

std::unique_ptr<ir::Module> Model::finish() {
  SEQC_CHECK(module_->functions[0]->body().terminator() == nullptr, "a model is finished twice");
  if (outputs_.empty())
    fail(ErrorKind::BadInput, "model \"{}\": got no output, expected at least one", function().name);
  std::vector<ir::Value*> values;
  for (const Var& output : outputs_) values.push_back(output.value());
  builder_.return_(std::move(values));
  return std::move(module_);
}

Gate gate_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size, double bias) {
  return {.w = model.parameter(name + ".w", {hidden_size, input_size}),
          .r = model.parameter(name + ".r", {hidden_size, hidden_size}),
          .b = model.parameter(name + ".b", {hidden_size}, Init::constant(bias))};
}

RnnCell rnn_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size) {
  return {.gate = gate_parameters(model, name, input_size, hidden_size)};
}

GruCell gru_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size) {
  return {.update = gate_parameters(model, name + ".update", input_size, hidden_size),
          .reset = gate_parameters(model, name + ".reset", input_size, hidden_size),
          .candidate = gate_parameters(model, name + ".candidate", input_size, hidden_size)};
}

LstmCell lstm_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size) {
  return {.input = gate_parameters(model, name + ".input", input_size, hidden_size),
          .output = gate_parameters(model, name + ".output", input_size, hidden_size),
          .forget = gate_parameters(model, name + ".forget", input_size, hidden_size, 1.0),
          .cell = gate_parameters(model, name + ".cell", input_size, hidden_size)};
}

}  // namespace seqc::dsl
