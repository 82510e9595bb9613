#include "tests/examples/example.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/files.h"
#include "runtime/session.h"
#include "runtime/training/data/array_files.h"
#include "tests/support/exported.h"
#include "tests/support/ort.h"

namespace seqc::test {

namespace fs = std::filesystem;

namespace {

using Named = std::map<std::string, Tensor>;

/// The arrays INDEX.NAME of a recording, batch by batch.
std::map<int64_t, Named> recorded(const fs::path& path) {
  std::map<int64_t, Named> batches;
  for (auto& [name, tensor] : training::load_npz(path.string())) {
    const size_t dot = name.find('.');
    batches[std::stoll(name.substr(0, dot))].emplace(name.substr(dot + 1), tensor);
  }
  return batches;
}

int64_t largest(const Tensor& values, int64_t row, int64_t classes) {
  int64_t best = 0;
  for (int64_t i = 1; i < classes; ++i)
    if (values.real(row * classes + i) > values.real(row * classes + best)) best = i;
  return best;
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// "" or the first difference.
std::string difference(const std::string& name, const Tensor& got, const Tensor& want, const ExampleModel& model) {
  if (got.type_str() != want.type_str())
    return fmt::format("{}: got {}, expected {}", name, got.type_str(), want.type_str());
  for (int64_t i = 0; i < want.count(); ++i)
    if (!(std::fabs(got.real(i) - want.real(i)) <= 1e-4 * std::max(1.0, std::fabs(want.real(i)))))
      return fmt::format("{}: element {} is {}, expected {}", name, i, got.real(i), want.real(i));
  if (among(model.yes_or_no, name))
    for (int64_t i = 0; i < want.count(); ++i)
      if ((got.real(i) > 0.5) != (want.real(i) > 0.5))
        return fmt::format("{}: element {} is {}, on the other side of {}", name, i, got.real(i), want.real(i));
  if (!among(model.classes, name) || want.count() == 0) return "";
  const int64_t count = want.shape().back();
  for (int64_t row = 0; row < want.count() / count; ++row) {
    const int64_t a = largest(got, row, count), b = largest(want, row, count);
    if (a != b) return fmt::format("{}: row {} is of class {}, expected {}", name, row, a, b);
  }
  return "";
}

/// What differs when `run` gets all recorded inputs; it takes and gives tensors in the order of the model's ports.
template <class RunModel>
std::string difference_of(const std::map<int64_t, Named>& batches, const runtime::Program& program,
                          const ExampleModel& model, RunModel&& run) {
  for (const auto& [index, tensors] : batches) {
    std::vector<Tensor> inputs;
    for (const runtime::Port& port : program.inputs()) inputs.push_back(tensors.at(port.name));
    const std::vector<Tensor> outputs = run(inputs);
    for (size_t k = 0; k < outputs.size(); ++k) {
      const std::string& name = program.outputs()[k].name;
      const std::string found = difference(name, outputs[k], tensors.at(name), model);
      if (!found.empty()) return fmt::format("batch {}: {}", index, found);
    }
  }
  return "";
}

void check_model(const ExampleModel& model, const ExampleRun& run) {
  const std::string part = model.part.empty() ? "" : "-" + model.part;
  const fs::path path = run.file(model.part) / "model.onnx";
  REQUIRE(fs::exists(path));
  if (model.trained)
    for (const char* name : {"checkpoint", "history.jsonl"}) CHECK(fs::exists(run.file(model.part) / name));

  fs::copy_file(path, run.folder() / "onnx" / ("model" + part + ".onnx"));
  CHECK(recording_fault(path, run.folder() / ("record" + part + ".npz"), model) == "");
}

}  // namespace

std::string recording_fault(const fs::path& onnx, const fs::path& recording, const ExampleModel& model) {
  const auto batches = recorded(recording);
  if (batches.empty()) return "nothing was recorded";
  runtime::Session session(runtime::Program::open(onnx.string()), 2);
  const runtime::Program& program = session.program();
  if (std::string fault = difference_of(batches, program, model, [&](const auto& in) { return session.run(in); });
      !fault.empty())
    return fault;
  const auto library = ort_library();
  if (!library) return "";
  OrtModel judge(*library, onnx.string());
  const std::string fault = difference_of(batches, program, model, [&](const auto& in) { return judge.run(in); });
  return fault.empty() ? "" : "ONNX Runtime: " + fault;
}

ToolResult ExampleRun::start(const std::string& name, const std::vector<std::string>& arguments) const {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / ("example_" + name);
  // What the first start compiles, later ones find in a cache of the run's own, as they do at home.
  std::vector<std::string> command = {"env", "SEQC_CACHE=on", "SEQC_CACHE_DIR=" + (folder() / "cache").string()};
  command.insert(command.end(), {program.string(), "--out", file("").string(), "--threads", "1"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command);
}

std::map<std::string, double> ExampleRun::figures() const {
  const auto summary = nlohmann::json::parse(runtime::read_file(file("summary.json").string()));
  return summary.at("figures").get<std::map<std::string, double>>();
}

void test_example(const Example& example) { test_example(example, ExampleRun()); }

void test_example(const Example& example, const ExampleRun& run) {
  const auto train = [&](const char* record) {
    std::vector<std::string> all = example.arguments;
    all.insert(all.end(), {"--record", (run.folder() / record).string()});
    const ToolResult result = run.start(example.name, all);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result;
  };
  const auto began = std::chrono::steady_clock::now();
  const ToolResult first = train("record.npz");
#ifdef NDEBUG  // what a user builds; sanitizers may take longer
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() < 60);
#endif
  CHECK(first.out.find("trained already") == std::string::npos);
  const auto figures = run.figures();
  for (const auto& [name, value] : example.at_least) {
    INFO(name);
    CHECK(figures.at(name) >= value);
  }
  for (const auto& [name, value] : example.at_most) {
    INFO(name);
    CHECK(figures.at(name) <= value);
  }
  for (const std::string& name : example.files) {
    INFO(name);
    CHECK(fs::file_size(run.file(name)) > 0);
  }
  fs::create_directory(run.folder() / "onnx");
  for (const ExampleModel& model : example.models) check_model(model, run);
  CHECK(checker_faults(run.folder() / "onnx") == "");

  const ToolResult second = train("again.npz");
  CHECK(second.out.find("trained already") != std::string::npos);
  CHECK(run.figures() == figures);

  // Another seed does not go on with what this one began.
  std::vector<std::string> other = example.arguments;
  other.insert(other.end(), {"--seed", "77"});
  CHECK(is_one_error(run.start(example.name, other), "holds a run with seed"));

  if (example.use.empty()) return;
  const std::string summary = runtime::read_file(run.file("summary.json").string());
  const ToolResult used = run.start(example.name, example.use);
  INFO(used.err);
  CHECK(used.exit_code == 0);
  CHECK(used.err == "");
  INFO(used.out);
  CHECK(used.out.find(example.use_prints) != std::string::npos);
  CHECK(runtime::read_file(run.file("summary.json").string()) == summary);
}

}  // namespace seqc::test
