#include "tools/python/ports.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <charconv>

#include "tools/python/arrays.h"
#include "tools/python/errors.h"

namespace seqc::python {
namespace {

using frontend::PortKind;
using Declared = std::vector<frontend::ModelSummary::Port>;

py::object dim_object(const std::string& text) {
  int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc() && end == text.data() + text.size()) return py::int_(number);
  return py::str(text);
}

void set_type(Port& port, ir::DType type) {
  port.type = type;
  port.dtype = numpy_type(type);
}

py::tuple shape_object(const ir::Shape& shape) {
  py::tuple result(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) result[i] = dim_object(shape[i].str());
  return result;
}

Port tensor_port(const seqc_port& from, size_t at) {
  Port port{.name = from.name, .first = at, .count = 1};
  set_type(port, static_cast<ir::DType>(from.dtype));
  py::tuple shape(static_cast<size_t>(from.rank));
  for (size_t axis = 0; axis < shape.size(); ++axis) shape[axis] = dim_object(from.dims[axis]);
  port.shape = shape;
  return port;
}

/// Elements of a sequence may differ in shape: of those the file's declaration counts.
Port structured_port(const frontend::ModelSummary::Port& from, PortKind kind, size_t at, size_t count,
                     const runtime::Port* element) {
  Port port{.name = from.name, .kind = kind, .first = at, .count = count};
  if (from.tensor) {
    set_type(port, from.tensor->dtype);
    port.shape = shape_object(from.tensor->shape);
  } else if (element) {
    set_type(port, element->type.dtype);
  }
  return port;
}

std::vector<Port> put_together(std::span<const seqc_port> raw, const std::vector<runtime::Port>& ports,
                               const Declared& declared) {
  std::vector<Port> result;
  if (declared.empty()) {
    for (size_t i = 0; i < raw.size(); ++i) result.push_back(tensor_port(raw[i], i));
    return result;
  }
  size_t at = 0;
  for (const auto& from : declared) {
    if (from.has_default) continue;
    const bool here = at < ports.size() && ports[at].name == from.name;
    if (here && from.kind != PortKind::Sequence && from.kind != PortKind::OptionalSequence) {
      Port port = tensor_port(raw[at], at);
      if (from.kind == PortKind::OptionalTensor) port.kind = from.kind;
      result.push_back(std::move(port));
      ++at;
      continue;
    }
    size_t count = 0;
    while (at + count < ports.size() && ports[at + count].name == frontend::element_port(from.name, count)) ++count;
    // The outputs of a node without types declare nothing: what has no tensor of its name is a sequence.
    const PortKind kind =
        from.kind == PortKind::Tensor || from.kind == PortKind::Other ? PortKind::Sequence : from.kind;
    result.push_back(structured_port(from, kind, at, count, count > 0 ? &ports[at] : nullptr));
    at += count;
  }
  SEQC_CHECK(at == ports.size(), "the program has {} ports, the model's declaration {}", ports.size(), at);
  return result;
}

std::string names_of(const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", port.name);
  return text.empty() ? "none" : text;
}

std::vector<py::object> from_dict(const py::dict& values, const std::vector<Port>& ports, const char* what) {
  std::vector<py::object> result;
  size_t found = 0;
  for (const Port& port : ports) {
    PyObject* value = PyDict_GetItemString(values.ptr(), port.name.c_str());
    if (!value && !port.is_optional())
      fail(ErrorKind::BadInput, "{} \"{}\": is missing; expected {}", what, port.name, names_of(ports));
    found += value ? 1 : 0;
    result.push_back(value ? py::reinterpret_borrow<py::object>(value) : py::object(py::none()));
  }
  if (found == values.size()) return result;
  for (const auto& [name, value] : values) {
    const std::string text = py::str(name);
    if (std::none_of(ports.begin(), ports.end(), [&](const Port& port) { return port.name == text; }))
      fail(ErrorKind::BadInput, "{} \"{}\": the model has none of this name; expected {}", what, text, names_of(ports));
  }
  return result;
}

}  // namespace

Port tensor_port(const std::string& name, const ir::Type& type) {
  Port port{.name = name, .count = 1};
  set_type(port, type.dtype);
  port.shape = shape_object(type.shape);
  return port;
}

bool Port::is_sequence() const { return kind == PortKind::Sequence || kind == PortKind::OptionalSequence; }
bool Port::is_optional() const { return kind == PortKind::OptionalTensor || kind == PortKind::OptionalSequence; }

