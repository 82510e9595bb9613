#include "tools/python/model.h"

#include <pybind11/stl.h>

#include <algorithm>

#include "frontend/dsl/model.h"
#include "frontend/onnx/export.h"
#include "frontend/onnx/weights.h"
#include "ir/clone.h"
#include "runtime/files.h"
#include "tools/python/arrays.h"
#include "tools/python/errors.h"
#include "tools/seqc/train_model.h"
#include "tools/seqc/train_weights.h"

namespace seqc::python {
namespace {

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool is_check(const std::string& output) { return output.starts_with(dsl::kCheckPrefix); }

/// The output that is named, or the only one.
std::string output_of(const ir::Function& function, const tools::TrainArguments& arguments) {
  std::vector<std::string> names = function.output_names;
  std::erase_if(names, is_check);
  if (arguments.output.empty() && names.size() == 1) return names[0];
  if (arguments.output.empty())
    fail(ErrorKind::BadInput, "{}: has the outputs {}; say which one is trained: output=", arguments.model,
         list_text(names));
  if (std::find(names.begin(), names.end(), arguments.output) == names.end())
    fail(ErrorKind::BadInput, "{}: has no output \"{}\", expected one of {}", arguments.model, arguments.output,
         list_text(names));
  return arguments.output;
}

std::map<std::string, ir::Tensor> parameters_of(const ir::Function& function) {
  std::map<std::string, ir::Tensor> result;
  for (const ir::Value* parameter : function.parameters()) result[parameter->name()] = parameter->initial();
  return result;
}

}  // namespace

InUse::Training::Training(InUse& use) : use_(use) {
  std::thread::id nobody;
  if (!use_.trainer_.compare_exchange_strong(nobody, std::this_thread::get_id()))
    fail(ErrorKind::BadInput, "the model is being trained already; wait until that has ended");
}
InUse::Training::~Training() { use_.trainer_ = std::thread::id(); }

void InUse::check_readable() const {
  const std::thread::id trainer = trainer_;
  if (trainer != std::thread::id() && trainer != std::this_thread::get_id())
    fail(ErrorKind::BadInput, "the model is being trained by another thread; wait until that has ended");
}

Model::Model(tools::TrainArguments arguments) : arguments_(std::move(arguments)), from_file_(true) {
  function_ = tools::import_trainable(arguments_);
  output_ = output_of(*function_, arguments_);
  weights_ = parameters_of(*function_);
}

Model::Model(std::unique_ptr<ir::Function> function, std::string name) : function_(std::move(function)) {
  arguments_.model = std::move(name);
  output_ = output_of(*function_, arguments_);
  weights_ = parameters_of(*function_);
}

std::map<std::string, ir::Tensor> Model::weights() const {
  in_use_.check_readable();
  std::map<std::string, ir::Tensor> result = weights_;
  if (trainer_)
    for (auto& [name, value] : trainer_->parameters()) result[name] = value;
  return result;
}

void Model::set_weights(const std::map<std::string, ir::Tensor>& values) {
  const InUse::Training alone(in_use_);
  std::map<std::string, ir::Tensor> all = weights();
  for (const auto& [name, value] : values) {
    const auto it = all.find(name);
    if (it == all.end()) fail(ErrorKind::BadInput, "weight \"{}\": the model has none of this name", name);
    if (value.dtype() != it->second.dtype() || value.shape() != it->second.shape())
      fail(ErrorKind::BadInput, "weight \"{}\": got {}, expected {}", name, value.type_str(), it->second.type_str());
    it->second = value;
  }
  weights_ = std::move(all);
  trainer_ = nullptr;  // which takes them over when it is used again
  weights_changed();
}

std::unique_ptr<ir::Function> Model::trainable() const {
  auto result = ir::clone(*function_);
  const auto now = weights();
  for (ir::Value* parameter : result->parameters())
    if (const auto it = now.find(parameter->name()); it != now.end()) result->make_parameter(parameter, it->second);
  return result;
}

std::unique_ptr<ir::Function> Model::predictor() const {
  auto result = tools::predictor(*function_, output_, weights());
  tools::feed_zeros(*result, *function_, arguments_.zeros);
  return result;
}

void Model::save(const std::string& path, int64_t opset) const {
  if (from_file_ && opset == 0) {
    const auto now = weights();
    const py::gil_scoped_release others_run;
    runtime::write_file(path, frontend::with_weights(arguments_.model, now));
  } else {
    const auto function = predictor();
    const py::gil_scoped_release others_run;
    frontend::ExportOptions options;
    if (opset != 0) options.opset = opset;
    frontend::export_model(*function, path, options);
  }
}

std::shared_ptr<Program> Model::program(int threads) {
  in_use_.check_readable();
  if (program_ && program_->threads() == threads) return program_;
  std::shared_ptr<const runtime::Program> compiled;
  {
    auto function = predictor();
    const py::gil_scoped_release others_run;
    compiled = runtime::Program::compile(std::move(function));
  }
  program_ = std::make_shared<Program>(std::move(compiled), arguments_.model, threads);
  return program_;
}

void Model::follow(const training::Trainer* trainer) {
  if (trainer_) weights_ = weights();
  trainer_ = trainer;
}

namespace {

std::shared_ptr<Model> from_file(const std::string& path, const std::string& output,
                                 const std::vector<std::string>& train_only, const std::vector<std::string>& zero,
                                 const std::map<std::string, int64_t>& axes, const std::map<std::string, int64_t>& dims,
                                 const std::map<std::string, std::vector<int64_t>>& shapes) {
  tools::TrainArguments arguments;
  arguments.model = path;
  arguments.output = output;
  arguments.train_only = train_only;
  arguments.zeros = zero;
  for (const auto& [name, axis] : axes) arguments.axes.push_back(fmt::format("{}={}", name, axis));
  arguments.compile.dims = dims;
  arguments.compile.input_shapes = shapes;
  const py::gil_scoped_release others_run;
  return std::make_shared<Model>(std::move(arguments));
}

std::shared_ptr<Model> from_layers(const py::list& layers, const py::tuple& input, bool lengths, uint64_t seed,
                                   const std::string& name) {
  return std::make_shared<Model>(build_layers(layers, input, lengths, seed), name);
}

py::dict weight_arrays(const Model& model) {
  py::dict result;
  for (const auto& [name, value] : model.weights()) result[py::str(name)] = to_array(value);
  return result;
}

void take_weights(Model& model, const py::dict& values) {
  const auto now = model.weights();
  std::map<std::string, ir::Tensor> given;
  for (const auto& [key, value] : values) {
    const std::string name = py::str(key);
    const auto it = now.find(name);
    const auto type = it == now.end() ? std::nullopt : std::optional(it->second.dtype());
    given[name] = copy_tensor(value, type, fmt::format("weight \"{}\"", name));
  }
  model.set_weights(given);
}

}  // namespace

void bind_models(py::module_& m) {
  py::class_<Model, std::shared_ptr<Model>>(m, "TrainableModel",
                                            "What seqc.Model holds: a function with weights that can be trained.")
      .def_static("from_file", from_file, py::arg("path"), py::kw_only(), py::arg("output"), py::arg("train_only"),
                  py::arg("zero"), py::arg("axes"), py::arg("dims"), py::arg("shapes"), "The weights of an ONNX file.")
      .def_static("from_layers", from_layers, py::arg("layers"), py::arg("input"), py::kw_only(), py::arg("lengths"),
                  py::arg("seed"), py::arg("name"), "New weights for layers, each described by a dict.")
      .def("weights", weight_arrays, "Copies of the weights that are trained, by name.")
      .def("set_weights", take_weights, py::arg("values"), "Other values for weights, by name.")
      .def("program", &Model::program, py::kw_only(), py::arg("threads"), "The model as it is now, compiled for use.")
      .def("save", &Model::save, py::arg("path"), py::kw_only(), py::arg("opset"),
           "Writes an ONNX file; opset 0 keeps the file that it came from.")
      .def_property_readonly("output", &Model::output, "The output that is trained.");
}

}  // namespace seqc::python
