#include "tools/seqc/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "ir/error.h"
#include "runtime/compile_info.h"
#include "runtime/files.h"
#include "runtime/library.h"
#include "runtime/profiler.h"
#include "runtime/trace.h"
#include "tools/limit/peaks.h"
#include "tools/seqc/limit_time.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

/// What the machine can do, measured for few sizes: each measurement takes a tenth of a second.
class Machine {
 public:
  explicit Machine(int threads) : peaks_(threads) {}
  double multiply_adds() { return peaks_.multiply_adds(); }
  double rate(uint64_t bytes) { return peaks_.bytes(std::bit_ceil(std::max<uint64_t>(bytes, 1))); }

 private:
  limit::Peaks peaks_;
};

/// Seconds that the machine needs for a kernel's products, or for its bytes where it has none.
double least_seconds(const runtime::ProfiledOp& op, const ir::DimBindings& dims, uint64_t all_weights,
                     Machine& machine) {
  double seconds = 0;
  for (const runtime::ProductCost& product : op.products) {
    const ProductTime time = product_time(product, dims, all_weights, machine.multiply_adds(),
                                          [&](uint64_t bytes) { return machine.rate(bytes); });
    seconds += std::max(time.compute, time.read);
  }
  if (!op.products.empty()) return seconds;
  const auto bytes = static_cast<double>(op.bytes.evaluate(dims));
  const auto runs = static_cast<double>(std::max<int64_t>(1, op.runs.evaluate(dims)));
  return bytes > 0 ? bytes / machine.rate(static_cast<uint64_t>(bytes / runs)) : 0;
}

double ratio(double amount, double by) { return amount > 0 && by > 0 ? amount / by : NAN; }

void add_rows(Profile& profile, const ModelRun& run, const runtime::Profiler& profiler) {
  const std::vector<runtime::ProfiledOp>& ops = run.session->program().compiled()->profiled;
  const std::vector<runtime::Profiler::Time> times = profiler.times();
  const auto runs = static_cast<double>(profiler.runs());
  uint64_t all_weights = 0;
  for (const runtime::ProductCost& product : run.session->program().compiled()->products)
    all_weights += static_cast<uint64_t>(product.weight_bytes.evaluate(run.dims));
  Machine machine(run.session->threads());
  double in_kernels = 0;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (!ops[i].kernel || times[i].calls == 0) continue;
    ProfileRow row;
    row.kernel = ops[i].name;
    row.sources = ops[i].sources;
    const double seconds = 1e-9 * times[i].wall / runs;
    row.calls = static_cast<double>(times[i].calls) / runs;
    row.microseconds = 1e6 * seconds;
    row.share = row.microseconds / profile.run_microseconds;
    row.waiting = ratio(times[i].wait, times[i].wait + times[i].work);
    row.gflops = 1e-9 * ratio(2.0 * static_cast<double>(ops[i].multiply_adds.evaluate(run.dims)), seconds);
    row.gigabytes = 1e-9 * ratio(static_cast<double>(ops[i].bytes.evaluate(run.dims)), seconds);
    row.limit_share = ratio(least_seconds(ops[i], run.dims, all_weights, machine), seconds);
    in_kernels += row.microseconds;
    profile.rows.push_back(std::move(row));
  }
  profile.between = std::max(0.0, profile.run_microseconds - in_kernels);
  std::sort(profile.rows.begin(), profile.rows.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return std::tie(b.microseconds, a.kernel) < std::tie(a.microseconds, b.kernel);
  });
}

/// A number of so many digits behind the point, or nothing.
std::string figure(double value, int digits) { return std::isnan(value) ? "" : fmt::format("{:.{}f}", value, digits); }

nlohmann::ordered_json number(double value) {
  if (std::isnan(value)) return nullptr;
  return std::round(value * 1e4) / 1e4;
}

}  // namespace

CLI::Option* add_profile_option(CLI::App& app, std::string& file) {
  return app
      .add_option(
          "--profile", file,
          "writes a trace of compilation and run there (open it in ui.perfetto.dev or chrome://tracing), and prints a "
          "table of the kernels; the clock costs some 50 ns a kernel")
      ->type_name("FILE");
}

Profile take_profile(RunOptions options, double milliseconds) {
  if (runtime::is_library(options.model))
    fail(ErrorKind::BadInput, "{}: the code of a library tells nothing of its kernels; profile its model",
         options.model);
  options.compile.profiles = true;
  const ModelRun run = prepare_run(options);
  Profile profile;
  run.session->run(run.inputs);
  runtime::Profiler profiler(run.session->program(), run.session->threads());
  run.session->attach(&profiler);
  const runtime::Stopwatch watch;
  do {
    profile.outputs = run.session->run(run.inputs);
  } while (watch.milliseconds() < milliseconds);
  run.session->attach(nullptr);
  for (const runtime::Port& port : run.session->program().outputs()) profile.output_names.push_back(port.name);
  profile.runs = profiler.runs();
  profile.run_microseconds = profiler.total() / 1e3 / static_cast<double>(profile.runs);
  add_rows(profile, run, profiler);
  profile.trace = runtime::chrome_trace(run.session->program(), profiler, options.model);
  return profile;
}

std::string text(const Profile& profile) {
  std::string text = fmt::format(
      "profile   {} runs of {}; share of the limit: of products their multiply-adds at peak or their "
      "weights from cache, of other kernels their bytes from cache\n",
      profile.runs, time_text(profile.run_microseconds));
  text += fmt::format("{:>6} {:>10} {:>8} {:>9} {:>9} {:>6} {:>6}  kernel\n", "share", "time", "calls", "GFLOP/s",
                      "GB/s", "limit", "wait");
  const auto percent = [](double value) { return std::isnan(value) ? "" : fmt::format("{:.1f} %", 100 * value); };
  const auto line = [&](const ProfileRow& row) {
    text += fmt::format("{:>6} {:>10} {:>8} {:>9} {:>9} {:>6} {:>6}  {}{}\n", percent(row.share),
                        time_text(row.microseconds), figure(row.calls, 0), figure(row.gflops, 2),
                        figure(row.gigabytes, 2), percent(row.limit_share), percent(row.waiting), row.kernel,
                        row.sources.empty() ? "" : fmt::format("  [{}]", row.sources));
  };
  for (const ProfileRow& row : profile.rows) line(row);
  line({.kernel = "between kernels (loops, clock, threads that wait)",
        .sources = "",
        .calls = NAN,
        .microseconds = profile.between,
        .share = profile.between / profile.run_microseconds,
        .waiting = NAN,
        .gflops = NAN,
        .gigabytes = NAN,
        .limit_share = NAN});
  return text;
}

nlohmann::ordered_json json(const Profile& profile) {
  auto rows = nlohmann::ordered_json::array();
  for (const ProfileRow& row : profile.rows)
    rows.push_back({{"kernel", row.kernel},
                    {"sources", row.sources},
                    {"calls", number(row.calls)},
                    {"us", number(row.microseconds)},
                    {"share", number(row.share)},
                    {"wait_share", number(row.waiting)},
                    {"gflops", number(row.gflops)},
                    {"gb_per_s", number(row.gigabytes)},
                    {"limit_share", number(row.limit_share)}});
  return {{"runs", profile.runs},
          {"run_us", number(profile.run_microseconds)},
          {"between_us", number(profile.between)},
          {"kernels", rows}};
}

void save_trace(const Profile& profile, const std::string& file) { runtime::write_file(file, profile.trace); }

}  // namespace seqc::tools
