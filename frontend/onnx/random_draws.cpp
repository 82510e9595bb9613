#include "frontend/onnx/random_draws.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "frontend/dsl/random.h"
#include "frontend/onnx/graph.h"

namespace seqc::frontend {
namespace {

uint64_t seed_of(Node& node, bool integer_seed) {
  if (node.has_attribute("seed"))
    return integer_seed ? static_cast<uint64_t>(node.integer("seed", 0))
                        : std::bit_cast<uint32_t>(static_cast<float>(node.real("seed", 0)));
  const std::string& name = node.builder().location();
  return dsl::mix_bits(dsl::hash_text(name)) + node.graph().model().unseeded[name]++;
}

}  // namespace

RandomDraws::RandomDraws(Node& node, bool integer_seed)
    : node_(node), key_(dsl::stream_key(seed_of(node, integer_seed), 1)) {}

Value* RandomDraws::uniform(const Shape& shape, DType type, uint64_t stream) const {
  Builder& b = node_.builder();
  Value* key = dsl::key_constant(b, dsl::stream_key(key_, stream));
  for (Value* step : node_.graph().model().steps) key = dsl::stream_key(b, key, step);
  Value* bits = dsl::random_bits(b, key, element_count(shape));
  const bool wide = working_type(type) == DType::f64;
  bits = b.emit(Opcode::Shr, {bits, dsl::key_constant(b, wide ? 11 : 40)});
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
