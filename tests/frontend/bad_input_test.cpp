// Files that are at fault, and models that ask for what is not there: one clear error each, never a crash.
#include <filesystem>
#include <fstream>

#include "tests/frontend/import_support.h"

namespace {

using namespace seqc;
using namespace seqc::test;
namespace fs = std::filesystem;

/// y = x * w with an initializer, opset 14.
ModelBuilder product_model() {
  ModelBuilder model(14);
  model.input("x", DType::f32, {2, 3}).output("y", DType::f32, {2, 3});
  model.initializer("w", Tensor::f32({3}, {1, 2, 3}));
  model.node("Mul", {"x", "w"}, {"y"}).name("product");
  return model;
}

void check_error(const ModelBuilder& model, ErrorKind kind, const std::vector<std::string>& parts) {
  const Error error = error_of([&] { import_built(model); });
  CAPTURE(std::string(error.what()));
  CHECK(error.kind() == kind);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(contains(error, part));
  }
}

TEST_CASE("files that are no models") {
  const auto check = [](const std::string& bytes, const char* part) {
    const Error error = error_of([&] { import_bytes(bytes); });
    CAPTURE(std::string(error.what()));
    CHECK(error.kind() == ErrorKind::BadInput);
    CHECK(contains(error, "test.onnx"));
    CHECK(contains(error, part));
  };
  check("", "empty");
  check("this is a text file, not a model\n", "no ONNX model");
  check(std::string(1000, '\0'), "no ONNX model");
  const Error missing = error_of([] { frontend::import_model("/nowhere/model.onnx"); });
  CHECK(missing.kind() == ErrorKind::BadInput);
  CHECK(contains(missing, "/nowhere/model.onnx"));
  CHECK(error_of([] { frontend::import_model("/"); }).kind() == ErrorKind::BadInput);
}

TEST_CASE("a model cut off anywhere is refused or whole, never a crash") {
  const std::string bytes = product_model().bytes();
  int refused = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    try {
      import_bytes(bytes.substr(0, size));
    } catch (const Error& error) {
      CAPTURE(size);
      CAPTURE(std::string(error.what()));
      CHECK(error.kind() != ErrorKind::Internal);
      ++refused;
    }
  }
  CHECK(refused > static_cast<int>(bytes.size() * 9 / 10));
}

TEST_CASE("a model with any one byte changed never crashes") {
  const std::string bytes = product_model().bytes();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x08, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      try {
        import_bytes(changed);
      } catch (const Error& error) {
        CAPTURE(at);
        CAPTURE(std::string(error.what()));
        CHECK(error.kind() != ErrorKind::Internal);
      }
    }
  }
}

TEST_CASE("graphs that are not sound") {
  ModelBuilder cyclic(14);
  cyclic.input("x", DType::f32, {2}).output("b", DType::f32, {2});
  cyclic.node("Add", {"x", "b"}, {"a"}).name("first");
  cyclic.node("Neg", {"a"}, {"b"}).name("second");
  check_error(cyclic, ErrorKind::BadInput, {"cycle", "Add \"first\"", "Neg \"second\""});

  ModelBuilder twice(14);
  twice.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  twice.node("Neg", {"x"}, {"y"}).name("one");
  twice.node("Abs", {"x"}, {"y"}).name("two");
  check_error(twice, ErrorKind::BadInput, {"\"y\"", "Neg \"one\"", "Abs \"two\""});

  ModelBuilder shadowed(14);
  shadowed.input("x", DType::f32, {2}).output("w", DType::f32, {2});
  shadowed.initializer("w", Tensor::f32({2}, {1, 2}));
  shadowed.node("Neg", {"x"}, {"w"}).name("n");
  check_error(shadowed, ErrorKind::BadInput, {"\"w\"", "defined"});

  ModelBuilder dangling(14);
  dangling.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  dangling.node("Add", {"x", "ghost"}, {"y"}).name("sum");
  check_error(dangling, ErrorKind::BadInput, {"Add \"sum\"", "\"ghost\""});

  ModelBuilder lost(14);
  lost.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  check_error(lost, ErrorKind::BadInput, {"output \"y\"", "no node"});
}

TEST_CASE("a missing input, and too many") {
  ModelBuilder missing(14);
  missing.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  missing.node("Add", {"x"}, {"y"}).name("sum");
  check_error(missing, ErrorKind::BadInput, {"Add \"sum\"", "input 1 (B) is missing"});
  ModelBuilder extra(14);
  extra.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  extra.node("Neg", {"x", "x"}, {"y"}).name("n");
  check_error(extra, ErrorKind::Unsupported, {"Neg \"n\"", "input 1"});
}

