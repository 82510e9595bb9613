#include "tests/tools/seqc_tool.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "tests/support/onnx_model.h"

namespace seqc::test {

namespace fs = std::filesystem;

namespace {

/// The process, whose outputs go to these files.
pid_t start(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT, 0600);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t process = 0;
  const int failure = posix_spawnp(&process, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure) throw std::runtime_error(arguments[0] + ": " + std::strerror(failure));
  return process;
}

void add_seqc(std::vector<std::string>& arguments) {
  arguments.insert(arguments.begin(), (fs::read_symlink("/proc/self/exe").parent_path() / "seqc").string());
}

}  // namespace

ToolResult run_program(const std::vector<std::string>& arguments) {
  const TempDir folder;
  const std::string out = (folder / "out").string(), err = (folder / "err").string();
  const pid_t process = start(arguments, out, err);
  int status = 0;
  waitpid(process, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

ToolResult run_seqc(std::vector<std::string> arguments) {
  add_seqc(arguments);
  return run_program(arguments);
}

bool kill_seqc(std::vector<std::string> arguments, const std::function<bool()>& when) {
  add_seqc(arguments);
  const pid_t process = start(arguments, "/dev/null", "/dev/null");
  int status = 0;
  for (bool killed = false; waitpid(process, &status, killed ? 0 : WNOHANG) == 0;) {
    if (when())
      killed = ::kill(process, SIGKILL) == 0;
    else
      ::usleep(500);
  }
  return WIFSIGNALED(status);
}

bool is_one_error(const ToolResult& result, const std::string& text) {
  const bool one_line = std::count(result.err.begin(), result.err.end(), '\n') == 1 && result.err.ends_with("\n");
  const bool good = result.exit_code == 1 && result.out.empty() && result.err.starts_with("error: ") && one_line &&
                    result.err.find(text) != std::string::npos && result.err.find("internal") == std::string::npos;
  if (!good)
    std::cerr << "expected one error with \"" << text << "\", got exit code " << result.exit_code
              << "\nout: " << result.out << "\nerr: " << result.err << "\n";
  return good;
}

std::vector<std::string> list(const fs::path& folder) {
  std::vector<std::string> names;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace seqc::test
