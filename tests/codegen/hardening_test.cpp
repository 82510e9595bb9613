// What a compiled model checks before it runs: fixed values, sizes that overflow, the processor.
#include <doctest/doctest.h>

#include <cstring>

#include "codegen/codegen.h"
#include "codegen/memory_plan.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using codegen::EmitKind;
using ir::DType;
using ir::Tensor;

namespace {

std::unique_ptr<ir::Function> lowered(const std::string& text) {
  auto module = ir::parse_module(text, "test");
  return std::move(runtime::lower(std::move(module->functions[0])).function);
}

seqc_tensor tensor(int32_t dtype, std::vector<int64_t> shape, void* data = nullptr) {
  seqc_tensor result{data, dtype, static_cast<int32_t>(shape.size()), {}};
  std::copy(shape.begin(), shape.end(), result.shape);
  return result;
}

int32_t prepare(const seqc_model& model, std::vector<seqc_tensor> inputs) {
  std::vector<seqc_tensor> outputs(static_cast<size_t>(model.output_count));
  size_t bytes = 0;
  return model.prepare(inputs.data(), outputs.data(), &bytes);
}

}  // namespace

TEST_CASE("prepare: an input with a fixed value is compared with it") {
  const auto function = lowered("func @main(%x: f32[N], %r: i64[2]) -> (y: f32[N]) {\n  %y = neg %x\n  return %y\n}\n");
  const auto compiled = codegen::compile(*function, {}, {{"r", Tensor::i64({2}, {16000, -1})}});
  const seqc_model& model = compiled->model();
  float x[3] = {1, 2, 3};
  int64_t right[2] = {16000, -1}, wrong[2] = {16000, 0};
  const auto status = [&](void* value) {
    return prepare(model, {tensor(SEQC_F32, {3}, x), tensor(SEQC_I64, {2}, value)});
  };
  CHECK(status(right) == SEQC_OK);
  CHECK(SEQC_STATUS_CODE(status(wrong)) == SEQC_BAD_VALUE);
  CHECK(SEQC_STATUS_INPUT(status(wrong)) == 1);
  CHECK(SEQC_STATUS_CODE(status(nullptr)) == SEQC_BAD_VALUE);
  REQUIRE(model.inputs[1].value);
  CHECK(std::memcmp(model.inputs[1].value, right, sizeof right) == 0);
  CHECK(model.inputs[0].value == nullptr);
  CHECK(codegen::c_header(*function, "m", {{"r", Tensor::i64({2}, {16000, -1})}})
            .find("r: i64[2], which must be 16000, -1\n") != std::string::npos);
}

TEST_CASE("a library built with --value refuses other values, in C and in the runtime") {
  const test::TempDir folder;
  test::ModelBuilder model(13);
  model.input("x", DType::f32, {"N"}).input("k", DType::i64, {1}).output("y", DType::f32, {"M"});
  model.node("Tile", {"x", "k"}, {"y"}).name("tile");
  const std::string file = model.save(folder / "tile.onnx").string();
  REQUIRE(test::run_seqc({"build", file, "--value", "k=2", "-o", folder.path().string()}).exit_code == 0);
  CHECK(test::read_file(folder / "tile.h").find("k: i64[1], which must be 2\n") != std::string::npos);
  runtime::Session session(runtime::Program::load_library((folder / "tile.so").string()));
  const Tensor x = Tensor::f32({3}, {1, 2, 3});
  CHECK(session.run({x, Tensor::i64({1}, {2})})[0].identical(Tensor::f32({6}, {1, 2, 3, 1, 2, 3})));
  CHECK_THROWS_WITH_AS(session.run({x, Tensor::i64({1}, {3})}), doctest::Contains("\"k\": got another value"), Error);
  CHECK(session.program().fixed_values().count("k") == 1);
}

TEST_CASE("prepare: products of dims that no memory holds are refused, not wrapped") {
  const auto function = lowered(R"(func @main(%x: f32[N,M], %y: f32[M,K]) -> (z: f32[N,K], n: i64[1]) {
  %z = contract %x, %y {spec="nm,mk->nk"} : f32[N,K]
  %n = dims {value=[N*M]} : i64[1]
  return %z, %n
})");
  const auto compiled = codegen::compile(*function);
  const auto status = [&](int64_t n, int64_t m, int64_t k) {
    return SEQC_STATUS_CODE(prepare(compiled->model(), {tensor(SEQC_F32, {n, m}), tensor(SEQC_F32, {m, k})}));
  };
  constexpr int64_t kBig = int64_t{1} << 32, kHuge = int64_t{1} << 39;
  CHECK(status(3, 5, 7) == SEQC_OK);
  CHECK(status(0, kHuge, 0) == SEQC_OK);
  CHECK(status(kBig, kBig, 1) == SEQC_TOO_LARGE);  // 2^64 elements
  CHECK(status(1, kBig, kBig) == SEQC_TOO_LARGE);
  CHECK(status(kBig, 1, kBig) == SEQC_TOO_LARGE);  // the output
  CHECK(status(kHuge, kHuge, kHuge) == SEQC_TOO_LARGE);
  CHECK(status(int64_t{1} << 40, 1, 1) == SEQC_BAD_SHAPE);
  CHECK(status(-1, 1, 1) == SEQC_BAD_SHAPE);
}

