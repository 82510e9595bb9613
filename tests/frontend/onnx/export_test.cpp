// What an exported file says: names, named dims, checks by ONNX itself; what is refused, and that nothing is left behind.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "tests/frontend/import_support.h"
#include "tests/support/exported.h"
#include "tests/tools/seqc_tool.h"

namespace {

namespace fs = std::filesystem;
using namespace seqc;
using namespace seqc::test;
using dsl::Step;
using dsl::Var;
using dsl::Vars;
using ir::Dim;

const Dim kT = Dim::symbol("T"), kN = Dim::symbol("N");

std::unique_ptr<ir::Function> parse(const std::string& text) { return std::move(ir::parse_module(text)->functions[0]); }

/// An LSTM, a cell of one's own over it, attention over time: most kinds of nodes.
std::unique_ptr<ir::Module> some_model() {
  dsl::Model model("tagger");
  const Var x = model.input("x", DType::f32, {kT, kN, Dim(3)}), lengths = model.input("lengths", DType::i64, {kN});
  const auto lstm = dsl::scan(dsl::lstm_parameters(model, "enc.lstm", 3, 5), x,
                              Vars(2, dsl::zeros_like_rows(x, Dim(5))), {.reverse = true, .lengths = lengths});
  const Var w = model.parameter("decay", {5});
  const dsl::Cell leaky = [&](const Var& in, const Vars& s) -> Step {
    const Var h = w * s[0] + dsl::softplus(in);
    return {{h}, {h}};
  };
  const Var y = dsl::scan(leaky, lstm.outputs[0], {dsl::zeros_like_rows(x, Dim(5))}, {.lengths = lengths}).outputs[0];
  model.output("y", y);
  const Var keys = dsl::transpose(y, {1, 0, 2});
  model.output("seen", dsl::attention(keys, keys, keys, lengths).values);
  model.output("last", dsl::last_valid(y, lengths));
  return model.finish(true);
}

Error refusal(const ir::Function& function, const frontend::ExportOptions& options = {}) {
  return error_of([&] { frontend::export_model_bytes(function, options); });
}

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("export: inputs, outputs, parameters and dims keep their names") {
  const auto module = some_model();
  const TempDir folder;
  const std::string file = (folder / "tagger.onnx").string();
  frontend::export_model(*module->functions[0], file);
  const auto summary = frontend::summarize_model(file);
  CHECK(summary.producer == "seqc");
  CHECK(summary.ir_version == 8);
  CHECK(summary.opsets.at("ai.onnx") == 17);
  REQUIRE(summary.inputs.size() == 2);
  CHECK(summary.inputs[0].name == "x");
  CHECK(summary.inputs[0].type == "f32[T,N,3]");
  CHECK(summary.inputs[1].type == "i64[N]");
  REQUIRE(summary.outputs.size() == 3);
  CHECK(summary.outputs[0].name == "y");
  CHECK(summary.outputs[0].type == "f32[T,N,5]");
  CHECK(summary.outputs[2].type == "f32[N,5]");
  CHECK(summary.operators.at("LSTM") == 1);
  CHECK(summary.operators.at("Scan") == 1);
  std::set<std::string> initializers;
  const onnx::ModelProto model = load_model(file);
  for (const auto& tensor : model.graph().initializer()) initializers.insert(tensor.name());
  for (const char* name : {"enc.lstm.W", "enc.lstm.R", "enc.lstm.B", "decay"}) CHECK(initializers.count(name) == 1);
  CHECK(initializers.count("enc.lstm.input.w") == 0);  // it is in W
  CHECK(list(folder.path()) == std::vector<std::string>{"tagger.onnx"});
}

TEST_CASE("export: ONNX's own checker takes the files") {
  const TempDir folder;
  const auto module = some_model();
  for (const bool recurrent : {true, false})
    frontend::export_model(*module, (folder / (recurrent ? "lstm.onnx" : "scan.onnx")).string(),
                           {.recurrent = recurrent});
  CHECK(checker_faults(folder.path()) == "");
}

TEST_CASE("export: every opset from 17 to 22 gives the same outputs") {
  const auto module = some_model();
  const ir::Function& function = *module->functions[0];
  const std::vector<Tensor> inputs = {TestNumbers(4).floats({3, 2, 3}), Tensor::i64({2}, {3, 1})};
  for (int64_t opset = frontend::kOldestExportOpset; opset <= frontend::kNewestExportOpset; ++opset)
    check_export(function, inputs, {1e-6, 1e-6}, {.opset = opset});
  const Error error = refusal(function, {.opset = 16});
  CHECK(error.kind() == ErrorKind::BadInput);
  CHECK(contains(error, "got opset 16, expected 17 to 22"));
}

TEST_CASE("export: sequences of no step and batches of no row") {
  dsl::Model model("m");
  const Var x = model.input("x", DType::f32, {kT, kN, Dim(3)});
  const Vars zeros(2, dsl::zeros_like_rows(x, Dim(5)));
  const auto lstm = dsl::scan(dsl::lstm_parameters(model, "l", 3, 5), x, zeros);
  const dsl::Cell sums = [](const Var& in, const Vars& s) -> Step { return {{s[0] + in}, {s[0]}}; };
  model.output("y", dsl::scan(sums, lstm.outputs[0], {zeros[0]}).outputs[0]);
  model.output("p", dsl::softmax(dsl::reshape(x, {kT * kN, Dim(3)}), -1));
  model.output("h", lstm.states[0]);
  const auto module = model.finish();
  for (const auto& [t, n] : {std::pair<int64_t, int64_t>{0, 2}, {3, 0}, {0, 0}}) {
    const std::vector<Tensor> inputs = {Tensor(DType::f32, {t, n, 3})};
    CHECK(round_trip_fault(*module->functions[0], inputs, {0, 0}, {}, {.ort = false}) == "");
  }
}

TEST_CASE("export: outputs that are inputs, constants, or one value twice") {
  const auto function =
      parse(R"(func @main(%x: f32[N,2], %y: f32[]) -> (a: f32[N,2], x: f32[N,2], b: f32[N,2], c: f32[], d: f32[N,2]) {
  %0 = neg %x : f32[N,2]
  return %0, %x, %0, f32(3), %x
})");
  const Exported exported = check_export(*function, {Tensor::f32({1, 2}, {1, -2}), Tensor::f32({}, {1})});
  CHECK(exported.back->output_names == function->output_names);
}

