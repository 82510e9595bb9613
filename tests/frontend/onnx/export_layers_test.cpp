// Every layer of the DSL through ONNX and back, with weights as training leaves them: just numbers.
#include <doctest/doctest.h>

#include <cmath>

#include "frontend/dsl/dsl.h"
#include "tests/support/exported.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using dsl::Step;
using dsl::Var;
using dsl::Vars;
using ir::Dim;

const Dim kT = Dim::symbol("T"), kN = Dim::symbol("N");

/// Exports the finished model at two sizes; integers stay below `most`, lengths between 1 and T.
Exported check_model(dsl::Model& model, int64_t most = 4) {
  const auto module = model.finish(true);
  ir::Function& function = *module->functions[0];
  Random random(11);
  for (ir::Value* parameter : function.parameters())
    function.make_parameter(parameter, random_tensor(parameter->dtype(), parameter->initial().shape(), random));
  Exported exported;
  for (const auto& [t, n] : {std::pair<int64_t, int64_t>{1, 1}, {7, 3}}) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < function.body().argument_count(); ++i) {
      const ir::Value* argument = function.body().argument(i);
      if (argument->is_parameter()) continue;
      std::vector<int64_t> shape;
      for (const Dim& dim : argument->shape()) shape.push_back(dim.evaluate({{"T", t}, {"N", n}}));
      Tensor value = random_tensor(argument->dtype(), shape, random);
      for (int64_t k = 0; ir::is_integer(value.dtype()) && k < value.count(); ++k)
        value.set_integer(k, argument->name() == "lengths" ? random.integer(1, t) : random.integer(0, most));
      inputs.push_back(std::move(value));
    }
    CAPTURE(t);
    exported = check_export(function, inputs, {1e-6, 2e-6});
  }
  return exported;
}

Var sequence(dsl::Model& model, int64_t size) { return model.input("x", DType::f32, {kT, kN, Dim(size)}); }
Vars zeros(const Var& x, size_t count, int64_t size) { return Vars(count, dsl::zeros_like_rows(x, Dim(size))); }

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("export: embedding, dense, layer normalisation, softmax over named dims") {
  dsl::Model model("m");
  const Var ids = model.input("ids", DType::i64, {kT, kN});
  const Var e = dsl::embedding_parameters(model, "embedding", 5, 7)(ids);
  const Var n = dsl::layer_norm_parameters(model, "norm", 7)(e);
  const Var y = dsl::dense_parameters(model, "dense", 7, 3)(n);
  model.output("y", y);
  model.output("p", dsl::softmax(y, -1));
  model.output("over time", dsl::softmax(y, 0));
  model.output("mean", dsl::mean(y, 0));
  const Exported exported = check_model(model);
  for (const char* name : {"embedding.table", "norm.scale", "dense.w", "over time"})
    CHECK(exported.bytes.find(name) != std::string::npos);
}

TEST_CASE("export: stacked cells in one scan and in several, bidirectional, residual") {
  dsl::Model model("m");
  const Var x = sequence(model, 3), lengths = model.input("lengths", DType::i32, {kN});
  dsl::Stack stack;
  stack.add(dsl::lstm_parameters(model, "one", 3, 5), 2)
      .add(dsl::residual(dsl::gru_parameters(model, "two", 5, 5)), 1)
      .add(dsl::rnn_parameters(model, "three", 5, 4), 1);
  Vars initial = zeros(x, 3, 5);
  initial.push_back(zeros(x, 1, 4)[0]);
  const dsl::Scanned together = dsl::scan(stack, x, initial, {.lengths = lengths});
  const dsl::Scanned both =
      dsl::bidirectional(dsl::lstm_parameters(model, "forward", 4, 6), dsl::gru_parameters(model, "backward", 4, 3),
                         together.outputs[0], zeros(x, 2, 6), zeros(x, 1, 3), lengths);
  model.output("y", both.outputs[0]);
  model.output("last", dsl::last_valid(both.outputs[0], lengths));
  model.output("end", dsl::last_valid(both.outputs[0]));
  const Exported exported = check_model(model);
  CHECK(exported.count("Scan") == 1);
  CHECK(exported.count("LSTM") == 1);
  CHECK(exported.count("GRU") == 1);
}

TEST_CASE("export: attention, with lengths, dot and additive") {
  dsl::Model model("m");
  const Var q = model.input("q", DType::f32, {kN, Dim(3), Dim(4)}), k = model.input("k", DType::f32, {kN, kT, Dim(4)});
  const Var v = model.input("v", DType::f32, {kN, kT, Dim(5)}), lengths = model.input("lengths", DType::i64, {kN});
  const dsl::Attended dot = dsl::attention(q, k, v, lengths), plain = dsl::attention(q, k, v, {}, dsl::Score::Dot);
  const dsl::Attended additive = dsl::additive_attention_parameters(model, "a", 4, 4, 6)(q, k, v, lengths);
  model.output("dot", dot.values);
  model.output("weights", dot.weights);
  model.output("plain", plain.values);
  model.output("additive", additive.values);
  check_model(model);
}

