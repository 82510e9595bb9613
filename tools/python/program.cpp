#include "tools/python/program.h"

#include <pybind11/stl.h>

#include "tools/python/errors.h"

namespace seqc::python {

SessionPool::SessionPool(std::shared_ptr<const runtime::Program> program, int threads)
    : program_(std::move(program)), threads_(threads) {
  free_.push_back(std::make_unique<runtime::Session>(program_, threads_));
}

std::unique_ptr<runtime::Session> SessionPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto session = std::move(free_.back());
      free_.pop_back();
      return session;
    }
  }
  return std::make_unique<runtime::Session>(program_, threads_);
}

void SessionPool::give(std::unique_ptr<runtime::Session> session) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(session));
}

/// Where an output is to be written to.
struct Program::Given {
  py::array array;
  seqc_tensor view{};
};

/// All that a call needs while it lasts.
struct Program::Call {
  std::vector<Argument> arguments;
  std::vector<Given> given;  ///< empty, or one for each output
  std::vector<seqc_tensor> inputs, outputs;
  std::vector<OutputMemory> memory;
};

Program::Program(std::shared_ptr<const runtime::Program> program, std::string name, int threads,
                 const std::vector<frontend::ModelSummary::Port>& declared_inputs,
                 const std::vector<frontend::ModelSummary::Port>& declared_outputs)
    : program_(std::move(program)),
      name_(std::move(name)),
      threads_(threads),
      inputs_(input_ports(*program_, declared_inputs)),
      outputs_(output_ports(*program_, declared_outputs)),
      sessions_(program_, threads) {
  for (const runtime::Port& port : program_->outputs()) dtypes_.push_back(numpy_type(port.type.dtype));
}

std::vector<Argument> Program::take_inputs(const py::object& inputs) const {
  const std::vector<py::object> values = in_order(inputs, inputs_, "input");
  const auto& ports = program_->inputs();
  std::vector<Argument> arguments;
  arguments.reserve(ports.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Port& port = inputs_[i];
    if (!port.is_sequence() && !port.is_optional()) {
      arguments.push_back(take_argument(values[i], *port.type, "input \"" + port.name + "\""));
      continue;
    }
    const bool none = values[i].is_none();
    const std::vector<py::object> elements = none                 ? std::vector<py::object>{}
                                             : port.is_sequence() ? elements_of(values[i], port)
                                                                  : std::vector{values[i]};
    if (elements.size() != port.count || (none && !port.is_optional()))
      fail(ErrorKind::BadInput,
           "input \"{}\": got {}, and the program was compiled for {} of {}; compile the model again with example= "
           "such inputs",
           port.name, none ? "None" : fmt::format("{} of them", elements.size()), port.count, port.kind_text());
    for (size_t k = 0; k < elements.size(); ++k) {
      const runtime::Port& element = ports[port.first + k];
      arguments.push_back(take_argument(elements[k], element.type.dtype, "input \"" + element.name + "\""));
    }
  }
  return arguments;
}

std::vector<Program::Given> Program::take_out(const py::object& out) const {
  std::vector<Given> given;
  if (out.is_none()) return given;
  const std::vector<py::object> values = in_order(out, outputs_, "output");
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const Port& port = outputs_[i];
    if (port.is_sequence() || port.is_optional() || port.type == ir::DType::string)
      fail(ErrorKind::Unsupported, "output \"{}\": out= takes arrays of numbers, and this is {}", port.name,
           port.str());
    if (!py::isinstance<py::array>(values[i]))
      fail_type("output \"{}\": got {} in out=, expected an array", port.name, describe(values[i]));
    auto array = py::reinterpret_borrow<py::array>(values[i]);
    if (!array.writeable() || !(array.flags() & py::array::c_style))
      fail(ErrorKind::BadInput, "output \"{}\": the array in out= must be writeable and C-contiguous", port.name);
    Argument view = take_argument(array, *port.type, "output \"" + port.name + "\" in out=");
    if (view.array.ptr() != array.ptr())
      fail(ErrorKind::BadInput, "output \"{}\": the array in out= is not aligned", port.name);
    given.push_back({std::move(array), view.view});
  }
  return given;
}

