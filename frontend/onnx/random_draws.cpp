#include "frontend/onnx/random_draws.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "frontend/onnx/graph.h"

namespace seqc::frontend {
namespace {

constexpr uint64_t kGamma = 0x9e3779b97f4a7c15, kFirst = 0xbf58476d1ce4e5b9, kSecond = 0x94d049bb133111eb;

/// FNV-1a.
uint64_t hash(const std::string& text) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

uint64_t seed_of(Node& node, bool integer_seed) {
  if (node.has_attribute("seed"))
    return integer_seed ? static_cast<uint64_t>(node.integer("seed", 0))
                        : std::bit_cast<uint32_t>(static_cast<float>(node.real("seed", 0)));
  const std::string& name = node.builder().location();
  return mix_bits(hash(name)) + node.graph().model().unseeded[name]++;
}

Value* u64(Builder& b, uint64_t value) {
  return b.constant(Tensor::scalar_int(DType::u64, static_cast<int64_t>(value)));
}

Value* mixed(Builder& b, Value* z) {
  const auto fold = [&](Value* x, uint64_t shift) {
    return b.emit(Opcode::Xor, {x, b.emit(Opcode::Shr, {x, u64(b, shift)})});
  };
  z = b.mul(fold(z, 30), u64(b, kFirst));
  z = b.mul(fold(z, 27), u64(b, kSecond));
  return fold(z, 31);
}

}  // namespace

uint64_t mix_bits(uint64_t z) {
  z = (z ^ (z >> 30)) * kFirst;
  z = (z ^ (z >> 27)) * kSecond;
  return z ^ (z >> 31);
}

RandomDraws::RandomDraws(Node& node, bool integer_seed)
    : node_(node), key_(mix_bits(seed_of(node, integer_seed) + kGamma)) {}

Value* RandomDraws::uniform(const Shape& shape, DType type, uint64_t stream) const {
  Builder& b = node_.builder();
  Value* key = u64(b, mix_bits(key_ + stream * kGamma));
  for (Value* step : node_.graph().model().steps)
    key = mixed(b, b.add(key, b.mul(b.add(b.cast(step, DType::u64), u64(b, 1)), u64(b, kGamma))));
  Value* position = b.add(b.iota(element_count(shape), DType::u64), u64(b, 1));
  Value* bits = mixed(b, b.add(key, b.mul(position, u64(b, kGamma))));
  const bool wide = working_type(type) == DType::f64;
  bits = b.emit(Opcode::Shr, {bits, u64(b, wide ? 11 : 40)});
  Value* number = wide ? b.mul(b.cast(b.cast(bits, DType::i64), DType::f64), 0x1p-53)
                       : b.mul(b.cast(b.cast(bits, DType::i32), DType::f32), 0x1p-24);
  return b.reshape(number, shape);
}

// Box and Muller 1958: sqrt(-2 ln(1 - u)) cos(2 pi v) of two uniform numbers; 1 - u is never 0.
Value* RandomDraws::normal(const Shape& shape, DType type) const {
  Builder& b = node_.builder();
  Value *u = uniform(shape, type, 0), *v = uniform(shape, type, 1);
  Value* radius = b.sqrt(b.mul(b.log(b.sub(1, u)), -2));
  return b.mul(radius, b.emit(Opcode::Cos, {b.mul(v, 2 * std::numbers::pi)}));
}

}  // namespace seqc::frontend