TEST_CASE("export: convolution over time in front of a GRU, projection behind") {
  dsl::Model model("m");
  const Var x = model.input("x", DType::f32, {kN, Dim(3), kT});  // [N, C, T]
  const Var w = model.parameter("conv.w", {6, 3, 3});
  ir::Builder& b = model.context().builder();
  const ir::ConvAttr attr{.strides = {1}, .dilations = {2}, .input_dilations = {1}, .pads_lo = {4}, .pads_hi = {0}};
  const Var c = dsl::relu(Var(model.context(), b.emit(ir::Opcode::Conv, {x.value(), w.value()}, attr)));
  const Var steps = dsl::transpose(c, {2, 0, 1});
  const auto scanned = dsl::scan(dsl::gru_parameters(model, "gru", 6, 9), steps, zeros(steps, 1, 9));
  model.output("y", dsl::dense_parameters(model, "out", 9, 2)(scanned.outputs[0]));
  const Exported exported = check_model(model);
  CHECK(exported.count("GRU") == 1);
  CHECK(exported.count("Conv") == 1);
}

TEST_CASE("export: losses and metrics") {
  dsl::Model model("m");
  const Var x = sequence(model, 5), labels = model.input("labels", DType::i64, {kT, kN}),
            lengths = model.input("lengths", DType::i64, {kN}), t = model.input("t", DType::f32, {kT, kN, Dim(5)});
  const Var loss = dsl::sequence_cross_entropy(x, labels, lengths);
  model.output("cross entropy", loss);
  model.output("perplexity", dsl::perplexity(loss));
  model.output("accuracy", dsl::accuracy(x, labels));
  model.output("dense", dsl::softmax_cross_entropy_dense(x, dsl::softmax(t, -1)));
  model.output("sigmoid", dsl::sigmoid_cross_entropy(x, dsl::sigmoid(t)));
  model.output("huber", dsl::huber(x, t, 0.3));
  model.output("rmse", dsl::root_mean_squared_error(x, t));
  check_model(model);
}

// Cells that no framework ships.

TEST_CASE("export: a layer-normalised LSTM") {
  dsl::Model model("m");
  const Var x = sequence(model, 3), lengths = model.input("lengths", DType::i32, {kN});
  const auto norm = [&](const std::string& name, int64_t size) {
    return dsl::layer_norm_parameters(model, name, size);
  };
  const Var w = model.parameter("w", {20, 3}), r = model.parameter("r", {20, 5});
  const dsl::LayerNorm of_x = norm("nx", 20), of_h = norm("nh", 20), of_c = norm("nc", 5);
  const auto cell = [&](const Var& in, const Vars& s) -> Step {
    const Var a = of_x(dsl::linear(in, w)), z = a + of_h(dsl::linear(s[0], r));
    const auto gate = [&](int64_t i) { return dsl::slice(z, 1, Dim(5 * i), Dim(5)); };
    const Var kept = dsl::sigmoid(gate(1)) * s[1];
    const Var c = kept + dsl::sigmoid(gate(0)) * dsl::tanh(gate(2));
    const Var h = dsl::sigmoid(gate(3)) * dsl::tanh(of_c(c));
    return {{h, c}, {h}};
  };
  const auto scanned = dsl::scan(dsl::Cell(cell), x, zeros(x, 2, 5), {.reverse = true, .lengths = lengths});
  model.output("y", scanned.outputs[0]);
  model.output("c", scanned.states[1]);
  CHECK(check_model(model).count("Scan") == 1);
}

TEST_CASE("export: sLSTM, with exponential gates and a stabiliser") {
  dsl::Model model("m");
  const Var x = sequence(model, 3);
  const dsl::Gate i = dsl::gate_parameters(model, "i", 3, 7), f = dsl::gate_parameters(model, "f", 3, 7),
                  z = dsl::gate_parameters(model, "z", 3, 7), o = dsl::gate_parameters(model, "o", 3, 7);
  const auto cell = [&](const Var& in, const Vars& s) -> Step {  // h, c, n, m
    const auto of = [&](const dsl::Gate& gate) {
      const Var a = dsl::linear(in, gate.w, gate.b);
      return a + dsl::linear(s[0], gate.r);
    };
    const Var log_f = -dsl::softplus(-of(f)), log_i = of(i);
    const Var m = dsl::max(log_f + s[3], log_i);
    const Var forget = dsl::exp(log_f + s[3] - m), input = dsl::exp(log_i - m);
    const Var kept = forget * s[1];
    const Var c = kept + input * dsl::tanh(of(z)), n = forget * s[2] + input;
    const Var h = dsl::sigmoid(of(o)) * (c / n);
    return {{h, c, n, m}, {h, m}};
  };
  const auto scanned = dsl::scan(dsl::Cell(cell), x, zeros(x, 4, 7));
  model.output("y", scanned.outputs[0]);
  model.output("m", scanned.outputs[1]);
  CHECK(check_model(model).count("Scan") == 1);
}

