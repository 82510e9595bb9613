// seqc --weights: how much smaller libraries become, what is said of their accuracy, and what is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int64_t kFeatures = 65, kHidden = 129;

/// Uniform in [-limit, limit], as layers are initialised.
Tensor weights(std::vector<int64_t> shape, uint64_t seed) {
  Random random(seed);
  Tensor tensor = random_tensor(DType::f32, std::move(shape), random);
  for (float& w : tensor.mutable_data<float>()) w /= std::sqrt(static_cast<float>(kHidden));
  return tensor;
}

/// X [T,1,65] -> Y [T,1,1,129]; about 100,000 weights for an LSTM.
fs::path save_layer(const std::string& op, int64_t gates, const fs::path& file) {
  ModelBuilder model(14);
  model.input("X", DType::f32, {"T", 1, kFeatures}).output("Y", DType::f32, {"T", 1, 1, kHidden});
  model.initializer("W", weights({1, gates * kHidden, kFeatures}, 1));
  model.initializer("R", weights({1, gates * kHidden, kHidden}, 2));
  model.initializer("B", weights({1, 2 * gates * kHidden}, 3));
  model.node(op, {"X", "W", "R", "B"}, {"Y"}).attr("hidden_size", kHidden);
  return model.save(file);
}

json build(const fs::path& model, const fs::path& out, const std::string& weights) {
  const ToolResult result = run_seqc({"build", model.string(), "-o", out.string(), "--json", "--weights", weights});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  return json::parse(result.out);
}

double library_bytes(const json& report) {
  for (const auto& file : report["files"])
    if (file["path"].get<std::string>().ends_with(".so")) return file["bytes"].get<double>();
  return 0;
}

}  // namespace

TEST_CASE("seqc build --weights: smaller libraries, and the error that this costs") {
  struct Format {
    const char* name;
    double bytes, error;  ///< bytes of the weights against f32; the largest error that an LSTM may show
  };
  constexpr Format kFormats[] = {{"f16", 0.5, 1e-4}, {"bf16", 0.5, 1e-3}, {"int8", 0.25, 4e-3}};
  struct Layer {
    std::string op;
    int64_t gates;
    double error;  ///< times that of an LSTM: without a cell, a step's error comes back whole
  };
  for (const auto& [op, gates, factor] : {Layer{"LSTM", 4, 1}, {"GRU", 3, 1.5}, {"RNN", 1, 3}}) {
    CAPTURE(op);
    const TempDir folder;
    const fs::path model = save_layer(op, gates, folder / "layer.onnx");
    const json plain = build(model, folder / "f32", "f32");
    CHECK(plain["weights"] == "f32");
    CHECK(!plain.contains("accuracy"));
    for (const Format& format : kFormats) {
      CAPTURE(format.name);
      const json report = build(model, folder / format.name, format.name);
      const json& accuracy = report["accuracy"];
      CHECK(report["weights"] == format.name);
      const double before = accuracy["constant_bytes_f32"], after = accuracy["constant_bytes"];
      CHECK(after / before == doctest::Approx(format.bytes).epsilon(0.06));
      CHECK(library_bytes(plain) - library_bytes(report) == doctest::Approx(before - after).epsilon(0.15));
      REQUIRE(accuracy["outputs"].size() == 1);
      const json& output = accuracy["outputs"][0];
      CHECK(output["name"] == "Y");
      CHECK(output["elements"] == 16 * kHidden);
      CHECK(output["max_error"] > 0);
      CHECK(output["max_error"] < factor * format.error);
      CHECK(output["mean_error"] < output["max_error"]);
    }
  }
}

TEST_CASE("seqc build --weights: a built library computes what the report says") {
  const TempDir folder;
  const fs::path model = save_layer("LSTM", 4, folder / "layer.onnx");
  const auto run = [&](const fs::path& what, const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", what.string(), "--dim", "T=5", "--outputs", (folder / out).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    REQUIRE(run_seqc(arguments).exit_code == 0);
    return read_file(folder / out / "output_0.npy");
  };
  build(model, folder / "bf16", "bf16");
  const std::string narrow = run(model, "a", {"--weights=bf16"});
  CHECK(narrow == run(folder / "bf16" / "layer.so", "b", {}));
  CHECK(narrow == run(model, "c", {"--weights=bf16", "--threads=2"}));
  CHECK(narrow != run(model, "d", {}));
}

