// A filter of the kernel (seccomp) turns system calls into signals, whose handler notes them. What the process needs to
// report and to end passes: exit_group, the return from the handler, and `write` to the one file that takes the report.
#include "tests/runtime/system_calls.h"

#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace seqc::test {
namespace {

constexpr size_t kMost = 64;
std::array<std::atomic<long>, kMost> seen;
std::atomic<size_t> seen_count{0};

void note(int, siginfo_t* info, void* context) {
  if (const size_t at = seen_count.fetch_add(1); at < kMost) seen[at] = info->si_syscall;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  registers.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
  registers.regs[0] = static_cast<unsigned long long>(-ENOSYS);
#endif
}

/// For all threads of this process, those that are there already among them.
bool install_filter(int report, const std::vector<long>& allowed) {
  struct sigaction action = {};
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  std::vector<sock_filter> program;
  const auto add = [&](uint32_t code, uint32_t value, uint8_t if_true = 0, uint8_t if_false = 0) {
    program.push_back({static_cast<uint16_t>(code), if_true, if_false, value});
  };
  const auto load = [&](size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); };
  load(offsetof(seccomp_data, nr));
  std::vector<long> passing = allowed;
  passing.insert(passing.end(), {SYS_exit_group, SYS_rt_sigreturn});
  for (const long number : passing) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  add(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3);
  load(offsetof(seccomp_data, args));  // the lower half of a small number
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(report), 0, 1);
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  add(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

enum Ending { kDone = 0, kThrew = 3, kNoFilter = 4 };

[[noreturn]] void run_child(int report, const std::function<void()>& prepare, const std::function<void()>& work,
                            const std::vector<long>& allowed) {
  try {
    prepare();
    if (!install_filter(report, allowed)) _exit(kNoFilter);
    work();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    _exit(kThrew);
  }
  std::array<long, kMost> numbers{};
  const size_t count = std::min(seen_count.load(), kMost);
  for (size_t i = 0; i < count; ++i) numbers[i] = seen[i];
  const auto bytes = static_cast<ssize_t>(count * sizeof(long));
  _exit(write(report, numbers.data(), static_cast<size_t>(bytes)) == bytes ? kDone : kThrew);
}

int ending_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error("system calls: waiting for the process failed");
  if (WIFSIGNALED(status)) throw std::runtime_error(fmt::format("system calls: signal {}", WTERMSIG(status)));
  return WEXITSTATUS(status);
}

}  // namespace

std::vector<long> system_calls(const std::function<void()>& prepare, const std::function<void()>& work,
                               const std::vector<long>& allowed) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) throw std::runtime_error("system calls: no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("system calls: no process");
  if (child == 0) run_child(pipe_ends[1], prepare, work, allowed);
  close(pipe_ends[1]);
  std::array<long, kMost> numbers{};
  const ssize_t bytes = read(pipe_ends[0], numbers.data(), sizeof numbers);
  close(pipe_ends[0]);
  if (const int ending = ending_of(child); ending != kDone)
    throw std::runtime_error(fmt::format("system calls: the process ended with {}", ending));
  return {numbers.begin(), numbers.begin() + std::max<ssize_t>(bytes, 0) / static_cast<ssize_t>(sizeof(long))};
}

std::string unwatched_system_calls() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return "sanitizers make system calls of their own";
#else
  const pid_t child = fork();
  if (child == 0) _exit(install_filter(1, {}) ? kDone : kNoFilter);
  return child > 0 && ending_of(child) == kDone ? "" : "the kernel does not let this process filter its system calls";
#endif
}

}  // namespace seqc::test
