/// The weights of a model file: which there are, who uses them, and the same file with other ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::frontend {

/// An initializer of the main graph that holds floats.
struct Weight {
  /// A node's input that it is, in subgraphs as well.
  struct Use {
    std::string domain, op;  ///< "" is ONNX's own domain
    int input = 0;
  };
  std::string name;
  ir::DType type = ir::DType::f32;
  std::vector<int64_t> shape;
  std::vector<Use> uses;

  std::string type_str() const;  ///< "f32[1,512,28]"
};

/// In the file's order. Throws Error(BadInput) for files that are no valid ONNX.
std::vector<Weight> list_weights(const std::string& path);

/// The model of a file, serialized, with these initializers in place of those of the same names, and everything else
/// (nodes, names, dims, opset, metadata) as it was. What the model kept in other files is part of it.
/// Throws Error(BadInput) for names and types that the model does not have, Error(Unsupported) beyond the 2 GiB that one
/// file can hold.
std::string with_weights(const std::string& from, const std::map<std::string, ir::Tensor>& values);

}  // namespace seqc::frontend
