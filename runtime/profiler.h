/// Measures where the time of a program's runs goes, kernel by kernel and thread by thread.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/abi.h"
#include "runtime/build_times.h"
#include "runtime/session.h"

namespace seqc::runtime {

/// For runs of a program that was compiled with CompileOptions::profiles:
///
///   Profiler profiler(*program, session.threads());
///   session.attach(&profiler);
///   session.run(inputs);
///   for (const Profiler::Time& time : profiler.times()) ...
///
/// Takes its memory when it is made; a run with it allocates and locks nothing.
class Profiler : public RunListener {
 public:
  /// At most `max_events` events of a run are kept for each thread.
  Profiler(const Program& program, int32_t threads, size_t max_events = 20'000);

  /// Of one op of Program::profiled(), summed over all runs.
  struct Time {
    int64_t calls = 0;  ///< on the calling thread
    double wall = 0;    ///< nanoseconds from its beginning until the threads have met behind it, on the calling thread
    double work = 0;    ///< nanoseconds of all threads in it
    double wait = 0;    ///< nanoseconds of all threads from the end of their share until the others were done
  };
  std::vector<Time> times() const;
  int64_t runs() const { return runs_; }
  /// Nanoseconds of all runs.
  double total() const { return nanoseconds_; }

  struct Event {
    int32_t op, thread;
    double begin, end;  ///< nanoseconds since the run began; of a kernel without the wait behind it
  };
  /// Of the last run, in the order in which they ended on each thread. What happens in loops may be cut off after
  /// max_events.
  std::vector<Event> events() const;
  bool events_cut() const;

  void begin_run() noexcept override;
  void end_run() noexcept override;
  const KernelListener* kernels() const noexcept override { return &listener_; }

 private:
  struct Entry {  // in ticks
    int64_t begin = 0, end = 0, calls = 0, wall = 0, work = 0, wait = 0;
  };
  struct Ticked {
    int32_t op;
    int64_t begin, end;
  };
  struct alignas(64) Thread {
    std::vector<Entry> entries;
    std::vector<Ticked> outer, inner;  ///< events outside of loops and in them
    bool cut = false;
  };
  static void on_begin(void* self, int32_t op, int32_t thread);
  static void on_end(void* self, int32_t op, int32_t thread);
  static void on_met(void* self, int32_t op, int32_t thread);
  double nanoseconds_per_tick() const { return ticks_ > 0 ? nanoseconds_ / static_cast<double>(ticks_) : 0; }

  std::vector<Thread> threads_;
  std::vector<char> is_inner_, is_kernel_;
  KernelListener listener_;
  int64_t runs_ = 0, run_begin_ = 0, ticks_ = 0;
  double nanoseconds_ = 0;
  Stopwatch watch_;
  double run_began_ms_ = 0;
};

}  // namespace seqc::runtime