TEST_CASE("seqc build --weights: without them nothing changes") {
  const TempDir folder;
  const fs::path model = save_lstm(folder / "lstm.onnx");
  REQUIRE(run_seqc({"build", model.string(), "-o", (folder / "a").string()}).exit_code == 0);
  REQUIRE(run_seqc({"build", model.string(), "-o", (folder / "b").string(), "--weights=f32"}).exit_code == 0);
  CHECK(read_file(folder / "a" / "lstm.so") == read_file(folder / "b" / "lstm.so"));
}

TEST_CASE("seqc build --weights: the table") {
  const TempDir folder;
  const fs::path model = save_layer("GRU", 3, folder / "layer.onnx");
  const ToolResult result = run_seqc({"build", model.string(), "-o", (folder / "out").string(), "--weights=int8"});
  REQUIRE(result.exit_code == 0);
  CHECK(result.out.find("weights as int8: ") != std::string::npos);
  CHECK(result.out.find("random inputs with T=16, seed 0") != std::string::npos);
  CHECK(result.out.find("max error") != std::string::npos);
}

TEST_CASE("seqc build --max-weight-error: refuses, and leaves no file") {
  const TempDir folder;
  const fs::path model = save_layer("LSTM", 4, folder / "layer.onnx");
  const fs::path out = folder / "out";
  const auto with_bound = [&](const std::string& bound) {
    return run_seqc({"build", model.string(), "-o", out.string(), "--weights=int8", "--max-weight-error", bound});
  };
  const ToolResult refused = with_bound("1e-6");
  CHECK(is_one_error(refused, "weights as int8 miss --max-weight-error=1e-06: output Y["));
  CHECK(refused.err.find("got ") != std::string::npos);
  CHECK(refused.err.find("use --weights=f16 or f32") != std::string::npos);
  CHECK(!fs::exists(out));
  CHECK(with_bound("0.1").exit_code == 0);
  CHECK(fs::exists(out / "layer.so"));
}

TEST_CASE("seqc build --accuracy-data: inputs from files") {
  const TempDir folder;
  const fs::path model = save_layer("LSTM", 4, folder / "layer.onnx");
  const auto with_data = [&](const fs::path& data) {
    return run_seqc({"build", model.string(), "-o", (folder / "out").string(), "--weights=f16", "--json",
                     "--accuracy-data", data.string()});
  };
  for (const std::string set : {"test_data_set_0", "test_data_set_1"}) {
    fs::create_directories(folder / "data" / set);
    Random random(7);
    const Tensor x = random_tensor(DType::f32, {set.back() == '0' ? 3 : 4, 1, kFeatures}, random);
    write_file(folder / "data" / set / "input_0.pb", tensor_proto("X", x).SerializeAsString());
  }
  const ToolResult one = with_data(folder / "data/test_data_set_0"), both = with_data(folder / "data");
  REQUIRE(one.exit_code == 0);
  REQUIRE(both.exit_code == 0);
  CHECK(json::parse(one.out)["accuracy"]["outputs"][0]["elements"] == 3 * kHidden);
  CHECK(json::parse(both.out)["accuracy"]["outputs"][0]["elements"] == 7 * kHidden);
  CHECK(json::parse(both.out)["accuracy"]["data"].get<std::string>().starts_with("2 sets of inputs in "));
  fs::create_directories(folder / "empty");
  CHECK(is_one_error(with_data(folder / "empty"), "holds no inputs"));
  CHECK(is_one_error(with_data(folder / "nowhere"), "nowhere"));
}

TEST_CASE("seqc --weights: wrong usage") {
  const TempDir folder;
  const std::string model = save_doubler(folder / "doubler.onnx").string(), out = (folder / "out").string();
  CHECK(run_seqc({"build", model, "-o", out, "--weights=int4"}).exit_code == 2);
  CHECK(run_seqc({"build", model, "-o", out, "--weights=f16", "--max-weight-error=-1"}).exit_code == 2);
  CHECK(is_one_error(run_seqc({"build", model, "-o", out, "--max-weight-error=0.1"}), "expected --weights="));
  CHECK(is_one_error(run_seqc({"build", model, "-o", out, "--accuracy-data", folder.path().string()}),
                     "expected --weights="));
  CHECK(!fs::exists(out));
}
