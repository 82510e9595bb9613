// Ahead-of-time libraries: used from C, free of dependencies, for other processors than this one.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <sstream>

#include "codegen/codegen.h"
#include "runtime/compile.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using codegen::EmitKind;
using ir::Tensor;
using Tensors = std::vector<Tensor>;

namespace {

/// Reads x and h0 as raw floats, prints Y and h as raw floats.
constexpr const char* kProgram = R"(#include <stdio.h>
#include <stdlib.h>
#include "tiny.h"

int main(void) {
  const seqc_model* model = tiny_model();
  static float x[4 * 2 * 3], h0[2 * 5], y[4 * 2 * 5], h[2 * 5];
  if (fread(x, sizeof x, 1, stdin) != 1 || fread(h0, sizeof h0, 1, stdin) != 1) return 2;
  seqc_tensor in[TINY_INPUTS] = {{x, SEQC_F32, 3, {4, 2, 3}}, {h0, SEQC_F32, 3, {1, 2, 5}}}, out[TINY_OUTPUTS];
  size_t bytes;
  if (model->prepare(in, out, &bytes) != SEQC_OK || out[0].rank != 4 || out[0].shape[2] != 2) return 3;
  out[0].data = y;
  out[1].data = h;
  model->run(in, out, aligned_alloc(SEQC_ALIGNMENT, (bytes + 63) / 64 * 64), NULL);
  return fwrite(y, sizeof y, 1, stdout) + fwrite(h, sizeof h, 1, stdout) == 2 ? 0 : 4;
}
)";

struct Setting {
  test::TempDir folder;
  std::string model = test::save_lstm(folder / "tiny.onnx").string();
  Tensors inputs = {test::lstm_x(4, 2), test::lstm_h0(2)};

  std::string path(const std::string& name) const { return (folder / name).string(); }

  std::string emit(EmitKind kind, const std::string& name, const codegen::Target& target = {}) const {
    runtime::CompileOptions options;
    options.target = target;
    return codegen::emit(*runtime::lower_file(model, options).function, target, kind, "tiny", path(name)).path;
  }
  Tensors expected() const { return runtime::Session(runtime::Program::compile_file(model)).run(inputs); }
};

std::string raw(const Tensors& tensors) {
  std::string bytes;
  for (const Tensor& tensor : tensors) bytes.append(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size());
  return bytes;
}

bool close(const Tensors& got, const Tensors& want) {
  for (size_t i = 0; i < want.size(); ++i)
    for (int64_t k = 0; k < want[i].count(); ++k)
      if (!(std::abs(got[i].real(k) - want[i].real(k)) <= 1e-6)) return false;
  return got.size() == want.size();
}

/// The machine that an ELF file is for: 62 x86-64, 183 AArch64.
int elf_machine(const std::string& path) {
  const std::string bytes = test::read_file(path);
  REQUIRE(
      bytes.starts_with("\x7f"
                        "ELF"));
  return static_cast<unsigned char>(bytes[18]) | static_cast<unsigned char>(bytes[19]) << 8;
}

}  // namespace

TEST_CASE("ahead of time: a C program links the library and gives the same numbers") {
  const Setting setting;
  test::write_file(setting.path("tiny.h"), codegen::c_header(*runtime::lower_file(setting.model).function, "tiny"));
  test::write_file(setting.path("seqc.h"), test::read_file(SEQC_SOURCE_DIR "/runtime/seqc.h"));
  test::write_file(setting.path("main.c"), kProgram);
  test::write_file(setting.path("in"), raw(setting.inputs));
  const std::string expected = raw(setting.expected());
  for (const auto& [kind, name] : {std::pair{EmitKind::SharedLibrary, "tiny.so"},
                                   {EmitKind::StaticLibrary, "tiny.a"},
                                   {EmitKind::Object, "tiny.o"},
                                   {EmitKind::Assembly, "tiny.s"}}) {
    CAPTURE(name);
    const std::string library = setting.emit(kind, name), program = setting.path("program");
    const auto compiled = test::run_program({"cc", "-std=c99", "-D_ISOC11_SOURCE", "-Wall", "-Wextra", "-Werror",
                                             "-pedantic", setting.path("main.c"), library, "-o", program,
                                             "-Wl,-rpath," + setting.folder.path().string()});
    REQUIRE_MESSAGE(compiled.exit_code == 0, compiled.err);
    const auto ran = test::run_program({"sh", "-c", program + " < " + setting.path("in")});
    CHECK(ran.exit_code == 0);
    CHECK(ran.out == expected);
  }
}

TEST_CASE("ahead of time: a library needs nothing but libc and libm") {
  const Setting setting;
  const auto result = test::run_program({"ldd", setting.emit(EmitKind::SharedLibrary, "tiny.so")});
  CHECK(result.exit_code == 0);
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    bool allowed = false;
    for (const char* name : {"statically linked", "linux-vdso", "libc.so", "libm.so", "ld-linux"})
      allowed = allowed || line.find(name) != std::string::npos;
    CHECK(allowed);
  }
}

TEST_CASE("ahead of time: the library and the program in memory are the same, bit for bit") {
  const Setting setting;
  const auto library = runtime::Program::load_library(setting.emit(EmitKind::SharedLibrary, "tiny.so"));
  CHECK(raw(runtime::Session(library).run(setting.inputs)) == raw(setting.expected()));
  CHECK(raw(runtime::Session(library, 3).run(setting.inputs)) == raw(setting.expected()));
}

#if defined(__x86_64__)
TEST_CASE("ahead of time: processors older and newer than this one") {
  const Setting setting;
  for (const char* cpu : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    CAPTURE(cpu);
    const std::string library = setting.emit(EmitKind::SharedLibrary, std::string(cpu) + ".so", {"", cpu, ""});
    CHECK(elf_machine(library) == 62);
    const std::string_view level = cpu;
    const bool runs_here = level == "x86-64" || (level == "x86-64-v2" && __builtin_cpu_supports("sse4.2")) ||
                           (level == "x86-64-v3" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) ||
                           (level == "x86-64-v4" && __builtin_cpu_supports("avx512vl"));
    if (!runs_here) continue;
    CHECK(close(runtime::Session(runtime::Program::load_library(library)).run(setting.inputs), setting.expected()));
  }
  const std::string plain = test::read_file(setting.emit(EmitKind::Assembly, "plain.s", {"", "x86-64", ""}));
  CHECK(plain.find("%ymm") == std::string::npos);
  CHECK(plain.find("%zmm") == std::string::npos);
  const std::string wide = test::read_file(setting.emit(EmitKind::Assembly, "wide.s", {"", "x86-64-v4", ""}));
  CHECK(wide.find("%zmm") != std::string::npos);
}
#endif

TEST_CASE("ahead of time: an AArch64 object") {
  const Setting setting;
  CHECK(elf_machine(setting.emit(EmitKind::Object, "tiny.o", {"aarch64-linux-gnu", "", ""})) == 183);
  CHECK(elf_machine(setting.emit(EmitKind::SharedLibrary, "tiny.so", {"aarch64-linux-gnu", "", ""})) == 183);
}
