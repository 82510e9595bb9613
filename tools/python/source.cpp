#include "tools/python/source.h"

#include <optional>

#include "frontend/onnx/summary.h"
#include "runtime/compile_bytes.h"
#include "runtime/library.h"
#include "tools/python/arrays.h"
#include "tools/python/errors.h"

namespace seqc::python {

using frontend::ModelSummary;

Source::Source(const py::object& model, const std::string& name) : name(name) {
  in_memory = py::isinstance<py::bytes>(model);
  if (!in_memory) {
    path = model.cast<std::string>();
    return;
  }
  keep = model;
  const std::string_view text = py::reinterpret_borrow<py::bytes>(model);
  bytes = std::as_bytes(std::span(text.data(), text.size()));
}

bool Source::is_library() const { return !in_memory && runtime::is_library(path); }

ModelSummary Source::summary() const {
  return in_memory ? frontend::summarize_model_bytes(bytes, name) : frontend::summarize_model(path);
}

std::unique_ptr<ir::Function> Source::load(const runtime::CompileOptions& options) const {
  return in_memory ? runtime::load_function_bytes(bytes, name, options) : runtime::load_function(path, options);
}

std::shared_ptr<const runtime::Program> Source::compile(const runtime::CompileOptions& options) const {
  return in_memory ? runtime::compile_bytes(bytes, name, options) : runtime::Program::compile_file(path, options);
}

namespace {

template <class Format>
Format format_of(const std::string& argument, const std::string& text,
                 std::initializer_list<std::pair<const char*, Format>> formats) {
  std::string expected;
  for (const auto& [name, format] : formats) {
    if (text == name) return format;
    expected += fmt::format("{}\"{}\"", expected.empty() ? "" : ", ", name);
  }
  fail(ErrorKind::BadInput, "{}=\"{}\": expected one of {}", argument, text, expected);
}

}  // namespace

void take_formats(const std::string& weights, const std::optional<std::string>& activations,
                  runtime::CompileOptions& options) {
  using passes::ActivationFormat;
  using passes::WeightFormat;
  options.weights = format_of<WeightFormat>("weights", weights,
                                            {{"f32", WeightFormat::F32},
                                             {"f16", WeightFormat::F16},
                                             {"bf16", WeightFormat::BF16},
                                             {"int8", WeightFormat::I8}});
  if (!activations) return;
  options.activations = format_of<ActivationFormat>(
      "activations", *activations,
      {{"f32", ActivationFormat::F32}, {"int16", ActivationFormat::I16}, {"int8", ActivationFormat::I8}});
  if (const std::string fault = runtime::activations_fault(options); !fault.empty())
    fail(ErrorKind::BadInput, "activations=\"{}\": {}", *activations, fault);
}

void take_values(const py::dict& values, const std::vector<ModelSummary::Port>& declared,
                 runtime::CompileOptions& options) {
  for (const auto& [key, value] : values) {
    const std::string name = py::str(key);
    std::optional<ir::DType> type;
    for (const auto& port : declared) {
      const bool element =
          port.kind == frontend::PortKind::Sequence || port.kind == frontend::PortKind::OptionalSequence;
      if (port.tensor && (port.name == name || (element && name.starts_with(port.name + "."))))
        type = port.tensor->dtype;
    }
    const std::string what = fmt::format("values[\"{}\"]", name);
    if (type == ir::DType::string) fail(ErrorKind::Unsupported, "{}: strings cannot be given a fixed value", what);
    options.input_values[name] = copy_tensor(value, type, what);
  }
}

}  // namespace seqc::python
