/// Runs a program: checks inputs, holds the workspace and the threads.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/abi.h"
#include "runtime/program.h"
#include "runtime/thread_pool.h"

namespace seqc::runtime {

/// Who is told of runs: around each, and of their kernels.
class RunListener {
 public:
  virtual ~RunListener() = default;
  virtual void begin_run() noexcept = 0;
  virtual void end_run() noexcept = 0;
  virtual const KernelListener* kernels() const noexcept = 0;
};

/// One per calling thread. Memory is taken when shapes change; running again with the same shapes takes none.
class Session {
 public:
  /// `threads` work on each run, the caller's among them; results do not depend on it.
  explicit Session(std::shared_ptr<const Program> program, int threads = 1);

  /// Checks everything and runs. Throws Error(BadInput) naming the input and what was expected of it.
  std::vector<ir::Tensor> run(const std::vector<ir::Tensor>& inputs);

  // --- without allocation: prepare once, run often -------------------------------------------------------------------

  /// Gets ready for inputs of these types and shapes; their data is not looked at. Does nothing when they are those of
  /// the last time. Throws Error(BadInput) as run does, and when the run would need more memory than there is.
  void prepare(std::span<const seqc_tensor> inputs);
  /// After prepare: type and (largest) shape of each output; no data.
  const std::vector<seqc_tensor>& output_types() const { return output_types_; }
  const ir::DimBindings& dims() const { return dims_; }
  size_t workspace_bytes() const { return workspace_bytes_; }

  /// Runs with inputs of the types that were prepared and outputs with memory for output_types(). Returns SEQC_OK, or a
  /// status (see seqc.h) when an input is not as prepared; then nothing is written. Where the run decides an output's
  /// shape, it is written into `outputs`. Strings in outputs are pointers to those of the inputs and of the program.
  /// Allocates and locks nothing. On one thread it makes no system call; on several those alone by which threads that have
  /// waited for long yield, sleep and are woken (sched_yield, futex), and leave the processor that the caller runs on
  /// (sched_setaffinity).
  /// A listener is told of each output once, on this thread: of programs compiled with CompileOptions::announces_outputs in
  /// their announced_order() and as soon as an output will not change any more, of others at the end of the run.
  int32_t run(std::span<const seqc_tensor> inputs, std::span<seqc_tensor> outputs,
              const OutputListener* listener = nullptr) noexcept;

  /// Tells of the runs from now on (null: of none any more); the listener must outlive them. Of programs without
  /// CompileOptions::profiles there are no kernels to tell of.
  void attach(RunListener* listener) { run_listener_ = listener; }

  const Program& program() const { return *program_; }
  int32_t threads() const { return pool_.count(); }

 private:
  struct FreeWorkspace {
    void operator()(std::byte* bytes) const;
  };
  void plan(std::span<const seqc_tensor> inputs);
  void reserve(size_t bytes);
  /// SEQC_OK, or what differs from the inputs that were prepared.
  int32_t compare(std::span<const seqc_tensor> inputs) const noexcept;

  std::shared_ptr<const Program> program_;
  ThreadPool pool_;
  std::vector<seqc_tensor> input_types_, output_types_;
  std::vector<std::pair<size_t, ir::Tensor>> fixed_;  // inputs that must have this value
  bool prepared_ = false;
  RunListener* run_listener_ = nullptr;
  ir::DimBindings dims_;
  std::unique_ptr<std::byte[], FreeWorkspace> workspace_;
  size_t workspace_bytes_ = 0, workspace_capacity_ = 0;
};

}  // namespace seqc::runtime
