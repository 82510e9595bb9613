// The Python module `seqc._seqc`: what of `import seqc` is compiled.
#include "tools/python/module.h"

PYBIND11_MODULE(_seqc, m) {
  m.doc() = "The compiled part of seqc. Use it through the package: import seqc";
  m.attr("__version__") = SEQC_VERSION;
  seqc::python::bind_errors(m);
  seqc::python::bind_programs(m);
  seqc::python::bind_streams(m);
  seqc::python::bind_training(m);
}
