/// One ONNX node, run by the interpreter and as compiled code; the results must agree.
#pragma once

#include <functional>

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace seqc::test {

struct NodeCase {
  int64_t opset;
  std::string op;
  std::vector<NodeInput> inputs;
  std::function<void(NodeRef&)> attributes = {};
  size_t outputs = 1;
  double tolerance = 1e-5;  ///< between interpreter and compiled code, relative and absolute
};

inline NodeModel node_model(const NodeCase& c) { return node_model(c.opset, c.op, c.inputs, c.outputs, c.attributes); }
inline ModelBuilder build_case(const NodeCase& c) { return node_model(c).model; }

/// The outputs, after a check that interpreter and compiled code agree on them.
inline std::vector<Tensor> run_case(const NodeCase& c) {
  const NodeModel node = node_model(c);
  return run_both_ways(node.model, node.feeds, {c.tolerance, c.tolerance});
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
