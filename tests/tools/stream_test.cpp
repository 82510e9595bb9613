// Streams on the command line, and libraries of seqc build --stream from C.
#include <doctest/doctest.h>

#include <cstring>

#include "passes/streaming/streaming.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "runtime/stream.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"
#include "tests/support/streams.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using namespace seqc::test;
using ir::DType;
using ir::Tensor;
using Names = std::vector<std::string>;

namespace {

/// A convolution without padding, stride 2, in front of an LSTM that begins with one: x [N,2,T] -> y [S,N,5].
std::filesystem::path save_conv_lstm(const std::filesystem::path& file) {
  ModelBuilder model(17);
  Random random(3);
  model.input("x", DType::f32, {"N", 2, "T"})
      .output("y", DType::f32, {"S", "N", 5})
      .output("h", DType::f32, {1, "N", 5});
  model.initializer("k", random_tensor(DType::f32, {3, 2, 4}, random));
  model.initializer("W", random_tensor(DType::f32, {1, 20, 3}, random));
  model.initializer("R", random_tensor(DType::f32, {1, 20, 5}, random));
  model.node("Conv", {"x", "k"}, {"c"}).name("conv").ints("strides", {2});
  model.node("Transpose", {"c"}, {"t"}).ints("perm", {2, 0, 1});
  model.node("LSTM", {"t", "W", "R"}, {"Y", "h"}).name("lstm").attr("hidden_size", 5);
  model.initializer("axes", Tensor::i64({1}, {1})).node("Squeeze", {"Y", "axes"}, {"y"});
  return model.save(file);
}

/// Reads x [rows,2,frames] from a file of floats, steps in chunks, and prints the frames of y and the last h.
constexpr const char* kProgram = R"(
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "heard.h"

enum { ROWS = 3, FRAMES = 24, MOST = 8 };

static int chunk_at(int i) { static const int sizes[] = {2, 6, 2, 8, 4, 2}; return sizes[i]; }

int main(int argc, char** argv) {
  static float x[ROWS * 2 * FRAMES], chunk[ROWS * 2 * MOST], y[MOST * ROWS * 5], h[ROWS * 5];
  FILE* file = argc > 1 ? fopen(argv[1], "rb") : NULL;
  size_t bytes, state_bytes = heard_state_size(ROWS);
  void *state = aligned_alloc(SEQC_ALIGNMENT, state_bytes), *saved = malloc(state_bytes), *workspace;
  seqc_tensor in = {NULL, SEQC_F32, 3, {ROWS, 2, MOST}}, out[2];
  int from = 0, i, row, k;
  memset(out, 0, sizeof out);
  if (!file || fread(x, sizeof x, 1, file) != 1 || !state || !saved) return 1;
  fclose(file);
  in.data = chunk;
  memset(state, 0, state_bytes);
  if (SEQC_STATUS_CODE(heard_prepare(state, &in, out, &bytes)) != SEQC_BAD_VALUE) return 2;
  heard_init(state, ROWS);
  in.shape[2] = 3;
  if (heard_prepare(state, &in, out, &bytes) != SEQC_BAD_SHAPE) return 3;
  in.shape[2] = MOST;
  in.shape[0] = ROWS + 1;
  if (SEQC_STATUS_CODE(heard_prepare(state, &in, out, &bytes)) != SEQC_BAD_SHAPE) return 4;
  in.shape[0] = ROWS;
  if (heard_prepare(state, &in, out, &bytes) != SEQC_OK) return 5;
  if (out[0].shape[0] != MOST / 2 || out[0].shape[1] != ROWS || out[0].shape[2] != 5) return 6;
  workspace = aligned_alloc(SEQC_ALIGNMENT, (bytes + 63) / 64 * 64);
  out[0].data = y;
  out[1].data = h;
  for (i = 0; from < FRAMES; from += chunk_at(i++)) {
    const int frames = chunk_at(i);
    in.shape[2] = frames;
    for (row = 0; row < ROWS * 2; ++row) memcpy(chunk + row * frames, x + row * FRAMES + from, frames * sizeof(float));
    if (i == 3) { /* from a copy */
      memcpy(saved, state, state_bytes);
      heard_init(state, ROWS);
      memcpy(state, saved, state_bytes);
    }
    if (heard_step(state, &in, out, workspace, NULL) != SEQC_OK) return 7;
    for (k = 0; k < out[0].shape[0] * ROWS * 5; ++k) printf("%a\n", y[k]);
  }
  for (k = 0; k < ROWS * 5; ++k) printf("%a\n", h[k]);
  if (heard_stream()->model != heard_model() || heard_stream()->hop != 2) return 8;
  free(state);
  free(saved);
  free(workspace);
  return 0;
}
)";

