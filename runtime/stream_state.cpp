// Streams: their state begun anew, as bytes, row by row.
#include <cstring>

#include "ir/error.h"
#include "runtime/stream.h"

namespace seqc::runtime {
namespace {

/// What saved states begin with.
struct Header {
  char magic[8] = {'s', 'e', 'q', 'c', 's', 't', 'a', 't'};
  uint32_t version = 1, unused = 0;
  uint64_t id = 0;
  int64_t rows = 0, position = 0, frames = 0, waiting = 0;
};

/// Elements of a state before the axis of its rows, and bytes of one element of that axis.
struct Blocks {
  size_t outer = 1, inner = 1;
};

Blocks blocks_of(const StreamState& state, const seqc_tensor& tensor) {
  Blocks blocks;
  blocks.inner = ir::size_of(state.type.dtype);
  for (int32_t axis = 0; axis < tensor.rank; ++axis) {
    if (axis < state.rows_axis)
      blocks.outer *= static_cast<size_t>(tensor.shape[axis]);
    else if (axis > state.rows_axis)
      blocks.inner *= static_cast<size_t>(tensor.shape[axis]);
  }
  return blocks;
}

template <class Bytes>
void append(std::vector<std::byte>& out, const Bytes* bytes, size_t size) {
  const auto* from = reinterpret_cast<const std::byte*>(bytes);
  out.insert(out.end(), from, from + size);
}

/// The header of saved bytes that belong to this program, for so many rows and with so many bytes behind it.
Header read_header(std::span<const std::byte> saved, uint64_t id, int64_t rows) {
  Header header;
  const Header own;
  if (saved.size() < sizeof header) fail(ErrorKind::BadInput, "stream state: {} bytes are none", saved.size());
  std::memcpy(&header, saved.data(), sizeof header);
  if (std::memcmp(header.magic, own.magic, sizeof own.magic) != 0)
    fail(ErrorKind::BadInput, "stream state: the bytes are none that a stream saved");
  if (header.version != own.version)
    fail(ErrorKind::BadInput, "stream state: has version {}, expected {}", header.version, own.version);
  if (header.id != id)
    fail(ErrorKind::BadInput, "stream state: belongs to another model (or to other weights): {:016x}, expected {:016x}",
         header.id, id);
  if (header.rows != rows) fail(ErrorKind::BadInput, "stream state: is of {} rows, expected {}", header.rows, rows);
  return header;
}

void need_size(std::span<const std::byte> saved, size_t expected) {
  if (saved.size() != expected)
    fail(ErrorKind::BadInput, "stream state: got {} bytes, expected {}; it is cut short or damaged", saved.size(),
         expected);
}

}  // namespace

void Stream::reset() noexcept {
  std::memcpy(states_[current_].get(), initial_.get(), state_bytes_);
  frames_ = position_ = waiting_frames_ = 0;
  latest_.clear();
}

void Stream::need_rows_apart(int64_t row, const char* what) const {
  if (row < 0 || row >= rows_) fail(ErrorKind::BadInput, "stream: {} row {}: there are {} rows", what, row, rows_);
  if (rows_ == 1) return;
  for (const StreamState& state : program_->plan().states)
    if (state.rows_axis < 0)
      fail(ErrorKind::BadInput, "stream: {} row {}: all rows share state \"{}\"", what, row, state.name);
}

void Stream::need_row_here(int64_t position, int64_t waiting, const char* what) const {
  if (rows_ == 1 || (position == position_ && waiting == waiting_frames_)) return;
  fail(ErrorKind::BadInput,
       "stream: {} one of {} rows: it is at another place of {} than the others are, who have taken {} frames", what,
       rows_, position != position_ ? "its beginning" : "a hop", frames_);
}

void Stream::reset(int64_t row) {
  need_rows_apart(row, "reset");
  if (rows_ == 1) return reset();
  need_row_here(0, 0, "reset");
  for (size_t i = 0; i < offsets_.size(); ++i) {
    const Blocks blocks = blocks_of(program_->states()[i], inputs_[program_->inputs().size() + i]);
    for (size_t block = 0; block < blocks.outer; ++block) {
      const size_t at = (block * static_cast<size_t>(rows_) + static_cast<size_t>(row)) * blocks.inner;
      std::memcpy(state(i, current_) + at, initial_.get() + offsets_[i] + at, blocks.inner);
    }
  }
}

std::vector<std::byte> Stream::save() const {
  Header header;
  header.id = program_->id();
  header.rows = rows_;
  header.position = position_;
  header.frames = frames_;
  header.waiting = waiting_frames_;
  std::vector<std::byte> out;
  append(out, &header, sizeof header);
  for (size_t i = 0; i < offsets_.size(); ++i) append(out, state(i, current_), sizes_[i]);
  if (waiting_frames_ > 0)
    for (const Waiting& waiting : waiting_)
      for (size_t block = 0; waiting.frames && block < waiting.outer; ++block)
        append(out, waiting.frames.get() + block * static_cast<size_t>(program_->plan().hop) * waiting.inner,
               static_cast<size_t>(waiting_frames_) * waiting.inner);
  return out;
}

std::vector<std::byte> Stream::save(int64_t row) const {
  need_rows_apart(row, "save");
  if (rows_ == 1) return save();
  if (waiting_frames_ != 0)
    fail(ErrorKind::BadInput, "stream: save row {}: {} frames wait for their hop to fill", row, waiting_frames_);
  Header header;
  header.id = program_->id();
  header.rows = 1;
  header.position = position_;
  header.frames = frames_;
  std::vector<std::byte> out;
  append(out, &header, sizeof header);
  for (size_t i = 0; i < offsets_.size(); ++i) {
    const Blocks blocks = blocks_of(program_->states()[i], inputs_[program_->inputs().size() + i]);
    for (size_t block = 0; block < blocks.outer; ++block)
      append(out, state(i, current_) + (block * static_cast<size_t>(rows_) + static_cast<size_t>(row)) * blocks.inner,
             blocks.inner);
  }
  return out;
}

void Stream::restore(std::span<const std::byte> saved) {
  const StreamPlan& plan = program_->plan();
  const Header header = read_header(saved, program_->id(), rows_);
  if (header.position < 0 || header.position > plan.warm_up || header.waiting < 0 || header.waiting >= plan.hop)
    fail(ErrorKind::BadInput, "stream state: is damaged");
  size_t expected = sizeof header;
  for (const size_t size : sizes_) expected += size;
  if (header.waiting > 0) {
    for (size_t i = 0; i < waiting_.size(); ++i) {
      if (plan.inputs[i].time_axis < 0) continue;
      if (!waiting_[i].frames) prepare(1);
      expected += waiting_[i].outer * static_cast<size_t>(header.waiting) * waiting_[i].inner;
    }
  }
  need_size(saved, expected);
  const std::byte* from = saved.data() + sizeof header;
  for (size_t i = 0; i < offsets_.size(); ++i, from += sizes_[i - 1]) std::memcpy(state(i, current_), from, sizes_[i]);
  if (header.waiting > 0)
    for (const Waiting& waiting : waiting_)
      for (size_t block = 0; waiting.frames && block < waiting.outer; ++block) {
        const size_t bytes = static_cast<size_t>(header.waiting) * waiting.inner;
        std::memcpy(waiting.frames.get() + block * static_cast<size_t>(plan.hop) * waiting.inner, from, bytes);
        from += bytes;
      }
  position_ = header.position;
  frames_ = header.frames;
  waiting_frames_ = header.waiting;
  latest_.clear();
}

void Stream::restore(int64_t row, std::span<const std::byte> saved) {
  need_rows_apart(row, "restore");
  if (rows_ == 1) return restore(saved);
  const Header header = read_header(saved, program_->id(), 1);
  need_row_here(header.position, header.waiting, "restore");
  if (header.waiting != 0) fail(ErrorKind::BadInput, "stream: restore row {}: frames wait for their hop to fill", row);
  size_t expected = sizeof header;
  for (const size_t size : sizes_) expected += size / static_cast<size_t>(rows_);
  need_size(saved, expected);
  const std::byte* from = saved.data() + sizeof header;
  for (size_t i = 0; i < offsets_.size(); ++i) {
    const Blocks blocks = blocks_of(program_->states()[i], inputs_[program_->inputs().size() + i]);
    for (size_t block = 0; block < blocks.outer; ++block, from += blocks.inner)
      std::memcpy(state(i, current_) + (block * static_cast<size_t>(rows_) + static_cast<size_t>(row)) * blocks.inner,
                  from, blocks.inner);
  }
}

Stream Stream::clone() const {
  Stream copy(program_, rows_, pool_->count());
  std::memcpy(copy.states_[copy.current_].get(), states_[current_].get(), state_bytes_);
  copy.position_ = position_;
  copy.frames_ = frames_;
  copy.waiting_frames_ = waiting_frames_;
  copy.latest_ = latest_;
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (!waiting_[i].frames) continue;
    Waiting& waiting = copy.waiting_[i];
    waiting.outer = waiting_[i].outer;
    waiting.inner = waiting_[i].inner;
    const size_t bytes = waiting.outer * static_cast<size_t>(program_->plan().hop) * waiting.inner;
    waiting.frames = allocate(bytes);
    std::memcpy(waiting.frames.get(), waiting_[i].frames.get(), bytes);
  }
  return copy;
}

}  // namespace seqc::runtime
