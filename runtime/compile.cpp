#include "runtime/compile.h"

#include <chrono>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "ir/verifier.h"
#include "runtime/cost.h"

namespace seqc::runtime {
namespace {

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::unique_ptr<ir::Function> load_text(const std::string& path, const CompileOptions& options) {
  if (!options.dims.empty() || !options.input_shapes.empty())
    fail(ErrorKind::BadInput, "{}: dims of IR text cannot be given numbers; write them into the file", path);
  const auto module = ir::load_module(path);
  if (module->functions.empty()) fail(ErrorKind::BadInput, "{}: holds no function", path);
  if (const auto faults = ir::verify(*module->functions[0]); !faults.empty())
    fail(ErrorKind::BadInput, "{}: {}", path, faults[0].message);
  return std::move(module->functions[0]);
}

Lowered load_and_lower(const std::string& path, const CompileOptions& options) {
  const Stopwatch watch;
  auto function = load_function(path, options);
  const double import = watch.milliseconds();
  Lowered result = lower(std::move(function), options);
  result.times.import = import;
  return result;
}

}  // namespace

Stopwatch::Stopwatch() : start_(now()) {}
double Stopwatch::milliseconds() const { return static_cast<double>(now() - start_) / 1e6; }

passes::PassContext pass_context(const codegen::Target& target) {
  const codegen::TargetInfo info = codegen::describe(target);
  passes::PassContext context;
  context.vector_lanes = info.vector_lanes;
  context.vector_registers = info.vector_registers;
  return context;
}

std::unique_ptr<ir::Function> load_function(const std::string& path, const CompileOptions& options) {
  if (path.ends_with(".seq")) return load_text(path, options);
  return frontend::import_model(path, {.dims = options.dims, .input_shapes = options.input_shapes, .input_values = {}});
}

Lowered lower(std::unique_ptr<ir::Function> function, const CompileOptions& options) {
  const Stopwatch watch;
  Lowered result;
  result.multiply_adds = cost(*function).multiply_adds;
  passes::PassContext context = pass_context(options.target);
  result.passes = passes::run_passes(*function, passes::standard_pipeline(), context, options.pipeline);
  result.function = std::move(function);
  result.times.passes = watch.milliseconds();
  return result;
}

Lowered lower_file(const std::string& path, const CompileOptions& options) {
  try {
    return load_and_lower(path, options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::NeedsDims || options.known_shapes.empty()) throw;
  }
  CompileOptions specialised = options;
  specialised.dims.clear();  // the shapes say them
  for (const auto& [name, shape] : options.known_shapes) specialised.input_shapes[name] = shape;
  Lowered result = load_and_lower(path, specialised);
  result.specialised = true;
  return result;
}

}  // namespace seqc::runtime
