// seqc build: files, and none when something is wrong with the model.
#include <doctest/doctest.h>

#include <fstream>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

/// Builds a model that is at fault and checks that there is one error and no file.
bool is_refused(const fs::path& model, const std::string& text) {
  const TempDir folder;
  const fs::path out = folder / "out";
  const bool one_error = is_one_error(run_seqc({"build", model.string(), "-o", out.string()}), text);
  if (fs::exists(out)) MESSAGE("left " << list(out).size() << " files");
  return one_error && !fs::exists(out);
}

ModelBuilder doubler() {
  ModelBuilder model(14);
  model.input("X", DType::f32, {"N", 3}).output("Y", DType::f32, {"N", 3});
  return model;
}

}  // namespace

TEST_CASE("seqc build: a library, its header, and a line of what was made") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "my-lstm 1.onnx").string(), out = (folder / "a/b").string();
  const ToolResult result = run_seqc({"build", model, "-o", out});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(list(out) == Names{"my_lstm_1.h", "my_lstm_1.so", "seqc.h"});
  CHECK(result.out.find(out + "/my_lstm_1.so ") != std::string::npos);
  CHECK(result.out.find("; workspace ") != std::string::npos);
  CHECK(read_file(out + "/seqc.h") == read_file(SEQC_SOURCE_DIR "/runtime/seqc.h"));
  CHECK(read_file(out + "/my_lstm_1.h").find("X: f32[T,N,3]") != std::string::npos);
}

TEST_CASE("seqc build: every kind of file") {
  const TempDir folder;
  const std::string model = save_doubler(folder / "doubler.onnx").string(), out = (folder / "out").string();
  const ToolResult result =
      run_seqc({"build", model, "-o", out, "--emit=so,a,obj", "--emit=asm,llvm,ir", "--name", "twice"});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(list(out) == Names{"seqc.h", "twice.a", "twice.h", "twice.ll", "twice.o", "twice.s", "twice.seq", "twice.so"});
  CHECK(read_file(out + "/twice.ll").find("@twice_model") != std::string::npos);
  CHECK(read_file(out + "/twice.a").starts_with("!<arch>\n"));
  REQUIRE(run_seqc({"build", model, "-o", out + "2", "--emit=ir"}).exit_code == 0);
  CHECK(list(out + "2") == Names{"doubler.seq"});
  // IR text is a model too.
  CHECK(run_seqc({"run", out + "2/doubler.seq", "--dim", "N=2"}).exit_code == 0);
}

TEST_CASE("seqc build: looking inside") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string(), out = (folder / "out").string();
  const std::string dumps = (folder / "dumps").string();
  const ToolResult result = run_seqc({"build", model, "-o", out, "--dim", "N=1", "--print-after=import,form-kernels",
                                      "--disable", "unroll-time", "--dump-dir", dumps});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(result.out.starts_with("// after import\nfunc @"));
  CHECK(result.out.find("// after form-kernels\nfunc @") != std::string::npos);
  CHECK(list(dumps).front() == "00-import.seq");
  CHECK(list(dumps).size() > 10);
}

TEST_CASE("seqc build: an earlier result stays when a later one fails") {
  const TempDir folder;
  const std::string model = save_doubler(folder / "doubler.onnx").string(), out = (folder / "out").string();
  REQUIRE(run_seqc({"build", model, "-o", out}).exit_code == 0);
  const std::string library = read_file(out + "/doubler.so");
  write_file(model, "broken");
  CHECK(is_one_error(run_seqc({"build", model, "-o", out}), "doubler.onnx"));
  CHECK(read_file(out + "/doubler.so") == library);
  CHECK(list(out) == Names{"doubler.h", "doubler.so", "seqc.h"});
}

TEST_CASE("seqc build: targets") {
  const TempDir folder;
  const std::string model = save_doubler(folder / "doubler.onnx").string();
  CHECK(is_one_error(run_seqc({"build", model, "--target-cpu=no-such-cpu"}), "no-such-cpu"));
  CHECK(is_one_error(run_seqc({"build", model, "--target=no-such-machine"}), "no-such-machine"));
  CHECK(is_one_error(run_seqc({"build", model, "--target-features=+no-such-feature"}), "no-such-feature"));
}

TEST_CASE("seqc build: folders that cannot be written to") {
  const TempDir folder;
  const std::string model = save_doubler(folder / "doubler.onnx").string();
  write_file(folder / "file", "");
  CHECK(is_one_error(run_seqc({"build", model, "-o", (folder / "file").string()}), "cannot be written to"));
  CHECK(is_one_error(run_seqc({"build", model, "-o", "/proc/seqc"}), "cannot be written to"));
}

