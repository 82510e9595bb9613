// seqc bench: how fast a model runs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "ir/error.h"
#include "runtime/compile_info.h"
#include "tools/seqc/command.h"
#include "tools/seqc/limit_time.h"
#include "tools/seqc/model_run.h"
#include "tools/seqc/profile.h"
#include "tools/seqc/realtime.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Runs the model again and again for about a second, after a warm-up, and shows the median with its spread.
GFLOP/s counts two operations for each multiply-add of products and convolutions.

The limit is the least time that this machine needs for the model's products, measured right after the model: for each of
them its multiply-adds at the machine's peak, or reading its weights from the cache that holds them, whichever takes longer;
activations and everything else count nothing. "90 % of the limit" means that the run takes 1/0.9 of that time. Models of
small or few products stay far from it; near 100 % nothing is left to gain. Libraries do not say what they multiply.

--realtime asks another question: how long does the slowest run take? Who processes sound or sensor frames must be done
before the next one comes, every time. It runs the model 100,000 times on one thread, as a stream would call it frame by
frame, times each run, and shows median, 99.9th percentile and maximum. A run allocates nothing, locks nothing and makes no
system call, so what lies far above the median comes from outside: other programs on the same processor (it says how often
the system took it away), interrupts, changing clock rates. A processor of its own (taskset, isolcpus), a real-time
priority (chrt -f 50) and a fixed clock rate bring the maximum down to the 99.9th percentile. Give the sizes of one frame:
--dim T=1.

Examples:
  seqc bench model.onnx --dim T=100 --dim N=1
  seqc bench model.onnx --dim T=1 --realtime
  seqc bench out/model.so --dim T=100 --threads 2 --json
  seqc bench model.onnx --inputs data --runs 1000
  seqc bench model.onnx --dim T=100 --profile trace.json   the time of each kernel; see it in ui.perfetto.dev)";

struct Options {
  RunOptions run;
  int64_t runs = 0, steps = 100'000;
  bool json = false, limit = true, realtime = false;
  std::string profile;
};

struct Timing {
  double median, minimum, p90, p99;  ///< microseconds
  size_t runs;
};

Timing measure(runtime::Session& session, const std::vector<ir::Tensor>& inputs, int64_t runs) {
  constexpr double kWarmUp = 200, kTotal = 1000;  // milliseconds
  constexpr size_t kFewest = 10, kMost = 1'000'000;
  std::vector<ir::Tensor> outputs = session.run(inputs);
  std::vector<seqc_tensor> input_views, output_views;
  for (const ir::Tensor& input : inputs) input_views.push_back(runtime::view(input));
  for (ir::Tensor& output : outputs) output_views.push_back(runtime::mutable_view(output));

  const runtime::Stopwatch warm_up;
  while (warm_up.milliseconds() < kWarmUp) {
    session.run(input_views, output_views);
    if (runs > 0) break;  // who says how many runs may want few
  }
  std::vector<double> times;
  times.reserve(runs > 0 ? static_cast<size_t>(runs) : kMost);
  const runtime::Stopwatch total;
  const auto more = [&] {
    if (runs > 0) return times.size() < static_cast<size_t>(runs);
    return times.size() < kFewest || (times.size() < kMost && total.milliseconds() < kTotal);
  };
  while (more()) {
    const runtime::Stopwatch watch;
    session.run(input_views, output_views);
    times.push_back(watch.milliseconds() * 1e3);
  }
  std::sort(times.begin(), times.end());
  const auto quantile = [&](double q) {
    return times[static_cast<size_t>(std::lround(q * static_cast<double>(times.size() - 1)))];
  };
  return {quantile(0.5), times[0], quantile(0.9), quantile(0.99), times.size()};
}

const char* cache_name(runtime::CacheUse::Kind kind) {
  switch (kind) {
    case runtime::CacheUse::Kind::Off: return "off";
    case runtime::CacheUse::Kind::Hit: return "hit";
    case runtime::CacheUse::Kind::Stored: return "stored";
    case runtime::CacheUse::Kind::Failed: return "failed";
  }
  return "";
}

runtime::CacheUse cache_use(const ModelRun& run) {
  const runtime::CompileInfo* info = run.session->program().compiled();
  return info ? info->cache_use : runtime::CacheUse();
}

/// Behind the time that code took: what the cache had to do with it.
std::string cache_text(const runtime::CacheUse& cache) {
  if (cache.kind == runtime::CacheUse::Kind::Hit) return " from the cache";
  return cache.problem.empty() ? "" : "; cache: " + cache.problem;
}

/// Nothing for libraries, and where there are no products.
std::optional<LimitTime> measure_limit(const Options& options, const ModelRun& run) {
  const runtime::CompileInfo* info = run.session->program().compiled();
  if (!options.limit || !info || info->products.empty()) return {};
  const LimitTime limit = limit_time(info->products, run.dims, options.run.threads);
  return limit.microseconds > 0 ? std::optional(limit) : std::nullopt;
}

void print_limit(const LimitTime& limit, const Timing& timing) {
  fmt::print("  {:.0f} % of the limit {} (products alone: {:.1f} GFLOP/s", 100 * limit.microseconds / timing.median,
             time_text(limit.microseconds), 2e-9 * limit.multiply_adds_per_second);
  for (const LimitTime::Sweep& sweep : limit.sweeps)
    fmt::print(", weights of {} at {:.0f} GB/s", bytes_text(sweep.bytes), 1e-9 * sweep.bytes_per_second);
  fmt::print(")\n");
}

