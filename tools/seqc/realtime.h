/// How long the slowest of many runs takes, for those who have to be done before the next frame comes.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "runtime/session.h"

namespace seqc::tools {

/// Latencies of runs one after the other; microseconds.
struct Latencies {
  /// Runs that took more than the limit below and no more than `limit` times the median (the last: without a limit).
  struct Band {
    double limit;
    int64_t runs;
  };
  int64_t runs = 0;
  double median = 0, p99 = 0, p999 = 0, maximum = 0;
  int64_t slowest = 0;  ///< which run it was, counted from 0
  std::vector<Band> bands;
  int64_t interruptions = 0;  ///< times that the system gave the processor to somebody else
  int64_t page_faults = 0;
};

/// Runs after a warm-up, each timed by itself, with memory that is there before the first one.
Latencies measure_latencies(runtime::Session& session, const std::vector<ir::Tensor>& inputs, int64_t runs);

void print_latencies(const Latencies& latencies);
/// The same as JSON.
void add_latencies(const Latencies& latencies, nlohmann::ordered_json& report);

}  // namespace seqc::tools
