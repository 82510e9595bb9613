#include "tools/python/stream.h"

#include <algorithm>
#include <cstring>

#include "tools/python/errors.h"

namespace seqc::python {
namespace {

template <class From>
std::vector<Port> ports_of(const std::vector<From>& from) {
  std::vector<Port> ports;
  for (const From& each : from) ports.push_back(tensor_port(each.name, each.type));
  return ports;
}

bool same_shapes(const std::vector<seqc_tensor>& a, const std::vector<seqc_tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const seqc_tensor& x, const seqc_tensor& y) {
    return x.rank == y.rank && std::equal(x.shape, x.shape + x.rank, y.shape);
  });
}

std::string list(const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) text += (text.empty() ? "" : ", ") + port.str();
  return text;
}

}  // namespace

/// All that a step needs while it lasts.
struct Stream::Call {
  std::vector<Argument> arguments;
  std::vector<seqc_tensor> inputs, outputs;
  std::vector<OutputMemory> memory;
};

Stream::Stream(std::shared_ptr<const runtime::StreamProgram> program, std::string name, int64_t rows, int threads)
    : program_(std::move(program)),
      name_(std::move(name)),
      threads_(threads),
      stream_(program_, rows, threads),
      inputs_(ports_of(program_->inputs())),
      outputs_(ports_of(program_->outputs())) {
  for (const runtime::StreamOutput& output : program_->outputs()) dtypes_.push_back(numpy_type(output.type.dtype));
}

template <class Work>
auto Stream::alone(Work work) {
  const py::gil_scoped_release others_run;
  const std::lock_guard lock(mutex_);
  return work();
}

void Stream::compute(Call& call) {
  if (prepared_.empty() || !same_shapes(call.inputs, prepared_)) {
    prepared_.clear();
    stream_.prepare(call.inputs);
    prepared_ = call.inputs;
  }
  call.outputs = stream_.output_types();
  for (seqc_tensor& output : call.outputs) call.memory.emplace_back(output);
  // Where frames wait for their hop, outputs without time stay what they were.
  const bool may_stay = plan().hop > 1;
  for (size_t i = 0; may_stay && i < call.outputs.size(); ++i) {
    const seqc_tensor& output = call.outputs[i];
    if (plan().outputs[i].time_axis >= 0 || output.dtype == SEQC_STRING) continue;
    const size_t bytes = runtime::byte_size(output, "an output");
    if (!latest_.empty() && latest_[i].byte_size() == bytes)
      std::memcpy(output.data, latest_[i].bytes(), bytes);
    else
      std::memset(output.data, 0, bytes);
  }
  const int32_t status = stream_.step(call.inputs, call.outputs);
  if (SEQC_STATUS_CODE(status) == SEQC_TOO_LARGE) throw std::bad_alloc();
  SEQC_CHECK(status == SEQC_OK, "a step after prepare gave status {}", status);
  if (!may_stay) return;
  latest_.resize(call.outputs.size());
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const seqc_tensor& output = call.outputs[i];
    if (plan().outputs[i].time_axis >= 0 || output.dtype == SEQC_STRING) continue;
    latest_[i] = ir::Tensor(static_cast<ir::DType>(output.dtype), {output.shape, output.shape + output.rank});
    std::memcpy(latest_[i].mutable_bytes(), output.data, latest_[i].byte_size());
  }
}

py::object Stream::step(const py::object& frames) {
  const bool named = py::isinstance<py::dict>(frames);
  const bool listed = py::isinstance<py::list>(frames) || py::isinstance<py::tuple>(frames);
  const bool one = !named && !listed && inputs_.size() == 1;
  const std::vector<py::object> values = one ? std::vector{frames} : in_order(frames, inputs_, "input");
  Call call;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    call.arguments.push_back(take_argument(values[i], *inputs_[i].type, "input \"" + inputs_[i].name + "\""));
    call.inputs.push_back(call.arguments.back().view);
  }
  alone([&] { compute(call); });
  py::dict by_name;
  py::list in_order;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    py::object array = call.memory[i].release(call.outputs[i], dtypes_[i]);
    if (one && outputs_.size() == 1) return array;
    if (named)
      by_name[py::str(outputs_[i].name)] = array;
    else
      in_order.append(array);
  }
  if (named) return by_name;
  return in_order;
}

void Stream::reset(std::optional<int64_t> row) {
  alone([&] {
    row ? stream_.reset(*row) : stream_.reset();
    if (!row) latest_.clear();
  });
}

py::bytes Stream::save(std::optional<int64_t> row) {
  const auto bytes = alone([&] { return row ? stream_.save(*row) : stream_.save(); });
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void Stream::restore(const py::bytes& saved, std::optional<int64_t> row) {
  const std::string_view text = saved;
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  alone([&] {
    row ? stream_.restore(*row, bytes) : stream_.restore(bytes);
    if (!row) latest_.clear();
  });
}

std::unique_ptr<Stream> Stream::clone() {
  auto copy = std::make_unique<Stream>(program_, name_, rows(), threads_);
  alone([&] {
    copy->stream_ = stream_.clone();
    copy->latest_ = latest_;
  });
  return copy;
}

std::unique_ptr<Stream> Stream::another(std::optional<int64_t> rows) const {
  return std::make_unique<Stream>(program_, name_, rows.value_or(stream_.rows()), threads_);
}

int64_t Stream::frames() {
  return alone([&] { return stream_.frames(); });
}

std::string Stream::str() {
  const std::string time = plan().time.empty()
                               ? "a call is a step"
                               : plan().time + (plan().hop > 1 ? fmt::format(" in hops of {}", plan().hop) : "");
  return fmt::format("<seqc.Stream {}, {} row{}, {} bytes of state\n  inputs:  {}\n  outputs: {}\n  time:    {}>",
                     name_, rows(), rows() == 1 ? "" : "s", state_bytes(), list(inputs_), list(outputs_), time);
}

}  // namespace seqc::python
