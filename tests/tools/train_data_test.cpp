// seqc train: files of all kinds give the same training, and losses see what they should.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/files.h"
#include "runtime/npy.h"
#include "runtime/training/archive.h"
#include "tests/runtime/training/data/files.h"
#include "tests/tools/train_setting.h"

namespace {

using namespace seqc::test;
using nlohmann::json;
namespace runtime = seqc::runtime;

/// The elements as f32 (13) or u8 (8), as MNIST has them.
std::string idx(const Tensor& tensor, int type) {
  std::string bytes = {0, 0, static_cast<char>(type), static_cast<char>(tensor.rank())};
  const auto add = [&](uint32_t word) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(word >> shift);
  };
  for (const int64_t size : tensor.shape()) add(static_cast<uint32_t>(size));
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (type == 13)
      add(std::bit_cast<uint32_t>(static_cast<float>(tensor.real(i))));
    else
      bytes += static_cast<char>(tensor.integer(i));
  }
  return bytes;
}

double validation_loss(const ToolResult& result) {
  return json::parse(result.out)["epochs"].back()["validation"]["loss"];
}

}  // namespace

TEST_SUITE_BEGIN("tools");

TEST_CASE("train: npz and csv give what npy gives") {
  const TrainSetting s;
  REQUIRE(s.train({"--epochs", "2"}).exit_code == 0);
  const std::string expected = runtime::read_file(s.tuned);
  {
    seqc::training::ArchiveWriter npz(s.path("d.npz"));
    npz.add("x.npy", runtime::npy_bytes(s.points.x));
    npz.add("label.npy", runtime::npy_bytes(s.points.labels));
    npz.finish();
  }
  REQUIRE(s.train({"--epochs", "2"}, s.path("d.npz"), s.path("d.npz") + ":label").exit_code == 0);
  CHECK(runtime::read_file(s.tuned) == expected);
  write_file(s.folder / "d.csv", s.points.csv(false));
  for (const char* data : {"d.csv", "x=d.csv:x.0,x.1"}) {
    const std::string text = data;
    const std::string from = text.starts_with("x=") ? "x=" + s.path(text.substr(2)) : s.path(text);
    REQUIRE(s.train({"--epochs", "2"}, from, s.path("d.csv") + ":kind").exit_code == 0);
    CHECK(runtime::read_file(s.tuned) == expected);
  }
  // Names of classes are numbered in their order.
  write_file(s.folder / "names.csv", s.points.csv(true));
  const ToolResult named = s.train({"--epochs", "2", "--json"}, s.path("names.csv"), s.path("names.csv") + ":kind");
  REQUIRE(named.exit_code == 0);
  CHECK(json::parse(named.out)["classes"] == json({"above", "below", "right"}));
}

TEST_CASE("train: IDX and gzipped files give what npy gives") {
  const TrainSetting s;
  const auto write = [&](const std::string& name, const std::string& bytes) {
    write_file(s.folder / name, bytes);
    return s.path(name);
  };
  REQUIRE(s.train({"--epochs", "2"}).exit_code == 0);
  const std::string expected = runtime::read_file(s.tuned);
  const std::string labels = write("labels-idx1-ubyte.gz", gzipped(idx(s.points.labels, 8)));
  for (const std::string& x : {write("x.idx2", idx(s.points.x, 13)), write("x.idx2.gz", gzipped(idx(s.points.x, 13))),
                               write("x.npy.gz", gzipped(runtime::npy_bytes(s.points.x)))}) {
    CAPTURE(x);
    REQUIRE(s.train({"--epochs", "2"}, "x=" + x, labels).exit_code == 0);
    CHECK(runtime::read_file(s.tuned) == expected);
    CHECK(s.train({"--epochs", "2"}, x, labels).exit_code == 0);  // the only input and the only array
    CHECK(runtime::read_file(s.tuned) == expected);
  }
  // Bytes of pictures, scaled.
  Tensor bytes(DType::u8, {90, 2}), scaled(DType::f32, {90, 2});
  for (int64_t i = 0; i < 180; ++i) {
    bytes.set_integer(i, static_cast<int64_t>(127.5 * (s.points.x.real(i) + 1)));
    scaled.set_real(i, static_cast<double>(bytes.integer(i)) * 0.0078125 - 1);
  }
  REQUIRE(s.train({"--epochs", "2"}, "x=" + s.save("scaled.npy", scaled)).exit_code == 0);
  const std::string pictures = runtime::read_file(s.tuned);
  CHECK(pictures != expected);
  const std::string x = write("images-idx2-ubyte.gz", gzipped(idx(bytes, 8)));
  REQUIRE(s.train({"--epochs", "2", "--scale", "x=0.0078125,-1"}, "x=" + x, labels).exit_code == 0);
  CHECK(runtime::read_file(s.tuned) == pictures);
  // What is cut off is named.
  const std::string whole = gzipped(idx(s.points.x, 13));
  const ToolResult cut = s.train({}, "x=" + write("cut.idx2.gz", whole.substr(0, whole.size() / 2)), labels);
  CHECK(cut.exit_code == 1);
  CHECK(cut.err.find("cut.idx2.gz: ") != std::string::npos);
  const ToolResult few = s.train({}, "x=" + write("few.idx2", idx(s.points.x, 13).substr(0, 99)), labels);
  CHECK(few.exit_code == 1);
  CHECK(few.err.find("few.idx2: is no valid IDX file") != std::string::npos);
}

