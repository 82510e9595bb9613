/// Runs programs, the `seqc` tool above all, and keeps what they print.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace seqc::test {

struct ToolResult {
  int exit_code = -1;  ///< -1: ended by a signal
  std::string out, err;
};

/// Runs a program found as the shell would. Throws std::runtime_error when it cannot be started.
ToolResult run_program(const std::vector<std::string>& arguments);

/// Runs the `seqc` that lies beside this test program.
ToolResult run_seqc(std::vector<std::string> arguments);

/// Starts it, without its output, and kills it as soon as `when` says so. Whether it was killed before it came to its end.
bool kill_seqc(std::vector<std::string> arguments, const std::function<bool()>& when);

/// True if the tool did what is expected of it when the model or its data is at fault: exit code 1, nothing on standard
/// output, one line `error: ...` on standard error that contains `text`. Says on standard error what differs.
bool is_one_error(const ToolResult& result, const std::string& text);

/// Names of everything in a folder, sorted; empty if there is no such folder.
std::vector<std::string> list(const std::filesystem::path& folder);

}  // namespace seqc::test
