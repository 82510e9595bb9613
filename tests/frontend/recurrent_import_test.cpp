// What import makes of RNN, GRU and LSTM nodes besides numbers: clean constants, no needless masks, and clear errors.
#include <doctest/doctest.h>

#include <functional>
#include <span>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/verifier.h"
#include "tests/support/recurrent_cases.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using ir::Opcode;

std::unique_ptr<ir::Function> import_proto(const onnx::ModelProto& model) {
  const std::string bytes = model.SerializeAsString();
  auto function = frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "m.onnx");
  REQUIRE(ir::verify(*function).empty());
  return function;
}

int count_ops(const ir::Function& function, ir::Opcode code) {
  int count = 0;
  ir::walk(function.body(), [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

/// An LSTM with constant weights, T=4, N=2, I=3, H=5; X is the only run-time input.
RecurrentCase plain_lstm() {
  RecurrentCase c;
  c.T = 4, c.N = 2, c.I = 3, c.H = 5;
  c.inputs[kX] = {Feed::Input, Tensor(DType::f32, c.shape(kX))};
  for (const InputSlot slot : {kW, kR, kB}) c.inputs[slot] = {Feed::Initializer, Tensor(DType::f32, c.shape(slot))};
  c.wanted = {true, true, true};
  return c;
}

/// Imports the plain LSTM after `change` and returns the error's text.
std::string error_of(const std::function<void(RecurrentCase&, onnx::NodeProto*)>& change) {
  RecurrentCase c = plain_lstm();
  change(c, nullptr);
  onnx::ModelProto model = to_model(c);
  model.mutable_graph()->mutable_node(0)->set_name("/enc/lstm");
  change(c, model.mutable_graph()->mutable_node(0));
  try {
    import_proto(model);
  } catch (const Error& error) {
    CHECK(error.kind() != ErrorKind::Internal);
    return error.what();
  }
  return "no error";
}

/// error_of a change of the case only, or of the node only.
std::string case_error(const std::function<void(RecurrentCase&)>& change) {
  return error_of([&](RecurrentCase& c, onnx::NodeProto* node) {
    if (!node) change(c);
  });
}
std::string node_error(const std::function<void(NodeRef)>& change) {
  return error_of([&](RecurrentCase&, onnx::NodeProto* node) {
    if (node) change(NodeRef(*node));
  });
}

void resize(RecurrentCase& c, InputSlot slot, std::vector<int64_t> shape) {
  c.inputs[slot] = {Feed::Initializer, Tensor(DType::f32, std::move(shape))};
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
#define CHECK_SAYS(expression, part)          \
  do {                                        \
    const std::string text_ = (expression);   \
    CHECK_MESSAGE(has(text_, (part)), text_); \
  } while (false)

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("LSTM: constant weights are cut at import, run-time weights outside the scan") {
  RecurrentCase c = plain_lstm();
  const auto constant = import_proto(to_model(c));
  CHECK(count_ops(*constant, Opcode::Slice) == 0);
  CHECK(count_ops(*constant, Opcode::Select) == 0);
  CHECK(count_ops(*constant, Opcode::Contract) == 8);
  for (const InputSlot slot : {kW, kR, kB}) c.inputs[slot].feed = Feed::Input;
  const auto running = import_proto(to_model(c));
  CHECK(count_ops(*running, Opcode::Slice) == 4 + 4 + 8);
  ir::walk(running->body(), [&](const ir::Op* op) {
    if (op->code() == Opcode::Scan)
      ir::walk(op->region(), [](const ir::Op* in) { CHECK(in->code() != Opcode::Slice); });
  });
}

TEST_CASE("LSTM: constant lengths that are all seq_length need no mask, others do") {
  RecurrentCase c = plain_lstm();
  c.inputs[kSequenceLens] = {Feed::Initializer, Tensor(DType::i32, {2})};
  c.inputs[kSequenceLens].value.set_integer(0, 4);
  c.inputs[kSequenceLens].value.set_integer(1, 4);
  CHECK(count_ops(*import_proto(to_model(c)), Opcode::Select) == 0);
  c.named_t = true;
  CHECK(count_ops(*import_proto(to_model(c)), Opcode::Select) == 3);
  c.named_t = false;
  c.inputs[kSequenceLens].value.set_integer(1, 3);
  CHECK(count_ops(*import_proto(to_model(c)), Opcode::Select) == 3);
}

TEST_CASE("LSTM: an output that nobody asks for is not made") {
  RecurrentCase c = plain_lstm();
  c.wanted = {false, true, false};
  const auto function = import_proto(to_model(c));
  ir::walk(function->body(), [&](const ir::Op* op) {
    if (op->code() == Opcode::Scan) CHECK(op->result_count() == 2);
  });
}

TEST_CASE("recurrent nodes that contradict themselves are refused: where, got, expected, remedy") {
  CHECK_SAYS(case_error([](auto& c) { resize(c, kW, {1, 16, 3}); }),
             "LSTM \"/enc/lstm\": W is [1,16,3], expected [1,20,3] (4*hidden_size); check hidden_size=5");
  CHECK_SAYS(case_error([](auto& c) { resize(c, kR, {1, 20, 4}); }), "R is [1,20,4], expected [1,20,5]");
  CHECK_SAYS(case_error([](auto& c) {
               resize(c, kR, {1, 20, 4});
               c.write_hidden_size = false;
             }),
             "R is [1,20,4], expected [1,16,4] (4*hidden_size); check hidden_size=4 (the last dim of R)");
  CHECK_SAYS(case_error([](auto& c) { resize(c, kW, {1, 20, 7}); }), "W is [1,20,7], expected [1,20,3]");
  CHECK_SAYS(case_error([](auto& c) { resize(c, kW, {20, 3}); }), "W is [20,3], expected [1,20,3]");
  CHECK_SAYS(case_error([](auto& c) { resize(c, kB, {1, 20}); }), "B is [1,20], expected [1,40] (8*hidden_size)");
  CHECK_SAYS(case_error([](auto& c) { resize(c, kP, {1, 20}); }), "P is [1,20], expected [1,15] (3*hidden_size)");
  CHECK_SAYS(case_error([](auto& c) { resize(c, kInitialC, {1, 3, 5}); }), "initial_c is [1,3,5], expected [1,2,5]");
  CHECK_SAYS(case_error([](auto& c) { c.inputs[kW].value = Tensor(DType::f64, {1, 20, 3}); }),
             "W is f64[1,20,3], expected f32 as X");
  CHECK_SAYS(case_error([](auto& c) { c.direction = Direction::Bidirectional; }), "expected [2,20,5]");
  const auto lengths = [](DType type, std::vector<int64_t> values) {
    return [=](RecurrentCase& c) {
      Tensor tensor(type, {static_cast<int64_t>(values.size())});
      for (size_t i = 0; i < values.size(); ++i) tensor.set_integer(static_cast<int64_t>(i), values[i]);
      c.inputs[kSequenceLens] = {Feed::Initializer, tensor};
    };
  };
  CHECK_SAYS(case_error(lengths(DType::i64, {1, 1})), "sequence_lens is i64[2], expected i32[2]");
  CHECK_SAYS(case_error(lengths(DType::i32, {1})), "sequence_lens");
  CHECK_SAYS(case_error(lengths(DType::i32, {1, 5})), "sequence_lens has 5, expected 0 to seq_length=4");
  CHECK_SAYS(case_error(lengths(DType::i32, {-1, 4})), "sequence_lens has -1");
}

TEST_CASE("recurrent attributes out of range or out of their opset are refused") {
  CHECK_SAYS(node_error([](NodeRef n) { n.attr("direction", "sideways"); }), "direction is \"sideways\"");
  CHECK_SAYS(node_error([](NodeRef n) { n.attr("clip", -1.0); }), "clip is -1");
  CHECK_SAYS(node_error([](NodeRef n) { n.attr("layout", 2); }), "layout is 2, expected 0 or 1");
  CHECK_SAYS(node_error([](NodeRef n) { n.attr("input_forget", 3); }), "input_forget is 3");
  CHECK_SAYS(node_error([](NodeRef n) { n.attr("output_sequence", 1); }), "output_sequence");          // gone since 7
  CHECK_SAYS(node_error([](NodeRef n) { n.attr("linear_before_reset", 1); }), "linear_before_reset");  // GRU's
  CHECK_SAYS(node_error([](NodeRef n) { n.strings("activations", {"Sigmoid", "Swish", "Tanh"}); }),
             "activations has \"Swish\", expected one of Affine");
  CHECK_SAYS(node_error([](NodeRef n) { n.strings("activations", {"Sigmoid", "Tanh"}); }),
             "activations has 2 entries, expected 3");
  CHECK_SAYS(node_error([](NodeRef n) {
               n.strings("activations", {"HardSigmoid", "Tanh", "Tanh"});
               n.floats("activation_alpha", {0.2f, 0.3f});
             }),
             "activation_alpha has 2 entries, expected at most 1");
  CHECK_SAYS(case_error([](auto& c) {
               c.opset = 11;
               c.layout = 0;
             }),
             "layout");
}

TEST_SUITE_END();
