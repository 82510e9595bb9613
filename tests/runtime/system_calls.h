/// Tells which system calls code makes, to prove that it makes none.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace seqc::test {

/// The system calls that a process of its own makes in `work`, on all its threads, after `prepare`: their numbers in
/// order, at most 64. None of them is carried out (they return ENOSYS), but for those that are `allowed`, which are not
/// noted. Throws std::runtime_error when the process does not come to its end.
std::vector<long> system_calls(const std::function<void()>& prepare, const std::function<void()>& work,
                               const std::vector<long>& allowed = {});

/// Why they cannot be watched here; empty if they can.
std::string unwatched_system_calls();

}  // namespace seqc::test