TEST_CASE("export: a dim that inputs have in expressions only") {
  const auto function = parse(R"(func @main(%x: f32[2*T + 1], %y: f32[T + N]) -> (a: f32[N,T], b: i64[2]) {
  %0 = broadcast f32(2) {shape=[N,T]} : f32[N,T]
  %1 = dims {value=[floordiv(T - 3, 2),N*T]} : i64[2]
  return %0, %1
})");
  // ONNX has no names for such sizes: what comes back has others.
  const std::string bytes = frontend::export_model_bytes(*function);
  const auto back = import_bytes(bytes, {.dims = {{"x_dim0", 5}, {"y_dim0", 5}}});
  const auto got = ir::interpret(*back, {Tensor(DType::f32, {5}), Tensor(DType::f32, {5})});
  CHECK(got[0].shape() == std::vector<int64_t>{3, 2});
  CHECK(got[1].integer(0) == -1);
  CHECK(got[1].integer(1) == 6);
}

TEST_CASE("export: what ONNX has nothing for is refused by name, with the way out") {
  const auto bits = parse(R"(func @main(%x: i32[N]) -> (y: i32[N]) {
  %0 = xor %x, i32(5) : i32[N]
  return %0
})");
  const Error young = refusal(*bits);
  CHECK(young.kind() == ErrorKind::Unsupported);
  CHECK(contains(young, "export: xor: bits of i32 need BitwiseXor, which opset 17 lacks; export with opset 18"));
  check_export(*bits, {Tensor::of<int32_t>(DType::i32, {3}, std::vector<int32_t>{1, -7, 5})}, {}, {.opset = 18});

  const auto gradient = parse(R"(func @main(%x: f32[N]) -> (y: f32[N]) {
  %0 = mul %x, %x : f32[N]
  %1 = gradient %0, %x : f32[N]
  return %1
})");
  CHECK(contains(refusal(*gradient), "run the pass differentiate first"));

  const auto same = parse(R"(func @main(%x: f32[N], %y: f32[N]) -> (y: f32[N]) {
  return %x
})");
  CHECK(contains(refusal(*same), "output \"y\" has the name of an input"));
}

TEST_CASE("export: a file that cannot be written leaves nothing behind") {
  const auto module = some_model();
  const TempDir folder;
  const Error error =
      error_of([&] { frontend::export_model(*module->functions[0], (folder / "none/m.onnx").string()); });
  CHECK(error.kind() == ErrorKind::BadInput);
  CHECK(contains(error, "cannot write"));
  const auto bits = parse("func @main(%x: i32[N]) -> (y: i32[N]) {\n  %0 = xor %x, i32(5) : i32[N]\n  return %0\n}");
  write_file(folder / "old.onnx", "precious");
  CHECK_THROWS_AS(frontend::export_model(*bits, (folder / "old.onnx").string()), Error);
  CHECK(read_file(folder / "old.onnx") == "precious");
  CHECK(list(folder.path()) == std::vector<std::string>{"old.onnx"});
}

TEST_CASE("a Loop that a constant condition keeps from starting needs no trip count") {
  GraphBuilder body("body");
  body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("v", DType::f32, {2});
  body.output("on").output("next");
  body.node("Identity", {"go"}, {"on"});
  body.node("Neg", {"v"}, {"next"});
  ModelBuilder model(14);
  model.input("n", DType::i64, {}).input("x", DType::f32, {2}).output("y", DType::f32, {2});
  model.initializer("no", Tensor::scalar_int(DType::boolean, 0));
  model.node("Loop", {"n", "no", "x"}, {"y"}).attr("body", body);
  CHECK(numbers(run_built(model, {Tensor::scalar_int(DType::i64, 3), Tensor::f32({2}, {1, 2})})[0]) ==
        std::vector<double>{1, 2});
}

TEST_SUITE_END();
