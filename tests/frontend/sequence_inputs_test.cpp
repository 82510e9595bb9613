// Sequences and optionals as inputs of a model: an argument for each element, and what must be said of them.
#include "tests/frontend/all_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using frontend::ImportOptions;

std::string signature(const ir::Function& function) {
  std::string text;
  for (size_t i = 0; i < function.body().argument_count(); ++i)
    text += fmt::format("{}{}: {}", i ? ", " : "", function.body().argument(i)->name(),
                        function.body().argument(i)->type().str());
  return text;
}

/// Identity on the input x of a type; the input z shares its named dim.
ModelBuilder identity_of(const onnx::TypeProto& type) {
  ModelBuilder model(16);
  model.input("x", type).input("z", DType::f32, {"N"}).output("y", type).output("w", DType::f32, {"N"});
  model.node("Identity", {"x"}, {"y"});
  model.node("Neg", {"z"}, {"w"});
  return model;
}

const onnx::TypeProto kTensor = tensor_type(DType::f32, {"N", "", 3});

TEST_CASE("a sequence is one argument for each element") {
  const ModelBuilder model = identity_of(sequence_of(kTensor));
  const auto arguments = [&](const ImportOptions& options) { return signature(*import_built(model, options)); };
  CHECK(arguments({.sequence_lengths = {{"x", 0}}}) == "z: f32[N]");
  CHECK(arguments({.sequence_lengths = {{"x", 2}}}) == "x.0: f32[N,x.0_dim1,3], x.1: f32[N,x.1_dim1,3], z: f32[N]");
  CHECK(arguments({.dims = {{"N", 7}, {"x.1_dim1", 4}}, .sequence_lengths = {{"x", 2}}}) ==
        "x.0: f32[7,x.0_dim1,3], x.1: f32[7,4,3], z: f32[7]");
  // Elements that are given a shape go their own way.
  CHECK(arguments({.input_shapes = {{"x.0", {5, 1, 3}}, {"x.1", {6, 0, 3}}}, .sequence_lengths = {{"x", 2}}}) ==
        "x.0: f32[5,1,3], x.1: f32[6,0,3], z: f32[N]");
  const Tensor a = Tensor::f32({1, 1, 3}, {1, 2, 3}), b = Tensor(DType::f32, {2, 0, 3}), z = Tensor::f32({1}, {4});
  const auto got = run_all_ways(
      model, {a, b, z}, {.input_shapes = {{"x.0", {1, 1, 3}}, {"x.1", {2, 0, 3}}}, .sequence_lengths = {{"x", 2}}});
  REQUIRE(got.size() == 3);
  CHECK(got[0].identical(a));
  CHECK(got[1].identical(b));
}

TEST_CASE("an optional is the arguments of its element, or none") {
  const ModelBuilder tensor = identity_of(optional_of(kTensor)),
                     sequence = identity_of(optional_of(sequence_of(kTensor)));
  const ImportOptions none{.optionals = {{"x", false}}}, some{.optionals = {{"x", true}}};
  for (const ModelBuilder& model : {tensor, sequence}) {
    const auto function = import_built(model, none);
    CHECK(signature(*function) == "z: f32[N]");
    CHECK(function->output_names == std::vector<std::string>{"w"});
  }
  CHECK(signature(*import_built(tensor, some)) == "x: f32[N,x_dim1,3], z: f32[N]");
  const ImportOptions two{.sequence_lengths = {{"x", 2}}},
      both{.sequence_lengths = {{"x", 1}}, .optionals = {{"x", true}}};
  CHECK(import_built(sequence, two)->output_names == std::vector<std::string>{"y.0", "y.1", "w"});
  CHECK(import_built(sequence, both)->output_names == std::vector<std::string>{"y.0", "w"});
}

