// The optimisers of ai.onnx.preview.training against their equations in double, for several tensors.
#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

constexpr const char* kDomain = "ai.onnx.preview.training";

/// New values of one element: of X, then of what the optimiser keeps. `kept`: its old values.
using Update = std::function<std::vector<double>(double x, double g, const std::vector<double>& kept)>;

/// Runs the optimiser on two tensors, with `kept` further lists (none negative), and compares every element.
void check_optimizer(const char* op, double rate, int64_t count, size_t kept, const Attributes& attributes,
                     const Update& update) {
  TestNumbers numbers(21);
  const std::vector<std::vector<int64_t>> shapes = {{3, 5}, {7}};
  std::vector<NodeInput> inputs = {Tensor::scalar(DType::f32, rate), Tensor::scalar_int(DType::i64, count)};
  std::vector<Tensor> lists;
  for (size_t list = 0; list < 2 + kept; ++list)
    for (const auto& shape : shapes) {
      Tensor tensor = numbers.floats(shape);
      if (list >= 2)
        for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, std::fabs(tensor.real(i)));
      lists.push_back(tensor);
      inputs.emplace_back(tensor);
    }
  std::vector<Tensor> want;
  for (size_t out = 0; out < 1 + kept; ++out)
    for (size_t k = 0; k < shapes.size(); ++k)
      want.push_back(floats(shapes[k], [&](int64_t i) {
        std::vector<double> old;
        for (size_t list = 2; list < 2 + kept; ++list) old.push_back(lists[list * 2 + k].real(i));
        return update(lists[k].real(i), lists[2 + k].real(i), old)[out];
      }));
  NodeModel node = node_model(17, op, inputs, want.size(), attributes, kDomain);
  check_node(node, want);
}

double f32(double value) { return static_cast<float>(value); }

TEST_CASE("Adagrad") {
  const double norm = f32(0.01), epsilon = f32(1e-3), decay = f32(0.1);
  for (const int64_t count : {0, 3})
    check_optimizer(
        "Adagrad", 0.25, count, 1,
        [&](NodeRef& node) {
          node.attr("norm_coefficient", norm).attr("epsilon", epsilon).attr("decay_factor", decay);
        },
        [&](double x, double g, const std::vector<double>& kept) {
          const double r = 0.25 / (1 + static_cast<double>(count) * decay), full = norm * x + g;
          const double h = kept[0] + full * full;
          return std::vector<double>{x - r * full / (std::sqrt(h) + epsilon), h};
        });
}

TEST_CASE("Adam: bias correction from the first update on, weight decay before and after") {
  const double alpha = f32(0.95), beta = f32(0.85), norm = f32(0.01), post = f32(0.02), epsilon = f32(1e-2);
  for (const int64_t count : {0, 1, 5})
    for (const double after : {0.0, post})
      check_optimizer(
          "Adam", 0.25, count, 2,
          [&](NodeRef& node) {
            node.attr("alpha", alpha).attr("beta", beta).attr("norm_coefficient", norm).attr("epsilon", epsilon);
            if (after != 0) node.attr("norm_coefficient_post", after);
          },
          [&](double x, double g, const std::vector<double>& kept) {
            const auto t = static_cast<double>(count);
            const double full = norm * x + g, v = alpha * kept[0] + (1 - alpha) * full,
                         h = beta * kept[1] + (1 - beta) * full * full;
            const double r = count > 0 ? 0.25 * std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t)) : 0.25;
            return std::vector<double>{(1 - after) * (x - r * v / (std::sqrt(h) + epsilon)), v, h};
          });
}

TEST_CASE("Adam: the specification's defaults") {
  check_optimizer("Adam", 0.25, 2, 2, {}, [&](double x, double g, const std::vector<double>& kept) {
    const double alpha = f32(0.9), beta = f32(0.999);
    const double v = alpha * kept[0] + (1 - alpha) * g, h = beta * kept[1] + (1 - beta) * g * g;
    const double r = 0.25 * std::sqrt(1 - beta * beta) / (1 - alpha * alpha);
    return std::vector<double>{x - r * v / (std::sqrt(h) + 1e-6), v, h};
  });
}

TEST_CASE("Momentum: standard and Nesterov's") {
  const double alpha = f32(0.95), beta = f32(0.85), norm = f32(0.01);
  for (const bool nesterov : {false, true})
    for (const int64_t count : {0, 2})
      check_optimizer(
          "Momentum", 0.25, count, 1,
          [&](NodeRef& node) {
            node.attr("alpha", alpha).attr("beta", beta).attr("norm_coefficient", norm);
            node.attr("mode", nesterov ? "nesterov" : "standard");
          },
          [&](double x, double g, const std::vector<double>& kept) {
            const double full = norm * x + g, v = alpha * kept[0] + (count > 0 ? beta : 1) * full;
            return std::vector<double>{x - 0.25 * (nesterov ? full + alpha * v : v), v};
          });
}

TEST_CASE("optimisers: faults are named") {
  const Tensor one = Tensor::f32({1}, {1});
  const auto fault = [&](const char* op, const std::vector<NodeInput>& inputs, const Attributes& attributes = {}) {
    return error_of([&] { import_built(node_model(17, op, inputs, 1, attributes, kDomain).model); });
  };
  const Tensor rate = Tensor::scalar(DType::f32, 1), count = Tensor::scalar_int(DType::i64, 1);
  CHECK(contains(fault("Adagrad", {rate, count, one, one}), "3 lists"));
  CHECK(contains(fault("Momentum", {rate, count, one, one, one}), "alpha"));
  CHECK(contains(fault("Momentum", {rate, count, one, one, one},
                       [](NodeRef& node) {
                         node.attr("alpha", 1.0).attr("beta", 1.0).attr("norm_coefficient", 0.0).attr("mode", "heavy");
                       }),
                 "heavy"));
  CHECK(contains(fault("Adagrad", {rate, count, one, Tensor::f32({2}, {1, 2}), one}), "dim 0"));
}

}  // namespace
