/// Tensors as ONNX's TensorProto.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>

#include "ir/tensor.h"

namespace seqc::frontend {

/// The tensor's type, shape and elements: raw bytes, or texts for strings.
void encode_tensor(const ir::Tensor& tensor, const std::string& name, onnx::TensorProto& proto);

}  // namespace seqc::frontend
