// seqc.compile and seqc.load: models as Program objects.
#include <pybind11/stl.h>

#include "frontend/onnx/operator_support.h"
#include "runtime/compile_info.h"
#include "tools/python/errors.h"
#include "tools/python/program.h"
#include "tools/python/source.h"

namespace seqc::python {
namespace {

using frontend::ModelSummary;
using Dims = std::map<std::string, int64_t>;
using Shapes = std::map<std::string, std::vector<int64_t>>;

std::shared_ptr<Program> compile(const py::object& model, const std::string& name, int threads, const Dims& dims,
                                 const Shapes& shapes, const py::dict& values, const Dims& sequences,
                                 const std::map<std::string, bool>& optionals, const py::object& example,
                                 const std::string& weights, const std::optional<std::string>& activations,
                                 const std::string& cpu, const std::string& features, bool cache) {
  const Source source(model, name);
  if (source.is_library())
    fail(ErrorKind::BadInput, "{}: is a library, and compiled already; seqc.load opens it", source.path);
  runtime::CompileOptions options;
  options.dims = dims;
  options.input_shapes = shapes;
  options.sequence_lengths = sequences;
  options.optionals = optionals;
  options.target.cpu = cpu;
  options.target.features = features;
  options.cache.enabled = cache;
  take_formats(weights, activations, options);
  ModelSummary summary;
  if (source.is_onnx()) {
    const py::gil_scoped_release others_run;
    summary = source.summary();
  } else if (values.size() > 0 || !example.is_none()) {
    fail(ErrorKind::BadInput, "{}: inputs of IR text cannot be given values", source.path);
  }
  take_values(values, summary.inputs, options);
  if (!example.is_none()) take_example(example, summary.inputs, options);
  std::shared_ptr<const runtime::Program> program;
  {
    const py::gil_scoped_release others_run;
    program = source.compile(options);
  }
  return std::make_shared<Program>(std::move(program), name, threads, summary.inputs, summary.outputs);
}

std::shared_ptr<Program> load(const std::string& path, const std::string& name, int threads) {
  return std::make_shared<Program>(runtime::Program::load_library(path), name, threads);
}

/// Why the model is refused; empty if nothing in it is, as far as one can tell without its inputs.
std::string unsupported(const py::bytes& model, const std::string& name) {
  const std::string_view text = model;
  try {
    const py::gil_scoped_release others_run;
    frontend::import_model_bytes(std::as_bytes(std::span(text.data(), text.size())), name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Unsupported) return in_python(error.what());
  }
  return "";
}

/// Domains whose operators are supported, with their newest version.
std::map<std::string, int64_t> opsets() {
  std::map<std::string, int64_t> newest = {{"", frontend::kNewestOpset}};
  for (const frontend::OperatorSupport& op : frontend::operator_support()) {
    if (op.kind == frontend::OperatorSupport::Kind::Refused || op.domain.empty()) continue;
    int64_t& version = newest[op.domain];
    for (const int64_t added : op.versions) version = std::max(version, added);
  }
  return newest;
}

py::dict times_of(const Program& program) {
  const runtime::BuildTimes& times = program.program().times();
  py::dict result;
  result["import"] = times.import;
  result["passes"] = times.passes;
  result["codegen"] = times.codegen;
  result["load"] = times.load;
  return result;
}

/// What the compiler knows of it; of libraries nothing.
const runtime::CompileInfo& info_of(const Program& program) {
  static const runtime::CompileInfo kNothing;
  return program.program().compiled() ? *program.program().compiled() : kNothing;
}

py::object multiply_adds_of(const Program& program) {
  if (!program.program().compiled()) return py::none();
  const ir::Dim& dim = info_of(program).multiply_adds;
  if (dim.is_constant()) return py::int_(dim.constant());
  return py::str(dim.str());
}

constexpr const char* kRunDoc = R"(Runs the program.

inputs: a dict of arrays by name, or a list of them in the order of `inputs`. An array must have the input's element type
  and a shape that fits: dims of one name must agree. C-contiguous arrays are read where they are, others are copied first;
  numbers and nested lists are converted. bf16 takes uint16 (the bits) as well, strings take arrays of str, bytes or object.
  A sequence is a list of arrays, an optional without an element is None (or missing in the dict).
out: arrays for the outputs, like `inputs`: C-contiguous, of the right type and shape, not overlapping anything.
  They are written to and returned. Without it every run makes new arrays.

Returns a dict by name for a dict, a list in the order of `outputs` for a list.
Raises InputError naming what is missing or has a wrong shape, DTypeError for wrong element types.
Other Python threads run while the program does, and may run the same program.)";

}  // namespace

void bind_programs(py::module_& m) {
  bind_ports(m);
  py::class_<Program, std::shared_ptr<Program>>(
      m, "Program", "A compiled model: made by seqc.compile or seqc.load, immutable, for any number of threads.")
      .def("run", &Program::run, py::arg("inputs"), py::kw_only(), py::arg("out") = py::none(), kRunDoc)
      .def_property_readonly("inputs", &Program::inputs, "What run takes, in order: a list of Port.")
      .def_property_readonly("outputs", &Program::outputs, "What run returns, in order: a list of Port.")
      .def_property_readonly("name", &Program::name, "The file it came from, or the name that compile was given.")
      .def_property_readonly("threads", &Program::threads, "How many threads work on one run.")
      .def_property_readonly(
          "target", [](const Program& p) { return p.program().model().target; },
          "The processor that the code needs: \"x86-64-v3: +avx2,+fma\".")
      .def_property_readonly("times", times_of, "Milliseconds of making it: import, passes, codegen, load.")
      .def_property_readonly(
          "cached", [](const Program& p) { return info_of(p).cache_use.kind == runtime::CacheUse::Kind::Hit; },
          "Whether its code was on disk already; see `seqc cache`.")
      .def_property_readonly(
          "constant_bytes", [](const Program& p) { return info_of(p).constant_bytes; },
          "Bytes of weights and other constants as the code reads them; 0 for libraries.")
      .def_property_readonly(
          "multiply_adds", multiply_adds_of,
          "Multiply-adds of one run: a number, or an expression of the named dims (\"T*N*4096\"). None "
          "for libraries.")
      .def_property_readonly(
          "specialised", [](const Program& p) { return info_of(p).specialised; },
          "Whether it was compiled for the shapes and values of example= and serves no others.")
      .def("__repr__", &Program::str);

  m.def("compile", compile, py::arg("model"), py::kw_only(), py::arg("name"), py::arg("threads"), py::arg("dims"),
        py::arg("shapes"), py::arg("values"), py::arg("sequences"), py::arg("optionals"), py::arg("example"),
        py::arg("weights"), py::arg("activations"), py::arg("cpu"), py::arg("features"), py::arg("cache"),
        "seqc.compile without its defaults; `model` is a path or a serialized ONNX model.");
  m.def("load", load, py::arg("path"), py::kw_only(), py::arg("name"), py::arg("threads"),
        "seqc.load without its defaults.");
  m.def("unsupported", unsupported, py::arg("model"), py::arg("name"),
        "Why a serialized ONNX model is refused; empty if it is not, as far as one can tell without its inputs.");
  m.def("opsets", opsets, "The newest supported version of each operator domain; \"\" is ONNX's own.");
}

}  // namespace seqc::python
