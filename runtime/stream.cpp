#include "runtime/stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "ir/error.h"
#include "ir/memory.h"
#include "runtime/ports.h"

namespace seqc::runtime {
namespace {

constexpr size_t aligned(size_t bytes) { return (bytes + SEQC_ALIGNMENT - 1) / SEQC_ALIGNMENT * SEQC_ALIGNMENT; }

bool same_shape(const seqc_tensor& a, const seqc_tensor& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

std::vector<Port> ports(const std::vector<StreamInput>& inputs) {
  std::vector<Port> result;
  for (const StreamInput& input : inputs) result.push_back({input.name, input.type});
  return result;
}

size_t elements(const seqc_tensor& tensor, int32_t from, int32_t to) {
  size_t count = 1;
  for (int32_t axis = from; axis < to; ++axis) count *= static_cast<size_t>(tensor.shape[axis]);
  return count;
}

/// `initial` repeated to fill a state of this shape.
void fill(std::byte* to, const std::vector<int64_t>& shape, const ir::Tensor& initial) {
  const size_t size = ir::size_of(initial.dtype()), rank = shape.size();
  std::array<size_t, SEQC_MAX_RANK> stride{};
  size_t step = size, count = 1;
  for (size_t axis = rank; axis-- > 0;) {
    count *= static_cast<size_t>(shape[axis]);
    if (initial.rank() == 0 || initial.shape()[axis] == 1) continue;
    stride[axis] = step;
    step *= static_cast<size_t>(initial.shape()[axis]);
  }
  std::array<int64_t, SEQC_MAX_RANK> at{};
  for (size_t i = 0; i < count; ++i, to += size) {
    size_t from = 0;
    for (size_t axis = 0; axis < rank; ++axis) from += static_cast<size_t>(at[axis]) * stride[axis];
    std::memcpy(to, initial.bytes() + from, size);
    for (size_t axis = rank; axis-- > 0;) {
      if (++at[axis] < shape[axis]) break;
      at[axis] = 0;
    }
  }
}

}  // namespace

void Stream::Free::operator()(std::byte* bytes) const { ir::free_memory(bytes); }

Stream::Memory Stream::allocate(size_t bytes) { return Memory(ir::allocate_memory(bytes)); }

Stream::Memory Stream::try_allocate(size_t bytes) noexcept {
  try {
    return allocate(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

Stream::Stream(std::shared_ptr<const StreamProgram> program, int64_t rows, int threads)
    : program_(std::move(program)), pool_(std::make_unique<ThreadPool>(threads)), rows_(rows) {
  const StreamPlan& plan = program_->plan();
  if (rows < 1) fail(ErrorKind::BadInput, "stream: got {} rows, expected 1 or more", rows);
  if (rows > 1 && plan.rows.empty())
    fail(ErrorKind::BadInput, "stream: got {} rows; no named dim of the model counts them, so that one is all it steps",
         rows);
  const auto& model = program_->program().model();
  inputs_.resize(static_cast<size_t>(model.input_count));
  outputs_.resize(static_cast<size_t>(model.output_count));
  std::vector<std::vector<int64_t>> shapes;
  for (size_t i = 0; i < plan.states.size(); ++i) {
    const ir::Type& type = plan.states[i].type;
    seqc_tensor& tensor = inputs_[plan.inputs.size() + i];
    if (type.rank() > SEQC_MAX_RANK)
      fail(ErrorKind::Unsupported, "stream: state \"{}\" is {}: ranks above {} are not supported", plan.states[i].name,
           type.str(), SEQC_MAX_RANK);
    tensor.dtype = static_cast<int32_t>(type.dtype);
    tensor.rank = static_cast<int32_t>(type.rank());
    for (size_t axis = 0; axis < type.shape.size(); ++axis) {
      const ir::Dim dim = type.shape[axis].substitute({{plan.rows, ir::Dim(rows)}});
      if (!dim.is_constant())
        fail(ErrorKind::BadInput, "stream: state \"{}\" is {}; {} needs a number when the model is compiled",
             plan.states[i].name, type.str(), dim.str());
      tensor.shape[axis] = dim.constant();
    }
    shapes.emplace_back(tensor.shape, tensor.shape + tensor.rank);
    offsets_.push_back(state_bytes_);
    sizes_.push_back(byte_size(tensor, fmt::format("state \"{}\"", plan.states[i].name)));
    state_bytes_ += aligned(sizes_.back());
  }
  check_memory(3 * state_bytes_, fmt::format("a stream of {} rows", rows));
  if (plan.warm_up > 0) {
    seqc_tensor& position = inputs_.back();
    position.dtype = SEQC_U8;
    position.rank = 1;
    static std::byte nothing;
    position.data = &nothing;  // never read
  }
  for (Memory* memory : {&states_[0], &states_[1], &initial_}) {
    *memory = allocate(state_bytes_);
    std::memset(memory->get(), 0, state_bytes_);
  }
  for (size_t i = 0; i < plan.states.size(); ++i) fill(initial_.get() + offsets_[i], shapes[i], plan.states[i].initial);
  if (plan.hop > 1) waiting_.resize(plan.inputs.size());
  reset();
}

// Checks what the model's prepare does not know: rows and frames.
int32_t Stream::check(std::span<const seqc_tensor> inputs, int64_t& frames) const noexcept {
  const StreamPlan& plan = program_->plan();
  if (inputs.size() != plan.inputs.size()) return SEQC_BAD_SHAPE;
  frames = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const StreamInput& port = plan.inputs[i];
    const auto status = [&](int32_t code) { return code | static_cast<int32_t>(i) << 8; };
    if (inputs[i].dtype != static_cast<int32_t>(port.type.dtype)) return status(SEQC_BAD_DTYPE);
    if (inputs[i].rank != static_cast<int32_t>(port.type.rank())) return status(SEQC_BAD_RANK);
    for (int32_t axis = 0; axis < inputs[i].rank; ++axis) {
      const ir::Dim& dim = port.type.shape[static_cast<size_t>(axis)];
      const int64_t size = inputs[i].shape[axis];
      if (size < 0) return status(SEQC_BAD_SHAPE);
      if (dim.is_constant() && dim.constant() != size) return status(SEQC_BAD_SHAPE);
      if (axis == port.time_axis) {
        if (frames >= 0 && frames != size) return status(SEQC_BAD_SHAPE);
        frames = size;
      } else if (dim.is_symbol() && dim.symbol_name() == plan.rows && size != rows_) {
        return status(SEQC_BAD_SHAPE);
      }
    }
  }
  return SEQC_OK;
}

std::vector<ir::Tensor> Stream::step(const std::vector<ir::Tensor>& inputs) {
  const StreamPlan& plan = program_->plan();
  std::vector<seqc_tensor> views;
  for (const ir::Tensor& input : inputs) views.push_back(view(input));
  prepare(views);
  const bool first = latest_.empty();
  std::vector<ir::Tensor> outputs;
  std::vector<seqc_tensor> output_views;
  for (size_t i = 0; i < output_types_.size(); ++i) {
    const seqc_tensor& type = output_types_[i];
    const std::vector<int64_t> shape(type.shape, type.shape + type.rank);
    const bool goes_on = plan.outputs[i].time_axis < 0 && !first && latest_[i].shape() == shape;
    outputs.push_back(goes_on ? latest_[i] : ir::Tensor(static_cast<ir::DType>(type.dtype), shape));
    output_views.push_back(mutable_view(outputs.back()));
  }
  const int32_t status = step(views, output_views);
  SEQC_CHECK(status == SEQC_OK, "a step after prepare gave status {}", status);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::vector<int64_t> shape(output_views[i].shape, output_views[i].shape + output_views[i].rank);
    if (shape != outputs[i].shape()) {
      ir::Tensor part(outputs[i].dtype(), shape);
      std::memcpy(part.mutable_bytes(), outputs[i].bytes(), part.byte_size());
      outputs[i] = std::move(part);
    }
    outputs[i] = outputs[i].with_own_strings();
  }
  latest_ = outputs;
  return outputs;
}

void Stream::prepare(int64_t frames) {
  const StreamPlan& plan = program_->plan();
  std::vector<seqc_tensor> inputs;
  for (const StreamInput& input : plan.inputs) {
    seqc_tensor& tensor = inputs.emplace_back();
    tensor.dtype = static_cast<int32_t>(input.type.dtype);
    tensor.rank = static_cast<int32_t>(input.type.rank());
    for (size_t axis = 0; axis < input.type.shape.size(); ++axis) {
      const ir::Dim dim = input.type.shape[axis].substitute({{plan.rows, rows_}, {plan.time, frames}});
      if (!dim.is_constant())
        fail(ErrorKind::BadInput, "stream: input \"{}\" is {}; prepare it with tensors, which say what {} is",
             input.name, input.type.str(), dim.str());
      tensor.shape[axis] = dim.constant();
    }
  }
  prepare(inputs);
}

void Stream::prepare(std::span<const seqc_tensor> inputs) {
  const StreamPlan& plan = program_->plan();
  const ir::DimBindings dims = check_inputs(ports(plan.inputs), inputs);
  if (const auto it = dims.find(plan.rows); it != dims.end() && it->second != rows_)
    fail(ErrorKind::BadInput, "stream: the inputs have {} = {}, and these are {} streams", plan.rows, it->second,
         rows_);
  int64_t frames = 0;
  SEQC_CHECK(check(inputs, frames) == SEQC_OK, "inputs that were checked are refused");
  reserve(inputs, frames);
}

void Stream::reserve(std::span<const seqc_tensor> inputs, int64_t frames) {
  const StreamPlan& plan = program_->plan();
  const int64_t hops = plan.time.empty() ? 1 : std::max<int64_t>((plan.hop - 1 + frames) / plan.hop, 1);
  for (size_t i = 0; i < waiting_.size(); ++i) {
    const int64_t axis = plan.inputs[i].time_axis;
    if (axis < 0) continue;
    Waiting& waiting = waiting_[i];
    const size_t outer = elements(inputs[i], 0, static_cast<int32_t>(axis));
    const size_t inner = elements(inputs[i], static_cast<int32_t>(axis) + 1, inputs[i].rank) *
                         ir::size_of(static_cast<ir::DType>(inputs[i].dtype));
    if (!waiting.frames) {
      waiting.outer = outer;
      waiting.inner = inner;
      waiting.frames = allocate(outer * static_cast<size_t>(plan.hop) * inner);
    } else if (outer != waiting.outer || inner != waiting.inner) {
      fail(ErrorKind::BadInput, "stream: input \"{}\" has other dims than at the steps before", plan.inputs[i].name);
    }
    if (static_cast<size_t>(hops * plan.hop) > waiting.joined_frames) {
      waiting.joined_frames = static_cast<size_t>(hops * plan.hop);
      waiting.joined = allocate(outer * waiting.joined_frames * inner);
    }
  }
  // Sizes are largest where all frames come at once, after the warm-up.
  std::vector<seqc_tensor> model_inputs = inputs_;
  for (size_t i = 0; i < inputs.size(); ++i) {
    model_inputs[i] = inputs[i];
    if (plan.inputs[i].time_axis >= 0) model_inputs[i].shape[plan.inputs[i].time_axis] = hops * plan.hop;
  }
  output_types_.assign(plan.outputs.size(), {});
  for (int64_t position = plan.warm_up > 0 ? 0 : plan.warm_up;; position = plan.warm_up) {
    if (plan.warm_up > 0) model_inputs.back().shape[0] = position;
    std::vector<seqc_tensor> outputs(outputs_.size());
    size_t bytes = 0;
    const int32_t status = program_->program().model().prepare(model_inputs.data(), outputs.data(), &bytes);
    if (SEQC_STATUS_CODE(status) == SEQC_TOO_LARGE)
      fail(ErrorKind::BadInput, "stream: a step of {} frames does not fit this machine's memory", frames);
    if (status != SEQC_OK)
      fail(ErrorKind::BadInput, "stream: the model refuses inputs of these shapes (code {}, input {})",
           SEQC_STATUS_CODE(status), SEQC_STATUS_INPUT(status));
    check_memory(bytes, "a step");
    if (bytes > workspace_bytes_) {
      workspace_ = allocate(bytes);
      workspace_bytes_ = bytes;
    }
    std::copy(outputs.begin(), outputs.begin() + static_cast<ptrdiff_t>(output_types_.size()), output_types_.begin());
    if (position == plan.warm_up) break;
  }
  last_inputs_.assign(inputs_.size(), {});  // none
}

int32_t Stream::step(std::span<const seqc_tensor> inputs, std::span<seqc_tensor> outputs) noexcept {
  const StreamPlan& plan = program_->plan();
  int64_t frames = 0;
  if (const int32_t status = check(inputs, frames); status != SEQC_OK) return status;
  if (outputs.size() != plan.outputs.size()) return SEQC_BAD_SHAPE;
  if (plan.time.empty()) {
    const int32_t status = run(inputs, outputs, 1);
    if (status == SEQC_OK) ++frames_;
    return status;
  }
  if (plan.hop > 1)
    for (size_t i = 0; i < inputs.size(); ++i)
      if (const int64_t axis = plan.inputs[i].time_axis; axis >= 0) {
        const auto at = static_cast<int32_t>(axis);
        if (!waiting_[i].frames || elements(inputs[i], 0, at) != waiting_[i].outer) return SEQC_BAD_SHAPE;
      }
  const int64_t hops = (waiting_frames_ + frames) / plan.hop;
  if (const int32_t status = run(inputs, outputs, hops); status != SEQC_OK) return status;
  frames_ += frames;
  if (plan.hop > 1) join(inputs, frames, hops * plan.hop);
  return SEQC_OK;
}

// Keeps the frames behind the first `used` of those that waited and those that came.
void Stream::join(std::span<const seqc_tensor> inputs, int64_t frames, int64_t used) noexcept {
  const StreamPlan& plan = program_->plan();
  const int64_t kept = waiting_frames_ + frames - used;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (plan.inputs[i].time_axis < 0) continue;
    const Waiting& waiting = waiting_[i];
    const size_t before = used > 0 ? 0 : static_cast<size_t>(waiting_frames_);
    const size_t from = static_cast<size_t>(used > 0 ? used - waiting_frames_ : 0);
    const auto* data = static_cast<const std::byte*>(inputs[i].data);
    for (size_t block = 0; block < waiting.outer; ++block)
      std::memcpy(waiting.frames.get() + (block * static_cast<size_t>(plan.hop) + before) * waiting.inner,
                  data + (block * static_cast<size_t>(frames) + from) * waiting.inner,
                  (static_cast<size_t>(kept) - before) * waiting.inner);
  }
  waiting_frames_ = kept;
}

int32_t Stream::run(std::span<const seqc_tensor> inputs, std::span<seqc_tensor> outputs, int64_t hops) noexcept {
  const StreamPlan& plan = program_->plan();
  const seqc_model& model = program_->program().model();
  if (hops == 0) {
    if (output_types_.size() != outputs.size()) return SEQC_BAD_SHAPE;
    for (size_t i = 0; i < outputs.size(); ++i) {
      void* data = outputs[i].data;
      outputs[i] = output_types_[i];
      outputs[i].data = data;
      if (plan.outputs[i].time_axis >= 0) outputs[i].shape[plan.outputs[i].time_axis] = 0;
    }
    return SEQC_OK;
  }
  std::copy(inputs.begin(), inputs.end(), inputs_.begin());
  const auto frames = static_cast<size_t>(hops * plan.hop);
  for (size_t i = 0; i < waiting_.size(); ++i) {
    Waiting& waiting = waiting_[i];
    if (plan.inputs[i].time_axis < 0) continue;
    if (frames > waiting.joined_frames) {
      waiting.joined = try_allocate(waiting.outer * frames * waiting.inner);
      waiting.joined_frames = waiting.joined ? frames : 0;
      if (!waiting.joined) return SEQC_TOO_LARGE;
    }
    const size_t came = static_cast<size_t>(inputs[i].shape[plan.inputs[i].time_axis]);
    const auto waited = static_cast<size_t>(waiting_frames_);
    for (size_t block = 0; block < waiting.outer; ++block) {
      std::byte* to = waiting.joined.get() + block * frames * waiting.inner;
      std::memcpy(to, waiting.frames.get() + block * static_cast<size_t>(plan.hop) * waiting.inner,
                  waited * waiting.inner);
      std::memcpy(to + waited * waiting.inner,
                  static_cast<const std::byte*>(inputs[i].data) + block * came * waiting.inner,
                  (frames - waited) * waiting.inner);
    }
    inputs_[i].data = waiting.joined.get();
    inputs_[i].shape[plan.inputs[i].time_axis] = static_cast<int64_t>(frames);
  }
  for (size_t i = 0; i < plan.states.size(); ++i) inputs_[plan.inputs.size() + i].data = state(i, current_);
  if (plan.warm_up > 0) inputs_.back().shape[0] = position_;

  bool prepared = true;
  for (size_t i = 0; i < inputs_.size() && prepared; ++i) prepared = same_shape(inputs_[i], last_inputs_[i]);
  if (!prepared) {
    size_t bytes = 0;
    last_inputs_[0].rank = -1;
    if (const int32_t status = model.prepare(inputs_.data(), outputs_.data(), &bytes); status != SEQC_OK) return status;
    if (bytes > workspace_bytes_) {
      workspace_ = try_allocate(bytes);
      workspace_bytes_ = workspace_ ? bytes : 0;
      if (!workspace_) return SEQC_TOO_LARGE;
    }
    std::copy(inputs_.begin(), inputs_.end(), last_inputs_.begin());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    void* data = outputs[i].data;
    outputs[i] = outputs_[i];
    outputs[i].data = outputs_[i].data = data;
  }
  for (size_t i = 0; i < plan.states.size(); ++i) outputs_[plan.outputs.size() + i].data = state(i, 1 - current_);
  model.run(inputs_.data(), outputs_.data(), workspace_.get(), pool_->handle());
  // Sizes that the run decided.
  for (size_t i = 0; i < outputs.size(); ++i)
    std::copy(outputs_[i].shape, outputs_[i].shape + outputs_[i].rank, outputs[i].shape);
  current_ = 1 - current_;
  position_ = std::min(position_ + hops, plan.warm_up);
  return SEQC_OK;
}

}  // namespace seqc::runtime