TEST_CASE("train: shares of classes as targets") {
  const TrainSetting s;
  Tensor shares(DType::f32, {90, 3}), mixed(DType::f32, {90, 3});
  for (int64_t n = 0; n < 90; ++n)
    for (int64_t k = 0; k < 3; ++k) {
      shares.set_real(3 * n + k, s.points.labels.integer(n) == k ? 1 : 0);
      mixed.set_real(3 * n + k, 0.1 + 0.7 * shares.real(3 * n + k));
    }
  const auto with = [&](const std::string& target, const std::string& loss) {
    return run_seqc(
        s.arguments({"--epochs", "10", "--json", "--validation-data", "x=" + s.x, "--validation-target", target}, "",
                    target, "0.05", loss));
  };
  // Whole shares are labels.
  const ToolResult labels = with(s.y, "softmax-cross-entropy");
  const ToolResult whole = with(s.save("shares.npy", shares), "softmax-cross-entropy-dense");
  REQUIRE(labels.exit_code == 0);
  REQUIRE(whole.exit_code == 0);
  CHECK(whole.err == "note: output \"y\" ends in a softmax: the loss takes what stands before it\n");
  CHECK(validation_loss(whole) == doctest::Approx(validation_loss(labels)).epsilon(1e-5));
  // The loss of shares is the one that the written model has.
  const ToolResult parts = with(s.save("mixed.npy", mixed), "softmax-cross-entropy-dense");
  REQUIRE(parts.exit_code == 0);
  const Tensor y = predict(s.tuned, {s.points.x});
  double loss = 0;
  for (int64_t i = 0; i < y.count(); ++i) loss -= mixed.real(i) * std::log(y.real(i)) / 90;
  CHECK(validation_loss(parts) == doctest::Approx(loss).epsilon(1e-5));
  mixed.set_real(7, 1.5);
  const ToolResult bad = with(s.save("bad.npy", mixed), "softmax-cross-entropy-dense");
  CHECK(bad.exit_code == 1);
  CHECK(bad.err.find("bad.npy: target of output \"y\": element 7 is 1.5, expected 0 to 1") != std::string::npos);
  const ToolResult wide = with(s.y, "softmax-cross-entropy-dense");
  CHECK(wide.exit_code == 1);
  CHECK(wide.err.find("target of output \"y\": got i64[90], expected f32[N,3]") != std::string::npos);
}

TEST_CASE("train: a softmax or sigmoid behind a cast is left out of the loss") {
  const TrainSetting s;
  for (const auto& [type, onnx] : {std::pair(DType::f64, 11), std::pair(DType::f16, 10)}) {
    CAPTURE(onnx);
    for (const char* ending : {"Softmax", "Sigmoid"}) {
      CAPTURE(ending);
      const bool softmax = std::string(ending) == "Softmax";
      ModelBuilder model = unfinished_classifier(type);
      model.node(ending, {"logits"}, {"p"});
      model.node("Cast", {"p"}, {"y"}).attr("to", onnx);
      model.save(s.folder / "m.onnx");
      Tensor shares(DType::f32, {90, 3});
      for (int64_t n = 0; n < 90; ++n) shares.set_real(3 * n + s.points.labels.integer(n), 1);
      const std::string target = softmax ? s.y : s.save("shares.npy", shares);
      const ToolResult result = run_seqc(
          s.arguments({"--epochs", "20", "--json", "--validation-data", "x=" + s.x, "--validation-target", target}, "",
                      target, "0.05", softmax ? "softmax-cross-entropy" : "sigmoid-cross-entropy"));
      CAPTURE(result.err);
      REQUIRE(result.exit_code == 0);
      CHECK(result.err == fmt::format("note: output \"y\" ends in a {}: the loss takes what stands before it\n",
                                      softmax ? "softmax" : "sigmoid"));
      const Tensor y = predict(s.tuned, {s.points.x});
      CHECK(y.dtype() == type);
      double loss = 0;
      for (int64_t i = 0; i < y.count(); ++i) {
        const double p = y.real(i), t = shares.real(i);
        loss -= softmax ? t * std::log(p) / 90 : (t * std::log(p) + (1 - t) * std::log(1 - p)) / 270;
      }
      CHECK(validation_loss(result) == doctest::Approx(loss).epsilon(type == DType::f16 ? 2e-3 : 1e-5));
    }
  }
}

TEST_SUITE_END();
