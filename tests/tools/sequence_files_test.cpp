// Sequences and optionals on the command line: files that hold them, flags that tell their structure.
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

const Tensor kShort = Tensor::f32({2}, {1, 2}), kLong = Tensor::f32({3}, {3, 4, 5}), kBias = Tensor::f32({}, {10});

Tensor plus_ten(const Tensor& x) {
  Tensor y = x;
  for (int64_t i = 0; i < y.count(); ++i) y.set_real(i, x.real(i) + 10);
  return y;
}

/// y = bias + each element of x; o goes through as it is.
void save_model(const fs::path& file) {
  const auto sequence = sequence_of(tensor_type(DType::f32, {"N"}));
  GraphBuilder body("body");
  body.input("e", DType::f32, {""}).input("b", DType::f32, {}).output("r", DType::f32, {""});
  body.node("Add", {"e", "b"}, {"r"});
  ModelBuilder model(17);
  model.input("x", sequence).input("bias", DType::f32, {}).input("o", optional_of(tensor_type(DType::f32, {"M"})));
  model.output("y", sequence).output("p", optional_of(tensor_type(DType::f32, {"M"})));
  model.node("SequenceMap", {"x", "bias"}, {"y"}).attr("body", body);
  model.node("Identity", {"o"}, {"p"});
  model.save(file);
}

void save_data_set(const fs::path& folder, const std::vector<Tensor>& x, const Tensor* o, const std::vector<Tensor>& y,
                   const Tensor* p) {
  fs::create_directories(folder);
  write_file(folder / "input_0.pb", sequence_bytes("x", x));
  frontend::save_tensor_proto((folder / "input_1.pb").string(), kBias, "bias");
  write_file(folder / "input_2.pb", optional_bytes("o", o));
  write_file(folder / "output_0.pb", sequence_bytes("y", y));
  write_file(folder / "output_1.pb", optional_bytes("p", p));
}

struct Setting {
  TempDir folder;
  std::string model = (folder / "model.onnx").string(), data = (folder / "test_data_set_0").string();

  Setting() {
    save_model(model);
    save_data_set(data, {kShort, kLong}, &kLong, {plus_ten(kShort), plus_ten(kLong)}, &kLong);
  }
  std::string npy(const char* name, const Tensor& tensor) const {
    const std::string file = (folder / name).string();
    runtime::save_npy(file, tensor);
    return file;
  }
};

}  // namespace

TEST_CASE("seqc test: data sets of different structure, empty and absent ones among them") {
  const Setting setting;
  save_data_set(setting.folder / "test_data_set_1", {}, nullptr, {}, nullptr);
  save_data_set(setting.folder / "test_data_set_2", {kLong}, nullptr, {plus_ten(kLong)}, nullptr);
  for (const char* how : {"--threads=2", "--interpret", "--interpret=final"}) {
    CAPTURE(how);
    CHECK(run_seqc({"test", setting.folder.path().string(), how}).out == "1 cases: 1 passed, 0 failed, 0 refused\n");
  }
}

TEST_CASE("seqc test: outputs of another structure, and of another value, fail") {
  const Setting setting;
  const auto fails = [&](const std::vector<Tensor>& y, const Tensor* p, const char* text) {
    save_data_set(setting.data, {kShort, kLong}, &kLong, y, p);
    const ToolResult result = run_seqc({"test", setting.folder.path().string()});
    CHECK(result.exit_code == 1);
    CHECK_MESSAGE(result.out.find(text) != std::string::npos, result.out);
  };
  fails({plus_ten(kShort)}, &kLong, "output \"y\" got 2 tensors, expected 1");
  fails({plus_ten(kShort), plus_ten(kLong)}, nullptr, "output \"p\" got 1 tensors, expected 0");
  fails({plus_ten(kShort), plus_ten(kShort)}, &kLong, "output \"y.1\" got f32[3], expected f32[2]");
  fails({plus_ten(kShort), kLong}, &kLong, "output \"y.1\" [0]: got 13, expected 3");
}

