#include "runtime/decoding/stepper.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"

namespace seqc::decoding {

using ir::Tensor;
using runtime::Port;

namespace {

const Port* find(const std::vector<Port>& ports, const std::string& name) {
  const auto at = std::find_if(ports.begin(), ports.end(), [&](const Port& port) { return port.name == name; });
  return at == ports.end() ? nullptr : &*at;
}

bool same_order(std::span<const int64_t> rows, int64_t count) {
  if (static_cast<int64_t>(rows.size()) != count) return false;
  for (int64_t i = 0; i < count; ++i)
    if (rows[static_cast<size_t>(i)] != i) return false;
  return true;
}

}  // namespace

Tensor take_rows(const Tensor& tensor, int64_t axis, std::span<const int64_t> rows) {
  const int64_t before = tensor.shape().at(static_cast<size_t>(axis));
  for (const int64_t row : rows)
    if (row < 0 || row >= before)
      fail(ErrorKind::BadInput, "row {}, expected one of the {} of {}", row, before, tensor.type_str());
  if (same_order(rows, before)) return tensor;
  std::vector<int64_t> shape = tensor.shape();
  shape[static_cast<size_t>(axis)] = static_cast<int64_t>(rows.size());
  size_t outer = 1, inner = ir::size_of(tensor.dtype());
  for (int64_t i = 0; i < axis; ++i) outer *= static_cast<size_t>(shape[static_cast<size_t>(i)]);
  for (size_t i = static_cast<size_t>(axis) + 1; i < shape.size(); ++i) inner *= static_cast<size_t>(shape[i]);
  Tensor result(tensor.dtype(), shape);
  result.keep_strings_of(tensor);
  std::byte* to = result.mutable_bytes();
  for (size_t o = 0; o < outer; ++o)
    for (const int64_t row : rows) {
      std::memcpy(to, tensor.bytes() + (o * static_cast<size_t>(before) + static_cast<size_t>(row)) * inner, inner);
      to += inner;
    }
  return result;
}

Stepper::Stepper(runtime::Session& session, std::map<std::string, std::string> states, StepperPorts ports)
    : session_(session), states_(std::move(states)), ports_(std::move(ports)) {
  const auto &inputs = session_.program().inputs(), &outputs = session_.program().outputs();
  const auto need = [](const std::vector<Port>& all, const std::string& name, const char* what) {
    const Port* port = find(all, name);
    if (!port) fail(ErrorKind::BadInput, "the model has no {} \"{}\", it has {}", what, name, runtime::str(all));
    return port;
  };
  const ir::Type& tokens = need(inputs, ports_.tokens, "input")->type;
  if (tokens.shape.empty() || tokens.shape.size() > 2 ||
      (tokens.dtype != ir::DType::i32 && tokens.dtype != ir::DType::i64))
    fail(ErrorKind::BadInput, "input \"{}\": got {}, expected i32 or i64, [steps, rows] or [rows]", ports_.tokens,
         tokens.str());
  rows_ = tokens.shape.back();
  const ir::Type& scores = need(outputs, ports_.scores, "output")->type;
  if (scores.shape.size() != tokens.shape.size() + 1 || !ir::is_float(scores.dtype))
    fail(ErrorKind::BadInput, "output \"{}\": got {}, expected floats, the tokens' dims and the vocabulary's",
         ports_.scores, scores.str());
  for (const auto& [from, to] : states_) {
    const Port *output = need(outputs, from, "output"), *input = need(inputs, to, "input");
    if (output->type.dtype != input->type.dtype || output->type.shape.size() != input->type.shape.size())
      fail(ErrorKind::BadInput, "state \"{}\": the output is {}, but the input \"{}\" is {}", from, output->type.str(),
           to, input->type.str());
  }
}

void Stepper::start(std::map<std::string, Tensor> inputs) {
  for (const auto& [name, tensor] : inputs)
    if (name == ports_.tokens || !find(session_.program().inputs(), name))
      fail(ErrorKind::BadInput, "\"{}\" is no input that the model starts with: {}", name,
           runtime::str(session_.program().inputs()));
  inputs_ = std::move(inputs);
}

int64_t Stepper::row_axis(const Port& port) const {
  const auto at = std::find(port.type.shape.begin(), port.type.shape.end(), rows_);
  return at == port.type.shape.end() ? -1 : at - port.type.shape.begin();
}

void Stepper::zeros(const Port& port, int64_t rows) {
  const bool is_state =
      std::any_of(states_.begin(), states_.end(), [&](const auto& state) { return state.second == port.name; });
  if (!is_state) fail(ErrorKind::BadInput, "input \"{}\": expected {} from start()", port.name, port.type.str());
  std::vector<int64_t> shape;
  for (const ir::Dim& dim : port.type.shape) {
    if (!(dim == rows_) && !dim.is_constant())
      fail(ErrorKind::BadInput, "state \"{}\": {} may start in many shapes, give it to start()", port.name,
           port.type.str());
    shape.push_back(dim == rows_ ? rows : dim.constant());
  }
  inputs_[port.name] = Tensor(port.type.dtype, shape);
}

const Tensor& Stepper::input(const Port& port, std::span<const int64_t> tokens, std::span<const int64_t> rows) {
  if (port.name == ports_.tokens) {
    const auto count = static_cast<int64_t>(tokens.size());
    Tensor values(port.type.dtype, port.type.shape.size() == 2 ? std::vector<int64_t>{1, count} : std::vector{count});
    for (int64_t i = 0; i < count; ++i) values.set_integer(i, tokens[static_cast<size_t>(i)]);
    return inputs_[port.name] = values;
  }
  if (!inputs_.contains(port.name)) zeros(port, rows.empty() ? 0 : *std::max_element(rows.begin(), rows.end()) + 1);
  Tensor& value = inputs_.at(port.name);
  if (const int64_t axis = row_axis(port); axis >= 0 && axis < value.rank()) value = take_rows(value, axis, rows);
  return value;
}

Tensor Stepper::read(std::span<const int64_t> tokens, std::span<const int64_t> rows) {
  if (tokens.size() != rows.size())
    fail(ErrorKind::BadInput, "{} tokens for {} rows, expected one for each", tokens.size(), rows.size());
  std::vector<Tensor> inputs;
  for (const Port& port : session_.program().inputs()) inputs.push_back(input(port, tokens, rows));
  const std::vector<Tensor> outputs = session_.run(inputs);
  Tensor scores;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = session_.program().outputs()[i].name;
    if (const auto state = states_.find(name); state != states_.end()) inputs_[state->second] = outputs[i];
    if (name == ports_.scores) scores = outputs[i];
  }
  return scores.reshaped({static_cast<int64_t>(rows.size()), scores.shape().back()});
}

}  // namespace seqc::decoding
