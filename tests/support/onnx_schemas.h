/// What the installed ONNX library says of operators.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ir/ir.h"

namespace seqc::test {

/// The opsets that introduced or changed each operator, by domain and name.
std::map<std::pair<std::string, std::string>, std::set<int64_t>> operator_versions();

/// The operators of ONNX's own domain that may have a tensor of strings, or something of such tensors, among their inputs or
/// outputs.
std::set<std::string> operators_with_strings();

/// The element types of tensors that an input of an operator may have in an opset (in the newest known one, if newer);
/// none if the library does not know the operator.
std::vector<ir::DType> input_types(const std::string& domain, const std::string& op, int64_t opset, size_t input);

/// What ONNX's own checker and shape inference say of a serialized model, whose outputs have the element types and ranks
/// `claimed`: the shapes of outputs, -1 for dims that it does not know. Throws std::exception for a model that it finds
/// invalid, or with outputs of other types. Only for opsets that the library knows.
std::map<std::string, std::vector<int64_t>> inferred_shapes(const std::string& model,
                                                            const std::map<std::string, ir::Tensor>& claimed);

/// The newest opset of ONNX's own domain that the library knows.
int64_t newest_known_opset();

}  // namespace seqc::test
