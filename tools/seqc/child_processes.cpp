#include "tools/seqc/child_processes.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

#include "ir/error.h"

namespace seqc::tools {
namespace {

struct Child {
  size_t index;
  pid_t process;
  int pipe;
  std::string text;
};

[[noreturn]] void be_child(int pipe, int timeout_seconds, const std::function<std::string()>& work) {
  if (timeout_seconds > 0) ::alarm(static_cast<unsigned>(timeout_seconds));
  const std::string text = work();
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(pipe, text.data() + at, text.size() - at);
    if (written < 0 && errno != EINTR) ::_exit(1);
    if (written > 0) at += static_cast<size_t>(written);
  }
  ::_exit(0);
}

Child start(size_t index, const ChildOptions& options, const std::function<std::string(size_t)>& work) {
  int ends[2];
  std::fflush(nullptr);  // else the child would hold, and could print, what is buffered here
  if (::pipe(ends) != 0) fail(ErrorKind::BadInput, "a pipe to a child process: {}", std::strerror(errno));
  const pid_t process = ::fork();
  if (process < 0) fail(ErrorKind::BadInput, "a child process: {}", std::strerror(errno));
  if (process == 0) {
    ::close(ends[0]);
    be_child(ends[1], options.timeout_seconds, [&] { return work(index); });
  }
  ::close(ends[1]);
  return {index, process, ends[0], {}};
}

ChildResult finish(Child& child, int timeout_seconds) {
  ::close(child.pipe);
  int status = 0;
  while (::waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  ChildResult result{.text = std::move(child.text), .crash = {}};
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    result.crash = fmt::format("took longer than {} s", timeout_seconds);
  else if (WIFSIGNALED(status))
    result.crash = fmt::format("crashed: {}", ::strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) != 0)
    result.crash = fmt::format("ended with code {}", WEXITSTATUS(status));
  return result;
}

/// Waits until some child has written or ended; true for each that ended.
std::vector<bool> read_some(std::vector<Child>& children) {
  std::vector<pollfd> waiting;
  for (const Child& child : children) waiting.push_back({child.pipe, POLLIN, 0});
  std::vector<bool> ended(children.size(), false);
  if (::poll(waiting.data(), waiting.size(), -1) < 0) return ended;
  for (size_t i = 0; i < children.size(); ++i) {
    if (waiting[i].revents == 0) continue;
    char buffer[4096];
    const ssize_t got = ::read(children[i].pipe, buffer, sizeof buffer);
    if (got > 0) children[i].text.append(buffer, static_cast<size_t>(got));
    ended[i] = got == 0 || (got < 0 && errno != EINTR);
  }
  return ended;
}

}  // namespace

void run_in_children(size_t count, const ChildOptions& options, const std::function<std::string(size_t)>& work,
                     const std::function<void(size_t, const ChildResult&)>& done) {
  std::vector<Child> running;
  std::map<size_t, ChildResult> waiting;  // finished, behind one that has not
  size_t started = 0, reported = 0;
  while (reported < count) {
    while (started < count && running.size() < static_cast<size_t>(options.jobs))
      running.push_back(start(started++, options, work));
    const std::vector<bool> ended = read_some(running);
    for (size_t i = running.size(); i-- > 0;) {
      if (!ended[i]) continue;
      waiting[running[i].index] = finish(running[i], options.timeout_seconds);
      running.erase(running.begin() + static_cast<ptrdiff_t>(i));
    }
    for (; waiting.contains(reported); ++reported) done(reported, waiting[reported]);
  }
}

}  // namespace seqc::tools
