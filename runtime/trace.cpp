#include "runtime/trace.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "runtime/compile_info.h"

namespace seqc::runtime {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kCompiler = 1, kRun = 2;  // processes
constexpr int kSummed = 1000;           // the track of summed phases

/// Events in the order in which they are added; times in microseconds.
class Trace {
 public:
  void name_process(int process, const std::string& name) { name_it("process_name", process, 0, name); }
  void name_track(int process, int track, const std::string& name) { name_it("thread_name", process, track, name); }
  void slice(int process, int track, const std::string& name, double begin, double duration, Json arguments = {}) {
    Json event = {{"name", name}, {"ph", "X"}, {"pid", process}, {"tid", track}, {"ts", begin}, {"dur", duration}};
    if (!arguments.empty()) event["args"] = std::move(arguments);
    events_.push_back(std::move(event));
  }
  std::string text(const Json& about) const {
    const Json all = {{"traceEvents", events_}, {"displayTimeUnit", "ns"}, {"otherData", about}};
    return all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }

 private:
  void name_it(const char* what, int process, int track, const std::string& name) {
    events_.push_back({{"name", what}, {"ph", "M"}, {"pid", process}, {"tid", track}, {"args", {{"name", name}}}});
  }
  Json events_ = Json::array();
};

void add_compilation(Trace& trace, const Program& program) {
  trace.name_process(kCompiler, "compilation");
  const BuildTimes& times = program.times();
  double at = 0;  // microseconds
  const auto phase = [&](const char* name, double milliseconds) {
    if (milliseconds > 0) trace.slice(kCompiler, 0, name, at, 1e3 * milliseconds);
    at += 1e3 * milliseconds;
  };
  phase("import", times.import);
  double pass_at = at;
  phase("passes", times.passes);
  for (const passes::PassTiming& pass : program.compiled()->passes) {
    trace.slice(kCompiler, 0, pass.name, pass_at, 1e3 * pass.milliseconds, {{"changed", pass.changed}});
    pass_at += 1e3 * pass.milliseconds;
  }
  phase(program.compiled()->cache_use.kind == CacheUse::Kind::Hit ? "code from the cache" : "code generation",
        times.codegen);
  trace.name_track(kCompiler, 0, "compiler");
}

/// Behind each other within the scan: how long each of its phases took in all, as a mean of all runs.
void add_sums(Trace& trace, const std::vector<ProfiledOp>& ops, const Profiler& profiler) {
  const std::vector<Profiler::Time> times = profiler.times();
  bool any = false;
  for (const Profiler::Event& event : profiler.events()) {
    const ProfiledOp& loop = ops[static_cast<size_t>(event.op)];
    if (event.thread != 0 || loop.kernel || loop.parent >= 0) continue;
    const double mean = times[static_cast<size_t>(event.op)].wall;
    const double scale = mean > 0 ? (event.end - event.begin) / mean : 0;
    double at = event.begin;
    for (size_t i = 0; i < ops.size(); ++i) {
      if (ops[i].parent != event.op) continue;
      const double duration = scale * times[i].wall;
      trace.slice(kRun, kSummed, ops[i].name, at / 1e3, duration / 1e3,
                  {{"steps", times[i].calls / std::max<int64_t>(1, profiler.runs())}, {"sources", ops[i].sources}});
      at += duration;
      any = true;
    }
  }
  if (any) trace.name_track(kRun, kSummed, "steps of scans, summed up");
}

}  // namespace

std::string chrome_trace(const Program& program, const Profiler& profiler, const std::string& title) {
  Trace trace;
  add_compilation(trace, program);
  trace.name_process(kRun, "run");
  const std::vector<ProfiledOp>& ops = program.compiled()->profiled;
  int32_t threads = 0;
  for (const Profiler::Event& event : profiler.events()) {
    const ProfiledOp& op = ops[static_cast<size_t>(event.op)];
    threads = std::max(threads, event.thread + 1);
    trace.slice(kRun, event.thread, op.name, event.begin / 1e3, (event.end - event.begin) / 1e3,
                op.parent < 0 ? Json{{"sources", op.sources}} : Json());
  }
  for (int32_t i = 0; i < threads; ++i)
    trace.name_track(kRun, i, i == 0 ? "thread 0 (the caller)" : fmt::format("thread {}", i));
  add_sums(trace, ops, profiler);
  Json about = {{"model", title}, {"runs", profiler.runs()}, {"shown", "the last run"}};
  if (profiler.events_cut())
    about["note"] =
        "steps of scans are shown one by one until the room for them was used up; the track of sums has all";
  return trace.text(about);
}

}  // namespace seqc::runtime
