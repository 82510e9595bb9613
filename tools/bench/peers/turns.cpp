#include "tools/bench/peers/turns.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "tools/bench/peers/probe.h"

namespace seqc::peers {

namespace {

using Clock = std::chrono::steady_clock;

/// Of the wall's clock, or of the time that this thread was given a processor.
double now_us(bool cpu_time) {
  timespec time;
  clock_gettime(cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

double microseconds_of(Engine& engine, int64_t runs, bool cpu_time) {
  const double start = now_us(cpu_time);
  for (int64_t i = 0; i < runs; ++i) engine.run();
  return (now_us(cpu_time) - start) / static_cast<double>(runs);
}

/// Worker threads of the engine before may still spin for some milliseconds after its last run and would take a core away:
/// they get time to fall asleep.
void let_sleep(int threads) {
  if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

/// Brings an engine's weights and code back into cache before its turn.
void warm(Contestant& c) {
  constexpr double kWarmingUs = 2e3, kWarmAnywayUs = 1e5;  // a run that takes so long has warmed itself soon
  if (c.run_us > kWarmAnywayUs) return;
  auto end = Clock::now() + std::chrono::duration<double, std::micro>(kWarmingUs);
  do c.engine->run();
  while (Clock::now() < end);
}

/// Keeps the calling thread on the processor where it is, beside its weights in cache, until the end of its turn; between
/// turns it may move away from other programs.
class Pinned {
 public:
  Pinned() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);
  }
  ~Pinned() { sched_setaffinity(0, sizeof before_, &before_); }
  Pinned(const Pinned&) = delete;

 private:
  cpu_set_t before_;
};

/// What an engine did in a turn, and how disturbed the machine was at its beginning or end.
struct Turn {
  std::vector<double> samples;
  double slowness;
};

Turn try_turn(Contestant& c, const TurnOptions& options, Probe& probe, Clock::time_point give_up) {
  std::optional<Pinned> pinned;
  if (options.threads == 1) pinned.emplace();
  Turn turn{{}, probe.wait(give_up)};
  warm(c);
  double spent = 0;
  do {
    turn.samples.push_back(microseconds_of(*c.engine, c.batch, options.cpu_time));
    spent += turn.samples.back() * static_cast<double>(c.batch);
  } while (spent < options.turn_us);
  let_sleep(options.threads);
  turn.slowness = std::max(turn.slowness, probe.slowness());
  return turn;
}

/// A turn that was disturbed is repeated, until it is time to give up; of all tries the least disturbed counts.
void take_turn(Contestant& c, const TurnOptions& options, Probe& probe, Clock::time_point give_up) {
  Turn best = try_turn(c, options, probe, give_up);
  while (best.slowness > Probe::kQuiet && Clock::now() < give_up) {
    Turn again = try_turn(c, options, probe, give_up);
    if (again.slowness < best.slowness) best = std::move(again);
  }
  c.disturbed += best.slowness > Probe::kQuiet;
  c.turns.push_back(std::move(best.samples));
}

/// Finds how long a run takes and how many fill a sample. The best of some tries: an interrupted one would tell of a slow
/// engine.
void estimate(Contestant& c, bool cpu_time) {
  const double sample = cpu_time ? 100 : 20;  // microseconds; reading the thread's clock is a system call
  c.run_us = microseconds_of(*c.engine, 1, cpu_time);
  if (c.run_us < 1e3)
    for (int64_t runs : {1, 20, 20, 20, 20})
      if (runs == 1 || c.run_us < sample) c.run_us = std::min(c.run_us, microseconds_of(*c.engine, runs, cpu_time));
  c.batch = std::max<int64_t>(1, std::llround(sample / c.run_us));
}

double quantile(std::vector<double> samples, double q) {
  std::sort(samples.begin(), samples.end());
  return samples[static_cast<size_t>(std::lround(q * static_cast<double>(samples.size() - 1)))];
}

}  // namespace

double measure(std::vector<Contestant>& contestants, const TurnOptions& options) {
  constexpr double kSlowUs = 1e6;
  constexpr size_t kSlowRounds = 2;
  for (Contestant& c : contestants) {
    warm(c);
    estimate(c, options.cpu_time);
    let_sleep(options.threads);
  }
  Probe probe(options.threads, options.probe_us);
  const auto seconds = [](double count) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
  };
  const auto end = Clock::now() + seconds(options.seconds), give_up = end + seconds(options.patience);
  for (size_t round = 0; round < options.rounds || Clock::now() < end; ++round) {
    for (size_t i = 0; i < contestants.size(); ++i) {
      Contestant& c = contestants[(i + round) % contestants.size()];
      if (c.run_us < kSlowUs || round < kSlowRounds) take_turn(c, options, probe, give_up);
    }
  }
  return probe.fastest_us();
}

nlohmann::json describe(const Contestant& contestant) {
  std::vector<double> all, turns;
  for (const std::vector<double>& turn : contestant.turns) {
    all.insert(all.end(), turn.begin(), turn.end());
    turns.push_back(quantile(turn, 0.5));
  }
  return {{"median_us", quantile(all, 0.5)},
          {"q1_us", quantile(all, 0.25)},
          {"q3_us", quantile(all, 0.75)},
          {"min_us", quantile(all, 0)},
          {"p99_us", quantile(all, 0.99)},
          {"samples", all.size()},
          {"turns_us", turns},
          {"disturbed", contestant.disturbed},
          {"load_ms", contestant.engine->load_ms}};
}

}  // namespace seqc::peers