TEST_CASE("seqc run: from files that hold sequences, and from a file for each element") {
  const Setting setting;
  const std::string outputs = (setting.folder / "out").string();
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"run", setting.model, "--outputs", outputs});
    return run_seqc(arguments);
  };
  ToolResult result = run({"--inputs", setting.data});
  CHECK(result.err == "");
  REQUIRE(list(outputs) == std::vector<std::string>{"output_0.npy", "output_1.npy", "output_2.npy"});
  CHECK(runtime::load_npy(outputs + "/output_1.npy").identical(plus_ten(kLong)));
  CHECK(result.out.find("/output_1.npy  y.1: f32[3]") != std::string::npos);

  fs::remove_all(outputs);
  const std::vector<std::string> elements = {"--input", "x.1=" + setting.npy("b.npy", kShort),
                                             "--input", "x.0=" + setting.npy("a.npy", kLong),
                                             "--input", "bias=" + setting.npy("bias.npy", kBias)};
  auto absent = elements;
  absent.insert(absent.end(), {"--optional", "o=none"});
  CHECK(run(absent).err == "");
  CHECK(list(outputs) == std::vector<std::string>{"output_0.npy", "output_1.npy"});
  CHECK(runtime::load_npy(outputs + "/output_0.npy").identical(plus_ten(kLong)));
  auto held = elements;
  held.insert(held.end(), {"--input", "o=" + setting.npy("o.npy", kShort)});
  CHECK(run(held).err == "");
  CHECK(runtime::load_npy(outputs + "/output_2.npy").identical(kShort));

  CHECK(is_one_error(run(elements), "input \"o\" (number 2): is missing"));
  held.insert(held.end(), {"--sequence", "x=3"});
  CHECK(is_one_error(run(held), "--sequence x=3: got 2 elements for this input"));
  CHECK(is_one_error(run({"--inputs", setting.data, "--optional", "o=none"}), "--optional: is for input \"o\", as"));
  CHECK(is_one_error(
      run({"--inputs", setting.data, "--input", "x=" + setting.npy("a.npy", kLong)}),
      "\"x\" is a sequence; expected a .pb file that holds all of it, or a file for each element: x.0.npy"));
  CHECK(is_one_error(run({"--input", "x.1=" + setting.npy("a.npy", kLong)}), "is \"x.1\", and \"x.0\" is missing"));
  CHECK(is_one_error(run({"--input", "y.1=" + setting.npy("a.npy", kLong)}), "the model has no input \"y.1\""));
  write_file(setting.data + "/input_2.pb", optional_bytes("o", std::vector<Tensor>{kLong}));
  CHECK(is_one_error(run({"--inputs", setting.data}),
                     "input_2.pb: got an optional that holds a sequence, expected a tensor"));
  write_file(setting.data + "/input_0.pb", "no protobuf");
  CHECK(is_one_error(run({"--inputs", setting.data}), "input_0.pb: no ONNX sequence, or a truncated one"));
}

TEST_CASE("seqc build, inspect, bench: flags tell the structure") {
  const Setting setting;
  const std::vector<std::string> structure = {"--sequence", "x=2", "--optional", "o=some"};
  const auto run = [&](std::vector<std::string> arguments, const std::vector<std::string>& flags) {
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return run_seqc(arguments);
  };
  for (const char* command : {"build", "inspect", "bench", "run"}) {
    CAPTURE(command);
    std::vector<std::string> arguments = {command, setting.model};
    if (std::string(command) == "build") arguments.insert(arguments.end(), {"-o", setting.folder.path().string()});
    CHECK(is_one_error(run(arguments, {}),
                       "input \"x\": seq(f32[N]) may have any number of elements; say how many: --sequence x="));
    CHECK(is_one_error(run(arguments, {"--sequence", "x=1"}), "say which: --optional o=some or --optional o=none"));
    CHECK(is_one_error(run(arguments, {"--sequence", "x=1", "--optional", "o=none", "--sequence", "q=1"}),
                       "\"q\", which is no input"));
    CHECK(run(arguments, {"--sequence", "x=-1"}).err.find("expected a number that is not negative") !=
          std::string::npos);
    CHECK(run(arguments, {"--optional", "o=maybe"}).err.find("got \"maybe\", expected some or none") !=
          std::string::npos);
  }
  const ToolResult inspected = run({"inspect", setting.model, "--dim", "N=4", "--shape", "x.1=7"}, structure);
  CHECK(inspected.err.find("input \"x.1\": named dim N gets 7, and 4 elsewhere") != std::string::npos);
  CHECK(run({"inspect", setting.model, "--shape", "x.1=7"}, structure).out.find("x.1: f32[7]") != std::string::npos);
  CHECK(run({"bench", setting.model, "--runs", "3", "--dim", "N=9"}, structure)
            .err.find("note: random inputs with M=1") == 0);

  REQUIRE(run({"build", setting.model, "-o", setting.folder.path().string()}, structure).exit_code == 0);
  const std::string library = (setting.folder / "model.so").string();
  CHECK(read_file(setting.folder / "model.h").find("x.1: f32[N]") != std::string::npos);
  CHECK(is_one_error(run_seqc({"run", library, "--sequence", "x=2"}), "--sequence and --optional are for models"));
  CHECK(run_seqc({"run", library, "--dim", "N=3", "--dim", "M=2"}).out.find("y.1: f32[3]") != std::string::npos);
}
