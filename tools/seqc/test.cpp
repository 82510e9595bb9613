// seqc test: runs conformance cases and compares their outputs.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "ir/error.h"
#include "tools/seqc/child_processes.h"
#include "tools/seqc/command.h"
#include "tools/seqc/options.h"
#include "tools/seqc/test_case.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(A case is a folder with model.onnx and folders test_data_set_K of input_i.pb and output_i.pb, as in the ONNX backend
suite; folders are searched for cases. Each case runs in a process of its own, so that a crash is one failure.
Prints a line for each case that fails or is refused (not supported), totals last. Exit code 0: every case passed.
Of a model that draws random numbers (RandomUniform and its kin, Bernoulli, Multinomial, Dropout that trains; in
functions and subgraphs too) only types and shapes of the outputs are compared, since no two implementations draw the
same; a line names each such case ("random" in the JSON report).

Examples:
  seqc test /usr/share/libonnx-testdata/data/node
  seqc test cases --interpret              the same with the reference interpreter instead of compiled code
  seqc test cases --interpret=final        the interpreter after all passes: tells faults of passes from those of code
  seqc test cases --json --allow-refused > report.json)";

struct Options {
  std::vector<std::string> folders;
  TestOptions test;
  std::string interpret;
  ChildOptions children;
  bool json = false, allow_refused = false;
};

struct Totals {
  size_t passed = 0;
  nlohmann::json failures = nlohmann::json::array(), refusals = nlohmann::json::array();
  nlohmann::json random = nlohmann::json::array();  ///< those that passed by type and shape alone

  size_t count() const { return passed + failures.size() + refusals.size(); }
};

/// A counter on a terminal's last line; nothing elsewhere.
class Progress {
 public:
  explicit Progress(size_t total) : total_(total), shown_(::isatty(STDERR_FILENO) != 0) {}
  ~Progress() { clear(); }
  void show(size_t done) const {
    if (shown_) fmt::print(stderr, "\r{}/{}", done, total_);
  }
  void clear() const {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }

 private:
  size_t total_;
  bool shown_;
};

// A result as one text through the pipe: the outcome's digit, whether it is random, then the message.
std::string encode(const CaseResult& result) {
  return std::string{static_cast<char>('0' + static_cast<int>(result.outcome)), result.random ? '1' : '0'} +
         result.message;
}
CaseResult decode(const ChildResult& result) {
  if (!result.crash.empty()) return {Outcome::Failed, result.crash, false};
  return {static_cast<Outcome>(result.text.at(0) - '0'), result.text.substr(2), result.text.at(1) == '1'};
}

std::string one_line(std::string text) {
  for (size_t at; (at = text.find('\n')) != std::string::npos;) text.replace(at, 1, "; ");
  return text;
}

void report(const std::string& folder, const CaseResult& result, bool json, Totals& totals) {
  if (result.outcome == Outcome::Passed) {
    ++totals.passed;
    if (!result.random) return;
    totals.random.push_back(folder);
    if (!json) fmt::print("RANDOM  {}: compared by type and shape only\n", folder);
    return;
  }
  const bool refused = result.outcome == Outcome::Refused;
  (refused ? totals.refusals : totals.failures).push_back({{"case", folder}, {"message", result.message}});
  if (!json) fmt::print("{} {}: {}\n", refused ? "REFUSED" : "FAILED ", folder, one_line(result.message));
}

int run_test(Options& options) {
  if (options.interpret == "import") options.test.engine = Engine::InterpretImported;
  if (options.interpret == "final") options.test.engine = Engine::InterpretFinal;
  const std::vector<std::string> cases = find_cases(options.folders);
  if (cases.empty())
    fail(ErrorKind::BadInput, "{}: no case there, expected folders with model.onnx and test_data_set_0",
         fmt::join(options.folders, ", "));
  codegen::describe({});  // sets LLVM up once, before the children branch off

  Totals totals;
  {
    const Progress progress(cases.size());
    run_in_children(
        cases.size(), options.children, [&](size_t i) { return encode(run_case(cases[i], options.test)); },
        [&](size_t i, const ChildResult& result) {
          progress.clear();
          report(cases[i], decode(result), options.json, totals);
          progress.show(i + 1);
        });
  }
  if (options.json)
    fmt::print("{}\n", nlohmann::json{{"cases", totals.count()},
                                      {"passed", totals.passed},
                                      {"random", totals.random},
                                      {"failed", totals.failures},
                                      {"refused", totals.refusals}}
                           .dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    fmt::print("{} cases: {} passed{}, {} failed, {} refused\n", totals.count(), totals.passed,
               totals.random.empty() ? "" : fmt::format(" ({} random: by type and shape only)", totals.random.size()),
               totals.failures.size(), totals.refusals.size());
  const bool good = totals.failures.empty() && (options.allow_refused || totals.refusals.empty());
  return good ? 0 : 1;
}

}  // namespace

Command add_test(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("test", "runs cases in the layout of the ONNX backend suite");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_option("DIR", options->folders, "folders to search for cases")->required();
  app->add_option("--rtol", options->test.tolerance.relative, "|got - want| <= atol + rtol * |want|")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--atol", options->test.tolerance.absolute, "see --rtol")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_flag("--interpret{import}", options->interpret,
                "use the reference interpreter: on the model as imported, or with =final after all passes")
      ->check(CLI::IsMember({"import", "final"}));
  add_threads_option(*app, options->test.threads);
  options->children = {.jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency())),
                       .timeout_seconds = 120};
  app->add_option("--jobs", options->children.jobs, "cases that run at the same time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app->add_option("--timeout", options->children.timeout_seconds, "seconds a case may take, 0 for any")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_flag("--allow-refused", options->allow_refused, "exit code 0 also when cases are refused");
  app->add_flag("--json", options->json, "totals and messages as JSON");
  add_target_options(*app, options->test.compile.target, false);
  add_cache_option(*app, options->test.compile.cache);
  add_weights_option(*app, options->test.compile);
  add_pipeline_options(*app, options->test.compile.pipeline);
  return {app, [options] { return run_test(*options); }};
}

}  // namespace seqc::tools