namespace {

bool overlap(const seqc_tensor& a, const seqc_tensor& b) {
  const auto* from_a = static_cast<const std::byte*>(a.data);
  const auto* from_b = static_cast<const std::byte*>(b.data);
  return from_a < from_b + runtime::byte_size(b, "") && from_b < from_a + runtime::byte_size(a, "");
}

}  // namespace

/// Without the GIL.
void Program::compute(Call& call) {
  const SessionPool::Lease session(sessions_);
  session->prepare(call.inputs);
  call.outputs = session->output_types();
  if (call.given.empty()) {
    for (seqc_tensor& output : call.outputs) call.memory.emplace_back(output);
  } else {
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      seqc_tensor& output = call.outputs[i];
      const seqc_tensor& given = call.given[i].view;
      if (given.rank != output.rank || !std::equal(given.shape, given.shape + given.rank, output.shape))
        fail(ErrorKind::BadInput, "output \"{}\": got {} in out=, expected {}", program_->outputs()[i].name,
             runtime::type_str(given), runtime::type_str(output));
      output.data = given.data;
      for (size_t k = 0; k < call.inputs.size(); ++k)
        if (overlap(output, call.inputs[k]))
          fail(ErrorKind::BadInput, "output \"{}\": the array in out= overlaps input \"{}\"",
               program_->outputs()[i].name, program_->inputs()[k].name);
      for (size_t k = 0; k < i; ++k)
        if (overlap(output, call.outputs[k]))
          fail(ErrorKind::BadInput, "output \"{}\": the array in out= overlaps that of output \"{}\"",
               program_->outputs()[i].name, program_->outputs()[k].name);
    }
  }
  const int32_t status = session->run(call.inputs, call.outputs);
  if (SEQC_STATUS_CODE(status) == SEQC_BAD_VALUE)
    fail(ErrorKind::BadInput,
         "input \"{}\": got another value than the program was compiled for; compile the model again for this one",
         program_->inputs()[static_cast<size_t>(SEQC_STATUS_INPUT(status))].name);
  SEQC_CHECK(status == SEQC_OK, "run after prepare gave status {}", status);
}

py::object Program::result(Call& call, bool as_dict) const {
  const auto array = [&](size_t i) -> py::object {
    const seqc_tensor& filled = call.outputs[i];
    if (call.given.empty()) return call.memory[i].release(filled, dtypes_[i]);
    const py::array& whole = call.given[i].array;
    if (std::equal(filled.shape, filled.shape + filled.rank, whole.shape())) return whole;
    return py::array(dtypes_[i], std::vector<py::ssize_t>(filled.shape, filled.shape + filled.rank), filled.data,
                     whole);
  };
  py::dict by_name;
  py::list in_order;
  for (const Port& port : outputs_) {
    py::object value = py::none();
    if (port.is_sequence()) {
      py::list elements;
      for (size_t k = 0; k < port.count; ++k) elements.append(array(port.first + k));
      value = std::move(elements);
    } else if (port.count > 0) {
      value = array(port.first);
    }
    if (as_dict)
      by_name[py::str(port.name)] = value;
    else
      in_order.append(value);
  }
  if (as_dict) return by_name;
  return in_order;
}

py::object Program::run(const py::object& inputs, const py::object& out) {
  Call call;
  call.arguments = take_inputs(inputs);
  call.given = take_out(out);
  for (const Argument& argument : call.arguments) call.inputs.push_back(argument.view);
  {
    const py::gil_scoped_release others_run;
    compute(call);
  }
  return result(call, py::isinstance<py::dict>(inputs));
}

std::string Program::str() const {
  const auto list = [](const std::vector<Port>& ports) {
    std::string text;
    for (const Port& port : ports) text += (text.empty() ? "" : ", ") + port.str();
    return text;
  };
  return fmt::format("<seqc.Program {}, {} thread{}\n  inputs:  {}\n  outputs: {}>", name_, threads_,
                     threads_ == 1 ? "" : "s", list(inputs_), list(outputs_));
}

}  // namespace seqc::python
