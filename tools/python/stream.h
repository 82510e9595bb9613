/// Streams as Python sees them: steps over NumPy arrays.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/stream.h"
#include "tools/python/arrays.h"
#include "tools/python/ports.h"

namespace seqc::python {

/// One stream, or several that step together as rows of one batch. Calls of several of Python's threads come one after the
/// other; meanwhile others run.
class Stream {
 public:
  Stream(std::shared_ptr<const runtime::StreamProgram> program, std::string name, int64_t rows, int threads);

  /// The outputs of these frames, in the form that the frames have: an array, a dict or a list.
  py::object step(const py::object& frames);

  void reset(std::optional<int64_t> row);
  py::bytes save(std::optional<int64_t> row);
  void restore(const py::bytes& saved, std::optional<int64_t> row);
  /// Goes on from here by itself.
  std::unique_ptr<Stream> clone();
  /// Of the same program, from the beginning.
  std::unique_ptr<Stream> another(std::optional<int64_t> rows) const;

  const runtime::StreamPlan& plan() const { return program_->plan(); }
  const std::string& name() const { return name_; }
  int threads() const { return threads_; }
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  int64_t rows() const { return stream_.rows(); }
  int64_t frames();
  size_t state_bytes() const { return stream_.state_bytes(); }
  std::string str();

 private:
  struct Call;
  void compute(Call& call);
  /// Without the GIL, and without other threads in this stream.
  template <class Work>
  auto alone(Work work);

  std::shared_ptr<const runtime::StreamProgram> program_;
  std::string name_;
  int threads_;
  runtime::Stream stream_;
  std::vector<Port> inputs_, outputs_;
  std::vector<py::dtype> dtypes_;      ///< of the outputs
  std::vector<seqc_tensor> prepared_;  ///< inputs of the shapes that it was prepared for
  std::vector<ir::Tensor> latest_;     ///< outputs without time, of the last step that completed a hop; or empty
  std::mutex mutex_;
};

}  // namespace seqc::python
