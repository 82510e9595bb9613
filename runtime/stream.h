/// Streams: a model that takes a few frames at a time and goes on where it stopped.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/stream_program.h"
#include "runtime/thread_pool.h"

namespace seqc::runtime {

/// One stream, or several that step together as rows of one batch; one per calling thread.
///
/// A step takes any number of frames. What it gives for them, behind what earlier steps gave, has the bits that the model
/// gives for all frames at once. Where strides group frames (plan().hop), frames that fill no hop wait for the next step,
/// and outputs have as many frames as the hops that are complete, which may be none.
class Stream {
 public:
  /// `rows`: streams side by side, along the dim plan().rows. Throws Error(BadInput) when the model has no such dim, or
  /// states of sizes that are not known.
  explicit Stream(std::shared_ptr<const StreamProgram> program, int64_t rows = 1, int threads = 1);

  /// The outputs of these frames. Outputs without time are those of the frames so far; before the first complete hop they
  /// are zeros. Throws Error(BadInput) naming the input and what was expected of it; the stream is then as it was.
  std::vector<ir::Tensor> step(const std::vector<ir::Tensor>& inputs);

  // --- without allocation: prepare once, step often --------------------------------------------------------------------

  /// Gets ready for steps of up to `frames` frames. Throws Error(BadInput) for inputs with further named dims, which
  /// the other form takes, and for what takes more memory than there is.
  void prepare(int64_t frames);
  /// The same for inputs of these types, which are the largest; their data is not looked at.
  void prepare(std::span<const seqc_tensor> inputs);
  /// After prepare: type and largest shape of each output.
  const std::vector<seqc_tensor>& output_types() const { return output_types_; }
  /// One step. `outputs` have memory for output_types(); their types and shapes are written. An output without time is not
  /// written by a step that completes no hop. Returns SEQC_OK, or a status (see seqc.h) with the input at fault, and
  /// the stream is then as it was. No allocation, lock or system call unless a step is larger than any prepared one.
  int32_t step(std::span<const seqc_tensor> inputs, std::span<seqc_tensor> outputs) noexcept;

  // --- state -----------------------------------------------------------------------------------------------------------

  /// Begins anew.
  void reset() noexcept;
  /// One row begins anew while the others go on. Throws Error(BadInput) where rows cannot be at different places: within a
  /// hop, in models that give fewer frames at the beginning, and where rows share a state.
  void reset(int64_t row);
  /// The state as bytes, which any stream of the same model and as many rows takes, also in another process and as a
  /// library.
  std::vector<std::byte> save() const;
  /// That of one row, as if it were alone. Throws as reset(row) does.
  std::vector<std::byte> save(int64_t row) const;
  /// Throws Error(BadInput) for bytes that are no state, or that of another model, version, or number of rows.
  void restore(std::span<const std::byte> saved);
  void restore(int64_t row, std::span<const std::byte> saved);
  /// Another stream that goes on from here.
  Stream clone() const;

  int64_t rows() const { return rows_; }
  int64_t frames() const { return frames_; }  ///< taken since the beginning; steps where there is no time
  size_t state_bytes() const { return state_bytes_; }
  const StreamProgram& program() const { return *program_; }

  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept = default;

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  using Memory = std::unique_ptr<std::byte[], Free>;
  static Memory allocate(size_t bytes);
  static Memory try_allocate(size_t bytes) noexcept;  ///< null where there is none

  /// An input of which frames wait for their hop to fill.
  struct Waiting {
    size_t outer = 1, inner = 0;  ///< blocks of a frame, and bytes of each
    Memory frames;                ///< [outer][hop][inner]
    Memory joined;                ///< [outer][frames of a step][inner]
    size_t joined_frames = 0;     ///< that it has room for
  };
  int32_t check(std::span<const seqc_tensor> inputs, int64_t& frames) const noexcept;
  void reserve(std::span<const seqc_tensor> inputs, int64_t frames);
  void join(std::span<const seqc_tensor> inputs, int64_t frames, int64_t used) noexcept;
  int32_t run(std::span<const seqc_tensor> inputs, std::span<seqc_tensor> outputs, int64_t hops) noexcept;
  void need_rows_apart(int64_t row, const char* what) const;
  void need_row_here(int64_t position, int64_t waiting, const char* what) const;
  std::byte* state(size_t i, int which) const { return states_[which].get() + offsets_[i]; }

  std::shared_ptr<const StreamProgram> program_;
  std::unique_ptr<ThreadPool> pool_;
  int64_t rows_ = 1, frames_ = 0, position_ = 0, waiting_frames_ = 0;
  std::vector<size_t> offsets_, sizes_;  ///< of each state, in bytes
  size_t state_bytes_ = 0;
  Memory states_[2], initial_;
  int current_ = 0;
  std::vector<Waiting> waiting_;               ///< one for each input, where frames come in hops
  std::vector<seqc_tensor> inputs_, outputs_;  ///< of a call of the compiled step
  std::vector<seqc_tensor> last_inputs_;       ///< those that the model was prepared for
  std::vector<seqc_tensor> output_types_;
  Memory workspace_;
  size_t workspace_bytes_ = 0;
  std::vector<ir::Tensor> latest_;  ///< outputs of the last step that completed a hop
};

}  // namespace seqc::runtime
