// Strings on the command line: in files, at random, compared.
#include <doctest/doctest.h>

#include "frontend/onnx/import.h"
#include "runtime/npy.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;
namespace fs = std::filesystem;
namespace frontend = seqc::frontend;
namespace runtime = seqc::runtime;

namespace {

const Tensor kWords = Tensor::strings({2, 3}, {"a", "", "naïve", "two words", "\"", "日本"});
const Tensor kTurned = Tensor::strings({3, 2}, {"a", "two words", "", "\"", "naïve", "日本"});

void save_model(const fs::path& file) {
  ModelBuilder model(13);
  model.input("x", DType::string, {"N", 3}).output("y", DType::string, {3, "N"});
  model.node("Transpose", {"x"}, {"y"}).name("turn");
  model.save(file);
}

void save_case(const fs::path& folder, const Tensor& want) {
  fs::create_directories(folder / "test_data_set_0");
  save_model(folder / "model.onnx");
  frontend::save_tensor_proto((folder / "test_data_set_0/input_0.pb").string(), kWords, "x");
  frontend::save_tensor_proto((folder / "test_data_set_0/output_0.pb").string(), want, "y");
}

}  // namespace

TEST_CASE("seqc run: strings from .pb and .npy files into either") {
  const TempDir folder;
  const std::string model = (folder / "m.onnx").string(), outputs = (folder / "out").string();
  save_model(model);
  frontend::save_tensor_proto((folder / "x.pb").string(), kWords, "x");
  runtime::save_npy((folder / "x.npy").string(), kWords);
  for (const char* input : {"x.pb", "x.npy"}) {
    for (const std::string format : {"pb", "npy"}) {
      CAPTURE(input);
      CAPTURE(format);
      const ToolResult result = run_seqc(
          {"run", model, "--input", "x=" + (folder / input).string(), "--outputs", outputs, "--format=" + format});
      CHECK(result.err == "");
      REQUIRE(result.exit_code == 0);
      CHECK(result.out.find("y: string[3,2]") != std::string::npos);
      const std::string file = outputs + "/output_0." + format;
      const Tensor got = format == "pb" ? frontend::load_tensor_proto(file) : runtime::load_npy(file);
      CHECK(got.identical(kTurned));
      fs::remove_all(outputs);
    }
  }
  const ToolResult shown = run_seqc({"run", model, "--input", "x=" + (folder / "x.pb").string()});
  CHECK(shown.out == "y: string[3,2]\n  \"a\" \"two words\" \"\" \"\\\"\" \"naïve\" \"日本\"\n");
}

TEST_CASE("seqc run: random words, the same for the same seed") {
  const TempDir folder;
  const std::string model = (folder / "m.onnx").string();
  save_model(model);
  const auto run = [&](const char* seed) { return run_seqc({"run", model, "--dim", "N=2", "--seed", seed}); };
  const ToolResult first = run("1");
  CHECK(first.exit_code == 0);
  CHECK(first.err == "");
  CHECK(first.out.starts_with("y: string[3,2]\n  \""));
  CHECK(first.out == run("1").out);
  CHECK(first.out != run("2").out);
  CHECK(run_seqc({"bench", model, "--dim", "N=2", "--runs", "2"}).exit_code == 0);
  CHECK(is_one_error(run_seqc({"run", model, "--value", "x=1,2,3"}), "strings cannot be given a fixed value"));
}

TEST_CASE("seqc build: a library with strings, its header and IR") {
  const TempDir folder;
  const std::string model = (folder / "m.onnx").string(), out = (folder / "out").string();
  save_model(model);
  const ToolResult built = run_seqc({"build", model, "-o", out});
  CHECK(built.err == "");
  REQUIRE(built.exit_code == 0);
  CHECK(read_file(out + "/m.h").find("[0] x: string[N,3]") != std::string::npos);
  runtime::save_npy((folder / "x.npy").string(), kWords);
  const ToolResult ran = run_seqc({"run", out + "/m.so", "--input", "x=" + (folder / "x.npy").string()});
  CHECK(ran.out == "y: string[3,2]\n  \"a\" \"two words\" \"\" \"\\\"\" \"naïve\" \"日本\"\n");
  CHECK(run_seqc({"inspect", "--ir=import", "--dot", model}).exit_code == 0);
}

TEST_CASE("seqc test: strings are compared exactly") {
  const TempDir folder;
  save_case(folder / "good", kTurned);
  for (const char* how : {"--threads=2", "--interpret", "--interpret=final"}) {
    CAPTURE(how);
    CHECK(run_seqc({"test", (folder / "good").string(), how}).out == "1 cases: 1 passed, 0 failed, 0 refused\n");
  }
  save_case(folder / "bad", Tensor::strings({3, 2}, {"a", "two words", "", "\"", "naive", "japan"}));
  const ToolResult bad = run_seqc({"test", (folder / "bad").string()});
  CHECK(bad.exit_code == 1);
  CHECK(bad.out.find("output \"y\" [2,0]: got \"naïve\", expected \"naive\"; 2 of 6 elements differ") !=
        std::string::npos);
}
