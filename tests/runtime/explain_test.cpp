// Explanations: what became of each scan, with reasons from the passes and from code generation.
#include "runtime/explain.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "ir/parser.h"
#include "ir/printer.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"

using namespace seqc;
using runtime::Reason;
using runtime::ScanExplanation;

namespace {

runtime::Explanation explain_text(const char* text) {
  return runtime::explain(std::move(ir::parse_module(text, "model")->functions[0]));
}

/// The reasons of a topic that were done, or not.
std::vector<Reason> reasons(const ScanExplanation& scan, const std::string& topic, bool done) {
  std::vector<Reason> found;
  for (const Reason& reason : scan.reasons)
    if (reason.topic == topic && reason.done == done) found.push_back(reason);
  return found;
}

}  // namespace

TEST_CASE("explain: an LSTM") {
  const test::TempDir folder;
  const std::string model = test::save_lstm(folder / "lstm.onnx").string();
  const auto explanation = runtime::explain(runtime::load_function(model), {});
  REQUIRE(explanation.scans.size() == 1);
  const ScanExplanation& scan = explanation.scans[0];
  CHECK(scan.name.find("(lstm)") != std::string::npos);
  CHECK(scan.length == "T");
  CHECK(scan.gone.empty());
  CHECK(scan.carries.size() == 2);
  REQUIRE(scan.phases.size() == 1);
  CHECK(scan.phases[0].name.starts_with("contract "));
  CHECK(scan.phases[0].loops.starts_with("tiles of "));
  // The four projections of the input leave, the four products of the state stay and become one.
  const auto hoisted = reasons(scan, "hoist", true), kept = reasons(scan, "hoist", false);
  CHECK(std::count_if(hoisted.begin(), hoisted.end(), [](const Reason& r) { return r.pass == "hoist-projections"; }) >=
        1);
  REQUIRE_FALSE(kept.empty());
  CHECK(kept[0].why.find("what the scan carries") != std::string::npos);
  const auto fused = reasons(scan, "fuse", true);
  CHECK(std::any_of(fused.begin(), fused.end(), [](const Reason& r) { return r.what == "4 products become one"; }));
  REQUIRE(reasons(scan, "unroll", false).size() == 1);
  CHECK(reasons(scan, "unroll", false)[0].why.find("T, is known at run time only") != std::string::npos);
  CHECK(reasons(scan, "threads", true).size() + reasons(scan, "threads", false).size() == 1);
  CHECK(reasons(scan, "memory", true).size() >= 2);
}

TEST_CASE("explain: scans that are no loops any more") {
  const auto explanation = explain_text(R"(
func @main(%x: f32[3,2], %z: f32[B,T,2]) -> (a: f32[2], h: f32[B,2]) {
  %zero = broadcast f32(0) {shape=[2]}
  %a = scan {length=3} carry(%at = %zero) in(%xt = %x) {
    %a1 = add %at, %xt
    yield %a1
  }
  %h = scan {length=B} in(%row = %z) {
    %hr = scan {length=T} carry(%ht = %zero) in(%zt = %row) {
      %sum = add %ht, %zt
      %h1 = tanh %sum
      yield %h1
    }
    yield emit %hr
  }
  return %a, %h
}
)");
  REQUIRE(explanation.scans.size() == 4);
  CHECK(explanation.scans[0].gone.empty());
  CHECK(explanation.scans[0].length == "T");
  CHECK(reasons(explanation.scans[0], "batch", true).size() == 1);
  size_t unrolled = 0, batched = 0;
  for (const ScanExplanation& scan : explanation.scans) {
    unrolled += scan.gone == "its steps are written out one after the other";
    batched += scan.gone.starts_with("its rows run in the scan");
  }
  CHECK(unrolled == 1);
  CHECK(batched == 2);
}

TEST_CASE("explain: passes decide the same, whether they are asked or not") {
  const test::TempDir folder;
  const std::string model = test::save_lstm(folder / "lstm.onnx").string();
  passes::Remarks remarks;
  const auto silent = runtime::lower(runtime::load_function(model)),
             told = runtime::lower(runtime::load_function(model), {}, &remarks);
  CHECK(ir::print(*silent.function) == ir::print(*told.function));
  CHECK_FALSE(remarks.all().empty());
}
