/// The parts that the Python module `seqc._seqc` is put together from. What each one offers is documented for those who
/// use it in seqc/_seqc.pyi and in the docstrings.
#pragma once

#include <pybind11/pybind11.h>

namespace seqc::python {

namespace py = pybind11;

void bind_errors(py::module_& m);
void bind_programs(py::module_& m);
void bind_streams(py::module_& m);
void bind_training(py::module_& m);

}  // namespace seqc::python
