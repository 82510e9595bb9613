// Normalisations that ONNX Runtime adds. SimplifiedLayerNormalization lives in ONNX's own domain there.
#include <array>

#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr std::string_view kDomain = "com.microsoft";

struct Normalized {
  Value *y, *mean, *inverse;  ///< mean null if none is taken out
};

/// (x - mean) / sqrt(mean of squares + epsilon) over `axes`; without `centred` the mean stays in.
Normalized normalized(Builder& b, Value* x, const std::vector<int64_t>& axes, double epsilon, bool centred) {
  Value* mean = centred ? mean_keeping(b, x, axes) : nullptr;
  if (mean) x = b.sub(x, mean);
  Value* inverse = b.div(b.scalar_like(x, 1), b.sqrt(b.add(mean_keeping(b, b.mul(x, x), axes), epsilon)));
  return {b.mul(x, inverse), mean, inverse};
}

/// y = x / rms(x) * scale over the dims from `axis` on.
void import_simplified(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "X"), *scale = node.input(1, "scale");
  const int64_t axis = node.axis(node.integer("axis", -1), x->rank());
  const double epsilon = node.real("epsilon", 1e-5f);
  const DType stash = number_type(static_cast<int>(node.integer("stash_type", 1)), node.where());
  const Normalized n = normalized(b, b.cast(x, stash), axis_range(axis, x->rank()), epsilon, false);
  node.set_output(0, elementwise(node, Opcode::Mul, b.cast(n.y, scale->dtype()), scale));
  node.set_output(1, n.inverse);
}

/// x of one of the shapes that broadcast along the batch; ONNX Runtime takes [S, H] for [N, S, H] too.
Value* added(Node& node, Value* x, Value* y, std::string_view role) {
  if (node.broadcast(x->shape(), y->shape()) != x->shape())
    node.bad("{} is {}, expected a shape that broadcasts to {}", role, y->type().str(), x->type().str());
  return elementwise(node, Opcode::Add, x, y);
}

/// norm(input + skip + bias) * gamma + beta over the last dim.
void skip_normalization(Node& node, bool centred) {
  Builder& b = node.builder();
  Value* x = added(node, node.input(0, "input"), node.input(1, "skip"), "skip");
  Value *gamma = node.input(2, "gamma"), *beta = centred ? node.optional_input(3, "beta") : nullptr;
  if (Value* bias = node.optional_input(centred ? 4 : 3, "bias")) x = added(node, x, bias, "bias");
  const DType type = x->dtype(), working = type == DType::f64 ? DType::f64 : DType::f32;
  const Normalized n = normalized(b, b.cast(x, working), {x->rank() - 1}, node.real("epsilon", 1e-12f), centred);
  Value* y = elementwise(node, Opcode::Mul, n.y, b.cast(gamma, working));
  if (beta) y = elementwise(node, Opcode::Add, y, b.cast(beta, working));
  node.set_output(0, b.cast(y, type));
  if (n.mean) node.set_output(1, n.mean);
  node.set_output(2, n.inverse);
  node.set_output(3, x);
}

void import_skip(Node& node) { skip_normalization(node, true); }
void import_skip_simplified(Node& node) { skip_normalization(node, false); }

Value* looked_up(Builder& b, Value* table, Value* ids) { return b.emit(Opcode::Gather, {table, ids}, ir::AxisAttr{0}); }

/// Word, position and segment vectors, added and normalised; the mask's ones are counted for each row.
void import_embed(Node& node) {
  Builder& b = node.builder();
  Value* ids = node.input(0, "input_ids");
  node.require_rank(ids, 2, "input_ids");
  const Dim rows = ids->shape()[0], length = ids->shape()[1];
  Value* positions = node.optional_input(8, "position_ids");
  if (!positions) positions = b.iota(length);
  Value* sum = elementwise(node, Opcode::Add, looked_up(b, node.input(2, "word_embedding"), ids),
                           looked_up(b, node.input(3, "position_embedding"), positions));
  if (node.has_input(1) != node.has_input(4)) node.bad("got only one of segment_ids and segment_embedding");
  if (Value* segments = node.optional_input(1, "segment_ids"))
    sum = elementwise(node, Opcode::Add, sum, looked_up(b, node.input(4, "segment_embedding"), segments));
  const Normalized n = normalized(b, sum, {2}, node.real("epsilon", 1e-12f), true);
  Value* y = elementwise(node, Opcode::Mul, n.y, node.input(5, "gamma"));
  node.set_output(0, elementwise(node, Opcode::Add, y, node.input(6, "beta")));
  node.integer("mask_index_type", 0);  // only about the type of mask_index
  Value* mask = node.optional_input(7, "mask");
  Value* counts = mask ? b.reduce(ir::ReduceKind::Sum, b.cast(b.eq(mask, b.scalar_like(mask, 1)), DType::i32), {1})
                       : b.broadcast(b.scalar(DType::i32, 0), {rows});
  node.set_output(1, counts);
  node.set_output(2, sum);
}

void import_layer_normalization(Node& node) { import_as(node, "LayerNormalization", 17); }

}  // namespace

std::span<const OperatorEntry> microsoft_norm_operators() {
  static constexpr std::array<OperatorEntry, 6> kTable = {{
      {"EmbedLayerNormalization", import_embed, 1, kDomain},
      {"LayerNormalization", import_layer_normalization, 1, kDomain},
      {"SimplifiedLayerNormalization", import_simplified},
      {"SimplifiedLayerNormalization", import_simplified, 1, kDomain},
      {"SkipLayerNormalization", import_skip, 1, kDomain},
      {"SkipSimplifiedLayerNormalization", import_skip_simplified, 1, kDomain},
  }};
  return kTable;
}

}  // namespace seqc::frontend
