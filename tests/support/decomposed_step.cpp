#include "tests/support/decomposed_step.h"

#include "tests/support/random_inputs.h"

namespace seqc::test {
namespace {

Tensor random_weights(std::vector<int64_t> shape, uint64_t seed) {
  Random random(seed);
  Tensor tensor = random_tensor(DType::f32, std::move(shape), random);
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, tensor.real(i) * 0.25);
  return tensor;
}

bool is_gemm(StepProducts products) { return products == StepProducts::Gemm || products == StepProducts::JoinedGemm; }

/// Numbers of the gates in ONNX's weights (iofc, zrh), in the order in which PyTorch has them.
std::vector<int64_t> lstm_gates() { return {0, 2, 3, 1}; }
std::vector<int64_t> gru_gates() { return {1, 0, 2}; }

Tensor list(const std::vector<int64_t>& values) { return Tensor::i64({static_cast<int64_t>(values.size())}, values); }

}  // namespace

bool is_gru(StepCell cell) { return cell == StepCell::Gru || cell == StepCell::GruResetBefore; }

StepWeights::StepWeights(StepCell cell, const StepSizes& sizes)
    : cell(cell),
      input(sizes.input),
      hidden(sizes.hidden),
      gates(cell == StepCell::Rnn    ? 1
            : cell == StepCell::Lstm ? 4
                                     : 3),
      w(random_weights({1, gates * hidden, input}, 1)),
      r(random_weights({1, gates * hidden, hidden}, 2)),
      b(random_weights({1, 2 * gates * hidden}, 3)) {}

Tensor StepWeights::matrix(const std::vector<int64_t>& of_gates, bool x, bool h, bool transposed) const {
  const int64_t rows = (x ? input : 0) + (h ? hidden : 0);
  const auto columns = static_cast<int64_t>(of_gates.size()) * hidden;
  Tensor result(DType::f32, transposed ? std::vector<int64_t>{columns, rows} : std::vector<int64_t>{rows, columns});
  for (int64_t c = 0; c < columns; ++c) {
    const int64_t unit = of_gates[static_cast<size_t>(c / hidden)] * hidden + c % hidden;
    for (int64_t k = 0; k < rows; ++k) {
      const bool of_x = x && k < input;
      const double value = of_x ? w.real(unit * input + k) : r.real(unit * hidden + (x ? k - input : k));
      result.set_real(transposed ? c * rows + k : k * columns + c, value);
    }
  }
  return result;
}

Tensor StepWeights::bias(const std::vector<int64_t>& of_gates, bool x, bool h) const {
  Tensor result(DType::f32, {static_cast<int64_t>(of_gates.size()) * hidden});
  for (int64_t c = 0; c < result.count(); ++c) {
    const int64_t unit = of_gates[static_cast<size_t>(c / hidden)] * hidden + c % hidden;
    result.set_real(c, (x ? b.real(unit) : 0) + (h ? b.real(gates * hidden + unit) : 0));
  }
  return result;
}

std::string StepWriter::op(const char* type, const Names& inputs) {
  const std::string name = fresh(type);
  body_.node(type, inputs, {name});
  return name;
}

std::string StepWriter::constant(const std::string& hint, const Tensor& value) {
  const std::string name = fresh(hint);
  body_.constant(name, value);
  return name;
}

std::string StepWriter::weight(const std::string& hint, Tensor value) {
  used_.push_back({fresh(hint), std::move(value)});
  return used_.back().name;
}

std::string StepWriter::gemm(const std::string& x, const std::string& w, const std::string& b) {
  const std::string name = fresh("gemm");
  body_.node("Gemm", {x, w, b}, {name}).attr("transB", 1);
  return name;
}

Names StepWriter::split(const std::string& x, size_t parts) {
  Names names, inputs = {x};
  for (size_t i = 0; i < parts; ++i) names.push_back(fresh("gate"));
  if (opset_ >= 13) inputs.push_back(constant("sizes", list(std::vector<int64_t>(parts, weights_.hidden))));
  body_.node("Split", inputs, names).attr("axis", form_.each_row ? 0 : 1);
  return names;
}

