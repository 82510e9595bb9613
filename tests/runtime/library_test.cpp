#include "runtime/library.h"
#include "runtime/compile.h"
#include "runtime/compile_info.h"

#include <doctest/doctest.h>

#include "ir/error.h"
#include "runtime/seqc_runtime.h"
#include "runtime/session.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"

using namespace seqc;

namespace {

std::string message(const std::filesystem::path& path) {
  try {
    runtime::Library library(path.string());
  } catch (const Error& error) {
    const std::string text = error.what();
    REQUIRE(text.starts_with(path.string() + ": "));
    return text.substr(path.string().size() + 2);
  }
  return "no error";
}

std::filesystem::path build_doubler(const test::TempDir& folder) {
  const auto lowered = runtime::lower_file(test::save_doubler(folder / "doubler.onnx"));
  const std::string path = (folder / "doubler.so").string();
  codegen::emit(*lowered.function, {}, codegen::EmitKind::SharedLibrary, "doubler", path);
  return path;
}

}  // namespace

TEST_CASE("library: names of shared libraries") {
  CHECK(runtime::is_library("a/model.so"));
  CHECK(runtime::is_library("model.so.1"));
  CHECK_FALSE(runtime::is_library("model.onnx"));
  CHECK_FALSE(runtime::is_library("x.so/model.onnx"));
}

TEST_CASE("library: a built one runs like the program it came from") {
  const test::TempDir folder;
  const auto program = runtime::Program::open(build_doubler(folder));
  CHECK(std::string(program->model().name) == "doubler");
  CHECK(runtime::str(program->inputs()) == "X: f32[N,3]");
  CHECK(program->compiled() == nullptr);
  const auto outputs = runtime::Session(program).run({ir::Tensor::f32({1, 3}, {1, -2, 0.5})});
  CHECK(outputs.at(0).identical(ir::Tensor::f32({1, 3}, {2, -4, 1})));
}

TEST_CASE("library: files that are none are refused, cut ones without a crash") {
  const test::TempDir folder;
  CHECK(message(folder / "none.so") == "no such file");
  CHECK(message(folder.path()) == "is no file");
  test::write_file(folder / "text.so", "this is no library");
  CHECK(message(folder / "text.so") == "is no shared library (no 64-bit ELF file)");
  const std::string bytes = test::read_file(build_doubler(folder));
  for (const size_t size : {size_t{0}, size_t{10}, size_t{64}, size_t{100}, bytes.size() / 2}) {
    CAPTURE(size);
    test::write_file(folder / "cut.so", bytes.substr(0, size));
    CHECK(message(folder / "cut.so") != "no error");
  }
  CHECK(message("/lib/x86_64-linux-gnu/libm.so.6").starts_with("was not made by seqc"));
}

TEST_CASE("C interface: opens, runs and says what went wrong") {
  const test::TempDir folder;
  const std::string model = test::save_doubler(folder / "doubler.onnx").string();
  const seqc_dim dims[] = {{"N", 2}};
  seqc_program* program = seqc_open(model.c_str(), dims, 1);
  REQUIRE_MESSAGE(program, seqc_last_error());
  const seqc_model* description = seqc_program_model(program);
  CHECK(std::string(description->inputs[0].dims[0]) == "2");
  seqc_threads* threads = seqc_threads_create(2);
  REQUIRE(threads);

  float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {};
  const seqc_tensor input = {x, SEQC_F32, 2, {2, 3}};
  seqc_tensor output = {};
  size_t bytes = 0;
  REQUIRE(description->prepare(&input, &output, &bytes) == SEQC_OK);
  output.data = y;
  std::unique_ptr<void, void (*)(void*)> workspace(std::aligned_alloc(SEQC_ALIGNMENT, (bytes + 63) / 64 * 64),
                                                   std::free);
  description->run(&input, &output, workspace.get(), threads);
  for (int i = 0; i < 6; ++i) CHECK(y[i] == 2 * x[i]);
  seqc_threads_destroy(threads);
  seqc_close(program);

  CHECK(seqc_open((folder / "none.onnx").c_str(), nullptr, 0) == nullptr);
  CHECK(std::string(seqc_last_error()).find("none.onnx") != std::string::npos);
  const seqc_dim unknown[] = {{"M", 2}};
  CHECK(seqc_open(model.c_str(), unknown, 1) == nullptr);
  CHECK(std::string(seqc_last_error()) != "");
  CHECK(seqc_threads_create(0) == nullptr);
  CHECK(std::string(seqc_last_error()) == "threads: got 0, expected a number from 1 to 1024");
}
