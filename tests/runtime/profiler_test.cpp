// Profiles: every kernel is counted, the trace is whole, and programs that are not profiled are what they were.
#include "runtime/profiler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/compile.h"
#include "runtime/compile_info.h"
#include "runtime/session.h"
#include "runtime/trace.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"

using namespace seqc;
using runtime::Profiler;
using runtime::Program;
using runtime::Session;

namespace {

constexpr int64_t kSteps = 11;

struct Setting {
  test::TempDir folder;
  std::string model = test::save_lstm(folder / "lstm.onnx").string();
  std::vector<ir::Tensor> inputs = {test::lstm_x(kSteps, 3), test::lstm_h0(3)};
  runtime::CompileOptions options;
  Setting() { options.cache.enabled = false; }
};

}  // namespace

TEST_CASE("profiler: kernels are counted, once a step in a scan, and outputs do not change") {
  Setting setting;
  const auto plain = Program::compile_file(setting.model, setting.options);
  CHECK_FALSE(plain->tells_of_kernels());
  const auto want = Session(plain).run(setting.inputs);
  setting.options.profiles = true;
  for (const int threads : {1, 2}) {
    for (const int64_t worth : {0, 768}) {
      CAPTURE(threads);
      setting.options.target.worth_sharing = worth;
      const auto program = Program::compile_file(setting.model, setting.options);
      const auto& ops = program->compiled()->profiled;
      REQUIRE(ops.size() >= 3);
      Session session(program, threads);
      for (size_t i = 0; i < want.size(); ++i)
        CHECK(session.run(setting.inputs)[i].identical(want[i]));  // nobody listens
      Profiler profiler(*program, threads);
      session.attach(&profiler);
      constexpr int kRuns = 3;
      for (int run = 0; run < kRuns; ++run)
        for (size_t i = 0; i < want.size(); ++i)
          if (i == 0) CHECK(session.run(setting.inputs)[i].identical(want[i]));
      CHECK(profiler.runs() == kRuns);
      const auto times = profiler.times();
      double top = 0;
      for (size_t i = 0; i < ops.size(); ++i) {
        CAPTURE(ops[i].name);
        CHECK(times[i].calls == kRuns * (ops[i].parent < 0 ? 1 : kSteps));
        CHECK(ops[i].runs.evaluate({{"T", kSteps}, {"N", 3}}) == (ops[i].parent < 0 ? 1 : kSteps));
        CHECK(times[i].wall >= 0);
        if (ops[i].parent < 0) top += times[i].wall;
      }
      CHECK(top > 0);
      CHECK(top <= 1.05 * profiler.total() + 1e5);
      const auto events = profiler.events();
      CHECK_FALSE(profiler.events_cut());
      const auto of_caller =
          std::count_if(events.begin(), events.end(), [](const auto& event) { return event.thread == 0; });
      int64_t expected = 0;
      for (const auto& op : ops) expected += op.parent < 0 ? 1 : kSteps;
      CHECK(of_caller == expected);
      for (const auto& event : events) CHECK(event.end >= event.begin);
    }
  }
}

TEST_CASE("profiler: what a kernel is, and what it costs") {
  Setting setting;
  setting.options.profiles = true;
  const auto program = Program::compile_file(setting.model, setting.options);
  const ir::DimBindings dims = {{"T", kSteps}, {"N", 3}};
  int64_t multiply_adds = 0;
  bool scan = false, gates = false;
  for (const auto& op : program->compiled()->profiled) {
    multiply_adds += op.multiply_adds.evaluate(dims);
    scan = scan || (!op.kernel && op.name == "scan, T steps" && op.sources == "lstm");
    if (!op.kernel) continue;
    CHECK(op.bytes.evaluate(dims) > 0);
    gates = gates || (op.parent >= 0 && op.name.starts_with("contract ") && op.name.find("tanh") != std::string::npos);
  }
  CHECK(multiply_adds == program->compiled()->multiply_adds.evaluate(dims));
  CHECK(scan);
  CHECK(gates);
}

TEST_CASE("trace: events of compilation and run, and sums of the steps where there is no room for all") {
  Setting setting;
  setting.options.profiles = true;
  const auto program = Program::compile_file(setting.model, setting.options);
  Session session(program);
  for (const size_t room : {size_t{1000}, size_t{5}}) {
    CAPTURE(room);
    Profiler profiler(*program, 1, room);
    session.attach(&profiler);
    session.run(setting.inputs);
    session.attach(nullptr);
    CHECK(profiler.events_cut() == (room == 5));
    const auto trace = nlohmann::json::parse(runtime::chrome_trace(*program, profiler, "lstm"));
    int passes = 0, steps = 0, sums = 0, scans = 0;
    for (const auto& event : trace["traceEvents"]) {
      if (event["ph"] != "X") continue;
      CHECK(event["dur"] >= 0);
      passes += event["name"] == "fuse-gates";
      scans += event["pid"] == 2 && event["name"] == "scan, T steps";
      const bool in_scan = event["name"].get<std::string>().find("tanh") != std::string::npos;
      steps += in_scan && event["tid"] == 0;
      sums += in_scan && event["tid"] == 1000;
    }
    CHECK(passes == 1);
    CHECK(scans == 1);
    CHECK(sums == 1);
    CHECK(steps == (room == 5 ? 5 : kSteps));
    CHECK(trace["otherData"].contains("note") == (room == 5));
  }
}
