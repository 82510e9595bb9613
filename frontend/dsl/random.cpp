#include "frontend/dsl/random.h"

namespace seqc::dsl {

using ir::Builder;
using ir::DType;
using ir::Opcode;
using ir::Value;

namespace {

constexpr uint64_t kGamma = 0x9e3779b97f4a7c15, kFirst = 0xbf58476d1ce4e5b9, kSecond = 0x94d049bb133111eb;

Value* mixed(Builder& b, Value* z) {
  const auto fold = [&](Value* x, uint64_t shift) {
    return b.emit(Opcode::Xor, {x, b.emit(Opcode::Shr, {x, key_constant(b, shift)})});
  };
  z = b.mul(fold(z, 30), key_constant(b, kFirst));
  z = b.mul(fold(z, 27), key_constant(b, kSecond));
  return fold(z, 31);
}

/// mix(key + (number + 1) * gamma)
Value* drawn(Builder& b, Value* key, Value* number) {
  Value* count = b.add(number, key_constant(b, 1));
  return mixed(b, b.add(key, b.mul(count, key_constant(b, kGamma))));
}

}  // namespace

uint64_t mix_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * kFirst;
  z = (z ^ (z >> 27)) * kSecond;
  return z ^ (z >> 31);
}

uint64_t hash_text(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

uint64_t stream_key(uint64_t key, uint64_t number) { return mix_bits(key + number * kGamma); }

Value* key_constant(Builder& b, uint64_t key) {
  return b.constant(ir::Tensor::scalar_int(DType::u64, static_cast<int64_t>(key)));
}

Value* stream_key(Builder& b, Value* key, Value* number) { return drawn(b, key, b.cast(number, DType::u64)); }

Value* random_bits(Builder& b, Value* key, const ir::Dim& count) { return drawn(b, key, b.iota(count, DType::u64)); }

}  // namespace seqc::dsl
