#include "runtime/thread_pool.h"

#include <doctest/doctest.h>

#ifdef __linux__
#include <sched.h>
#endif

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "ir/error.h"

using namespace seqc;
using runtime::ThreadPool;

namespace {

/// Everybody waits until everybody has come: returns only if all run at the same time.
struct Meeting {
  explicit Meeting(int32_t expected) : expected(expected), visits(static_cast<size_t>(expected)) {}
  int32_t expected;
  std::atomic<int32_t> arrived{0};
  std::vector<std::atomic<int>> visits;

  static void task(void* argument, int32_t thread) {
    auto& meeting = *static_cast<Meeting*>(argument);
    ++meeting.visits[static_cast<size_t>(thread)];
    ++meeting.arrived;
    while (meeting.arrived.load() < meeting.expected) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE("thread pool: each thread takes part once, all at the same time") {
  for (const int32_t count : {1, 2, 3, 7}) {
    ThreadPool pool(count);
    CHECK(pool.count() == count);
    for (int round = 0; round < 100; ++round) {
      Meeting meeting(count);
      const seqc_threads& handle = *pool.handle();
      handle.run(handle.pool, Meeting::task, &meeting, count);
      for (const auto& visits : meeting.visits) CHECK(visits == 1);
    }
  }
}

TEST_CASE("thread pool: calls with fewer threads than there are") {
  ThreadPool pool(4);
  for (const int32_t count : {4, 1, 3, 2, 4}) {
    Meeting meeting(count);
    pool.run(Meeting::task, &meeting, count);
    CHECK(meeting.arrived == count);
  }
}

TEST_CASE("thread pool: wakes up after a pause") {
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    Meeting meeting(2);
    pool.run(Meeting::task, &meeting, 2);
    CHECK(meeting.arrived == 2);
  }
}

#ifdef __linux__
TEST_CASE("thread pool: threads that have slept do not change places with each call") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  if (CPU_COUNT(&allowed) < 2) return;
  struct Places {
    int of[2];
  } places{}, before{};
  const auto take = [](void* argument, int32_t thread) {
    static_cast<Places*>(argument)->of[thread] = sched_getcpu();
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(60);
    while (std::chrono::steady_clock::now() < end) {
    }
  };
  constexpr int kPauses = 10, kCalls = 10;
  int changes = 0;
  ThreadPool pool(2);
  for (int pause = 0; pause < kPauses; ++pause) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (int call = 0; call < kCalls; ++call) {
      pool.run(take, &places, 2);
      CHECK(places.of[0] != places.of[1]);
      changes += call > 0 && places.of[1] != before.of[1];
      before = places;
    }
  }
  CHECK(changes < kPauses * kCalls / 4);  // other programs may send a thread elsewhere now and then
}
#endif

TEST_CASE("thread pool: absurd counts are refused") {
  CHECK_THROWS_WITH_AS(ThreadPool(0), "threads: got 0, expected a number from 1 to 1024", Error);
  CHECK_THROWS_AS(ThreadPool(1 << 20), Error);
}
