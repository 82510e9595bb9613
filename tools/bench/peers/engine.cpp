#include "tools/bench/peers/engine.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <stdexcept>
#include <utility>

namespace seqc::peers {

namespace {

size_t size_of(seqc_dtype dtype) {
  switch (dtype) {
    case SEQC_I8:
    case SEQC_U8:
    case SEQC_BOOL: return 1;
    case SEQC_F16:
    case SEQC_BF16:
    case SEQC_I16:
    case SEQC_U16: return 2;
    case SEQC_F32:
    case SEQC_I32:
    case SEQC_U32: return 4;
    case SEQC_F64:
    case SEQC_I64:
    case SEQC_U64: return 8;
    case SEQC_STRING: break;
  }
  throw std::runtime_error("unknown element type");
}

}  // namespace

void Tensor::Free::operator()(void* memory) const { std::free(memory); }

Tensor::Tensor(seqc_dtype dtype, std::vector<int64_t> shape) : dtype_(dtype), shape_(std::move(shape)) {
  for (int64_t dim : shape_) count_ *= dim;
  const size_t whole = (bytes() / SEQC_ALIGNMENT + 1) * SEQC_ALIGNMENT;
  storage_.reset(std::aligned_alloc(SEQC_ALIGNMENT, whole));
  if (!storage_) throw std::bad_alloc();
  std::memset(storage_.get(), 0, whole);
}

Tensor::Tensor(seqc_dtype dtype, std::vector<int64_t> shape, const void* data) : Tensor(dtype, std::move(shape)) {
  std::memcpy(storage_.get(), data, bytes());
}

size_t Tensor::bytes() const { return static_cast<size_t>(count_) * size_of(dtype_); }

double Tensor::at(int64_t i) const {
  auto element = [&](auto type) {
    std::memcpy(&type, static_cast<std::byte*>(data()) + i * sizeof type, sizeof type);
    return static_cast<double>(type);
  };
  switch (dtype_) {
    case SEQC_F32: return element(float{});
    case SEQC_F64: return element(double{});
    case SEQC_I8: return element(int8_t{});
    case SEQC_I16: return element(int16_t{});
    case SEQC_I32: return element(int32_t{});
    case SEQC_I64: return element(int64_t{});
    case SEQC_BOOL:
    case SEQC_U8: return element(uint8_t{});
    case SEQC_U16: return element(uint16_t{});
    case SEQC_U32: return element(uint32_t{});
    case SEQC_U64: return element(uint64_t{});
    case SEQC_F16:
    case SEQC_BF16:
    case SEQC_STRING: break;
  }
  throw std::runtime_error("16-bit floats and strings are not compared");
}

void Tensor::fill(uint64_t seed, int64_t largest) {
  std::mt19937_64 random(seed);
  auto fill_with = [&](auto type, auto distribution) {
    auto* out = static_cast<decltype(type)*>(data());
    for (int64_t i = 0; i < count_; ++i) out[i] = static_cast<decltype(type)>(distribution(random));
    return out;
  };
  std::uniform_int_distribution<int64_t> length(1, largest);
  switch (dtype_) {
    case SEQC_F32: fill_with(float{}, std::uniform_real_distribution<float>(-1, 1)); return;
    case SEQC_F64: fill_with(double{}, std::uniform_real_distribution<double>(-1, 1)); return;
    case SEQC_I32: *fill_with(int32_t{}, length) = static_cast<int32_t>(largest); return;
    case SEQC_I64: *fill_with(int64_t{}, length) = largest; return;
    default: throw std::runtime_error("inputs of this element type are not made up here");
  }
}

}  // namespace seqc::peers