std::string hex_lines(const std::vector<Tensor>& tensors) {
  std::string text;
  for (const Tensor& tensor : tensors)
    for (int64_t i = 0; i < tensor.count(); ++i) {
      char line[64];
      std::snprintf(line, sizeof line, "%a\n", tensor.real(i));
      text += line;
    }
  return text;
}

}  // namespace

TEST_SUITE_BEGIN("tools");

TEST_CASE("seqc build --stream: a C program steps, copies states, and gets the numbers of the whole") {
  const TempDir folder;
  const std::string model = save_conv_lstm(folder / "m.onnx").string(), out = (folder / "out").string();
  const ToolResult built = run_seqc({"build", model, "--stream", "--time=T", "-o", out, "--name=heard", "--emit=so,a"});
  CHECK(built.err == "");
  REQUIRE(built.exit_code == 0);
  CHECK(list(out) == Names{"heard.a", "heard.h", "heard.so", "seqc.h", "seqc_stream.h"});
  CHECK(read_file(out + "/heard.h").find("a positive multiple of 2") != std::string::npos);
  write_file(out + "/main.c", kProgram);
  const auto compiled = run_program({"cc", "-std=c99", "-D_ISOC11_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic",
                                     "-I" + out, out + "/main.c", out + "/heard.a", "-lm", "-o", out + "/main"});
  CHECK(compiled.err == "");
  REQUIRE(compiled.exit_code == 0);
  Random random(8);
  const Tensor x = random_tensor(DType::f32, {3, 2, 24}, random);
  write_file(out + "/x.bin", std::string(reinterpret_cast<const char*>(x.bytes()), x.byte_size()));
  const ToolResult result = run_program({out + "/main", out + "/x.bin"});
  CHECK(result.exit_code == 0);
  runtime::Session session(runtime::Program::open(model));
  CHECK(result.out == hex_lines(session.run({x})));

  // The same library as a Stream, whose states a compiled model takes as well.
  const auto library = runtime::StreamProgram::open(out + "/heard.so");
  const auto jit = runtime::StreamProgram::open(model, {.time = "T"});
  CHECK(library->id() == jit->id());
  runtime::Stream first(library, 3), second(jit, 3);
  first.step({take_frames(x, 2, 0, 7)});
  second.restore(first.save());
  const Tensor rest = take_frames(x, 2, 7, 17);
  const auto a = first.step({rest}), b = second.step({rest});
  CHECK(a[0].identical(b[0]));
  CHECK(a[1].identical(session.run({x})[1]));
}

TEST_CASE("seqc run --stream: chunks of any size give the files of the whole") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  runtime::save_npy((folder / "x.npy").string(), lstm_x(11, 2));
  runtime::save_npy((folder / "h.npy").string(), lstm_h0(2));
  const Names inputs = {"--input", "X=" + (folder / "x.npy").string(), "--input", "h0=" + (folder / "h.npy").string()};
  const auto run = [&](Names more, const std::string& out) {
    Names arguments = {"run", model, "--outputs", (folder / out).string()};
    arguments.insert(arguments.end(), inputs.begin(), inputs.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_seqc(arguments);
  };
  REQUIRE(run({}, "whole").exit_code == 0);
  for (const char* chunk : {"1", "4", "100"}) {
    const ToolResult result = run({"--stream", "--chunk", chunk}, chunk);
    CHECK(result.exit_code == 0);
    for (const char* file : {"output_0.npy", "output_1.npy"})
      CHECK(read_file(folder / chunk / file) == read_file(folder / "whole" / file));
  }
  CHECK(run({"--chunk", "3"}, "none").exit_code != 0);
}

TEST_CASE("seqc inspect --stream: the plan, or why there is none") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  const ToolResult plan = run_seqc({"inspect", model, "--stream"});
  CHECK(plan.exit_code == 0);
  CHECK(plan.out.find("time      T, any number of frames\nstreams   N together\n") != std::string::npos);
  CHECK(run_seqc({"inspect", model, "--stream", "--ir"}).out.find("scan") != std::string::npos);
  CHECK(is_one_error(run_seqc({"inspect", model, "--stream", "--time=Q"}), "no input has a dim \"Q\""));
  CHECK(is_one_error(run_seqc({"build", model, "--stream", "--state", "h0:Y"}), "expected one type"));
  CHECK(run_seqc({"inspect", model, "--time=T"}).exit_code != 0);
}

TEST_SUITE_END();
