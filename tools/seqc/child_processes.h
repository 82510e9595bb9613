/// Runs pieces of work in child processes, several at a time, so that a crash costs one piece and not the whole run.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace seqc::tools {

struct ChildResult {
  std::string text;  ///< what the work returned
  std::string
      crash;  ///< why it did not return: "crashed: Segmentation fault", "took longer than 60 s"; empty if it did
};

struct ChildOptions {
  int jobs = 1;
  int timeout_seconds = 0;  ///< 0: none
};

/// Calls work(i) for i in [0, count), each in a process of its own, and `done` in this one, in order of i. The calling
/// process must have no other threads. `work` must not throw.
void run_in_children(size_t count, const ChildOptions& options, const std::function<std::string(size_t)>& work,
                     const std::function<void(size_t, const ChildResult&)>& done);

}  // namespace seqc::tools
