#include "tools/seqc/test_case.h"

#include <algorithm>
#include <filesystem>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "runtime/compile.h"
#include "runtime/compile_info.h"
#include "runtime/function_ports.h"
#include "runtime/session.h"
#include "tools/seqc/feed.h"

namespace seqc::tools {
namespace {

namespace fs = std::filesystem;
using Tensors = std::vector<ir::Tensor>;

std::vector<fs::path> data_sets(const fs::path& folder) {
  std::vector<fs::path> result;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_"))
      result.push_back(entry.path());
  std::sort(result.begin(), result.end());
  return result;
}

bool is_case(const fs::path& folder) {
  return fs::is_regular_file(folder / "model.onnx") && !data_sets(folder).empty();
}

/// What runs a model: compiled or interpreted code with the names of its outputs.
class Runner {
 public:
  /// `options` know the structure of the inputs, see feed().
  Runner(const std::string& model, TestOptions options) {
    if (options.engine == Engine::Compiled) {
      auto program = runtime::Program::compile_file(model, options.compile);
      specialised_ = program->compiled()->specialised;
      take_names(program->outputs());
      session_ = std::make_unique<runtime::Session>(std::move(program), options.threads);
      return;
    }
    if (options.engine == Engine::InterpretImported) options.compile.pipeline.disabled = every_pass();
    runtime::Lowered lowered = runtime::lower_file(model, options.compile);
    specialised_ = lowered.specialised;
    take_names(runtime::outputs_of(*lowered.function));
    function_ = std::move(lowered.function);
  }

  Tensors run(const Tensors& inputs) { return session_ ? session_->run(inputs) : ir::interpret(*function_, inputs); }
  const std::vector<std::string>& output_names() const { return output_names_; }
  /// Made for the shapes of one data set: another may need another.
  bool specialised() const { return specialised_; }

 private:
  static std::set<std::string> every_pass() {
    std::set<std::string> names;
    for (const passes::PassInfo& pass : passes::all_passes()) names.emplace(pass.name);
    return names;
  }
  void take_names(const std::vector<runtime::Port>& ports) {
    for (const runtime::Port& port : ports) output_names_.push_back(port.name);
  }

  std::unique_ptr<runtime::Session> session_;
  std::unique_ptr<ir::Function> function_;
  std::vector<std::string> output_names_;
  bool specialised_ = false;
};

/// The suite's files hold bf16 elements as u16.
ir::Tensor as_type(const ir::Tensor& tensor, ir::DType type) {
  if (tensor.dtype() != ir::DType::u16 || type != ir::DType::bf16) return tensor;
  return ir::Tensor::of<uint16_t>(type, tensor.shape(), tensor.data<uint16_t>());
}

/// How many outputs of a program, from number `at` on, are those of one output of the model.
size_t count_ports(const std::vector<std::string>& names, size_t at, const DeclaredPort& port) {
  using frontend::PortKind;
  size_t count = 0;
  if (port.kind != PortKind::Sequence && port.kind != PortKind::OptionalSequence)
    return at < names.size() && names[at] == port.name ? 1 : 0;
  while (at + count < names.size() && names[at + count] == frontend::element_port(port.name, count)) ++count;
  return count;
}

/// Empty, or what is wrong with an output. An empty sequence and an optional without one both have no ports. No two
/// implementations draw the same random numbers: of `random` models only types and shapes are compared.
std::string compare_outputs(const fs::path& data_set, const std::vector<DeclaredPort>& declared, const Runner& runner,
                            const Tensors& got, const Tolerance& tolerance, bool random) {
  const auto want = match(load_folder(data_set.string(), "output", false, declared), declared, "output");
  size_t at = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const std::vector<std::string> ports = want[i].ports(declared[i].name);
    const size_t count = count_ports(runner.output_names(), at, declared[i]);
    if (count != ports.size())
      return fmt::format("output \"{}\" got {} tensors, expected {}", declared[i].name, count, ports.size());
    for (size_t k = 0; k < count; ++k, ++at) {
      const ir::Tensor expected = as_type(want[i].tensors[k], got[at].dtype());
      if (random && got[at].dtype() == expected.dtype() && got[at].shape() == expected.shape()) continue;
      if (const std::string text = difference_text(got[at], expected, tolerance); !text.empty())
        return fmt::format("output \"{}\" {}", ports[k], text);
    }
  }
  return "";
}

/// The inputs of a data set.
std::vector<frontend::StoredValue> load_inputs(const fs::path& data_set, const std::vector<DeclaredPort>& declared) {
  auto values = match(load_folder(data_set.string(), "input", false, declared), declared, "input");
  for (size_t i = 0; i < values.size(); ++i)
    for (ir::Tensor& tensor : values[i].tensors)
      if (declared[i].element) tensor = as_type(tensor, *declared[i].element);
  return values;
}

CaseResult run_data_sets(const fs::path& folder, const TestOptions& options, std::string& where) {
  CaseResult result;
  const std::string model = (folder / "model.onnx").string();
  const auto inputs = declared_inputs(model), outputs = declared_outputs(model);
  std::unique_ptr<Runner> runner;
  for (const fs::path& data_set : data_sets(folder)) {
    where = data_set.filename().string() + ": ";
    TestOptions fed = options;
    const Tensors tensors = feed(inputs, load_inputs(data_set, inputs), fed.compile);
    if (!runner || runner->specialised() || has_structure(inputs)) runner = std::make_unique<Runner>(model, fed);
    const bool random = frontend::draws_random_numbers(model, fed.compile.known_inputs);
    result.random = result.random || random;
    const auto text = compare_outputs(data_set, outputs, *runner, runner->run(tensors), options.tolerance, random);
    if (!text.empty()) return {Outcome::Failed, where + text, random};
  }
  return result;
}

}  // namespace

std::vector<std::string> find_cases(const std::vector<std::string>& folders) {
  std::vector<std::string> cases;
  for (const std::string& folder : folders) {
    if (!fs::is_directory(folder)) fail(ErrorKind::BadInput, "{}: no such folder", folder);
    if (is_case(folder)) cases.push_back(folder);
    const size_t begin = cases.size();
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_directory() && is_case(entry.path())) cases.push_back(entry.path().string());
    std::sort(cases.begin() + static_cast<ptrdiff_t>(begin), cases.end());
  }
  return cases;
}

CaseResult run_case(const std::string& folder, const TestOptions& options) {
  std::string where;
  try {
    return run_data_sets(folder, options, where);
  } catch (const Error& error) {
    return {error.kind() == ErrorKind::Unsupported ? Outcome::Refused : Outcome::Failed, where + error.what(), false};
  } catch (const std::exception& error) {
    return {Outcome::Failed, where + error.what(), false};
  }
}

}  // namespace seqc::tools
