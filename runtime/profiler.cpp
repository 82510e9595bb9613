#include "runtime/profiler.h"

#include <algorithm>
#include <chrono>

#include "ir/error.h"
#include "runtime/compile_info.h"

namespace seqc::runtime {
namespace {

/// A clock that takes some nanoseconds to read; what a tick is worth shows when a run is over.
int64_t ticks() {
#if defined(__x86_64__)
  return static_cast<int64_t>(__builtin_ia32_rdtsc());
#elif defined(__aarch64__)
  int64_t value = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return std::chrono::steady_clock::now().time_since_epoch().count();
#endif
}

}  // namespace

Profiler::Profiler(const Program& program, int32_t threads, size_t max_events)
    : threads_(static_cast<size_t>(std::max(threads, 1))), listener_{on_begin, on_end, on_met, this} {
  SEQC_CHECK(program.tells_of_kernels(), "the program was not compiled with CompileOptions::profiles");
  const std::vector<ProfiledOp>& ops = program.compiled()->profiled;
  size_t outside = 0;
  for (const ProfiledOp& op : ops) {
    is_inner_.push_back(op.parent >= 0);
    is_kernel_.push_back(op.kernel);
    outside += op.parent < 0;
  }
  for (Thread& thread : threads_) {
    thread.entries.resize(ops.size());
    thread.outer.reserve(outside);
    thread.inner.reserve(max_events);
  }
}

void Profiler::begin_run() noexcept {
  for (Thread& thread : threads_) {
    thread.outer.clear();
    thread.inner.clear();
    thread.cut = false;
  }
  run_began_ms_ = watch_.milliseconds();
  run_begin_ = ticks();
}

void Profiler::end_run() noexcept {
  ticks_ += ticks() - run_begin_;
  nanoseconds_ += (watch_.milliseconds() - run_began_ms_) * 1e6;
  ++runs_;
}

void Profiler::on_begin(void* self, int32_t op, int32_t thread) {
  Entry& entry = static_cast<Profiler*>(self)->threads_[static_cast<size_t>(thread)].entries[static_cast<size_t>(op)];
  ++entry.calls;
  entry.end = 0;
  entry.begin = ticks();
}

void Profiler::on_end(void* self, int32_t op, int32_t thread) {
  static_cast<Profiler*>(self)->threads_[static_cast<size_t>(thread)].entries[static_cast<size_t>(op)].end = ticks();
}

void Profiler::on_met(void* self, int32_t op, int32_t thread) {
  const int64_t now = ticks();
  auto* profiler = static_cast<Profiler*>(self);
  Thread& mine = profiler->threads_[static_cast<size_t>(thread)];
  const auto number = static_cast<size_t>(op);
  Entry& entry = mine.entries[number];
  const int64_t end = profiler->is_kernel_[number] ? entry.end : now;
  entry.wall += now - entry.begin;
  entry.work += end - entry.begin;
  entry.wait += now - end;
  const bool inner = profiler->is_inner_[number];
  std::vector<Ticked>& events = inner ? mine.inner : mine.outer;
  if (events.size() < events.capacity())
    events.push_back({op, entry.begin, end});
  else
    mine.cut = true;
}

std::vector<Profiler::Time> Profiler::times() const {
  const double scale = nanoseconds_per_tick();
  std::vector<Time> times(is_kernel_.size());
  for (size_t i = 0; i < times.size(); ++i) {
    const Entry& own = threads_[0].entries[i];
    times[i].calls = own.calls;
    times[i].wall = scale * static_cast<double>(own.wall);
    for (const Thread& thread : threads_) {
      times[i].work += scale * static_cast<double>(thread.entries[i].work);
      times[i].wait += scale * static_cast<double>(thread.entries[i].wait);
    }
  }
  return times;
}

std::vector<Profiler::Event> Profiler::events() const {
  const double scale = nanoseconds_per_tick();
  std::vector<Event> events;
  for (size_t t = 0; t < threads_.size(); ++t)
    for (const auto* list : {&threads_[t].outer, &threads_[t].inner})
      for (const Ticked& event : *list)
        events.push_back({event.op, static_cast<int32_t>(t), scale * static_cast<double>(event.begin - run_begin_),
                          scale * static_cast<double>(event.end - run_begin_)});
  return events;
}

bool Profiler::events_cut() const {
  return std::any_of(threads_.begin(), threads_.end(), [](const Thread& thread) { return thread.cut; });
}

}  // namespace seqc::runtime
