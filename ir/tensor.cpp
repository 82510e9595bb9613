#include "ir/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>

#include "ir/error.h"
#include "ir/memory.h"

namespace seqc::ir {
namespace {

std::shared_ptr<std::byte[]> allocate(size_t size) {
  // One spare vector lets generated code read a whole register at the end of any constant.
  std::byte* bytes = allocate_memory(size + kMemoryAlignment);
  std::memset(bytes, 0, size + kMemoryAlignment);
  return {bytes, free_memory};
}

/// The f32 next to `value` with an odd last bit, unless it is exact: narrowing that further rounds as if in one step.
float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value || (std::bit_cast<uint32_t>(nearest) & 1))
    return nearest;
  return std::nextafter(nearest, value > nearest ? INFINITY : -INFINITY);
}

/// Calls f with a null pointer of the storage type of a number or bool.
template <class F>
auto with_storage(DType type, F&& f) {
  switch (type) {
    case DType::f16:
    case DType::bf16:
    case DType::u16: return f(static_cast<uint16_t*>(nullptr));
    case DType::f32: return f(static_cast<float*>(nullptr));
    case DType::f64: return f(static_cast<double*>(nullptr));
    case DType::i8: return f(static_cast<int8_t*>(nullptr));
    case DType::i16: return f(static_cast<int16_t*>(nullptr));
    case DType::i32: return f(static_cast<int32_t*>(nullptr));
    case DType::i64: return f(static_cast<int64_t*>(nullptr));
    case DType::u8:
    case DType::boolean: return f(static_cast<uint8_t*>(nullptr));
    case DType::u32: return f(static_cast<uint32_t*>(nullptr));
    case DType::u64: return f(static_cast<uint64_t*>(nullptr));
    case DType::string: fail(ErrorKind::BadInput, "got elements of type string, expected numbers");
  }
  internal_error(__FILE__, __LINE__, "dtype", "unknown element type");
}

}  // namespace

Tensor::Tensor(DType type, std::vector<int64_t> shape) : dtype_(type), shape_(std::move(shape)), count_(1) {
  constexpr int64_t kLimit = int64_t{1} << 46;
  bool empty = false;
  for (const int64_t size : shape_) {
    if (size < 0) fail(ErrorKind::BadInput, "tensor {}: a dimension is negative", type_str());
    empty = empty || size == 0;
  }
  for (const int64_t size : shape_) {
    if (empty) break;
    if (size > kLimit / count_) fail(ErrorKind::BadInput, "tensor {}: too large to hold in memory", type_str());
    count_ *= size;
  }
  if (empty) count_ = 0;
  bytes_ = allocate(byte_size());
  if (type == DType::string) std::ranges::fill(mutable_data<const char*>(), "");
}

Tensor Tensor::scalar(DType type, double value) {
  Tensor tensor(type, {});
  tensor.set_real(0, value);
  return tensor;
}

Tensor Tensor::scalar_int(DType type, int64_t value) {
  Tensor tensor(type, {});
  tensor.set_integer(0, value);
  return tensor;
}

Tensor Tensor::i64(std::vector<int64_t> shape, const std::vector<int64_t>& values) {
  return of<int64_t>(DType::i64, std::move(shape), values);
}

Tensor Tensor::f32(std::vector<int64_t> shape, const std::vector<float>& values) {
  return of<float>(DType::f32, std::move(shape), values);
}

Tensor Tensor::strings(std::vector<int64_t> shape, const std::vector<std::string>& values) {
  Tensor tensor(DType::string, std::move(shape));
  SEQC_CHECK(static_cast<int64_t>(values.size()) == tensor.count_, "{} of {} strings", tensor.type_str(),
             values.size());
  auto all = std::make_shared<std::string>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].find('\0') != std::string::npos)
      fail(ErrorKind::BadInput, "string {} of {} holds a NUL character, which is not supported", i, tensor.type_str());
    all->append(values[i]) += '\0';
  }
  const char* at = all->data();
  for (const char*& element : tensor.mutable_data<const char*>()) {
    element = at;
    at += std::strlen(at) + 1;
  }
  tensor.texts_ = {std::move(all)};
  return tensor;
}

