// seqc.stream: models that take a few frames at a time and go on where they stopped, as Stream objects.
#include <pybind11/stl.h>

#include "passes/streaming/streaming.h"
#include "tools/python/errors.h"
#include "tools/python/source.h"
#include "tools/python/stream.h"

namespace seqc::python {
namespace {

using runtime::StreamProgram;

std::unique_ptr<Stream> stream(const py::object& model, const std::string& name,
                               const std::map<std::string, std::string>& states, const py::dict& initial,
                               const std::string& time, const std::string& rows_dim, int64_t rows, int threads,
                               const std::map<std::string, int64_t>& dims,
                               const std::map<std::string, std::vector<int64_t>>& shapes, const py::dict& values,
                               const std::string& weights, const std::optional<std::string>& activations, bool cache) {
  const Source source(model, name);
  std::shared_ptr<const StreamProgram> program;
  if (source.is_library()) {
    if (!states.empty() || initial.size() > 0 || !time.empty() || !rows_dim.empty() || !dims.empty() ||
        !shapes.empty() || values.size() > 0 || weights != "f32" || activations)
      fail(ErrorKind::BadInput,
           "{}: is a library, and compiled already; name, rows and threads are all that can be said of it",
           source.path);
    {
      const py::gil_scoped_release others_run;
      program = StreamProgram::load_library(source.path);
    }
    return std::make_unique<Stream>(std::move(program), name, rows, threads);
  }
  runtime::CompileOptions compile;
  compile.dims = dims;
  compile.input_shapes = shapes;
  compile.cache.enabled = cache;
  take_formats(weights, activations, compile);
  frontend::ModelSummary summary;
  if (source.is_onnx()) {
    const py::gil_scoped_release others_run;
    summary = source.summary();
  } else if (values.size() > 0) {
    fail(ErrorKind::BadInput, "{}: inputs of IR text cannot be given values", source.path);
  }
  take_values(values, summary.inputs, compile);
  runtime::StreamOptions options{.time = time, .rows = rows_dim};
  for (const auto& [in, out] : states) options.states.emplace_back(in, out);
  for (const auto& [key, value] : initial) {
    const std::string input = py::str(key);
    std::optional<ir::DType> type;
    for (const auto& port : summary.inputs)
      if (port.name == input && port.tensor) type = port.tensor->dtype;
    options.initial[input] = copy_tensor(value, type, fmt::format("initial[\"{}\"]", input));
  }
  {
    const py::gil_scoped_release others_run;
    program = StreamProgram::compile(*source.load(compile), options, compile);
  }
  return std::make_unique<Stream>(std::move(program), name, rows, threads);
}

std::map<std::string, std::string> states_of(const Stream& stream) {
  std::map<std::string, std::string> states;
  for (const runtime::StreamState& state : stream.plan().states) states[state.name] = state.source;
  return states;
}

py::object time_of(const Stream& stream) {
  if (stream.plan().time.empty()) return py::none();
  return py::str(stream.plan().time);
}

constexpr const char* kStepDoc = R"(The outputs of the next frames.

frames: an array, where the model has one input; a dict of arrays by name; or a list in the order of `inputs`. Any number of
  frames, also none; arrays are taken as Program.run takes them.

Returns an array for an array where the model has one output; a dict for a dict; else a list in the order of `outputs`. What
steps give, one behind the other, has the bits that the model gives for all frames at once. An output without time is that
of the frames so far. Where strides group frames (`hop`), frames wait until their hop is full, and an output may have none.
Raises as Program.run does; the stream is then as it was. Other Python threads run meanwhile.)";

constexpr const char* kRowDoc =
    "\nWith row, of that one among several, which must be at the same place of a hop and of the beginning; then\n"
    "row= of `restore` takes it, and so does a stream of one row.";

}  // namespace

void bind_streams(py::module_& m) {
  const std::string save =
      std::string("The state as bytes, for any stream of the same model, also in another process or as a library.") +
      kRowDoc;
  py::class_<Stream>(
      m, "Stream",
      "A model that takes a few frames at a time and goes on where it stopped: made by seqc.stream. Threads "
      "that call one stream wait for each other; streams of one program run at the same time.")
      .def("step", &Stream::step, py::arg("frames"), kStepDoc)
      .def("reset", &Stream::reset, py::arg("row") = py::none(),
           "Begins anew; with row, that one among several does while the others go on.")
      .def("save", &Stream::save, py::arg("row") = py::none(), save.c_str())
      .def("restore", &Stream::restore, py::arg("saved"), py::arg("row") = py::none(),
           "Goes on from what `save` gave. Raises InputError for bytes that are no state, or of another model.")
      .def("clone", &Stream::clone, "Another stream that goes on from here.")
      .def("__copy__", &Stream::clone, "As clone.")
      .def(
          "__deepcopy__", [](Stream& stream, const py::dict&) { return stream.clone(); }, py::arg("memo"), "As clone.")
      .def("another", &Stream::another, py::arg("rows") = py::none(),
           "Another stream of the same program from the beginning, of as many rows or of `rows`.")
      .def_property_readonly("inputs", &Stream::inputs, "What step takes, in order: a list of Port.")
      .def_property_readonly("outputs", &Stream::outputs, "What step returns, in order: a list of Port.")
      .def_property_readonly("name", &Stream::name, "The file it came from, or the name that seqc.stream was given.")
      .def_property_readonly("threads", &Stream::threads, "How many threads work on one step.")
      .def_property_readonly("rows", &Stream::rows, "How many streams step side by side.")
      .def_property_readonly(
          "rows_dim", [](const Stream& s) { return s.plan().rows; },
          "The named dim that counts streams side by side; \"\" if there is none.")
      .def_property_readonly("time", time_of, "The named dim that counts frames; None where a call is a step.")
      .def_property_readonly("frames", &Stream::frames,
                             "Frames taken since the beginning; steps where there is no time.")
      .def_property_readonly(
          "hop", [](const Stream& s) { return s.plan().hop; },
          "Frames that strides group: as many as wait for each other.")
      .def_property_readonly("states", states_of, "What goes from step to step, by name, and what each is for.")
      .def_property_readonly("state_bytes", &Stream::state_bytes, "Bytes of all states.")
      .def("__repr__", &Stream::str);
  m.def("stream", stream, py::arg("model"), py::kw_only(), py::arg("name"), py::arg("states"), py::arg("initial"),
        py::arg("time"), py::arg("rows_dim"), py::arg("rows"), py::arg("threads"), py::arg("dims"), py::arg("shapes"),
        py::arg("values"), py::arg("weights"), py::arg("activations"), py::arg("cache"),
        "seqc.stream without its defaults; `model` is a path or a serialized ONNX model.");
}

}  // namespace seqc::python