TEST_CASE("export: a recurrent highway cell that looks back through attention") {
  dsl::Model model("m");
  const Var x = sequence(model, 4), memory = model.input("memory", DType::f32, {kN, Dim(6), Dim(5)});
  const dsl::Gate gate = dsl::gate_parameters(model, "t", 9, 5), carry = dsl::gate_parameters(model, "h", 9, 5);
  const dsl::AdditiveAttention look = dsl::additive_attention_parameters(model, "look", 5, 5, 3);
  const auto cell = [&](const Var& in, const Vars& s) -> Step {
    const Var query = dsl::reshape(s[0], {s[0].dim(0), Dim(1), Dim(5)});
    const dsl::Attended seen = look(query, memory, memory);  // of outside of the scan
    const Var joined = dsl::concat({in, dsl::select(seen.values, 1, Dim(0))}, 1);
    const Var a = dsl::linear(joined, gate.w, gate.b), t = dsl::sigmoid(a + dsl::linear(s[0], gate.r));
    const Var b = dsl::linear(joined, carry.w, carry.b), g = dsl::tanh(b + dsl::linear(s[0], carry.r));
    const Var h = t * g + (1.0 - t) * s[0];
    return {{h}, {h, dsl::select(seen.weights, 1, Dim(0))}};
  };
  const auto scanned = dsl::scan(dsl::Cell(cell), x, zeros(x, 1, 5));
  model.output("y", scanned.outputs[0]);
  model.output("weights", scanned.outputs[1]);
  CHECK(check_model(model).count("Scan") == 1);
}

TEST_CASE("export: dropout is not there in use, and an LSTM with it is an LSTM") {
  for (const bool ragged : {false, true}) {
    dsl::Model model("m");
    const Var x = sequence(model, 3), lengths = ragged ? model.input("lengths", DType::i64, {kN}) : Var();
    const dsl::Dropout drop(model, "drop", 0.5), inside(model, "inside", 0.25);
    dsl::LstmCell cell = dsl::lstm_parameters(model, "l", 3, 4);
    cell.recurrent = inside;
    const auto scanned = dsl::scan(cell, drop(x, {0}), zeros(x, 2, 4), {.lengths = lengths});
    model.output("y", drop(scanned.outputs[0]));
    const auto module = model.finish();
    Random random(3);
    std::vector<Tensor> inputs = {random_tensor(DType::f32, {5, 2, 3}, random)};
    if (ragged) inputs.push_back(Tensor::i64({2}, {5, 2}));
    const Exported exported = check_export(*module->functions[0], inputs);
    CHECK(exported.count("LSTM") == 1);
    CHECK(exported.count("Scan") == 0);
    CHECK(exported.count("Where") == 0);
  }
}

TEST_CASE("export: what a model is trained with runs elsewhere as well, from opset 18 on") {
  dsl::Model model("m");
  const Var x = model.input("x", DType::f32, {kN, Dim(3)});
  const dsl::Dropout drop(model, "drop", 0.5);
  model.output("y", drop(dsl::dense_parameters(model, "d", 3, 7)(x)));
  const auto module = model.finish(true);
  Random random(3);
  const Tensor in = random_tensor(DType::f32, {5, 3}, random);
  for (const int64_t step : {-1, 0, 7}) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < module->functions[0]->body().argument_count(); ++i) {
      const ir::Value* argument = module->functions[0]->body().argument(i);
      if (!argument->is_parameter())
        inputs.push_back(argument->name() == "x" ? in : Tensor::scalar_int(DType::i64, step));
    }
    // ONNX Runtime has no arithmetic for u64.
    CHECK(round_trip_fault(*module->functions[0], inputs, {1e-6, 1e-6}, {.opset = 18}, {.ort = false}) == "");
  }
}

TEST_CASE("export: a scan over nothing but its steps") {
  dsl::Model model("m");
  const Var start = model.input("start", DType::f32, {kN, Dim(3)});
  const dsl::WideCell cell = [&](const Vars&, const Vars& s) -> Step { return {{s[0] * 0.5}, {s[0]}}; };
  const auto scanned = dsl::scan(cell, {}, {start}, {.steps = Dim(4)});
  model.output("y", scanned.outputs[0]);
  model.output("end", scanned.states[0]);
  CHECK(check_model(model).count("Scan") == 1);
}

TEST_SUITE_END();
