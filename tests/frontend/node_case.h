/// One ONNX node, run by the interpreter and as compiled code; the results must agree.
#pragma once

#include <functional>

#include "runtime/program.h"
#include "runtime/session.h"
#include "tests/frontend/import_support.h"

namespace seqc::test {

/// An input of the node: known at run time, an initializer, or left out.
struct NodeInput {
  std::optional<Tensor> value;
  bool constant = false;
  ModelShape shape;  ///< as the model declares it; the value's if empty
};
inline NodeInput at_run_time(Tensor value, ModelShape shape = {}) {
  return {std::move(value), false, std::move(shape)};
}
inline NodeInput fixed(Tensor value) { return {std::move(value), true, {}}; }
inline NodeInput absent() { return {}; }

struct NodeCase {
  int64_t opset;
  std::string op;
  std::vector<NodeInput> inputs;
  std::function<void(NodeRef&)> attributes = {};
  size_t outputs = 1;
  double tolerance = 1e-5;  ///< between interpreter and compiled code, relative and absolute
};

inline ModelBuilder build_case(const NodeCase& c) {
  ModelBuilder model(c.opset);
  std::vector<std::string> names, outputs;
  for (const NodeInput& input : c.inputs) {
    names.push_back(input.value ? "i" + std::to_string(names.size()) : "");
    if (!input.value) continue;
    const Tensor& value = *input.value;
    if (input.constant)
      model.initializer(names.back(), value);
    else
      model.input(names.back(), value.dtype(),
                  input.shape.empty() ? ModelShape(value.shape().begin(), value.shape().end()) : input.shape);
  }
  for (size_t i = 0; i < c.outputs; ++i) {
    outputs.push_back("y" + std::to_string(i));
    model.output(outputs.back(), DType::f32, {});
  }
  NodeRef node = model.node(c.op, names, outputs);
  if (c.attributes) c.attributes(node);
  return model;
}

/// The outputs, after a check that interpreter and compiled code agree on them.
inline std::vector<Tensor> run_case(const NodeCase& c) {
  const ModelBuilder model = build_case(c);
  std::vector<Tensor> feeds;
  for (const NodeInput& input : c.inputs)
    if (input.value && !input.constant) feeds.push_back(*input.value);
  const std::vector<Tensor> interpreted = run_built(model, feeds);
  const std::vector<Tensor> compiled = runtime::Session(runtime::Program::compile(import_built(model))).run(feeds);
  REQUIRE(compiled.size() == interpreted.size());
  for (size_t i = 0; i < compiled.size(); ++i)
    CHECK(find_difference(compiled[i], interpreted[i], c.tolerance, c.tolerance) == "");
  return interpreted;
}

/// Calls f(indices) for every element of a shape, in row-major order.
inline void for_each_index(const std::vector<int64_t>& shape,
                           const std::function<void(const std::vector<int64_t>&)>& f) {
  for (const int64_t size : shape)
    if (size == 0) return;
  std::vector<int64_t> at(shape.size(), 0);
  for (;;) {
    f(at);
    size_t i = shape.size();
    while (i > 0 && ++at[i - 1] == shape[i - 1]) at[--i] = 0;
    if (i == 0) return;
  }
}

inline int64_t flat_index(const std::vector<int64_t>& shape, const std::vector<int64_t>& at) {
  int64_t flat = 0;
  for (size_t i = 0; i < shape.size(); ++i) flat = flat * shape[i] + at[i];
  return flat;
}

}  // namespace seqc::test
