// Matrix products: MatMul, Gemm, Einsum.
#include <cmath>

#include "frontend/onnx/ops_det.h"
#include "frontend/onnx/ops_einsum.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Value* matmul(Node& node, Value* a, Value* b) {
  if (a->rank() == 0 || b->rank() == 0)
    node.bad("got {} and {}, expected no scalars", a->type().str(), b->type().str());
  if (a->rank() > 20 || b->rank() > 20) node.unsupported("ranks above 20 are not supported");
  if (a->dtype() != b->dtype()) node.bad("got {} and {}, expected one element type", a->type().str(), b->type().str());
  node.require_equal(b->shape()[b->rank() > 1 ? b->rank() - 2 : 0], a->shape().back(), "the rows of B");
  const int64_t batch = std::max<int64_t>(0, std::max(a->rank(), b->rank()) - 2);
  const auto batch_labels = [&](const Value* x) {
    const int64_t own = std::max<int64_t>(0, x->rank() - 2);
    std::string labels;
    for (int64_t i = batch - own; i < batch; ++i) labels += static_cast<char>('a' + i);
    return labels;
  };
  const std::string rows = a->rank() > 1 ? "x" : "", columns = b->rank() > 1 ? "z" : "";
  std::string all;
  for (int64_t i = 0; i < batch; ++i) all += static_cast<char>('a' + i);
  return einsum(node, {batch_labels(a) + rows + "y", batch_labels(b) + "y" + columns}, all + rows + columns, {a, b});
}

namespace {

void import_matmul(Node& node) { node.set_output(0, matmul(node, node.input(0, "A"), node.input(1, "B"))); }

/// alpha A' B' + beta C, where ' transposes on request and C broadcasts to the product.
void import_gemm(Node& node) {
  Builder& b = node.builder();
  Value *left = node.input(0, "A"), *right = node.input(1, "B");
  node.require_rank(left, 2, "A");
  node.require_rank(right, 2, "B");
  const bool trans_a = node.integer("transA", 0) != 0, trans_b = node.integer("transB", 0) != 0;
  const double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  if (ir::is_integer(left->dtype()) && (alpha != std::round(alpha) || beta != std::round(beta)))
    node.unsupported("alpha={} and beta={} for {}, expected whole numbers", alpha, beta, left->type().str());
  const Dim rows = left->shape()[trans_a ? 1 : 0], columns = right->shape()[trans_b ? 0 : 1];
  node.require_equal(right->shape()[trans_b ? 1 : 0], left->shape()[trans_a ? 0 : 1], "the inner dim of B");
  Value* product = b.contract(std::string(trans_a ? "kn" : "nk") + "," + (trans_b ? "mk" : "km") + "->nm", left, right);
  if (alpha != 1) product = b.mul(product, alpha);
  node.ignore_attribute("broadcast");  // before opset 7; the shapes say the same
  if (Value* c = node.optional_input(2, "C")) {
    if (node.broadcast(product->shape(), c->shape()) != product->shape())
      node.bad("C is {}, expected a shape that broadcasts to [{},{}]", c->type().str(), rows.str(), columns.str());
    if (beta != 1) c = b.mul(c, beta);
    product = elementwise(node, Opcode::Add, product, c);
  }
  node.set_output(0, product);
}

void import_einsum(Node& node) {
  const std::string equation = node.text("equation", "");
  node.set_output(0, einsum(node, equation, node.inputs_from()));
}

constexpr OperatorEntry kOperators[] = {
    {"Det", import_det, 11},
    {"Einsum", import_einsum},
    {"Gemm", import_gemm},
    {"MatMul", import_matmul},
};

}  // namespace

std::span<const OperatorEntry> matmul_operators() { return kOperators; }

}  // namespace seqc::frontend
