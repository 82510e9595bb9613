/// Which ONNX nodes draw random numbers; found in the file, without importing it.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <utility>

#include "ir/tensor.h"

namespace seqc::frontend {

/// Functions of a model by domain and name, as ModelContext has them.
using FunctionTable = std::map<std::pair<std::string, std::string>, const onnx::FunctionProto*>;

/// True if a node of the graph, of its subgraphs or of the functions that they call draws random numbers: RandomUniform
/// and its kin, Bernoulli, Multinomial, and Dropout unless it certainly does not train. `opset`: of ONNX's own domain.
/// `known`: elements of names, beside what initializers and constants say.
bool draws_random_numbers(const onnx::GraphProto& graph, const FunctionTable& functions, int64_t opset,
                          const std::map<std::string, ir::Tensor>& known = {});

}  // namespace seqc::frontend
