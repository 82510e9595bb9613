/// NumPy arrays as tensors of seqc and back, without copies where that is possible.
#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <string>

#include "ir/tensor.h"
#include "runtime/seqc.h"
#include "tools/python/module.h"

namespace seqc::python {

/// float16 for f16, ..., object for strings; for bf16 that of the package ml_dtypes if it is installed, else uint16, which
/// holds the bits.
py::dtype numpy_type(ir::DType type);
/// The element type that arrays of this dtype hold; nothing for those that seqc has nothing for. uint16 is u16.
std::optional<ir::DType> element_type(const py::dtype& dtype);

/// An argument of a call: a view of the caller's array, or of a copy.
struct Argument {
  seqc_tensor view{};
  py::object array;  ///< what the view looks at, unless it is `tensor`
  ir::Tensor tensor;
};

/// `value` as a tensor of this element type. Arrays must have it (bf16 also takes uint16 and 2 raw bytes; strings take
/// arrays of str, bytes and object); C-contiguous and aligned ones are looked at where they are, others are copied.
/// Numbers and lists of numbers are converted where that loses nothing but digits. `what` opens messages: `input "x"`.
/// Throws WrongType, Error(BadInput).
Argument take_argument(const py::handle& value, ir::DType type, const std::string& what);

/// A copy of an array, or of numbers and lists of them; of this element type, or without one of its own.
ir::Tensor copy_tensor(const py::handle& value, std::optional<ir::DType> type, const std::string& what);

/// Memory for an output that a NumPy array will own.
class OutputMemory {
 public:
  OutputMemory() = default;
  /// For the tensor's type and shape; sets its data. The GIL need not be held.
  explicit OutputMemory(seqc_tensor& tensor);

  /// The array, which owns the memory from now on; `filled` has the shape that a run wrote.
  py::array release(const seqc_tensor& filled, const py::dtype& dtype);

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  int64_t count_ = 0;
};

/// An array with a copy of the elements.
py::array to_array(const ir::Tensor& tensor);
/// An array of str from pointers to text.
py::array string_array(const seqc_tensor& strings);

}  // namespace seqc::python
