// Whole models and the cases of the ONNX backend suite: imported, interpreted, compared with the outputs that lie beside
// them. Folders that are not there are reported and skipped.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "tests/frontend/import_support.h"

namespace {

using namespace seqc;
using namespace seqc::test;
namespace fs = std::filesystem;

/// Inputs or outputs of a data set, as tensors for the ports of the function.
struct Fed {
  std::vector<std::string> ports;
  std::vector<Tensor> tensors;
};

/// Reads them as `declared` says; what they tell of the model's structure goes into `options`.
Fed load_all(const fs::path& folder, const std::string& kind, std::vector<frontend::ModelSummary::Port> declared,
             frontend::ImportOptions& options) {
  std::erase_if(declared, [](const auto& port) { return port.has_default; });
  Fed fed;
  for (size_t i = 0; fs::exists(folder / fmt::format("{}_{}.pb", kind, i)); ++i) {
    const auto& [name, type, port_kind, tensor, has_default] = declared.at(i);
    auto value = frontend::load_value_proto((folder / fmt::format("{}_{}.pb", kind, i)).string(), port_kind);
    const auto ports = value.ports(name);
    using Kind = frontend::StoredValue::Kind;
    if (kind == "input" && value.kind == Kind::Sequence)
      options.sequence_lengths[name] = static_cast<int64_t>(ports.size());
    else if (kind == "input" && port_kind != frontend::PortKind::Tensor)
      options.optionals[name] = value.kind != Kind::None;
    fed.ports.insert(fed.ports.end(), ports.begin(), ports.end());
    fed.tensors.insert(fed.tensors.end(), value.tensors.begin(), value.tensors.end());
  }
  return fed;
}

/// As it is; else with the shapes of the inputs; else with the values of the small ones as well.
std::unique_ptr<ir::Function> import_for(const fs::path& model, const Fed& inputs, frontend::ImportOptions options) {
  const bool structured = !options.sequence_lengths.empty();  // whose elements may differ in shape
  for (const int attempt : {0, 1, 2}) {
    for (size_t i = 0; i < inputs.tensors.size(); ++i) {
      const Tensor& tensor = inputs.tensors[i];
      if (attempt >= 1 || structured) options.input_shapes[inputs.ports[i]] = tensor.shape();
      if (attempt == 2 && tensor.count() <= 64) options.input_values[inputs.ports[i]] = tensor;
    }
    try {
      auto function = frontend::import_model(model.string(), options);
      ir::verify_or_throw(*function, "import");
      return function;
    } catch (const Error& error) {
      if (attempt == 2 || error.kind() == ErrorKind::Internal) throw;
    }
  }
  return nullptr;
}

/// "" when all data sets agree, "refused ..." for a clean refusal, else what is wrong.
std::string run_case(const fs::path& folder) {
  try {
    const fs::path model = folder / "model.onnx";
    const auto summary = frontend::summarize_model(model.string());
    for (int set = 0; fs::exists(folder / fmt::format("test_data_set_{}", set)); ++set) {
      const fs::path data = folder / fmt::format("test_data_set_{}", set);
      frontend::ImportOptions options;
      const Fed inputs = load_all(data, "input", summary.inputs, options);
      const Fed want = load_all(data, "output", summary.outputs, options);
      const auto got = ir::interpret(*import_for(model, inputs, options), inputs.tensors);
      if (got.size() != want.tensors.size())
        return fmt::format("{} outputs, expected {}", got.size(), want.tensors.size());
      const bool random = frontend::draws_random_numbers(model.string(), options.input_values);
      for (size_t i = 0; i < got.size(); ++i)
        if (random && got[i].shape() == want.tensors[i].shape())
          continue;  // nobody else draws the same numbers
        else if (const auto difference = find_difference(got[i], want.tensors[i], 1e-3, 1e-5); !difference.empty())
          return fmt::format("set {} output \"{}\": {}", set, want.ports[i], difference);
    }
  } catch (const Error& error) {
    const bool refused = error.kind() == ErrorKind::Unsupported || error.kind() == ErrorKind::NeedsValues;
    return fmt::format("{}{}", refused ? "refused: " : "error: ", error.what());
  }
  return "";
}

struct Tally {
  int passed = 0, refused = 0;
};

Tally run_suite(const fs::path& folder, const std::set<std::string>& left_out = {}) {
  Tally tally;
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "model.onnx") && !left_out.count(entry.path().filename().string()))
      cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  for (const fs::path& path : cases) {
    const std::string name = path.filename().string(), verdict = run_case(path);
    tally.passed += verdict.empty();
    tally.refused += verdict.starts_with("refused");
    if (!verdict.empty() && !verdict.starts_with("refused")) FAIL_CHECK(name << ": " << verdict);
  }
  MESSAGE(folder.filename().string() << ": " << tally.passed << " passed, " << tally.refused << " refused");
  return tally;
}

std::optional<fs::path> shared(const char* name) {
  const char* given = std::getenv("SEQC_SHARED");
  const fs::path folder = (given ? fs::path(given) : fs::path(SEQC_SOURCE_DIR) / ".." / "shared") / name;
  if (fs::exists(folder)) return folder;
  MESSAGE("skipped: no folder " << name << " beside the sources (set SEQC_SHARED)");
  return std::nullopt;
}

std::optional<fs::path> backend_suite(const char* name) {
  const fs::path folder = fs::path("/usr/share/libonnx-testdata/data") / name;
  if (fs::exists(folder)) return folder;
  MESSAGE("skipped: package libonnx-testdata is not installed");
  return std::nullopt;
}

TEST_CASE("real models import and give their reference outputs") {
  const auto folder = shared("models");
  if (!folder) return;
  // Left to the compiled runs: thousands of steps take the interpreter a minute.
  const Tally tally = run_suite(*folder, {"stethoscope_lstm", "contract_bilstm", "attention_encoder"});
  CHECK(tally.passed >= 34);
}

TEST_CASE("small cases of other projects give their reference outputs") {
  if (const auto folder = shared("cases")) CHECK(run_suite(*folder).passed >= 40);
}

TEST_CASE("ONNX backend suite: nodes") {
  const auto folder = backend_suite("node");
  if (!folder) return;
  const std::set<std::string> broken = {// bf16 stored as u16, or shapes other than the model declares
                                        "test_cast_FLOAT_to_BFLOAT16", "test_cast_BFLOAT16_to_FLOAT",
                                        "test_castlike_BFLOAT16_to_FLOAT", "test_castlike_BFLOAT16_to_FLOAT_expanded",
                                        "test_castlike_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_BFLOAT16_expanded",
                                        // expects the epsilon of another node
                                        "test_adam_multiple"};
  CHECK(run_suite(*folder, broken).passed >= 908);
}

TEST_CASE("ONNX backend suite: converted from PyTorch") {
  if (const auto folder = backend_suite("pytorch-converted")) CHECK(run_suite(*folder).passed >= 82);
  if (const auto folder = backend_suite("pytorch-operator")) CHECK(run_suite(*folder).passed >= 35);
  if (const auto folder = backend_suite("simple")) CHECK(run_suite(*folder).passed >= 15);
}

}  // namespace