TEST_CASE("prepare: dims of inputs that are expressions do not overflow, divisions by zero do not trap") {
  const auto function =
      lowered(R"(func @main(%x: f32[N], %y: f32[N*N*N*N*N*N*N], %q: f32[K], %w: f32[floordiv(K, N)]) -> (z: f32[N]) {
  %z = neg %x
  return %z
})");
  const auto compiled = codegen::compile(*function);
  const auto status = [&](int64_t n, int64_t power, int64_t k, int64_t w) {
    return prepare(compiled->model(),
                   {tensor(SEQC_F32, {n}), tensor(SEQC_F32, {power}), tensor(SEQC_F32, {k}), tensor(SEQC_F32, {w})});
  };
  CHECK(status(2, 128, 9, 4) == SEQC_OK);
  CHECK(SEQC_STATUS_CODE(status(1024, 0, 9, 0)) == SEQC_BAD_SHAPE);  // 2^70 wraps to 0
  CHECK(SEQC_STATUS_CODE(status(0, 0, 9, 0)) == SEQC_BAD_SHAPE);
}

TEST_CASE("prepare: a gather from an axis without elements is refused") {
  const auto function = lowered(R"(func @main(%x: f32[N,4], %i: i64[K]) -> (z: f32[K,4]) {
  %z = gather %x, %i {axis=0} : f32[K,4]
  return %z
})");
  const auto compiled = codegen::compile(*function);
  const auto status = [&](int64_t n, int64_t k) {
    return SEQC_STATUS_CODE(prepare(compiled->model(), {tensor(SEQC_F32, {n, 4}), tensor(SEQC_I64, {k})}));
  };
  CHECK(status(1, 3) == SEQC_OK);
  CHECK(status(0, 0) == SEQC_OK);
  CHECK(status(0, 3) == SEQC_TOO_SMALL);
}

TEST_CASE("the workspace that is told before a run is the one that prepare asks for") {
  const auto function = lowered(R"(func @main(%x: f32[7,33]) -> (z: f32[7]) {
  %t = tanh %x
  %s = reduce %t {kind=max, axes=[1]} : f32[7]
  %u = reduce %t {kind=sum, axes=[0]} : f32[33]
  %v = reduce %u {kind=sum, axes=[0]} : f32[]
  %z = mul %s, %v
  return %z
})");
  const auto compiled = codegen::compile(*function);
  std::vector<seqc_tensor> in = {tensor(SEQC_F32, {7, 33})}, out(1);
  size_t bytes = 0;
  REQUIRE(compiled->model().prepare(in.data(), out.data(), &bytes) == SEQC_OK);
  CHECK(codegen::plan_memory(*function).workspace_bytes() == ir::Dim(static_cast<int64_t>(bytes)));
  CHECK(bytes > codegen::kCallHeaderBytes);
}

#if defined(__x86_64__)
TEST_CASE("a library for another processor is refused when it is loaded, and by prepare") {
  const test::TempDir folder;
  // An instruction set of few processors: one that this machine lacks.
  std::string lacking;
  for (const auto& [name, here] : {std::pair{"xop", __builtin_cpu_supports("xop")},
                                   {"fma4", __builtin_cpu_supports("fma4")},
                                   {"avx512vbmi2", __builtin_cpu_supports("avx512vbmi2")}})
    if (!here && lacking.empty()) lacking = name;
  REQUIRE(!lacking.empty());
  const codegen::Target target{"", "x86-64-v2", "+" + lacking};
  const auto function = lowered("func @main(%x: f32[N]) -> (y: f32[N]) {\n  %y = neg %x\n  return %y\n}\n");
  const std::string path = (folder / "m.so").string();
  codegen::emit(*function, target, EmitKind::SharedLibrary, "m", path);
  CHECK_THROWS_WITH_AS(runtime::Program::load_library(path), doctest::Contains(("which needs " + lacking).c_str()),
                       Error);
  CHECK_THROWS_WITH_AS(codegen::compile(*function, target), doctest::Contains(("needs " + lacking).c_str()), Error);

  // In C nothing but prepare's status need be looked at.
  test::write_file(folder / "seqc.h", test::read_file(SEQC_SOURCE_DIR "/runtime/seqc.h"));
  test::write_file(folder / "m.h", codegen::c_header(*function, "m"));
  test::write_file(folder / "main.c", R"(#include <stdio.h>
#include "m.h"
int main(void) {
  float x[2] = {1, 2};
  seqc_tensor in = {x, SEQC_F32, 1, {2}}, out;
  size_t bytes;
  int status = m_model()->prepare(&in, &out, &bytes);
  const char* missing = m_model()->missing_feature();
  printf("%d %s\n", status, missing ? missing : "-");
  return 0;
}
)");
  const std::string program = (folder / "program").string();
  const auto compiled = test::run_program(
      {"cc", (folder / "main.c").string(), path, "-o", program, "-Wl,-rpath," + folder.path().string()});
  REQUIRE_MESSAGE(compiled.exit_code == 0, compiled.err);
  CHECK(test::run_program({program}).out == "7 " + lacking + "\n");
  codegen::emit(*function, {"", "x86-64-v2", ""}, EmitKind::SharedLibrary, "m", path);
  CHECK(test::run_program({program}).out == "0 -\n");

  const std::string text = test::read_file(codegen::emit(*function, {"aarch64-linux-gnu", "neoverse-n1", ""},
                                                         EmitKind::Assembly, "m", (folder / "m.s").string())
                                               .path);
  CHECK(text.find("getauxval") != std::string::npos);
}
#endif
