#include "tests/support/recurrent_layers.h"

#include <fmt/format.h>

#include "tests/support/random_inputs.h"

namespace seqc::test {

using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::DType;

Var RecurrentModel::weight(const std::string& name, std::vector<Dim> shape) {
  return model.input(name, DType::f64, std::move(shape));
}

dsl::Gate RecurrentModel::gate(const std::string& name) {
  return {.w = weight(name + "w", {Dim(hidden), Dim(input)}),
          .r = weight(name + "r", {Dim(hidden), Dim(hidden)}),
          .b = weight(name + "b", {Dim(hidden)})};
}

dsl::RnnCell RecurrentModel::rnn(const std::string& name) { return {.gate = gate(name)}; }

dsl::GruCell RecurrentModel::gru(const std::string& name, bool after) {
  dsl::GruCell cell{.update = gate(name + "z"), .reset = gate(name + "r"), .candidate = gate(name + "h")};
  cell.reset_after = after;
  if (after) cell.recurrent_bias = weight(name + "hrb", {Dim(hidden)});
  return cell;
}

dsl::LstmCell RecurrentModel::lstm(const std::string& name, bool peepholes) {
  dsl::LstmCell cell{
      .input = gate(name + "i"), .output = gate(name + "o"), .forget = gate(name + "f"), .cell = gate(name + "c")};
  if (peepholes) {
    cell.peephole_input = weight(name + "pi", {Dim(hidden)});
    cell.peephole_output = weight(name + "po", {Dim(hidden)});
    cell.peephole_forget = weight(name + "pf", {Dim(hidden)});
  }
  return cell;
}

Var total(Var x) {
  while (x.rank() > 0) x = dsl::sum(x, 0);
  return x;
}

namespace {

dsl::Cell make(RecurrentModel& model, RecurrentKind kind, const std::string& name) {
  switch (kind) {
    case RecurrentKind::Rnn: return model.rnn(name);
    case RecurrentKind::GruBefore: return model.gru(name, false);
    case RecurrentKind::GruAfter: return model.gru(name, true);
    case RecurrentKind::Lstm: return model.lstm(name, false);
    case RecurrentKind::LstmPeepholes: return model.lstm(name, true);
  }
  return {};
}

}  // namespace

std::unique_ptr<ir::Module> recurrent_layer(RecurrentKind kind, Direction way, bool ragged) {
  RecurrentModel cells;
  const Dim steps = Dim::symbol("T"), batch = Dim::symbol("N");
  const Var x = cells.model.input("x", DType::f64, {steps, batch, Dim(cells.input)});
  const Var lengths = ragged ? cells.model.input("lengths", DType::i32, {batch}) : Var();
  Var loss;
  for (const bool reverse : {false, true}) {
    if (way != Direction::Both && reverse != (way == Direction::Reverse)) continue;
    const std::string name = reverse ? "b" : "f";
    Vars start;
    for (int i = 0; i < (has_two_states(kind) ? 2 : 1); ++i)
      start.push_back(cells.model.input(fmt::format("{}s{}", name, i), DType::f64, {batch, Dim(cells.hidden)}));
    const dsl::Scanned scanned = dsl::scan(make(cells, kind, name), x, start, {.reverse = reverse, .lengths = lengths});
    const Var y = scanned.outputs.at(0);
    Var sum = total(y * y * y + y);
    for (const Var& state : scanned.states) sum = sum + total(state * state);
    loss = loss ? loss * sum + sum : sum;
  }
  cells.model.output("loss", loss);
  return cells.model.finish();
}

std::vector<ir::Tensor> recurrent_inputs(const ir::Function& f, const ir::DimBindings& dims, uint64_t seed) {
  auto inputs = random_inputs(f, dims, seed);
  for (ir::Tensor& tensor : inputs)
    for (int64_t i = 0; i < tensor.count(); ++i)
      if (tensor.dtype() == DType::i32)
        tensor.set_integer(i, (i * 2 + 1) % (dims.at("T") + 1));
      else
        tensor.set_real(i, 0.7 * tensor.real(i));
  return inputs;
}

}  // namespace seqc::test
