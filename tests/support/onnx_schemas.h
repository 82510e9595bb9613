/// What the installed ONNX library says of operators.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace seqc::test {

/// The opsets that introduced or changed each operator, by domain and name.
std::map<std::pair<std::string, std::string>, std::set<int64_t>> operator_versions();

/// The operators of ONNX's own domain that may have a tensor of strings, or something of such tensors, among their inputs or
/// outputs.
std::set<std::string> operators_with_strings();

/// The newest opset of ONNX's own domain that the library knows.
int64_t newest_known_opset();

}  // namespace seqc::test
