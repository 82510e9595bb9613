// Random nodes: constants, ranges, random numbers, spectra, n-grams, steps of optimisers.
#include "tests/support/onnx_graph.h"

namespace seqc::test {
namespace {

using G = OnnxGraph;
using Sizes = G::Sizes;

const std::vector<DType> kRandomTypes = {DType::f32, DType::f64, DType::f16};

Tensor scalar(G& g, DType type, int64_t low, int64_t high) {
  return g.known(Tensor::scalar_int(type, g.integer(low, high)));
}

// --- constants -------------------------------------------------------------------------------------------------------

void constant(G& g) {
  const int64_t kind = g.opset < 12 ? 0 : g.integer(0, 4);
  switch (kind) {
    case 0:
      g.node().attr("value", random_tensor(g.pick<DType>({DType::f32, DType::i64, DType::f16, DType::boolean}),
                                           g.sizes(0, 3), g.random));
      break;
    case 1: g.node().attr("value_int", g.integer(-3, 3)); break;
    case 2: g.node().ints("value_ints", {g.integer(-3, 3), 2}); break;
    case 3: g.node().attr("value_float", g.random.uniform(-1, 1)); break;
    case 4: g.node().floats("value_floats", {0.5f, -0.25f, 1}); break;
  }
}

void constant_of_shape(G& g) {
  g.known_ints(g.sizes(1, 3));
  if (g.chance(70))
    g.node().attr("value", random_tensor(g.pick<DType>({DType::f32, DType::i64, DType::u8, DType::boolean, DType::f16}),
                                         {1}, g.random));
}

void range(G& g) {
  const DType type = g.pick<DType>({DType::f32, DType::f64, DType::i16, DType::i32, DType::i64});
  const auto number = [&](double value) { g.known(Tensor::scalar(type, value)); };
  const auto whole = [&](int64_t value) { g.known(Tensor::scalar_int(type, value)); };
  const int64_t start = g.integer(-5, 5), step = g.pick<int64_t>({1, 2, 3, -1, -2}),
                limit = start + step * g.integer(-1, 6);
  if (ir::is_float(type))
    number(static_cast<double>(start)), number(static_cast<double>(limit) + 0.25),
        number(static_cast<double>(step) / 2);
  else
    whole(start), whole(limit), whole(step);
}

// --- random numbers --------------------------------------------------------------------------------------------------

void random_like(G& g, const char* a, const char* b) {
  const Tensor x = g.x();
  if (!ir::is_float(x.dtype()) || x.dtype() == DType::bf16 || g.chance(50))
    g.attr("dtype", onnx_type(g.pick(kRandomTypes)));
  g.maybe_real(a, -1, 0);
  g.maybe_real(b, 0.5, 1);
  if (g.chance(50)) g.node().attr("seed", 3.0);
}

void random_fill(G& g, const char* a, const char* b) {
  g.ints_attr("shape", g.sizes(1, 3));
  if (g.chance(60)) g.attr("dtype", onnx_type(g.pick(kRandomTypes)));
  g.maybe_real(a, -1, 0);
  g.maybe_real(b, 0.5, 1);
  if (g.chance(50)) g.node().attr("seed", 3.0);
}

void bernoulli(G& g) {
  g.given(g.reals(0, 1, g.sizes(0, 3), g.pick(kRandomTypes)));
  if (g.chance(50)) g.attr("dtype", onnx_type(g.pick<DType>({DType::f32, DType::i32, DType::boolean})));
}

void multinomial(G& g) {
  g.of({g.integer(1, 3), g.integer(1, 5)});
  g.maybe("sample_size", 1, 4);
  if (g.chance(50)) g.attr("dtype", onnx_type(g.pick(kIndices)));
}

// --- spectra ---------------------------------------------------------------------------------------------------------

void dft(G& g) {
  const bool inverse = g.chance(40), onesided = !inverse && g.chance(40);
  Sizes shape = g.sizes(2, 3);
  shape.push_back(onesided ? 1 : g.integer(inverse ? 2 : 1, 2));
  const Tensor x = g.of(shape, {DType::f32, DType::f64});
  const int64_t axis = g.integer(1, x.rank() - 2);
  if (g.chance(50))
    g.known(Tensor::scalar_int(DType::i64, g.integer(1, 9)));
  else if (g.opset >= 20)
    g.none();
  if (g.opset >= 20)
    g.known(Tensor::scalar_int(DType::i64, g.chance(50) ? axis : axis - x.rank()));
  else
    g.attr("axis", axis);
  if (inverse) g.attr("inverse", 1);
  if (onesided) g.attr("onesided", 1);
}

void stft(G& g) {
  const int64_t frame = g.integer(2, 6), signal = frame + g.integer(0, 8), parts = g.chance(70) ? 1 : 2;
  const Tensor x = g.of({g.integer(1, 2), signal, parts}, {DType::f32, DType::f64});
  scalar(g, DType::i64, 1, 3);
  const bool windowed = g.chance(60);
  if (windowed)
    g.same({frame});
  else
    g.none();
  if (!windowed || g.chance(50)) g.known(Tensor::scalar_int(DType::i64, frame));
  if (parts == 2 || g.chance(50)) g.attr("onesided", parts == 2 ? 0 : g.integer(0, 1));
}

void window(G& g) {
  scalar(g, g.pick(kIndices), 1, 12);
  g.maybe("periodic", 0, 1);
  if (g.chance(40)) g.attr("output_datatype", onnx_type(g.pick<DType>({DType::f32, DType::f64})));
}

void mel_weights(G& g) {
  scalar(g, DType::i64, 1, 4);
  g.known(Tensor::scalar_int(DType::i64, 16));
  g.known(Tensor::scalar_int(DType::i64, 8000));
  g.known(Tensor::scalar(DType::f32, 0));
  g.known(Tensor::scalar(DType::f32, 4000));
  if (g.chance(40)) g.attr("output_datatype", onnx_type(g.pick<DType>({DType::f32, DType::f64})));
}

// --- n-grams ---------------------------------------------------------------------------------------------------------

void tfidf(G& g) {
  const Sizes shape = g.chance(50) ? Sizes{g.integer(2, 8)} : Sizes{g.integer(1, 3), g.integer(2, 8)};
  g.given(g.ints(0, 3, shape, kIndices));
  g.ints_attr("pool_int64s", {0, 1, 2, 0, 1, 2, 3});  // three of one, two of two
  g.ints_attr("ngram_counts", {0, 3});
  g.ints_attr("ngram_indexes", {0, 1, 2, 3, 4});
  g.attr("min_gram_length", g.integer(1, 2));
  g.attr("max_gram_length", 2);
  g.attr("max_skip_count", g.integer(0, 2));
  g.node().attr("mode", g.word({"TF", "IDF", "TFIDF"}));
  if (g.chance(50)) g.node().floats("weights", {1, 0.5f, 2, -1, 0.25f});
}

// --- optimisers ------------------------------------------------------------------------------------------------------

/// R, T, then as many groups of tensors as there are states, for one or two weights; states that are squares are not
/// negative.
void optimizer(G& g, size_t states, size_t squares) {
  const DType type = g.pick<DType>({DType::f32, DType::f64});
  g.given(Tensor::scalar(type, 0.1));
  g.given(Tensor::scalar_int(DType::i64, g.integer(0, 3)));
  std::vector<Sizes> shapes(static_cast<size_t>(g.integer(1, 2)));
  for (Sizes& shape : shapes) shape = g.sizes(0, 2);
  for (size_t group = 0; group < 2 + states; ++group)
    for (const Sizes& shape : shapes) g.given(g.reals(group >= 2 + states - squares ? 0 : -1, 1, shape, type));
  g.outputs((1 + states) * shapes.size());
}

void adagrad(G& g) {
  optimizer(g, 1, 1);
  g.maybe_real("norm_coefficient", 0, 0.5);
  g.maybe_real("decay_factor", 0, 0.5);
  g.maybe_real("epsilon", 0.001, 0.1);
}

void adam(G& g) {
  optimizer(g, 2, 1);
  g.maybe_real("norm_coefficient", 0, 0.5);
  g.maybe_real("alpha", 0.1, 0.9);
  g.maybe_real("beta", 0.1, 0.9);
  g.maybe_real("epsilon", 0.001, 0.1);
  g.maybe_real("norm_coefficient_post", 0, 0.5);
}

void momentum(G& g) {
  optimizer(g, 1, 0);
  for (const char* name : {"alpha", "beta", "norm_coefficient"}) g.node().attr(name, g.random.uniform(0, 0.9));
  g.node().attr("mode", g.word({"standard", "nesterov"}));
}

}  // namespace

std::span<const OnnxOperator> onnx_generating_operators() {
  constexpr const char* kTraining = "ai.onnx.preview.training";
  static const OnnxOperator kTable[] = {
      {"Adagrad", adagrad, 1, 22, kTraining},
      {"Adam", adam, 1, 22, kTraining},
      {"Bernoulli", bernoulli, 15},
      {"BlackmanWindow", window, 17},
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape, 9},
      {"DFT", dft, 17},
      {"HammingWindow", window, 17},
      {"HannWindow", window, 17},
      {"MelWeightMatrix", mel_weights, 17},
      {"Momentum", momentum, 1, 22, kTraining},
      {"Multinomial", multinomial, 7},
      {"RandomNormal", [](G& g) { random_fill(g, "mean", "scale"); }},
      {"RandomNormalLike", [](G& g) { random_like(g, "mean", "scale"); }},
      {"RandomUniform", [](G& g) { random_fill(g, "low", "high"); }},
      {"RandomUniformLike", [](G& g) { random_like(g, "low", "high"); }},
      {"Range", range, 11},
      {"STFT", stft, 17},
      {"TfIdfVectorizer", tfidf, 9},
  };
  return kTable;
}

}  // namespace seqc::test
