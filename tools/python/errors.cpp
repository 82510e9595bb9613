#include "tools/python/errors.h"

#include <pybind11/numpy.h>

#include <regex>

namespace seqc::python {
namespace {

/// Made when the module is imported; they live as long as the process does.
struct Exceptions {
  py::handle error, input, dtype, unsupported, needs_dims, needs_values, internal;
};
Exceptions& exceptions() {
  static Exceptions all;
  return all;
}

py::handle add(py::module_& m, const char* name, const char* doc, const py::tuple& bases) {
  const std::string full = std::string("seqc.") + name;
  PyObject* made = PyErr_NewExceptionWithDoc(full.c_str(), doc, bases.ptr(), nullptr);
  if (!made) throw py::error_already_set();
  m.attr(name) = py::reinterpret_borrow<py::object>(made);
  return made;
}

py::handle exception_for(const Error& error) {
  if (dynamic_cast<const WrongType*>(&error)) return exceptions().dtype;
  switch (error.kind()) {
    case ErrorKind::BadInput: return exceptions().input;
    case ErrorKind::Unsupported: return exceptions().unsupported;
    case ErrorKind::NeedsDims: return exceptions().needs_dims;
    case ErrorKind::NeedsValues: return exceptions().needs_values;
    case ErrorKind::Internal: return exceptions().internal;
  }
  return exceptions().error;
}

}  // namespace

std::string in_python(const std::string& message) {
  if (message.find("--") == std::string::npos) return message;
  static const std::regex kAssignment("--(dim|shape|value|sequence|optional|axis) ([^ =,;]+)=([^ ,;)]+)");
  static const std::regex kOption("--([a-z]+(-[a-z]+)*)");
  std::string text;
  const auto copy_up_to = [&text](std::string::const_iterator from, std::string::const_iterator to) {
    text.append(from, to);
  };
  auto at = message.begin();
  for (std::sregex_iterator it(message.begin(), message.end(), kAssignment), end; it != end; ++it) {
    const std::smatch& match = *it;
    copy_up_to(at, match[0].first);
    const std::string option = match[1] == "axis" ? "axes" : match[1].str() + "s";
    const std::string value = match[3] == "none" ? "False" : match[3] == "some" ? "True" : match[3].str();
    text += fmt::format("{}={{\"{}\": {}}}", option, match[2].str(), value);
    at = match[0].second;
  }
  copy_up_to(at, message.end());
  std::string result;
  auto next = text.cbegin();
  for (std::sregex_iterator it(text.cbegin(), text.cend(), kOption), end; it != end; ++it) {
    result.append(next, (*it)[0].first);
    for (const char c : (*it)[1].str()) result += c == '-' ? '_' : c;
    next = (*it)[0].second;
  }
  result.append(next, text.cend());
  return result;
}

std::string describe(const py::handle& value) {
  if (!py::isinstance<py::array>(value)) return py::str(py::type::handle_of(value).attr("__name__"));
  const auto array = py::reinterpret_borrow<py::array>(value);
  std::string sizes;
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis)
    sizes += fmt::format("{}{}", axis > 0 ? "," : "", array.shape(axis));
  return fmt::format("{}[{}]", std::string(py::str(py::handle(array.dtype()))), sizes);
}

void bind_errors(py::module_& m) {
  const auto builtin = [](PyObject* type) { return py::reinterpret_borrow<py::object>(type); };
  const auto object = [](py::handle type) { return py::reinterpret_borrow<py::object>(type); };
  Exceptions& all = exceptions();
  all.error = add(m, "Error", "Everything that seqc raises by itself.", py::make_tuple(builtin(PyExc_Exception)));
  all.input = add(m, "InputError",
                  "A model, file or argument is at fault; the message says where, what was got and what was expected.",
                  py::make_tuple(object(all.error), builtin(PyExc_ValueError)));
  all.dtype = add(m, "DTypeError", "An argument has the wrong type, or an array the wrong element type.",
                  py::make_tuple(object(all.input), builtin(PyExc_TypeError)));
  all.unsupported =
      add(m, "UnsupportedError", "A correct model asks for something that seqc does not do; the message names it.",
          py::make_tuple(object(all.error), builtin(PyExc_NotImplementedError)));
  all.needs_dims = add(m, "NeedsDimsError",
                       "The model can only be compiled once named dims have numbers: give dims=, shapes= or example=.",
                       py::make_tuple(object(all.error), builtin(PyExc_ValueError)));
  all.needs_values =
      add(m, "NeedsValuesError",
          "The model's structure depends on values of its inputs: give values=, sequences=, optionals= or example=.",
          py::make_tuple(object(all.error), builtin(PyExc_ValueError)));
  all.internal = add(m, "InternalError", "A defect of seqc itself; please report it.",
                     py::make_tuple(object(all.error), builtin(PyExc_RuntimeError)));
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const Error& error) {
      PyErr_SetString(exception_for(error).ptr(), in_python(error.what()).c_str());
    }
  });
}

}  // namespace seqc::python
