#include "frontend/dsl/dropout.h"

#include <cmath>

#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace seqc::dsl {

using ir::DType;

namespace {

double checked(double rate, const std::string& name) {
  if (!(rate >= 0 && rate < 1))
    fail(ErrorKind::BadInput, "dropout \"{}\": got rate {}, expected one in [0, 1)", name, rate);
  return rate;
}

/// True with probability 1 - rate, up to 2^-24.
ir::Value* kept(ir::Builder& b, ir::Value* key, const ir::Shape& shape, double rate) {
  ir::Value* bits = random_bits(b, key, ir::element_count(shape));
  ir::Value* number = b.cast(b.emit(ir::Opcode::Shr, {bits, key_constant(b, 40)}), DType::i32);
  return b.reshape(b.ge(number, b.scalar(DType::i32, std::round(rate * 0x1p24))), shape);
}

}  // namespace

Dropout::Dropout(Model& model, const std::string& name, double rate)
    : key_(model.random_key(name)), rate_(checked(rate, name)) {
  if (rate_ > 0) step_ = model.training_step();
}

Dropout Dropout::same_at_every_step() const {
  Dropout result = *this;
  result.follows_steps_ = false;
  return result;
}

Var Dropout::operator()(const Var& x, const std::vector<int64_t>& shared_axes) const {
  if (rate_ == 0) return x;
  Context& context = x.context();
  ir::Builder& b = context.builder();
  ir::Shape shape = x.shape();
  for (const int64_t axis : shared_axes) {
    if (axis < -x.rank() || axis >= x.rank())
      fail(ErrorKind::BadInput, "dropout: got axis {}, expected one within rank {}", axis, x.rank());
    shape[static_cast<size_t>(axis < 0 ? axis + x.rank() : axis)] = 1;
  }
  ir::Value* key = stream_key(b, key_constant(b, key_), step_.value());
  if (follows_steps_)
    for (ir::Value* step : context.steps()) key = stream_key(b, key, step);
  const Var mask(context, kept(b, key, shape, rate_));
  return where(step_ >= 0.0, where(mask, x * (1 / (1 - rate_)), 0.0), x);
}

}  // namespace seqc::dsl
