/// Recurrent test cases: drawn at random over the whole attribute space, written as ONNX models, read back from nodes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/onnx_model.h"
#include "tests/support/recurrent_oracle.h"

namespace seqc::test {

/// Small: H and I up to 33, N up to 17, T 0 to 20. Long: T 16 to 40, H up to 100, I up to 1100, mostly one row: enough for what
/// compiled code does in several steps at once, and for sums that it makes in parts.
enum class Sizes { Small, Long };

/// Any cell, opset, attribute, optional input and output, with odd sizes.
/// The draw depends on the generator only, not on the standard library. Values stay tame: |output| <= 50, and no input
/// of a ThresholdedRelu lies within 1e-5 of its jump, where float and double may rightly differ.
RecurrentCase random_case(std::mt19937_64& rng, Sizes sizes = Sizes::Small);
/// The same from a fresh generator: one number reproduces a failure.
RecurrentCase random_case(uint64_t seed, Sizes sizes = Sizes::Small);

/// A model with the case's one node; outputs are named Y, Y_h, Y_c.
onnx::ModelProto to_model(const RecurrentCase& c);
/// What has to be fed, in the order of the graph's inputs; initializers are not among them.
std::vector<NamedTensor> inputs(const RecurrentCase& c);

/// Finds the tensor behind the name of a node's input; nullopt when it is not known.
using FindTensor = std::function<std::optional<Tensor>(const std::string& name)>;
/// The case that a RNN, GRU or LSTM node describes; its operands are all marked as inputs.
/// Throws std::runtime_error for an unknown attribute, a missing tensor or a shape that contradicts the others.
RecurrentCase from_node(const onnx::NodeProto& node, int64_t opset, const FindTensor& find);

/// One line with every field but the numbers in the tensors.
std::string describe(const RecurrentCase& c);

}  // namespace seqc::test