/// The first line of a report.
void print_title(const Options& options, const ModelRun& run) {
  fmt::print("{}  {}{}{} thread{}\n", options.run.model, dims_text(run.dims), run.dims.empty() ? "" : ", ",
             options.run.threads, options.run.threads == 1 ? "" : "s");
}

void print_report(const Options& options, const ModelRun& run, const Timing& timing, double gflops,
                  const std::optional<LimitTime>& limit) {
  const runtime::BuildTimes& times = run.session->program().times();
  const runtime::CacheUse cache = cache_use(run);
  print_title(options, run);
  fmt::print("  median {}, min {}, p90 {}, p99 {} of {} runs\n", time_text(timing.median), time_text(timing.minimum),
             time_text(timing.p90), time_text(timing.p99), timing.runs);
  if (!std::isnan(gflops)) fmt::print("  {:.2f} GFLOP/s\n", gflops);
  if (limit) print_limit(*limit, timing);
  if (times.load > 0)
    fmt::print("  loaded in {:.1f} ms", times.load);
  else
    fmt::print("  {} in {:.1f} ms (import {:.1f}, passes {:.1f}, code {:.1f}{})",
               cache.kind == runtime::CacheUse::Kind::Hit ? "ready" : "compiled", times.total(), times.import,
               times.passes, times.codegen, cache_text(cache));
  fmt::print("; workspace {}\n", bytes_text(run.session->workspace_bytes()));
}

int run_realtime(const Options& options, const ModelRun& run) {
  const Latencies latencies = measure_latencies(*run.session, run.inputs, options.steps);
  if (!options.json) {
    print_title(options, run);
    print_latencies(latencies);
    return 0;
  }
  nlohmann::ordered_json report = {{"model", options.run.model}, {"dims", run.dims}, {"threads", options.run.threads}};
  add_latencies(latencies, report);
  fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

int run_bench(const Options& options) {
  if (options.realtime && options.run.threads > 1)
    fail(ErrorKind::BadInput,
         "--realtime: got --threads={}, expected one; threads that wait for each other may sleep, and how soon the "
         "system "
         "wakes them nobody can promise",
         options.run.threads);
  ModelRun run = prepare_run(options.run);
  if (!run.assumed_dims.empty())
    fmt::print(stderr, "note: random inputs with {}; --dim NAME=NUMBER changes it\n", run.assumed_dims);
  if (options.realtime) return run_realtime(options, run);
  const Timing timing = measure(*run.session, run.inputs, options.runs);
  const runtime::CompileInfo* info = run.session->program().compiled();
  const double gflops = info ? 2e-3 * static_cast<double>(info->multiply_adds.evaluate(run.dims)) / timing.median : NAN;
  const std::optional<LimitTime> limit = measure_limit(options, run);
  std::optional<Profile> profile;
  if (!options.profile.empty()) {
    profile = take_profile(options.run, options.runs > 0 ? 1 : 500);
    save_trace(*profile, options.profile);
  }
  if (!options.json) {
    print_report(options, run, timing, gflops, limit);
    if (profile) fmt::print("{}{}  trace of the last run\n", text(*profile), options.profile);
    return 0;
  }
  const auto rounded = [](double value) { return std::round(value * 1e3) / 1e3; };
  const runtime::CacheUse cache = cache_use(run);
  const double compile_ms = rounded(run.session->program().times().total());
  nlohmann::ordered_json report = {{"model", options.run.model},
                                   {"dims", run.dims},
                                   {"threads", options.run.threads},
                                   {"runs", timing.runs},
                                   {"median_us", rounded(timing.median)},
                                   {"min_us", rounded(timing.minimum)},
                                   {"p90_us", rounded(timing.p90)},
                                   {"p99_us", rounded(timing.p99)},
                                   {"compile_ms", compile_ms},
                                   {"cache", cache_name(cache.kind)},
                                   {"gflops", rounded(gflops)},
                                   {"workspace_bytes", run.session->workspace_bytes()}};
  if (limit) {
    nlohmann::ordered_json sweeps = nlohmann::json::array();
    for (const LimitTime::Sweep& sweep : limit->sweeps)
      sweeps.push_back({{"bytes", sweep.bytes}, {"gb_per_s", rounded(1e-9 * sweep.bytes_per_second)}});
    report["limit_us"] = rounded(limit->microseconds);
    report["limit_share"] = rounded(limit->microseconds / timing.median);
    report["peak_gflops"] = rounded(2e-9 * limit->multiply_adds_per_second);
    report["weights_read"] = std::move(sweeps);
  }
  if (profile) report["profile"] = json(*profile);
  fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return 0;
}

}  // namespace

Command add_bench(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("bench", "measures how fast a model or a built library runs");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  auto* runs = app->add_option("--runs", options->runs, "how often to run it (as many as fit a second)")
                   ->check(CLI::PositiveNumber);
  auto* realtime =
      app->add_flag("--realtime", options->realtime,
                    "the slowest runs: median, 99.9th percentile and maximum of --steps runs on one thread")
          ->excludes(runs);
  app->add_option("--steps", options->steps, "how many runs --realtime times")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->needs(realtime);
  app->add_flag("--json", options->json,
                "the same as JSON: median_us, min_us, p90_us, p99_us, compile_ms (libraries: to load), cache (hit, "
                "stored, off, failed), gflops, threads, ...; with --realtime: median_us, p99_us, p999_us, max_us, "
                "slowest_step, histogram, interruptions, page_faults");
  app->add_flag("!--no-limit", options->limit, "does not measure what this machine needs for the products alone");
  add_profile_option(*app, options->profile)->excludes(realtime);
  add_run_options(*app, options->run);
  return {app, [options] { return run_bench(*options); }};
}

}  // namespace seqc::tools
