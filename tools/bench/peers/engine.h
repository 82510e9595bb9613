/// What the comparison needs of an inference engine, and the tensors handed to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/seqc.h"

namespace seqc::peers {

/// A dense tensor whose memory is aligned for any engine.
class Tensor {
 public:
  Tensor(seqc_dtype dtype, std::vector<int64_t> shape);
  Tensor(seqc_dtype dtype, std::vector<int64_t> shape, const void* data);
  Tensor(const Tensor& other) : Tensor(other.dtype_, other.shape_, other.data()) {}
  Tensor(Tensor&&) noexcept = default;  // keeps the address of the data: engines hold it

  seqc_dtype dtype() const { return dtype_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t count() const { return count_; }
  size_t bytes() const;
  void* data() const { return storage_.get(); }
  float* floats() const { return static_cast<float*>(data()); }

  /// Element i as a double, whatever the type.
  double at(int64_t i) const;

  /// Inputs from a seed: floats uniform in [-1, 1); integers uniform in [1, largest], the first one `largest` (so that
  /// sequence lengths reach the whole length).
  void fill(uint64_t seed, int64_t largest);

 private:
  struct Free {
    void operator()(void* memory) const;
  };

  seqc_dtype dtype_;
  std::vector<int64_t> shape_;
  int64_t count_ = 1;
  std::unique_ptr<void, Free> storage_;
};

/// One loaded model. `bind` fixes shapes and allocates outputs; `run` is what gets timed.
class Engine {
 public:
  virtual ~Engine() = default;
  /// `inputs` stay where they are as long as the engine.
  virtual void bind(const std::vector<Tensor>& inputs) = 0;
  virtual void run() = 0;
  /// What the last run computed, in the order of the model's outputs; a peer that has fewer of them gives the first ones, and
  /// none where it is checked in another way.
  virtual std::vector<Tensor> outputs() const = 0;
  double load_ms = 0;  // time from the file to a model that can run
};

}  // namespace seqc::peers