TEST_CASE("seqc build: files that are no ONNX models") {
  const TempDir folder;
  const fs::path file = folder / "model.onnx";
  write_file(file, "");
  CHECK(is_refused(file, "model.onnx"));
  write_file(file, "This is text, not a model.\n");
  CHECK(is_refused(file, "model.onnx"));
  write_file(file, std::string(1000, '\0'));
  CHECK(is_refused(file, "model.onnx"));
  CHECK(is_refused(folder.path(), ""));
  const std::string good = read_file(save_lstm(folder / "good.onnx"));
  for (const size_t size : {size_t{1}, good.size() / 4, good.size() / 2, good.size() - 1}) {
    CAPTURE(size);
    write_file(file, good.substr(0, size));
    CHECK(is_refused(file, "model.onnx"));
  }
}

TEST_CASE("seqc build: models at fault") {
  const TempDir folder;
  const fs::path file = folder / "model.onnx";
  SUBCASE("unknown operator") {
    ModelBuilder model = doubler();
    model.node("Frobnicate", {"X"}, {"Y"});
    CHECK(is_refused(model.save(file), "Frobnicate"));
  }
  SUBCASE("cyclic graph") {
    ModelBuilder model = doubler();
    model.node("Add", {"X", "b"}, {"a"}).name("first");
    model.node("Neg", {"a"}, {"b"}).name("second");
    model.node("Neg", {"b"}, {"Y"});
    CHECK(is_refused(model.save(file), "cycl"));
  }
  SUBCASE("a value that nobody makes") {
    ModelBuilder model = doubler();
    model.node("Add", {"X", "nobody"}, {"Y"});
    CHECK(is_refused(model.save(file), "nobody"));
  }
  SUBCASE("an output that nobody makes") {
    ModelBuilder model = doubler();
    model.node("Neg", {"X"}, {"Z"});
    CHECK(is_refused(model.save(file), "Y"));
  }
  SUBCASE("weights of the wrong size") {
    ModelBuilder model(14);
    model.input("X", DType::f32, {"T", "N", 3}).output("Y", DType::f32, {"T", 1, "N", 5});
    model.initializer("W", Tensor(DType::f32, {1, 20, 4})).initializer("R", Tensor(DType::f32, {1, 20, 5}));
    model.node("LSTM", {"X", "W", "R"}, {"Y"}).name("lstm").attr("hidden_size", 5);
    CHECK(is_refused(model.save(file), "lstm"));
  }
  SUBCASE("an initializer with too few bytes") {
    ModelBuilder model = doubler();
    model.initializer("W", Tensor::f32({3}, {1, 2, 3})).node("Mul", {"X", "W"}, {"Y"});
    model.graph().mutable_initializer(0)->set_dims(0, 4);
    CHECK(is_refused(model.save(file), "W"));
  }
  SUBCASE("an absurd initializer") {
    ModelBuilder model = doubler();
    model.initializer("W", Tensor::f32({3}, {1, 2, 3})).node("Mul", {"X", "W"}, {"Y"});
    model.graph().mutable_initializer(0)->set_dims(0, int64_t{1} << 62);
    CHECK(is_refused(model.save(file), "W"));
  }
}

TEST_CASE("seqc build: external data") {
  const TempDir folder;
  fs::create_directory(folder / "model");
  const fs::path file = folder / "model/model.onnx";
  write_file(folder / "secret.bin", std::string(12, 'x'));
  write_file(folder / "model/short.bin", std::string(8, 'x'));
  const auto with = [&](const std::string& location, int64_t offset = 0) {
    ModelBuilder model = doubler();
    model.external("W", DType::f32, {3}, location, offset).node("Mul", {"X", "W"}, {"Y"});
    return model.save(file);
  };
  CHECK(is_refused(with("none.bin"), "none.bin"));
  CHECK(is_refused(with("../secret.bin"), "secret.bin"));
  CHECK(is_refused(with((folder / "secret.bin").string()), "secret.bin"));
  fs::create_symlink(folder / "secret.bin", folder / "model/link.bin");
  CHECK(is_refused(with("link.bin"), "link.bin"));
  CHECK(is_refused(with("short.bin"), "short.bin"));
  CHECK(is_refused(with("short.bin", 100), "short.bin"));
  CHECK(is_refused(with("short.bin", -4), ""));
  write_file(folder / "model/good.bin", std::string(12, 'x'));
  CHECK(run_seqc({"build", with("good.bin").string(), "-o", (folder / "out").string()}).exit_code == 0);
}

TEST_CASE("seqc build: absurd dims") {
  const TempDir folder;
  const fs::path out = folder / "out";
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  for (const char* dim : {"T=9223372036854775807", "N=4611686018427387904"}) {
    CAPTURE(dim);
    CHECK(is_one_error(run_seqc({"build", model, "-o", out.string(), "--dim", dim}), ""));
    CHECK_FALSE(fs::exists(out));
  }
}
