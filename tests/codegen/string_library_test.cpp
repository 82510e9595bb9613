// Strings through the C interface: tables of them in a library, used from C and from a session.
#include <doctest/doctest.h>

#include "codegen/codegen.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using ir::Tensor;
using Texts = std::vector<std::string>;

namespace {

constexpr const char* kModel =
    R"(func @main(%i: i64[N], %x: string[3], %c: bool[]) -> (a: string[N], b: string[3], c: string[2,3]) {
  const @table: string[5] = ["zero", "one", "", "naïve", "one"]
  %a = gather @table, %i {axis=0}
  %b = select %c, %x, string("other")
  %j = reshape %x {shape=[1,3]}
  %d = pad %j, string("") {lo=[1,0], hi=[0,0]}
  return %a, %b, %d
}
)";

/// Prints every string of the outputs on a line of its own.
constexpr const char* kProgram = R"(#include <stdio.h>
#include <stdlib.h>
#include "words.h"

int main(void) {
  const seqc_model* model = words_model();
  int64_t i[4] = {3, 0, -1, 2};
  unsigned char c = 1;
  const char *x[3] = {"a", "", "two words"}, *strings[4 + 3 + 6];
  seqc_tensor in[WORDS_INPUTS] = {{i, SEQC_I64, 1, {4}}, {x, SEQC_STRING, 1, {3}}, {&c, SEQC_BOOL, 0, {0}}};
  seqc_tensor out[WORDS_OUTPUTS];
  size_t bytes, k;
  if (model->prepare(in, out, &bytes) != SEQC_OK || out[0].dtype != SEQC_STRING) return 3;
  out[0].data = strings;
  out[1].data = strings + 4;
  out[2].data = strings + 7;
  model->run(in, out, aligned_alloc(SEQC_ALIGNMENT, (bytes + 63) / 64 * 64), NULL);
  for (k = 0; k < 13; ++k) puts(strings[k]);
  return strings[4] == x[0] ? 0 : 4;
}
)";

std::unique_ptr<ir::Function> model() { return std::move(ir::parse_module(kModel, "text")->functions[0]); }

Texts texts(const std::vector<Tensor>& tensors) {
  Texts result;
  for (const Tensor& tensor : tensors)
    for (int64_t i = 0; i < tensor.count(); ++i) result.emplace_back(tensor.text(i));
  return result;
}

const Texts kWant = {"naïve", "zero", "one", "", "a", "", "two words", "", "", "", "a", "", "two words"};

}  // namespace

TEST_CASE("strings: a C program and a session run a library that holds some") {
  const test::TempDir folder;
  const auto path = [&](const std::string& name) { return (folder / name).string(); };
  const runtime::Lowered lowered = runtime::lower(model(), {});
  test::write_file(path("words.h"), codegen::c_header(*lowered.function, "words"));
  test::write_file(path("seqc.h"), test::read_file(SEQC_SOURCE_DIR "/runtime/seqc.h"));
  test::write_file(path("main.c"), kProgram);
  std::string lines;
  for (const std::string& text : kWant) lines += text + "\n";
  for (const auto& [kind, name] :
       {std::pair{codegen::EmitKind::SharedLibrary, "words.so"}, {codegen::EmitKind::StaticLibrary, "words.a"}}) {
    CAPTURE(name);
    codegen::emit(*lowered.function, {}, kind, "words", path(name));
    const auto compiled =
        test::run_program({"cc", "-std=c99", "-D_ISOC11_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic",
                           path("main.c"), path(name), "-o", path("program"), "-Wl,-rpath," + folder.path().string()});
    REQUIRE_MESSAGE(compiled.exit_code == 0, compiled.err);
    const auto ran = test::run_program({path("program")});
    CHECK(ran.exit_code == 0);
    CHECK(ran.out == lines);
  }
  std::vector<Tensor> outputs;
  {
    runtime::Session session(runtime::Program::load_library(path("words.so")), 2);
    CHECK(session.program().inputs()[1].type.str() == "string[3]");
    outputs = session.run({Tensor::i64({4}, {3, 0, -1, 2}), Tensor::strings({3}, {"a", "", "two words"}),
                           Tensor::scalar_int(ir::DType::boolean, 1)});
  }
  CHECK(texts(outputs) == kWant);  // the library is closed, the inputs are gone
}

TEST_CASE("strings: the outputs of a session outlive its inputs and its program") {
  std::vector<Tensor> outputs;
  {
    runtime::Session session(runtime::Program::compile(model()));
    outputs = session.run({Tensor::i64({4}, {3, 0, -1, 2}), Tensor::strings({3}, {"a", "", "two words"}),
                           Tensor::scalar_int(ir::DType::boolean, 1)});
    CHECK_THROWS_WITH_AS(
        session.run({Tensor::i64({1}, {0}), Tensor(ir::DType::i64, {3}), Tensor(ir::DType::boolean, {})}),
        "input \"x\": got i64[3], expected string[3]: the element type must be string", Error);
  }
  CHECK(texts(outputs) == kWant);
}
