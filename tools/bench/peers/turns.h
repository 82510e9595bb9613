/// Measures engines in turns of a few hundredths of a second, so that a change of the machine's speed meets all of them.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/bench/peers/engine.h"

namespace seqc::peers {

struct Contestant {
  std::string name;
  std::unique_ptr<Engine> engine = nullptr;
  double run_us = 0;  ///< about so long takes a run
  int64_t batch = 1;  ///< runs a sample, so that a sample is well above the clock's resolution
  std::vector<std::vector<double>> turns = {};  ///< microseconds a run: the samples of each turn
  int64_t disturbed = 0;  ///< turns in which the machine was not quiet, as often as they were repeated
};

struct TurnOptions {
  double seconds = 3;     ///< measuring time, all engines together
  double patience = 20;   ///< seconds besides, in all, for waiting until the machine is quiet (see probe.h)
  double turn_us = 30e3;  ///< of one engine
  size_t rounds = 7;      ///< at least
  int threads = 1;
  double probe_us = 0;    ///< what the probe takes on a quiet machine; 0: find out
  bool cpu_time = false;  ///< leaves out what other programs took; for one thread on a machine that is not idle
};

/// Every round gives each engine one turn; the engine that begins changes from round to round. A turn begins when the machine is
/// quiet, and is repeated when it is not quiet at its end. Engines that take more than a second for a run take part in the first
/// two rounds only. Returns what the probe takes on a quiet machine.
double measure(std::vector<Contestant>& contestants, const TurnOptions& options);

/// {"median_us", "q1_us", "q3_us", "min_us", "p99_us", "samples"} over all turns, and "turns_us", the median of each: the
/// quotient of two engines' medians of one round leaves out that the machine changes its speed between rounds. "disturbed": so
/// many of the turns were.
nlohmann::json describe(const Contestant& contestant);

}  // namespace seqc::peers
