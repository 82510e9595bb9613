// Dropout, and ONNX Runtime's BiasDropout: inference copies, training draws a mask.
#include "frontend/onnx/random_draws.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// What decides about dropout: a ratio, and whether to train; either may be known at run time only.
struct Setting {
  bool certainly_off = false;
  Value *ratio = nullptr, *training = nullptr;  ///< scalars; training null: certainly on
};

/// Reads input `first` (ratio) and the one behind it (training_mode).
Setting read_inputs(Node& node, size_t first, DType type) {
  Builder& b = node.builder();
  Setting setting;
  const auto ratio = node.known_tensor(first), training = node.known_tensor(first + 1);
  if (ratio && ratio->count() != 1) node.bad("ratio is {}, expected one element", ratio->type_str());
  if (training && training->count() != 1) node.bad("training_mode is {}, expected one element", training->type_str());
  if (!node.has_input(first + 1) || (training && training->integer(0) == 0) || (ratio && ratio->real(0) == 0)) {
    node.item(first);
    node.item(first + 1);
    setting.certainly_off = true;
    return setting;
  }
  setting.ratio =
      node.has_input(first) ? b.cast(as_scalar(node, node.input(first, "ratio"), "ratio"), type) : b.scalar(type, 0.5);
  if (!training) setting.training = as_scalar(node, node.input(first + 1, "training_mode"), "training_mode");
  return setting;
}

/// Before opset 7 an attribute says whether to train; from then to 11 nothing trains.
Setting read_attributes(Node& node, DType type) {
  const double ratio = node.real("ratio", 0.5);
  const bool trains = node.opset() < 7 && node.integer("is_test", 0) == 0;
  if (!trains || ratio == 0) return {.certainly_off = true};
  return {.ratio = node.builder().scalar(type, ratio)};
}

struct Dropped {
  Value *y, *mask;  ///< mask: bool, what was kept
};

// y = x / (1 - ratio) where a draw is at least ratio, else 0
Dropped drop(Node& node, Value* x, const Setting& setting, Dropped untouched) {
  if (setting.certainly_off) {
    node.ignore_attribute("seed");
    return untouched;
  }
  Builder& b = node.builder();
  Value* u = RandomDraws(node, true).uniform(x->shape(), x->dtype());
  Value* kept = b.ge(u, b.cast(setting.ratio, u->dtype()));
  Value* scale = b.div(b.scalar_like(x, 1), b.sub(1, b.cast(setting.ratio, x->dtype())));
  Value* y = b.select(kept, b.mul(x, scale), b.scalar_like(x, 0));
  if (!setting.training) return {y, kept};
  return {b.select(setting.training, y, x), b.emit(Opcode::Or, {kept, b.not_(setting.training)})};
}

Dropped copied(Builder& b, Value* x) { return {x, b.broadcast(b.scalar(DType::boolean, 1), x->shape())}; }

void import_dropout(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "data");
  const DType working = RandomDraws::working_type(x->dtype());
  const Setting setting = node.opset() < 12 ? read_attributes(node, working) : read_inputs(node, 1, working);
  const Dropped dropped = drop(node, x, setting, copied(b, x));
  node.set_output(0, dropped.y);
  if (node.wants_output(1)) node.set_output(1, b.cast(dropped.mask, node.opset() < 10 ? x->dtype() : DType::boolean));
}

// dropout(data + bias) + residual
void import_bias_dropout(Node& node) {
  Builder& b = node.builder();
  Value* x = elementwise(node, Opcode::Add, node.input(0, "data"), node.input(1, "bias"));
  const Setting setting = read_inputs(node, 3, RandomDraws::working_type(x->dtype()));
  const Dropped dropped = drop(node, x, setting, copied(b, x));
  Value* residual = node.optional_input(2, "residual");
  node.set_output(0, residual ? elementwise(node, Opcode::Add, dropped.y, residual) : dropped.y);
  node.set_output(1, dropped.mask);
}

constexpr OperatorEntry kOperators[] = {
    {"BiasDropout", import_bias_dropout, 1, "com.microsoft"},
    {"Dropout", import_dropout},
};

}  // namespace

std::span<const OperatorEntry> dropout_operators() { return kOperators; }

}  // namespace seqc::frontend
