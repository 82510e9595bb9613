#include "tools/seqc/realtime.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "runtime/build_times.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

/// What this thread has been through.
struct Disturbances {
  int64_t interruptions = 0, page_faults = 0;

  static Disturbances now() {
#ifdef RUSAGE_THREAD
    rusage usage{};
    if (getrusage(RUSAGE_THREAD, &usage) == 0) return {usage.ru_nivcsw, usage.ru_minflt + usage.ru_majflt};
#endif
    return {};
  }
};

/// Of the times in order.
double quantile(const std::vector<double>& times, double q) {
  return times[static_cast<size_t>(std::lround(q * static_cast<double>(times.size() - 1)))];
}

std::vector<Latencies::Band> bands_of(const std::vector<double>& times, double median) {
  std::vector<Latencies::Band> bands;
  auto from = times.begin();
  for (const double limit : {1.1, 1.5, 2.0, 5.0, 10.0, 100.0, std::numeric_limits<double>::infinity()}) {
    const auto to = std::upper_bound(from, times.end(), limit * median);
    bands.push_back({limit, to - from});
    from = to;
  }
  return bands;
}

/// "98.7 %" of the runs, or their number where they are few.
std::string share_text(int64_t part, int64_t all) {
  const double percent = 100 * static_cast<double>(part) / static_cast<double>(all);
  return percent >= 0.1 ? fmt::format("{:.1f} %", percent) : count_text(part);
}

double rounded(double value) { return std::round(value * 1e3) / 1e3; }

}  // namespace

Latencies measure_latencies(runtime::Session& session, const std::vector<ir::Tensor>& inputs, int64_t runs) {
  constexpr double kWarmUp = 200;     // milliseconds
  constexpr double kPatience = 20e6;  // microseconds
  std::vector<ir::Tensor> outputs = session.run(inputs);
  std::vector<seqc_tensor> input_views, output_views;
  for (const ir::Tensor& input : inputs) input_views.push_back(runtime::view(input));
  for (ir::Tensor& output : outputs) output_views.push_back(runtime::mutable_view(output));
  std::vector<double> times(static_cast<size_t>(runs), 0.0);  // touched, so that no page is missing later

  const runtime::Stopwatch warm_up;
  int64_t warmed = 0;
  for (; warmed < runs && warm_up.milliseconds() < kWarmUp; ++warmed) session.run(input_views, output_views);
  const double expected = 1e3 * warm_up.milliseconds() / static_cast<double>(warmed) * static_cast<double>(runs);
  if (expected > kPatience)
    fmt::print(stderr, "note: {} steps take about {}; --steps chooses how many\n", count_text(runs),
               time_text(expected));
  const Disturbances before = Disturbances::now();
  for (double& time : times) {
    const runtime::Stopwatch watch;
    session.run(input_views, output_views);
    time = watch.milliseconds() * 1e3;
  }
  const Disturbances after = Disturbances::now();

  Latencies result;
  result.runs = runs;
  result.slowest = std::max_element(times.begin(), times.end()) - times.begin();
  std::sort(times.begin(), times.end());
  result.median = quantile(times, 0.5);
  result.p99 = quantile(times, 0.99);
  result.p999 = quantile(times, 0.999);
  result.maximum = times.back();
  result.bands = bands_of(times, result.median);
  result.interruptions = after.interruptions - before.interruptions;
  result.page_faults = after.page_faults - before.page_faults;
  return result;
}

void print_latencies(const Latencies& latencies) {
  fmt::print("  median {}, 99.9th percentile {}, maximum {} of {} steps (the slowest was number {})\n",
             time_text(latencies.median), time_text(latencies.p999), time_text(latencies.maximum),
             count_text(latencies.runs), count_text(latencies.slowest + 1));
  std::string bands;
  double below = 0;
  for (const Latencies::Band& band : latencies.bands) {
    if (band.runs > 0)
      bands += fmt::format(
          "{}{}: {}", bands.empty() ? "" : ", ",
          std::isinf(band.limit) ? fmt::format("more than {:g}", below) : fmt::format("up to {:g}", band.limit),
          share_text(band.runs, latencies.runs));
    below = band.limit;
  }
  fmt::print("  steps by how many medians they took: {}\n", bands);
  fmt::print("  the system took the processor away {} time{}; {} page fault{}\n", count_text(latencies.interruptions),
             latencies.interruptions == 1 ? "" : "s", count_text(latencies.page_faults),
             latencies.page_faults == 1 ? "" : "s");
}

void add_latencies(const Latencies& latencies, nlohmann::ordered_json& report) {
  nlohmann::ordered_json bands = nlohmann::json::array();
  for (const Latencies::Band& band : latencies.bands) {
    nlohmann::ordered_json entry = {{"up_to_us", rounded(band.limit * latencies.median)}, {"steps", band.runs}};
    if (std::isinf(band.limit)) entry["up_to_us"] = nullptr;
    bands.push_back(std::move(entry));
  }
  report["steps"] = latencies.runs;
  report["median_us"] = rounded(latencies.median);
  report["p99_us"] = rounded(latencies.p99);
  report["p999_us"] = rounded(latencies.p999);
  report["max_us"] = rounded(latencies.maximum);
  report["slowest_step"] = latencies.slowest;
  report["histogram"] = std::move(bands);
  report["interruptions"] = latencies.interruptions;
  report["page_faults"] = latencies.page_faults;
}

}  // namespace seqc::tools
