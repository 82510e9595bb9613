/// Where the time of a run goes: `--profile` of seqc run, bench and inspect.
#pragma once

#include <CLI/CLI.hpp>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/seqc/model_run.h"

namespace seqc::tools {

/// A kernel's part of a run. Rates are NaN where there is nothing to divide.
struct ProfileRow {
  std::string kernel, sources;
  double calls = 0;                  ///< of a run
  double microseconds = 0;           ///< of a run, the wait for other threads included
  double share = 0;                  ///< of the run
  double waiting = 0;                ///< share of the threads' time that went into waiting
  double gflops = 0, gigabytes = 0;  ///< a second
  double limit_share = 0;  ///< the least time that this machine needs for its products (or else its bytes) by its time
};

struct Profile {
  int64_t runs = 0;
  double run_microseconds = 0;   ///< the mean
  double between = 0;            ///< microseconds of a run in no kernel
  std::vector<ProfileRow> rows;  ///< the longest first
  std::string trace;             ///< see runtime/trace.h
  std::vector<ir::Tensor> outputs;
  std::vector<std::string> output_names;
};

/// --profile FILE.
CLI::Option* add_profile_option(CLI::App& app, std::string& file);

/// Compiles the model for it, runs it once to warm up and then again and again for so long (at least once).
/// Throws Error(BadInput) for libraries, whose code tells nothing.
Profile take_profile(RunOptions options, double milliseconds);

std::string text(const Profile& profile);
nlohmann::ordered_json json(const Profile& profile);
/// Writes the trace, whole or not at all.
void save_trace(const Profile& profile, const std::string& file);

}  // namespace seqc::tools