std::string StepWriter::sum(const std::string& x, const std::string& h, const std::vector<int64_t>& gates) {
  const bool transposed = is_gemm(form_.products);
  const auto of = [&](bool with_x, bool with_h) { return weights_.matrix(gates, with_x, with_h, transposed); };
  switch (form_.products) {
    case StepProducts::PerGate:
    case StepProducts::Whole: {
      const std::string of_x = op("MatMul", {x, weight("W", of(true, false))});
      const std::string of_h = op("MatMul", {h, weight("R", of(false, true))});
      return op("Add", {op("Add", {of_x, of_h}), weight("b", weights_.bias(gates, true, true))});
    }
    case StepProducts::Joined:
    case StepProducts::JoinedGemm: {
      const std::string both = fresh("joined");
      body_.node("Concat", {x, h}, {both}).attr("axis", form_.each_row ? 0 : 1);
      const std::string w = weight("WR", of(true, true)), b = weight("b", weights_.bias(gates, true, true));
      return transposed ? gemm(both, w, b) : op("Add", {op("MatMul", {both, w}), b});
    }
    case StepProducts::Gemm: break;
  }
  const std::string of_x = part(x, true, gates);
  return op("Add", {of_x, part(h, false, gates)});
}

Names StepWriter::gate_sums(const std::string& x, const std::string& h, const std::vector<int64_t>& gates) {
  if (form_.products != StepProducts::PerGate) return split(sum(x, h, gates), gates.size());
  Names names;
  for (const int64_t gate : gates) names.push_back(sum(x, h, {gate}));
  return names;
}

std::string StepWriter::part(const std::string& of, bool x, const std::vector<int64_t>& gates) {
  const bool transposed = is_gemm(form_.products);
  const std::string w = weight(x ? "W" : "R", weights_.matrix(gates, x, !x, transposed));
  const std::string b = weight("b", weights_.bias(gates, x, !x));
  return transposed ? gemm(of, w, b) : op("Add", {op("MatMul", {of, w}), b});
}

// c' = f c + i g; h' = o tanh(c')
Names StepWriter::lstm(const std::string& x, const Names& states) {
  const Names z = gate_sums(x, states[0], lstm_gates());
  const std::string i = op("Sigmoid", {z[0]}), f = op("Sigmoid", {z[1]}), g = op("Tanh", {z[2]});
  const std::string o = op("Sigmoid", {z[3]}), kept = op("Mul", {f, states[1]});
  const std::string c = op("Add", {kept, op("Mul", {i, g})});
  return {op("Mul", {o, op("Tanh", {c})}), c};
}

// h' = (1 - z) g + z h, with g of x and r (h·R + b), or of x and (r h)·R + b
Names StepWriter::gru(const std::string& x, const std::string& h) {
  std::string z, r, g;
  if (form_.cell == StepCell::GruResetBefore) {
    const Names rz = gate_sums(x, h, {1, 0});
    r = op("Sigmoid", {rz[0]});
    z = op("Sigmoid", {rz[1]});
    g = op("Tanh", {sum(x, op("Mul", {r, h}), {2})});
  } else {
    Names of_x, of_h;
    if (form_.products == StepProducts::PerGate) {
      for (const int64_t gate : gru_gates()) {
        of_x.push_back(part(x, true, {gate}));
        of_h.push_back(part(h, false, {gate}));
      }
    } else {
      of_x = split(part(x, true, gru_gates()), 3);
      of_h = split(part(h, false, gru_gates()), 3);
    }
    r = op("Sigmoid", {op("Add", {of_x[0], of_h[0]})});
    z = op("Sigmoid", {op("Add", {of_x[1], of_h[1]})});
    g = op("Tanh", {op("Add", {of_x[2], op("Mul", {r, of_h[2]})})});
  }
  const std::string rest = op("Sub", {constant("one", Tensor::f32({}, {1})), z});
  const std::string fresh_part = op("Mul", {rest, g});
  return {op("Add", {fresh_part, op("Mul", {z, h})})};
}

Names StepWriter::step(const std::string& x, const Names& states) {
  if (form_.cell == StepCell::Rnn) return {op("Tanh", {sum(x, states[0], {0})})};
  return is_gru(form_.cell) ? gru(x, states[0]) : lstm(x, states);
}

}  // namespace seqc::test
