/// Runs a model as the interpreter and as compiled code see it, and holds both against expected values.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "tests/support/onnx_model.h"

namespace seqc::test {

/// |got - want| <= absolute + relative * |want|; integers and bools must be equal.
struct Within {
  double relative = 1e-5, absolute = 1e-6;
};

/// The interpreter's outputs. Fails the current test when those of compiled code, on one to three threads, differ from
/// them by more than `within`, or at all where that is {0, 0}.
std::vector<Tensor> run_both_ways(const ModelBuilder& model, const std::vector<Tensor>& inputs, Within within = {},
                                  const frontend::ImportOptions& options = {});

/// Fails the current test when an output (interpreted or compiled) is not as expected.
void check_both_ways(const ModelBuilder& model, const std::vector<Tensor>& inputs, const std::vector<Tensor>& expected,
                     Within within = {}, const frontend::ImportOptions& options = {});

/// An input of a node under test.
struct NodeInput {
  NodeInput(Tensor tensor, bool fixed = false) : value(std::move(tensor)), constant(fixed) {}  // NOLINT
  Tensor value;
  bool constant = false;  ///< an initializer instead of an input of the model
  bool missing = false;
  ModelShape shape = {};  ///< as the model declares it; the value's if empty
};
inline NodeInput at_run_time(Tensor tensor, ModelShape shape = {}) {
  NodeInput input{std::move(tensor)};
  input.shape = std::move(shape);
  return input;
}
inline NodeInput fixed(Tensor tensor) { return {std::move(tensor), true}; }
inline NodeInput missing() {
  NodeInput input{Tensor()};
  input.missing = true;
  return input;
}

/// A model of one node and what it runs on.
struct NodeModel {
  ModelBuilder model;
  std::vector<Tensor> feeds;
};
using Attributes = std::function<void(NodeRef&)>;
NodeModel node_model(int64_t opset, const std::string& op, const std::vector<NodeInput>& inputs, size_t outputs = 1,
                     const Attributes& attributes = {}, const std::string& domain = "");

inline void check_node(const NodeModel& node, const std::vector<Tensor>& expected, Within within = {}) {
  check_both_ways(node.model, node.feeds, expected, within);
}

/// A tensor of f32 with elements made by `element(i)`, computed in double.
Tensor floats(std::vector<int64_t> shape, const std::function<double(int64_t)>& element);

/// Numbers for tests that need no particular ones.
class TestNumbers {
 public:
  explicit TestNumbers(uint64_t seed) : state_(seed) {}
  double real();                               ///< in [-1, 1)
  int64_t integer(int64_t low, int64_t high);  ///< both included
  Tensor floats(std::vector<int64_t> shape, double scale = 1);
  Tensor integers(DType type, std::vector<int64_t> shape, int64_t low, int64_t high);

 private:
  uint64_t state_;
};

}  // namespace seqc::test
