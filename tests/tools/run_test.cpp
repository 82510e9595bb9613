// seqc run and seqc bench.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "frontend/onnx/import.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;
namespace fs = std::filesystem;
namespace frontend = seqc::frontend;
namespace runtime = seqc::runtime;

namespace {

/// The LSTM with a folder of inputs.
struct Setting {
  TempDir folder;
  std::string model = save_lstm(folder / "lstm.onnx").string();
  std::string inputs = (folder / "inputs").string(), outputs = (folder / "outputs").string();
  std::vector<Tensor> tensors = {lstm_x(4, 2), lstm_h0(2)};

  Setting() {
    fs::create_directory(inputs);
    runtime::save_npy(inputs + "/input_0.npy", tensors[0]);
    frontend::save_tensor_proto(inputs + "/input_1.pb", tensors[1], "h0");
  }
  std::vector<Tensor> expected() const { return runtime::Session(runtime::Program::compile_file(model)).run(tensors); }
  /// Puts a tensor into the folder of inputs, in place of another one unless `old_name` is empty.
  void replace(const std::string& old_name, const std::string& name, const Tensor& tensor) const {
    if (!old_name.empty()) fs::remove(inputs + "/" + old_name);
    runtime::save_npy(inputs + "/" + name, tensor);
  }
};

}  // namespace

TEST_CASE("seqc run: from a folder into a folder") {
  const Setting setting;
  const ToolResult result = run_seqc({"run", setting.model, "--inputs", setting.inputs, "--outputs", setting.outputs});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  const auto expected = setting.expected();
  CHECK(list(setting.outputs) == std::vector<std::string>{"output_0.npy", "output_1.npy"});
  CHECK(runtime::load_npy(setting.outputs + "/output_0.npy").identical(expected[0]));
  CHECK(runtime::load_npy(setting.outputs + "/output_1.npy").identical(expected[1]));
}

TEST_CASE("seqc run: named files, several threads, TensorProto outputs") {
  const Setting setting;
  runtime::save_npy((setting.folder / "a.npy").string(), setting.tensors[0]);
  const ToolResult result = run_seqc({"run", setting.model, "--input", "h0=" + setting.inputs + "/input_1.pb",
                                      "--input", "X=" + (setting.folder / "a.npy").string(), "--outputs",
                                      setting.outputs, "--format=pb", "--threads", "2"});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(list(setting.outputs) == std::vector<std::string>{"output_0.pb", "output_1.pb"});
  std::string name;
  CHECK(frontend::load_tensor_proto(setting.outputs + "/output_1.pb", &name).identical(setting.expected()[1]));
  CHECK(name == "h");
}

TEST_CASE("seqc run: files in the folder may be named after inputs") {
  const Setting setting;
  setting.replace("input_0.npy", "X.npy", setting.tensors[0]);
  setting.replace("input_1.pb", "h0.npy", setting.tensors[1]);
  const ToolResult result = run_seqc({"run", setting.model, "--inputs", setting.inputs, "--outputs", setting.outputs});
  REQUIRE(result.exit_code == 0);
  CHECK(runtime::load_npy(setting.outputs + "/output_0.npy").identical(setting.expected()[0]));
}

TEST_CASE("seqc run: random inputs when none are given, the same for the same seed") {
  const Setting setting;
  const auto run = [&](const char* seed) {
    return run_seqc({"run", setting.model, "--dim", "N=2", "--dim", "T=3", "--seed", seed});
  };
  const ToolResult first = run("1");
  CHECK(first.exit_code == 0);
  CHECK(first.err == "");
  CHECK(first.out.starts_with("Y: f32[3,1,2,5]  from "));
  CHECK(run("1").out == first.out);
  CHECK(run("2").out != first.out);
  const ToolResult assumed = run_seqc({"run", setting.model, "--dim", "T=3"});
  CHECK(assumed.exit_code == 0);
  CHECK(assumed.err == "note: random inputs with N=1; --dim NAME=NUMBER changes it\n");
}

TEST_CASE("seqc run: a built library gives the same") {
  const Setting setting;
  REQUIRE(run_seqc({"build", setting.model, "-o", setting.folder.path().string()}).exit_code == 0);
  const ToolResult result = run_seqc(
      {"run", (setting.folder / "lstm.so").string(), "--inputs", setting.inputs, "--outputs", setting.outputs});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(runtime::load_npy(setting.outputs + "/output_0.npy").identical(setting.expected()[0]));
}