TEST_CASE("values of elements may be fixed") {
  ModelBuilder model(13);
  model.input("s", sequence_of(tensor_type(DType::i64, {"K"})))
      .input("x", DType::f32, {6})
      .output("y", DType::f32, {"", ""});
  model.constant("1", Tensor::i64({}, {1}));
  model.node("SequenceAt", {"s", "1"}, {"shape"});
  model.node("Reshape", {"x", "shape"}, {"y"});
  const Tensor other = Tensor::i64({1}, {9}), shape = Tensor::i64({2}, {3, -1}), x = Tensor(DType::f32, {6});
  const ImportOptions options{
      .input_shapes = {{"s.0", {1}}}, .input_values = {{"s.1", shape}}, .sequence_lengths = {{"s", 2}}};
  CHECK(run_all_ways(model, {other, shape, x}, options)[0].shape() == std::vector<int64_t>{3, 2});
}

TEST_CASE("what is said of sequences and optionals must be said, and fit") {
  const ModelBuilder sequence = identity_of(sequence_of(kTensor)), optional = identity_of(optional_of(kTensor)),
                     both = identity_of(optional_of(sequence_of(kTensor)));
  const auto refusal = [](const ModelBuilder& model, const ImportOptions& options, ErrorKind kind) {
    const Error error = error_of([&] { import_built(model, options); });
    CHECK(error.kind() == kind);
    return std::string(error.what());
  };
  const auto bad = ErrorKind::BadInput, needed = ErrorKind::NeedsValues;
  CHECK(refusal(sequence, {}, needed) ==
        "test.onnx: input \"x\": seq(f32[N,?,3]) may have any number of elements; say how many: --sequence x=...");
  CHECK(refusal(optional, {}, needed) ==
        "test.onnx: input \"x\": optional(f32[N,?,3]) may hold an element or not; say which: --optional x=some or "
        "--optional x=none");
  CHECK(refusal(both, {.optionals = {{"x", true}}}, needed).find("--sequence x=..., or --optional x=none") !=
        std::string::npos);
  const auto says = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(says(refusal(sequence, {.sequence_lengths = {{"x", -1}}}, bad), "got -1 elements, expected 0 to 4096"));
  CHECK(says(refusal(sequence, {.sequence_lengths = {{"x", 5000}}}, bad), "got 5000 elements"));
  CHECK(says(refusal(sequence, {.sequence_lengths = {{"x", 1}, {"q", 1}}}, bad),
             "a number of elements is given for \"q\", which is no input"));
  CHECK(says(refusal(sequence, {.sequence_lengths = {{"x", 1}, {"z", 1}}}, bad),
             "input \"z\": got a number of elements, and it is no sequence but f32[N]"));
  CHECK(
      says(refusal(sequence, {.sequence_lengths = {{"x", 1}}, .optionals = {{"x", true}}}, bad), "it is no optional"));
  CHECK(says(refusal(sequence, {.sequence_lengths = {{"x", 1}}, .optionals = {{"q", true}}}, bad),
             "whether it holds an element is given for \"q\", which is no input"));
  CHECK(says(refusal(both, {.sequence_lengths = {{"x", 1}}, .optionals = {{"x", false}}}, bad),
             "got a number of elements, and that it holds none"));
  CHECK(says(refusal(sequence, {.input_shapes = {{"x.2", {1, 1, 3}}}, .sequence_lengths = {{"x", 2}}}, bad),
             "a shape is given for \"x.2\", which is no input"));
  CHECK(says(refusal(sequence, {.input_shapes = {{"x.1", {1, 1, 4}}}, .sequence_lengths = {{"x", 2}}}, bad),
             "input \"x.1\": got shape [1,1,4], expected"));
  CHECK(says(refusal(sequence,
                     {.dims = {{"N", 2}}, .input_shapes = {{"x.1", {1, 1, 3}}}, .sequence_lengths = {{"x", 2}}}, bad),
             "input \"x.1\": named dim N gets 1, and 2 elsewhere"));
  ModelBuilder shapeless = identity_of(sequence_of(onnx::TypeProto()));
  CHECK(says(refusal(shapeless, {.sequence_lengths = {{"x", 1}}}, ErrorKind::Unsupported),
             "as an input is not supported"));
  ModelBuilder clash = identity_of(sequence_of(kTensor));
  clash.input("x.1", DType::f32, {2});
  CHECK(says(refusal(clash, {.sequence_lengths = {{"x", 2}}}, bad),
             "input \"x.1\": the model has two inputs of this name"));
}

}  // namespace