std::string Port::kind_text() const {
  if (!is_sequence()) return is_optional() ? "optional tensor" : "tensor";
  return is_optional() ? "optional sequence" : "sequence";
}

std::string Port::str() const {
  std::string text = dtype.is_none() ? "?" : std::string(py::str(dtype));
  if (type == ir::DType::string) text = "str";
  if (!shape.is_none()) {
    std::string dims;
    for (const py::handle dim : shape) dims += (dims.empty() ? "" : ", ") + std::string(py::str(dim));
    text += "[" + dims + "]";
  }
  if (is_sequence()) text = "list of " + text;
  if (is_optional()) text += " or None";
  return name + ": " + text;
}

std::vector<Port> input_ports(const runtime::Program& program, const Declared& declared) {
  const seqc_model& model = program.model();
  return put_together({model.inputs, static_cast<size_t>(model.input_count)}, program.inputs(), declared);
}

std::vector<Port> output_ports(const runtime::Program& program, const Declared& declared) {
  const seqc_model& model = program.model();
  return put_together({model.outputs, static_cast<size_t>(model.output_count)}, program.outputs(), declared);
}

std::vector<py::object> in_order(const py::object& values, const std::vector<Port>& ports, const char* what) {
  if (py::isinstance<py::dict>(values)) return from_dict(values, ports, what);
  if (!py::isinstance<py::list>(values) && !py::isinstance<py::tuple>(values))
    fail_type("{}s: got {}, expected a dict by name, or a list in the order {}", what, describe(values),
              names_of(ports));
  std::vector<py::object> result;
  for (const py::handle value : values) result.push_back(py::reinterpret_borrow<py::object>(value));
  if (result.size() != ports.size())
    fail(ErrorKind::BadInput, "{}s: got {}, expected {}: {}", what, result.size(), ports.size(), names_of(ports));
  return result;
}

std::vector<py::object> elements_of(const py::handle& value, const Port& port) {
  if (!py::isinstance<py::list>(value) && !py::isinstance<py::tuple>(value))
    fail_type("input \"{}\": got {}, expected a list of arrays", port.name, describe(value));
  std::vector<py::object> result;
  for (const py::handle element : value) result.push_back(py::reinterpret_borrow<py::object>(element));
  return result;
}

void take_example(const py::object& example, const Declared& declared, runtime::CompileOptions& options) {
  std::vector<Port> ports;
  for (const auto& from : declared)
    if (!from.has_default) ports.push_back(structured_port(from, from.kind, 0, 0, nullptr));
  const std::vector<py::object> values = in_order(example, ports, "input");
  for (size_t i = 0; i < ports.size(); ++i) {
    const Port& port = ports[i];
    const py::object& value = values[i];
    if (port.is_optional()) options.optionals[port.name] = !value.is_none();
    if (port.is_optional() && value.is_none()) continue;
    if (!port.is_sequence()) {
      options.known_inputs[port.name] = copy_tensor(value, port.type, fmt::format("input \"{}\"", port.name));
      continue;
    }
    const std::vector<py::object> elements = elements_of(value, port);
    options.sequence_lengths[port.name] = static_cast<int64_t>(elements.size());
    for (size_t k = 0; k < elements.size(); ++k) {
      const std::string name = frontend::element_port(port.name, k);
      const ir::Tensor tensor = copy_tensor(elements[k], port.type, fmt::format("input \"{}\"", name));
      // Elements may differ in shape, which the names in their declared type do not say.
      options.input_shapes.emplace(name, tensor.shape());
      options.known_inputs[name] = tensor;
    }
  }
}

void bind_ports(py::module_& m) {
  py::class_<Port>(m, "Port", "An input or output of a Program.")
      .def_readonly("name", &Port::name, "What the model calls it.")
      .def_property_readonly("kind", &Port::kind_text,
                             "\"tensor\", \"sequence\" (a list of arrays), \"optional tensor\" (an array or None) or "
                             "\"optional sequence\".")
      .def_readonly(
          "dtype", &Port::dtype,
          "The numpy.dtype of the array or of the list's elements; object for strings, and for bf16 that of the "
          "package ml_dtypes if it is installed, else uint16 (the bits).")
      .def_readonly(
          "shape", &Port::shape,
          "A tuple: numbers, names of dims (\"T\"), expressions of them (\"2*T + 1\"), or a size that only a run "
          "can tell with the largest it can be (\"n<=2*T\"). None if the rank is not known.")
      .def("__repr__", [](const Port& port) { return fmt::format("<seqc.Port {}>", port.str()); });
}

}  // namespace seqc::python
