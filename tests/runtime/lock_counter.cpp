#include "tests/runtime/lock_counter.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

#include <atomic>

namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> calls{0};

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEQC_WATCHES_LOCKS 0
#else
#define SEQC_WATCHES_LOCKS 1
// The executable's definitions take precedence for every shared library; each calls the C library's own.
#define SEQC_WATCHED(name, parameters, arguments)                                                \
  int name parameters noexcept(noexcept(::name arguments)) {                                     \
    using Function = int(*) parameters;                                                          \
    static std::atomic<Function> next{nullptr};                                                  \
    Function function = next.load(std::memory_order_relaxed);                                    \
    if (!function) {                                                                             \
      function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, #name));                            \
      next.store(function, std::memory_order_relaxed);                                           \
    }                                                                                            \
    if (counting.load(std::memory_order_relaxed)) calls.fetch_add(1, std::memory_order_relaxed); \
    return function arguments;                                                                   \
  }

extern "C" {
SEQC_WATCHED(pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
SEQC_WATCHED(pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
SEQC_WATCHED(pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
SEQC_WATCHED(pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
SEQC_WATCHED(pthread_spin_lock, (pthread_spinlock_t * lock), (lock))
SEQC_WATCHED(pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t* mutex), (condition, mutex))
SEQC_WATCHED(pthread_barrier_wait, (pthread_barrier_t * barrier), (barrier))
SEQC_WATCHED(sem_wait, (sem_t * semaphore), (semaphore))
}
#endif

namespace seqc::test {

LockCounter::LockCounter() {
  calls = 0;
  counting = true;
}
LockCounter::~LockCounter() { counting = false; }
int64_t LockCounter::count() const { return calls; }
bool LockCounter::works() { return SEQC_WATCHES_LOCKS; }

}  // namespace seqc::test
