#include "runtime/compile.h"

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/named_dims.h"
#include "ir/parser.h"
#include "ir/verifier.h"
#include "runtime/compile_bytes.h"
#include "runtime/cost.h"

namespace seqc::runtime {
namespace {

std::unique_ptr<ir::Function> load_text(const std::string& path, const CompileOptions& options) {
  if (!options.dims.empty() || !options.input_shapes.empty())
    fail(ErrorKind::BadInput, "{}: dims of IR text cannot be given numbers; write them into the file", path);
  if (!options.sequence_lengths.empty() || !options.optionals.empty())
    fail(ErrorKind::BadInput, "{}: IR text has no sequences and optionals, and cannot be told what they hold", path);
  const auto module = ir::load_module(path);
  if (module->functions.empty()) fail(ErrorKind::BadInput, "{}: holds no function", path);
  if (const auto faults = ir::verify(*module->functions[0]); !faults.empty())
    fail(ErrorKind::BadInput, "{}: {}", path, faults[0].message);
  return std::move(module->functions[0]);
}

frontend::ImportOptions import_options(const CompileOptions& options) {
  return {.dims = options.dims,
          .input_shapes = options.input_shapes,
          .input_values = options.input_values,
          .sequence_lengths = options.sequence_lengths,
          .optionals = options.optionals};
}

}  // namespace

std::string activations_fault(const CompileOptions& options) {
  using passes::ActivationFormat;
  using passes::WeightFormat;
  const auto format = options.activations.value_or(ActivationFormat::F32);
  if (format == ActivationFormat::I8 && options.weights != WeightFormat::I8)
    return "got int8, expected weights in int8 as well";
  if (format == ActivationFormat::I16 && options.weights == WeightFormat::F32)
    return "got int16, expected weights in f16, bf16 or int8 as well";
  return "";
}

passes::PassContext pass_context(const CompileOptions& options) {
  const codegen::TargetInfo info = codegen::describe(options.target);
  passes::PassContext context;
  context.vector_lanes = info.vector_lanes;
  context.vector_registers = info.vector_registers;
  context.fma_units = info.fma_units;
  context.first_cache = info.first_cache;
  context.weights = options.weights;
  if (options.weights != passes::WeightFormat::F32)
    context.activations = options.activations.value_or(info.has_byte_dots ? passes::ActivationFormat::I16
                                                                          : passes::ActivationFormat::F32);
  return context;
}

std::unique_ptr<ir::Function> load_function(const std::string& path, const CompileOptions& options) {
  if (path.ends_with(".seq")) return load_text(path, options);
  return frontend::import_model(path, import_options(options));
}

std::unique_ptr<ir::Function> load_function_bytes(std::span<const std::byte> model, const std::string& name,
                                                  const CompileOptions& options) {
  return frontend::import_model_bytes(model, name, import_options(options));
}

Lowered lower(std::unique_ptr<ir::Function> function, const CompileOptions& options, passes::Remarks* remarks) {
  const Stopwatch watch;
  Lowered result;
  result.multiply_adds = ir::DimBounds(*function).upper(cost(*function).multiply_adds);
  passes::PassContext context = pass_context(options);
  context.remarks = remarks;
  result.passes = passes::run_passes(*function, passes::standard_pipeline(), context, options.pipeline);
  result.function = std::move(function);
  result.times.passes = watch.milliseconds();
  return result;
}

namespace {

/// Values that may decide a model's structure: shapes, counts, flags; never data. (OneHot's depth may be a float.)
/// Several floats do only where the error asks for them by name (the scales of Resize).
bool may_shape_the_model(const std::string& name, const ir::Tensor& value, const Error& error) {
  constexpr int64_t kMost = 64;
  if (value.count() > kMost) return false;
  if (!ir::is_float(value.dtype()) || value.count() <= 1) return true;
  const std::string_view message = error.what();
  return value.rank() == 1 && message.find(fmt::format("the values of \"{}\"", name)) != std::string_view::npos;
}

/// Adds what is known of the inputs and `error` asks for; false when that is used already.
bool specialise(CompileOptions& options, const Error& error) {
  const bool values = error.kind() == ErrorKind::NeedsValues;
  if (!values && error.kind() != ErrorKind::NeedsDims) return false;
  bool added = false;
  for (const auto& [name, tensor] : options.known_inputs) {
    added |= options.input_shapes.emplace(name, tensor.shape()).second;
    if (values && may_shape_the_model(name, tensor, error)) added |= options.input_values.emplace(name, tensor).second;
  }
  if (added) options.dims.clear();  // the shapes say them
  return added;
}

}  // namespace

bool with_known_inputs(const CompileOptions& options, const std::function<void(const CompileOptions&)>& attempt) {
  CompileOptions tried = options;
  for (bool specialised = false;; specialised = true) {
    try {
      attempt(tried);
      return specialised;
    } catch (const Error& error) {
      if (!specialise(tried, error)) throw;
    }
  }
}

namespace {

/// Loads and lowers; again with what is known of the inputs as long as loading asks for it.
template <class Load>
Lowered load_and_lower(const CompileOptions& options, Load load) {
  Lowered result;
  const bool specialised = with_known_inputs(options, [&](const CompileOptions& tried) {
    const Stopwatch watch;
    std::unique_ptr<ir::Function> function = load(tried);
    const double import = watch.milliseconds();
    result = lower(std::move(function), tried);
    result.times.import = import;
    result.fixed_values = tried.input_values;
  });
  result.specialised = specialised;
  return result;
}

}  // namespace

Lowered lower_file(const std::string& path, const CompileOptions& options) {
  return load_and_lower(options, [&](const CompileOptions& tried) { return load_function(path, tried); });
}

Lowered lower_bytes(std::span<const std::byte> model, const std::string& name, const CompileOptions& options) {
  return load_and_lower(options, [&](const CompileOptions& tried) { return load_function_bytes(model, name, tried); });
}

}  // namespace seqc::runtime
