#include "tests/support/both_ways.h"

#include "codegen/codegen.h"
#include "passes/pass.h"
#include "tests/frontend/import_support.h"
#include "tests/support/run_model.h"

namespace seqc::test {

std::vector<Tensor> run_both_ways(const ModelBuilder& model, const std::vector<Tensor>& inputs, Within within,
                                  const frontend::ImportOptions& options) {
  const std::vector<Tensor> interpreted = run_built(model, inputs, options);
  const auto function = import_built(model, options);
  passes::PassContext context;
  passes::run_passes(*function, passes::standard_pipeline(), context, {});
  codegen::Target target;
  target.worth_sharing = 0;  // threads share the work, small as it is
  const auto code = codegen::compile(*function, target);
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    const std::vector<Tensor> compiled = run_model(code->model(), inputs, threads);
    REQUIRE(compiled.size() == interpreted.size());
    for (size_t i = 0; i < compiled.size(); ++i) {
      CAPTURE(i);
      CHECK(find_difference(compiled[i], interpreted[i], within.relative, within.absolute) == "");
    }
  }
  return interpreted;
}

void check_both_ways(const ModelBuilder& model, const std::vector<Tensor>& inputs, const std::vector<Tensor>& expected,
                     Within within, const frontend::ImportOptions& options) {
  const std::vector<Tensor> got = run_both_ways(model, inputs, within, options);
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(find_difference(got[i], expected[i], within.relative, within.absolute) == "");
  }
}

NodeModel node_model(int64_t opset, const std::string& op, const std::vector<NodeInput>& inputs, size_t outputs,
                     const Attributes& attributes, const std::string& domain) {
  NodeModel result{ModelBuilder(opset), {}};
  ModelBuilder& model = result.model;
  if (!domain.empty()) model.opset(domain, 1);
  std::vector<std::string> names, results;
  for (const NodeInput& input : inputs) {
    names.push_back(input.missing ? "" : "in" + std::to_string(names.size()));
    if (input.missing) continue;
    if (input.constant) {
      model.initializer(names.back(), input.value);
    } else {
      const ModelShape shape(input.value.shape().begin(), input.value.shape().end());
      model.input(names.back(), input.value.dtype(), input.shape.empty() ? shape : input.shape);
      result.feeds.push_back(input.value);
    }
  }
  for (size_t i = 0; i < outputs; ++i) {
    results.push_back("out" + std::to_string(i));
    model.output(results.back());
  }
  NodeRef node = model.node(op, names, results);
  node.domain(domain).name("node");
  if (attributes) attributes(node);
  return result;
}

Tensor floats(std::vector<int64_t> shape, const std::function<double(int64_t)>& element) {
  Tensor result(DType::f32, std::move(shape));
  for (int64_t i = 0; i < result.count(); ++i) result.set_real(i, element(i));
  return result;
}

// Knuth's linear congruential generator: another one than the product has.
int64_t TestNumbers::integer(int64_t low, int64_t high) {
  state_ = state_ * 6364136223846793005u + 1442695040888963407u;
  return low + static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(high - low + 1));
}
double TestNumbers::real() { return static_cast<double>(integer(-4096, 4095)) / 4096; }
Tensor TestNumbers::floats(std::vector<int64_t> shape, double scale) {
  return test::floats(std::move(shape), [&](int64_t) { return scale * real(); });
}
Tensor TestNumbers::integers(DType type, std::vector<int64_t> shape, int64_t low, int64_t high) {
  Tensor result(type, std::move(shape));
  for (int64_t i = 0; i < result.count(); ++i) result.set_integer(i, integer(low, high));
  return result;
}

}  // namespace seqc::test
