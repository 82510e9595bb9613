// Random nodes: reductions, products, normalisations, losses.
#include <map>
#include <string>

#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

// --- reductions ------------------------------------------------------------------------------------------------------

void reduce_since(G& g, int64_t axes_are_an_input) {
  const Tensor x = g.x();
  const Sizes axes = g.some_axes(x.rank());
  if (g.opset >= axes_are_an_input) {
    if (!axes.empty() || g.chance(30)) g.known_ints(axes);
    g.maybe("noop_with_empty_axes", 0, 1);
  } else if (!axes.empty()) {
    g.ints_attr("axes", axes);
  }
  g.maybe("keepdims", 0, 1);
}
void reduce(G& g) { reduce_since(g, 18); }

/// Of nothing they are not defined.
void extreme(G& g) {
  reduce(g);
  g.cancel_unless(g.first().count() > 0);
}

void arg(G& g) {
  const Tensor x = g.filled(1, 4);
  if (g.chance(70)) g.attr("axis", g.axis(x.rank()));
  g.maybe("keepdims", 0, 1);
  if (g.opset >= 12) g.maybe("select_last_index", 0, 1);
}

void cumsum(G& g) {
  const Tensor x = g.x(1, 3);
  g.known(Tensor::scalar_int(g.pick(kIndices), g.axis(x.rank())));
  g.maybe("exclusive", 0, 1);
  g.maybe("reverse", 0, 1);
}

void softmax(G& g) {
  const Tensor x = g.filled(g.opset < 13 ? 2 : 1, 4);
  if (g.chance(70)) g.attr("axis", g.axis(x.rank()));
}

// --- products --------------------------------------------------------------------------------------------------------

/// Ranks 1 to 4; the dims in front broadcast.
void matmul(G& g) {
  const Tensor x = g.x(1, 4);
  const int64_t k = x.shape().back(), n = g.size();
  if (g.chance(15)) {
    g.same({k});
    return;
  }
  Sizes shape;
  if (x.rank() > 2 && g.chance(50)) shape = g.smaller({x.shape().begin(), x.shape().end() - 2});
  shape.insert(shape.end(), {k, n});
  g.same(shape);
}

void gemm(G& g) {
  const Tensor a = g.x(2, 2);
  const bool ta = g.chance(40), tb = g.chance(40);
  const int64_t m = a.shape()[ta ? 1 : 0], k = a.shape()[ta ? 0 : 1], n = g.size();
  g.same(tb ? Sizes{n, k} : Sizes{k, n});
  if (g.opset < 7) {
    const bool broadcast = g.chance(50);
    g.same(broadcast ? Sizes{n} : Sizes{m, n});
    if (broadcast) g.attr("broadcast", 1);
  } else if (g.opset < 11 || g.chance(60)) {
    g.same(g.smaller({m, n}));
  }
  const bool real = ir::is_float(g.first_type());
  if (real) g.maybe_real("alpha"), g.maybe_real("beta");
  if (ta) g.attr("transA", 1);
  if (tb) g.attr("transB", 1);
}

void einsum(G& g) {
  struct Case {
    const char* equation;
    std::vector<std::string> labels;
  };
  static const std::vector<Case> kCases = {
      {"ij,jk->ik", {"ij", "jk"}},
      {"bij,bjk->bik", {"bij", "bjk"}},
      {"ij->ji", {"ij"}},
      {"ii->i", {"ii"}},
      {"ij->", {"ij"}},
      {"i,j->ij", {"i", "j"}},
      {"bij,bkj->bik", {"bij", "bkj"}},
      {"ij,jk", {"ij", "jk"}},
      {"...ij,...jk->...ik", {"bij", "bjk"}},
      {"ij,jk,kl->il", {"ij", "jk", "kl"}},
      {"bhid,bhjd->bhij", {"bhid", "bhjd"}},
      {"ij,ij->i", {"ij", "ij"}},
      {"bij, j -> bi", {"bij", "j"}},
      {"iji->j", {"iji"}},
  };
  const Case& chosen = kCases[static_cast<size_t>(g.integer(0, static_cast<int64_t>(kCases.size()) - 1))];
  std::map<char, int64_t> sizes;
  const auto shape = [&](const std::string& labels) {
    Sizes result;
    for (const char label : labels) result.push_back(sizes.try_emplace(label, g.integer(1, 5)).first->second);
    return result;
  };
  g.of(shape(chosen.labels[0]));
  for (size_t i = 1; i < chosen.labels.size(); ++i) g.same(shape(chosen.labels[i]));
  g.node().attr("equation", std::string_view(chosen.equation));
}

void det(G& g) {
  Sizes shape = g.sizes(0, 1);
  const int64_t n = g.integer(1, 5);
  shape.insert(shape.end(), {n, n});
  g.of(shape);
}

// --- normalisations --------------------------------------------------------------------------------------------------