void Tensor::keep_strings_of(const Tensor& other) {
  for (const auto& text : other.texts_)
    if (std::ranges::find(texts_, text) == texts_.end()) texts_.push_back(text);
}

Tensor Tensor::with_own_strings() const {
  if (dtype_ != DType::string) return *this;
  const auto elements = data<const char*>();
  return strings(shape_, {elements.begin(), elements.end()});
}

std::byte* Tensor::mutable_bytes() {
  if (bytes_.use_count() > 1) {
    auto copy = allocate(byte_size());
    std::memcpy(copy.get(), bytes_.get(), byte_size());
    bytes_ = std::move(copy);
  }
  return bytes_.get();
}

void Tensor::check_storage(size_t element_size) const {
  SEQC_CHECK(element_size == size_of(dtype_), "{} viewed as elements of {} bytes", type_str(), element_size);
}

double Tensor::real(int64_t i) const {
  if (dtype_ == DType::f16) return f16_to_float(data<uint16_t>()[i]);
  if (dtype_ == DType::bf16) return bf16_to_float(data<uint16_t>()[i]);
  return with_storage(dtype_, [&]<class T>(T*) { return static_cast<double>(data<T>()[i]); });
}

int64_t Tensor::integer(int64_t i) const {
  if (dtype_ == DType::f16 || dtype_ == DType::bf16) return static_cast<int64_t>(real(i));
  return with_storage(dtype_, [&]<class T>(T*) { return static_cast<int64_t>(data<T>()[i]); });
}

void Tensor::set_real(int64_t i, double value) {
  if (dtype_ == DType::f16) {
    // Narrowed in one step: through float it would round twice.
    const auto half = static_cast<_Float16>(value);
    std::memcpy(&mutable_data<uint16_t>()[i], &half, sizeof half);
  } else if (dtype_ == DType::bf16) {
    mutable_data<uint16_t>()[i] = float_to_bf16(round_to_odd(value));
  } else if (dtype_ == DType::boolean) {
    mutable_data<uint8_t>()[i] = value != 0;
  } else {
    with_storage(dtype_, [&]<class T>(T*) { mutable_data<T>()[i] = static_cast<T>(value); });
  }
}

void Tensor::set_integer(int64_t i, int64_t value) {
  if (dtype_ == DType::f16 || dtype_ == DType::bf16 || dtype_ == DType::boolean) {
    set_real(i, static_cast<double>(value));
  } else {
    with_storage(dtype_, [&]<class T>(T*) { mutable_data<T>()[i] = static_cast<T>(value); });
  }
}

Tensor Tensor::reshaped(std::vector<int64_t> shape) const {
  Tensor result = *this;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  SEQC_CHECK(count == count_, "reshape of {} elements to {}", count_, count);
  result.shape_ = std::move(shape);
  return result;
}

bool Tensor::identical(const Tensor& other) const {
  if (dtype_ != other.dtype_ || shape_ != other.shape_) return false;
  if (dtype_ == DType::string)
    return std::ranges::equal(data<const char*>(), other.data<const char*>(),
                              [](const char* a, const char* b) { return std::strcmp(a, b) == 0; });
  return count_ == 0 || std::memcmp(bytes(), other.bytes(), byte_size()) == 0;
}

uint64_t Tensor::hash() const {
  // FNV-1a over 64-bit words, folded once more so that low bits mix.
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](uint64_t word) { hash = (hash ^ word) * 0x100000001b3, hash ^= hash >> 29; };
  mix(static_cast<uint64_t>(dtype_));
  for (const int64_t size : shape_) mix(static_cast<uint64_t>(size));
  const auto mix_bytes = [&](const void* from, size_t size) {
    for (size_t i = 0; i < size; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, static_cast<const std::byte*>(from) + i, std::min<size_t>(8, size - i));
      mix(word);
    }
  };
  if (dtype_ != DType::string) {
    mix_bytes(bytes(), byte_size());
    return hash;
  }
  for (const char* element : data<const char*>()) {
    mix(std::strlen(element));
    mix_bytes(element, std::strlen(element));
  }
  return hash;
}

std::string Tensor::type_str() const { return fmt::format("{}[{}]", name(dtype_), fmt::join(shape_, ",")); }

}  // namespace seqc::ir