TEST_CASE("seqc run: inputs that do not fit are one error and leave no outputs") {
  const Setting setting;
  const auto run = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"run",          setting.model, "--inputs",
                                          setting.inputs, "--outputs",   setting.outputs};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_seqc(arguments);
  };
  SUBCASE("rank") {
    setting.replace("input_0.npy", "input_0.npy", Tensor(DType::f32, {4, 3}));
    CHECK(is_one_error(run(), "input \"X\": got f32[4,3], expected f32[T,N,3]: the rank must be 3"));
  }
  SUBCASE("element type") {
    setting.replace("input_0.npy", "input_0.npy", Tensor(DType::f64, {4, 2, 3}));
    CHECK(is_one_error(run(), "input \"X\": got f64[4,2,3], expected f32[T,N,3]: the element type must be f32"));
  }
  SUBCASE("size") {
    setting.replace("input_0.npy", "input_0.npy", Tensor(DType::f32, {4, 2, 9}));
    CHECK(is_one_error(run(), "dim 2 must be 3"));
  }
  SUBCASE("sizes that disagree") {
    setting.replace("input_0.npy", "input_0.npy", Tensor(DType::f32, {4, 7, 3}));
    CHECK(is_one_error(run(), "N is 2 here and 7 in input \"X\""));
  }
  SUBCASE("missing") {
    fs::remove(setting.inputs + "/input_1.pb");
    CHECK(is_one_error(run(), "input \"h0\" (number 1): is missing"));
  }
  SUBCASE("none in the folder") {
    fs::remove_all(setting.inputs);
    fs::create_directory(setting.inputs);
    CHECK(is_one_error(run(), "holds no inputs"));
  }
  SUBCASE("no folder") {
    fs::remove_all(setting.inputs);
    CHECK(is_one_error(run(), "no such folder"));
  }
  SUBCASE("unknown name") {
    CHECK(is_one_error(run({"--input", "Z=" + setting.inputs + "/input_0.npy"}),
                       "the model has no input \"Z\"; it has \"X\", \"h0\""));
    setting.replace("", "Z.npy", setting.tensors[0]);
    CHECK(is_one_error(run(), "the model has no input \"Z\""));
  }
  SUBCASE("one too many") {
    setting.replace("", "input_2.npy", setting.tensors[0]);
    CHECK(is_one_error(run(), "the model has no input number 2"));
  }
  SUBCASE("twice") {
    CHECK(is_one_error(run({"--input", "X=" + setting.inputs + "/input_0.npy"}), "is for input \"X\""));
  }
  SUBCASE("cut file") {
    const std::string bytes = read_file(setting.inputs + "/input_0.npy");
    write_file(setting.inputs + "/input_0.npy", bytes.substr(0, bytes.size() - 5));
    CHECK(is_one_error(run(), "its header says f32[4,2,3]"));
  }
  SUBCASE("no tensor file") {
    write_file(setting.inputs + "/input_1.pb", "this is no protobuf");
    CHECK(is_one_error(run(), "input_1.pb"));
    write_file(setting.folder / "a.txt", "1 2 3");
    CHECK(is_one_error(run({"--input", "X=" + (setting.folder / "a.txt").string()}), ""));
  }
  CHECK(list(setting.outputs).empty());
  CHECK_FALSE(fs::exists(setting.outputs));
}

TEST_CASE("seqc run: outputs that cannot be written are one error") {
  const Setting setting;
  write_file(setting.outputs, "a file is in the way");
  CHECK(is_one_error(run_seqc({"run", setting.model, "--inputs", setting.inputs, "--outputs", setting.outputs}),
                     "cannot be written"));
  const std::string inner = (setting.folder / "x").string();
  fs::create_directories(inner + "/output_1.npy");
  CHECK(is_one_error(run_seqc({"run", setting.model, "--inputs", setting.inputs, "--outputs", inner}),
                     "a folder is in its place"));
  CHECK(list(inner) == std::vector<std::string>{"output_1.npy"});
}

TEST_CASE("seqc run, bench: absurd and unknown dims are one error") {
  const Setting setting;
  REQUIRE(run_seqc({"build", setting.model, "-o", setting.folder.path().string()}).exit_code == 0);
  const std::string library = (setting.folder / "lstm.so").string();
  for (const char* command : {"run", "bench"}) {
    for (const std::string& model : {setting.model, library}) {
      CAPTURE(command);
      CAPTURE(model);
      for (const char* dim : {"T=1000000000000", "T=9223372036854775807", "N=4611686018427387904"}) {
        CAPTURE(dim);
        CHECK(is_one_error(run_seqc({command, model, "--dim", dim}), ""));
      }
      CHECK(is_one_error(run_seqc({command, model, "--dim", "Q=3"}), "Q"));
    }
    CHECK(is_one_error(run_seqc({command, library, "--inputs", setting.inputs, "--dim", "T=9"}), "dim T: got 9"));
  }
}

TEST_CASE("seqc bench: figures for people and scripts") {
  const Setting setting;
  const ToolResult text = run_seqc({"bench", setting.model, "--dim", "T=2", "--dim", "N=1", "--runs", "5"});
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("median ") != std::string::npos);
  const ToolResult result =
      run_seqc({"bench", setting.model, "--dim", "T=20", "--dim", "N=3", "--threads", "2", "--json", "--runs", "20"});
  CHECK(result.err == "");
  const auto report = nlohmann::json::parse(result.out);
  CHECK(report["threads"] == 2);
  CHECK(report["runs"] == 20);
  CHECK(report["dims"]["T"] == 20);
  CHECK(report["min_us"] > 0);
  CHECK(report["median_us"] >= report["min_us"]);
  CHECK(report["p99_us"] >= report["median_us"]);
  CHECK(report["compile_ms"] > 0);
  CHECK(report["gflops"] > 0);
}
