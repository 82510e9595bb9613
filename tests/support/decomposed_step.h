/// One step of a recurrent cell as ONNX nodes; see decomposed_cells.h.
#pragma once

#include <string>
#include <vector>

#include "tests/support/decomposed_cells.h"

namespace seqc::test {

using Names = std::vector<std::string>;

bool is_gru(StepCell cell);

/// ONNX's weights of one layer: [1,G*H,I], [1,G*H,H], [1,2*G*H].
struct StepWeights {
  StepWeights(StepCell cell, const StepSizes& sizes);

  StepCell cell;
  int64_t input, hidden, gates;
  Tensor w, r, b;

  /// The columns of some gates side by side: rows of x, then of h. `transposed` is what Gemm takes.
  Tensor matrix(const std::vector<int64_t>& of_gates, bool x, bool h, bool transposed) const;
  /// The bias of x, of h, or their sum.
  Tensor bias(const std::vector<int64_t>& of_gates, bool x, bool h) const;
};

/// Writes the nodes of one step into a body.
class StepWriter {
 public:
  StepWriter(const StepForm& form, const StepWeights& weights, int64_t opset, GraphBuilder& body)
      : form_(form), weights_(weights), opset_(opset), body_(body) {}

  /// The names of the next states.
  Names step(const std::string& x, const Names& states);
  /// The weights that the step reads by name.
  const std::vector<NamedTensor>& weights() const { return used_; }

  /// A node with one output, which gets a fresh name.
  std::string op(const char* type, const Names& inputs);
  std::string constant(const std::string& hint, const Tensor& value);

 private:
  std::string fresh(const std::string& hint) { return hint + "_" + std::to_string(count_++); }
  std::string weight(const std::string& hint, Tensor value);
  std::string gemm(const std::string& x, const std::string& w, const std::string& b);
  Names split(const std::string& x, size_t parts);
  /// x·W + h·R + b of several gates as one value.
  std::string sum(const std::string& x, const std::string& h, const std::vector<int64_t>& gates);
  /// The same, cut into gates.
  Names gate_sums(const std::string& x, const std::string& h, const std::vector<int64_t>& gates);
  /// The product with one input and its bias.
  std::string part(const std::string& of, bool x, const std::vector<int64_t>& gates);
  Names lstm(const std::string& x, const Names& states);
  Names gru(const std::string& x, const std::string& h);

  const StepForm& form_;
  const StepWeights& weights_;
  int64_t opset_;
  GraphBuilder& body_;
  std::vector<NamedTensor> used_;
  int count_ = 0;
};

}  // namespace seqc::test
