/// Inputs and outputs of a model as Python sees them: sequences and optionals are one port there, and any number of ports
/// of the compiled program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "runtime/compile.h"
#include "runtime/program.h"
#include "tools/python/module.h"

namespace seqc::python {

struct Port {
  std::string name;
  frontend::PortKind kind = frontend::PortKind::Tensor;
  std::optional<ir::DType> type =
      {};                         ///< of the tensor, or of the elements; nothing where neither file nor program says it
  py::object dtype = py::none();  ///< the same for NumPy
  py::object shape = py::none();  ///< a tuple of numbers, names and expressions; None if the rank is not known
  size_t first = 0, count = 0;    ///< which ports of the program it is

  bool is_sequence() const;
  bool is_optional() const;
  std::string kind_text() const;  ///< "tensor", "optional sequence", ...
  std::string str() const;        ///< `x: float32[T, N, 8]`
};

/// A port that is a tensor.
Port tensor_port(const std::string& name, const ir::Type& type);
/// The program's ports, put together as the model's file declares them; of programs without one, each is a tensor.
std::vector<Port> input_ports(const runtime::Program& program,
                              const std::vector<frontend::ModelSummary::Port>& declared);
std::vector<Port> output_ports(const runtime::Program& program,
                               const std::vector<frontend::ModelSummary::Port>& declared);

/// The arguments of a call in the order of the ports: from a dict by name or a list by position. An optional input may
/// be missing in a dict. Throws WrongType and Error(BadInput) naming what is missing or left over.
std::vector<py::object> in_order(const py::object& values, const std::vector<Port>& ports, const char* what);
/// The elements of a sequence. Throws WrongType for what is no list or tuple.
std::vector<py::object> elements_of(const py::handle& value, const Port& port);

/// What an example of the inputs says of the model: shapes and values as known inputs, lengths of sequences, presence of
/// optionals, the shapes of elements.
void take_example(const py::object& example, const std::vector<frontend::ModelSummary::Port>& declared,
                  runtime::CompileOptions& options);

void bind_ports(py::module_& m);

}  // namespace seqc::python