TEST_CASE("operators, attributes and outputs that are not known") {
  ModelBuilder unknown(14);
  unknown.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  unknown.node("Frobnicate", {"x"}, {"y"}).name("f");
  check_error(unknown, ErrorKind::Unsupported, {"Frobnicate \"f\"", "opset 14"});

  ModelBuilder domain(14);
  domain.opset("com.example", 3).input("x", DType::f32, {2}).output("y", DType::f32, {2});
  domain.node("Neg", {"x"}, {"y"}).name("f").domain("com.example");
  check_error(domain, ErrorKind::Unsupported, {"com.example.Neg \"f\"", "version 3"});

  ModelBuilder foreign(14);
  foreign.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  foreign.node("Neg", {"x"}, {"y"}).name("f").domain("com.example");
  check_error(foreign, ErrorKind::BadInput, {"com.example", "imports"});

  ModelBuilder attribute(14);
  attribute.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  attribute.node("Neg", {"x"}, {"y"}).name("n").attr("speed", 3);
  check_error(attribute, ErrorKind::Unsupported, {"Neg \"n\"", "attribute speed"});

  ModelBuilder wrong_type(14);
  wrong_type.input("x", DType::f32, {2, 3}).output("y", DType::f32, {2, 3});
  wrong_type.node("Softmax", {"x"}, {"y"}).name("s").attr("axis", 1.5);
  check_error(wrong_type, ErrorKind::BadInput, {"Softmax \"s\"", "axis", "FLOAT", "INT"});

  ModelBuilder output(14);
  output.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  output.node("Neg", {"x"}, {"y", "z"}).name("n");
  check_error(output, ErrorKind::Unsupported, {"Neg \"n\"", "output 1 (\"z\")"});

  check_error(ModelBuilder(23), ErrorKind::Unsupported, {"opset 23", "22"});
}

TEST_CASE("ranks, shapes and types that do not fit") {
  ModelBuilder shapes(14);
  shapes.input("x", DType::f32, {2, 3}).input("z", DType::f32, {4}).output("y", DType::f32, {2, 3});
  shapes.node("Add", {"x", "z"}, {"y"}).name("sum");
  check_error(shapes, ErrorKind::BadInput, {"Add \"sum\"", "[2,3]", "[4]"});

  ModelBuilder types(14);
  types.input("x", DType::f32, {2}).input("z", DType::i64, {2}).output("y", DType::f32, {2});
  types.node("Add", {"x", "z"}, {"y"}).name("sum");
  check_error(types, ErrorKind::BadInput, {"Add \"sum\"", "f32[2]", "i64[2]"});

  ModelBuilder rank(14);
  rank.input("x", DType::f32, {2, 3}).output("y", DType::f32, {2, 3});
  rank.initializer("w", Tensor::f32({1, 4, 3}, std::vector<float>(12)));
  rank.initializer("r", Tensor::f32({1, 4, 1}, std::vector<float>(4)));
  rank.node("LSTM", {"x", "w", "r"}, {"y"}).name("lstm").attr("hidden_size", 1);
  check_error(rank, ErrorKind::BadInput, {"LSTM \"lstm\"", "[2,3]", "rank 3"});

  ModelBuilder inner(14);
  inner.input("x", DType::f32, {2, 3}).output("y", DType::f32, {2, 3});
  inner.initializer("w", Tensor::f32({4, 3}, std::vector<float>(12)));
  inner.node("MatMul", {"x", "w"}, {"y"}).name("m");
  check_error(inner, ErrorKind::BadInput, {"MatMul \"m\"", "4", "expected 3"});

  ModelBuilder complex(14);
  complex.input("x", DType::f32, {2}).output("y", DType::f32, {2});
  complex.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::COMPLEX64);
  complex.node("Identity", {"x"}, {"y"});
  check_error(complex, ErrorKind::Unsupported, {"input \"x\"", "COMPLEX64"});
}

TEST_CASE("absurd sizes are refused before anything is allocated") {
  const int64_t huge = int64_t{1} << 62;
  ModelBuilder input(14);
  input.input("x", DType::f32, {huge, huge}).output("y", DType::f32, {2});
  input.node("Neg", {"x"}, {"y"});
  check_error(input, ErrorKind::BadInput, {"input \"x\"", "memory"});

  ModelBuilder initializer = product_model();
  initializer.graph().mutable_initializer(0)->set_dims(0, huge);
  check_error(initializer, ErrorKind::BadInput, {"initializer \"w\""});

  ModelBuilder lying = product_model();
  lying.graph().mutable_initializer(0)->set_dims(0, 1 << 20);
  check_error(lying, ErrorKind::BadInput, {"initializer \"w\"", "12", "4194304"});

  ModelBuilder negative = product_model();
  negative.graph().mutable_initializer(0)->set_dims(0, -3);
  check_error(negative, ErrorKind::BadInput, {"initializer \"w\"", "-3"});

  for (const char* op : {"ConstantOfShape", "Expand", "Reshape", "Tile"}) {
    CAPTURE(std::string(op));
    ModelBuilder model(14);
    model.input("x", DType::f32, {1, 1}).output("y", DType::f32, {2, 2});
    model.constant("shape", Tensor::i64({2}, {int64_t{1} << 40, int64_t{1} << 40}));
    const bool alone = std::string_view(op) == "ConstantOfShape";
    model.node(op, alone ? std::vector<std::string>{"shape"} : std::vector<std::string>{"x", "shape"}, {"y"})
        .name("op");
    check_error(model, ErrorKind::BadInput, {"\"op\"", "memory"});
  }
}