void batch_normalization(G& g) {
  const Tensor x = g.filled(2, 4);
  const Sizes channels = {x.shape()[1]};
  for (int i = 0; i < 3; ++i) g.same(channels);
  g.given(g.reals(0.25, 2, channels, x.dtype()));
  if (g.opset < 6) g.ints_attr("consumed_inputs", {0, 0, 0, 1, 1});
  if (g.opset < 7) g.attr("is_test", 1);
  g.maybe_real("epsilon", 0.001, 0.1);
  g.maybe_real("momentum", 0.5, 0.9);
  if (g.opset >= 14 && g.chance(30)) g.attr("training_mode", 0);
}

void instance_normalization(G& g) {
  const Tensor x = g.filled(3, 4);
  for (int i = 0; i < 2; ++i) g.same({x.shape()[1]});
  g.maybe_real("epsilon", 0.001, 0.1);
}

void layer_normalization(G& g) {
  const Tensor x = g.filled(1, 4);
  const int64_t axis = g.axis(x.rank());
  if (axis != -1 && (axis != x.rank() - 1 || g.chance(50))) g.attr("axis", axis);
  const Sizes tail(x.shape().begin() + (axis < 0 ? axis + x.rank() : axis), x.shape().end());
  g.same(tail);
  if (g.chance(60)) g.same(tail);
  g.maybe_real("epsilon", 0.001, 0.1);
  if (g.chance(30)) g.attr("stash_type", 1);
  g.outputs(static_cast<size_t>(g.integer(1, 3)));
}

void group_normalization(G& g) {
  const int64_t groups = g.integer(1, 3), each = g.integer(1, 3);
  Sizes shape = {g.integer(1, 2), groups * each};
  for (int64_t i = g.integer(1, 2); i > 0; --i) shape.push_back(g.size());
  const Tensor x = g.of(shape);
  for (int i = 0; i < 2; ++i) g.same({g.opset < 21 ? groups : groups * each});
  g.attr("num_groups", groups);
  g.maybe_real("epsilon", 0.001, 0.1);
}

void mean_variance(G& g) {
  const Tensor x = g.filled(4, 4);
  if (g.chance(60)) g.ints_attr("axes", g.chance(50) ? Sizes{0, 2, 3} : Sizes{0, 1, 2, 3});
}

void lp_normalization(G& g) {
  const Tensor x = g.filled(1, 4);
  if (g.chance(70)) g.attr("axis", g.axis(x.rank(), 1));
  g.maybe("p", 1, 2);
}

void lrn(G& g) {
  g.filled(3, 4);
  g.attr("size", g.pick<int64_t>({1, 3, 5, 2}));
  g.maybe_real("alpha", 0.0001, 0.1);
  g.maybe_real("beta", 0.25, 0.75);
  g.maybe_real("bias", 0.5, 2);
}

// --- losses ----------------------------------------------------------------------------------------------------------

void loss(G& g) {
  const int64_t n = g.integer(1, 4), classes = g.integer(1, 5);
  Sizes shape = {n, classes}, targets = {n};
  for (int64_t i = g.integer(0, 2); i > 0; --i) {
    targets.push_back(g.integer(1, 4));
    shape.push_back(targets.back());
  }
  g.of(shape);
  const bool ignores = g.chance(40);
  g.given(g.ints(0, classes - 1, targets, kIndices));
  if (g.chance(50)) g.given(g.reals(0.25, 1, {classes}, g.first_type()));
  if (ignores) g.attr("ignore_index", g.integer(-1, classes - 1));
  g.maybe_word("reduction", {"none", "mean", "sum"});
}

}  // namespace

std::span<const OnnxOperator> onnx_reduction_operators() {
  static const OnnxOperator kTable[] = {
      {"ArgMax", arg},
      {"ArgMin", arg},
      {"BatchNormalization", batch_normalization},
      {"CumSum", cumsum, 11},
      {"Det", det, 11},
      {"Einsum", einsum, 12},
      {"Gemm", gemm},
      {"GroupNormalization", group_normalization, 18},
      {"Hardmax", softmax},
      {"InstanceNormalization", instance_normalization, 6},
      {"LRN", lrn},
      {"LayerNormalization", layer_normalization, 17},
      {"LogSoftmax", softmax},
      {"LpNormalization", lp_normalization},
      {"MatMul", matmul},
      {"MeanVarianceNormalization", mean_variance, 9},
      {"NegativeLogLikelihoodLoss", loss, 12},
      {"ReduceL1", reduce},
      {"ReduceL2", reduce},
      {"ReduceLogSum", reduce},
      {"ReduceLogSumExp", reduce},
      {"ReduceMax", extreme},
      {"ReduceMean", extreme},
      {"ReduceMin", extreme},
      {"ReduceProd", reduce},
      {"ReduceSum", [](G& g) { reduce_since(g, 13); }},
      {"ReduceSumSquare", reduce},
      {"Softmax", softmax},
      {"SoftmaxCrossEntropyLoss", loss, 12},
  };
  return kTable;
}

}  // namespace seqc::test
