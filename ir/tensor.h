/// Host tensors: typed, shaped, row-major bytes; constants of the IR, inputs and outputs of the interpreter.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/dtype.h"

namespace seqc::ir {

/// A dense row-major array. Copies share their bytes until one of them asks for mutable access.
///
/// Elements of a string tensor are pointers to text that ends in NUL, and never null. The text belongs to the tensors that
/// hold such pointers together: whoever copies elements from one tensor to another lets it `keep_strings_of` the first.
class Tensor {
 public:
  Tensor() = default;
  /// Filled with zeros, false or empty strings. Throws Error(BadInput) when the size is negative or does not fit the address space.
  Tensor(DType type, std::vector<int64_t> shape);

  template <class T>
  static Tensor of(DType type, std::vector<int64_t> shape, std::span<const T> values);
  /// A rank-0 tensor of any type, converted from double (floats) or int64 (integers, bool).
  static Tensor scalar(DType type, double value);
  static Tensor scalar_int(DType type, int64_t value);
  static Tensor i64(std::vector<int64_t> shape, const std::vector<int64_t>& values);
  static Tensor f32(std::vector<int64_t> shape, const std::vector<float>& values);
  /// Throws Error(BadInput) for a string that holds a NUL character, which would end it early.
  static Tensor strings(std::vector<int64_t> shape, const std::vector<std::string>& values);

  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  int64_t count() const { return count_; }
  size_t byte_size() const { return static_cast<size_t>(count_) * size_of(dtype_); }

  const std::byte* bytes() const { return bytes_.get(); }
  std::byte* mutable_bytes();  ///< copies first when the bytes are shared

  /// Typed views; T must be the storage type of dtype() (uint16_t for f16 and bf16, uint8_t for bool, const char* for
  /// string).
  template <class T>
  std::span<const T> data() const {
    check_storage(sizeof(T));
    return {reinterpret_cast<const T*>(bytes_.get()), static_cast<size_t>(count_)};
  }
  template <class T>
  std::span<T> mutable_data() {
    check_storage(sizeof(T));
    return {reinterpret_cast<T*>(mutable_bytes()), static_cast<size_t>(count_)};
  }

  /// Element i converted; f16 and bf16 are widened, integers above 2^53 are rounded by `real`.
  double real(int64_t i) const;
  int64_t integer(int64_t i) const;
  /// Stores with the rounding and wrapping of a C++ conversion.
  void set_real(int64_t i, double value);
  void set_integer(int64_t i, int64_t value);

  /// Element i of a string tensor.
  std::string_view text(int64_t i) const { return data<const char*>()[static_cast<size_t>(i)]; }
  /// From now on the text of `other`'s elements lives as long as this tensor. Does nothing for numbers.
  void keep_strings_of(const Tensor& other);
  /// The same elements; those of strings are copied, whoever owned them before.
  Tensor with_own_strings() const;

  /// The same bytes under another shape of equal count.
  Tensor reshaped(std::vector<int64_t> shape) const;

  /// Equal type, shape and bytes; strings of equal text.
  bool identical(const Tensor& other) const;
  /// A 64-bit hash of what `identical` compares.
  uint64_t hash() const;
  std::string type_str() const;  ///< "f32[2,3]"

 private:
  void check_storage(size_t element_size) const;

  DType dtype_ = DType::f32;
  std::vector<int64_t> shape_ = {0};
  int64_t count_ = 0;
  std::shared_ptr<std::byte[]> bytes_;
  std::vector<std::shared_ptr<const std::string>> texts_;  // of strings: what elements point into
};

template <class T>
Tensor Tensor::of(DType type, std::vector<int64_t> shape, std::span<const T> values) {
  Tensor tensor(type, std::move(shape));
  auto out = tensor.mutable_data<T>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = values[i];
  return tensor;
}

}  // namespace seqc::ir