TEST_CASE("functions that call themselves and graphs nested without end") {
  ModelBuilder model(15);
  model.opset("own", 1).input("x", DType::f32, {2}).output("y", DType::f32, {2});
  model.node("F", {"x"}, {"y"}).domain("own").name("call");
  onnx::ModelProto proto = model.build();
  auto* function = proto.add_functions();
  function->set_name("F");
  function->set_domain("own");
  function->add_input("a");
  function->add_output("b");
  auto* import = function->add_opset_import();
  import->set_domain("own");
  import->set_version(1);
  auto* node = function->add_node();
  node->set_op_type("F");
  node->set_domain("own");
  node->add_input("a");
  node->add_output("b");
  const Error error = error_of([&] { import_bytes(proto.SerializeAsString()); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "deep"));
}

TEST_CASE("external data stays inside the model's folder") {
  const TempDir dir;
  fs::create_directories(dir / "model");
  fs::create_directories(dir / "model/weights");
  const Tensor w = Tensor::f32({3}, {1, 2, 3});
  const std::string bytes(reinterpret_cast<const char*>(w.bytes()), w.byte_size());
  write_file(dir / "outside.bin", bytes);
  write_file(dir / "model/inside.bin", "0123" + bytes);
  write_file(dir / "model/weights/deep.bin", bytes);
  fs::create_symlink("../outside.bin", dir / "model/link.bin");
  fs::create_symlink("inside.bin", dir / "model/good_link.bin");

  const auto import = [&](const std::string& location, int64_t offset, int64_t length) {
    ModelBuilder model(14);
    model.input("x", DType::f32, {3}).output("y", DType::f32, {3});
    model.external("w", DType::f32, {3}, location, offset, length);
    model.node("Mul", {"x", "w"}, {"y"});
    return frontend::import_model(model.save(dir / "model/model.onnx").string());
  };
  for (const auto& [location, offset] : {std::pair{"inside.bin", 4}, {"weights/deep.bin", 0}, {"good_link.bin", 4}}) {
    CAPTURE(location);
    const auto function = import(location, offset, 12);
    CHECK(numbers(ir::interpret(*function, {Tensor::f32({3}, {1, 1, 1})})[0]) == std::vector<double>{1, 2, 3});
  }
  const auto refused = [&](const std::string& location, int64_t offset, int64_t length, const char* part) {
    const Error error = error_of([&] { import(location, offset, length); });
    CAPTURE(std::string(error.what()));
    CHECK(error.kind() == ErrorKind::BadInput);
    CHECK(contains(error, "initializer \"w\""));
    CHECK(contains(error, part));
  };
  refused("../outside.bin", 0, 12, "below the model's folder");
  refused("weights/../../outside.bin", 0, 12, "below the model's folder");
  refused((dir / "outside.bin").string(), 0, 12, "below the model's folder");
  refused("link.bin", 0, 12, "link out of the model's folder");
  refused("absent.bin", 0, 12, "not found");
  refused("weights", 0, 12, "no regular file");
  refused("inside.bin", 8, 12, "which has 16");
  refused("inside.bin", 4, 8, "8 bytes, expected 12");
  ModelBuilder model(14);
  model.input("x", DType::f32, {3}).output("y", DType::f32, {3});
  model.external("w", DType::f32, {3}, "inside.bin", 4, 12);
  model.node("Mul", {"x", "w"}, {"y"});
  check_error(model, ErrorKind::BadInput, {"initializer \"w\"", "from memory"});
}

TEST_CASE("options that contradict the model") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"N", 3}).input("z", DType::f32, {"N", ""}).output("y", DType::f32, {"N", 3});
  model.node("Add", {"x", "z"}, {"y"}).name("sum");
  const auto check = [&](const frontend::ImportOptions& options, const char* part) {
    const Error error = error_of([&] { import_built(model, options); });
    CAPTURE(std::string(error.what()));
    CHECK(error.kind() == ErrorKind::BadInput);
    CHECK(contains(error, part));
  };
  check({.dims = {{"Q", 3}}}, "N, z_dim1");
  check({.dims = {{"N", -3}}}, "negative");
  check({.input_shapes = {{"q", {3}}}}, "\"q\"");
  check({.input_shapes = {{"x", {3}}}}, "expected [N,3]");
  check({.input_shapes = {{"x", {2, 4}}}}, "expected [N,3]");
  check({.input_shapes = {{"x", {2, 3}}, {"z", {4, 3}}}}, "N gets 4, and 2 elsewhere");
  check({.input_values = {{"x", Tensor::i64({1, 3}, {1, 2, 3})}}}, "expected f32[1,3]");
}

}  // namespace
