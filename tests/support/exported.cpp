#include "tests/support/exported.h"

#include <cmath>
#include <stdexcept>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/support/ort.h"
#include "tests/tools/seqc_tool.h"

namespace seqc::test {

namespace {

/// The inputs by the names of the arguments that are no parameters.
std::map<std::string, Tensor> by_name(const ir::Function& function, const std::vector<Tensor>& inputs) {
  std::map<std::string, Tensor> result;
  for (size_t i = 0; i < function.body().argument_count() && result.size() < inputs.size(); ++i) {
    const ir::Value* argument = function.body().argument(i);
    if (!argument->is_parameter()) result.emplace(argument->name(), inputs[result.size()]);
  }
  return result;
}

std::string fault_of(const std::vector<Tensor>& got, const std::vector<Tensor>& want, Within within,
                     const std::vector<double>& bounds) {
  if (got.size() != want.size()) return fmt::format("got {} outputs, expected {}", got.size(), want.size());
  for (size_t k = 0; k < want.size(); ++k) {
    const double more = bounds.empty() ? 0 : bounds[k];
    if (got[k].dtype() != want[k].dtype() || got[k].shape() != want[k].shape())
      return fmt::format("output {}: got {}, expected {}", k, got[k].type_str(), want[k].type_str());
    if (std::isinf(more)) continue;
    for (int64_t i = 0; i < want[k].count(); ++i) {
      if (want[k].dtype() == DType::string) {
        if (got[k].text(i) != want[k].text(i)) return fmt::format("output {}: another text at {}", k, i);
        continue;
      }
      const double a = got[k].real(i), b = want[k].real(i);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const bool whole = !ir::is_float(want[k].dtype());
      if (whole || !(std::fabs(a - b) <= more + within.absolute + within.relative * std::fabs(b)))
        return fmt::format("output {}: element {} of {} is {}, expected {} (within {})", k, i, want[k].type_str(), a, b,
                           more);
    }
  }
  return "";
}

std::string ort_fault(const std::string& bytes, const std::vector<Tensor>& inputs, const std::vector<Tensor>& want,
                      Within within, const std::vector<double>& bounds) {
  const auto library = ort_library();
  if (!library) return "";
  const TempDir folder;
  write_file(folder / "model.onnx", bytes);
  try {
    return fault_of(run_in_ort(*library, (folder / "model.onnx").string(), inputs), want, within, bounds);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace

std::unique_ptr<ir::Function> import_for(const Load& load, const std::map<std::string, Tensor>& inputs) {
  constexpr int64_t kMostValues = 64;
  frontend::ImportOptions options;
  for (int attempt = 0;; ++attempt) {
    try {
      return load(options);
    } catch (const Error& error) {
      const bool values = error.kind() == ErrorKind::NeedsValues;
      if ((!values && error.kind() != ErrorKind::NeedsDims) || attempt > 1) throw;
      for (const auto& [name, value] : inputs) {
        options.input_shapes[name] = value.shape();
        const bool few = value.count() <= (ir::is_float(value.dtype()) ? 8 : kMostValues);
        if (values && few && ir::is_arithmetic(value.dtype())) options.input_values[name] = value;
      }
    }
  }
}

std::string checker_faults(const std::filesystem::path& folder) {
  if (run_program({"/usr/bin/python3", "-c", "import onnx"}).exit_code != 0) {
    MESSAGE("python3-onnx is not installed, its checker is skipped; tools/setup.sh test installs it");
    return "";
  }
  const std::string script = R"(
import onnx, os, sys
for name in sorted(os.listdir(sys.argv[1])):
    try:
        onnx.checker.check_model(onnx.load(os.path.join(sys.argv[1], name)), full_check=True)
    except Exception as error:
        print(name, ' '.join(str(error).split()))
)";
  const ToolResult result = run_program({"/usr/bin/python3", "-c", script, folder.string()});
  return result.exit_code == 0 ? result.out : result.err;
}

int64_t Exported::count(const std::string& op) const {
  const auto it = operators.find(op);
  return it == operators.end() ? 0 : it->second;
}

Exported export_and_import(const ir::Function& function, const std::vector<Tensor>& inputs,
                           const frontend::ExportOptions& options) {
  Exported result;
  result.bytes = frontend::export_model_bytes(function, options);
  const TempDir folder;
  write_file(folder / "model.onnx", result.bytes);
  result.operators = frontend::summarize_model((folder / "model.onnx").string()).operators;
  const auto load = [&](const frontend::ImportOptions& how) {
    return frontend::import_model_bytes(std::as_bytes(std::span(result.bytes)), "exported", how);
  };
  result.back = import_for(load, by_name(function, inputs));
  ir::verify_or_throw(*result.back, "import of what was exported");
  return result;
}

std::string round_trip_fault(const ir::Function& function, const std::vector<Tensor>& inputs, Within within,
                             const frontend::ExportOptions& options, const Judges& judges) {
  const auto compiled = [&](const ir::Function& which) {
    return runtime::Session(runtime::Program::compile(ir::clone(which))).run(inputs);
  };
  const std::vector<Tensor> want = judges.interpreted ? ir::interpret(function, inputs) : compiled(function);
  const Exported exported = export_and_import(function, inputs, options);
  std::string fault;
  if (judges.interpreted) fault = fault_of(ir::interpret(*exported.back, inputs), want, within, judges.bounds);
  if (!fault.empty()) return "imported again: " + fault;
  if (judges.compiled) {
    fault = fault_of(compiled(*exported.back), want, within, judges.bounds);
    if (!fault.empty()) return "imported again and compiled: " + fault;
  }
  if (judges.ort) fault = ort_fault(exported.bytes, inputs, want, within, judges.bounds);
  return fault.empty() ? "" : "ONNX Runtime: " + fault;
}

Exported check_export(const ir::Function& function, const std::vector<Tensor>& inputs, Within within,
                      const frontend::ExportOptions& options) {
  CHECK(round_trip_fault(function, inputs, within, options) == "");
  return export_and_import(function, inputs, options);
}

}  // namespace seqc::test
