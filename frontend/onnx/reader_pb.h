/// Files of the ONNX format: models, tensors and the external data that models point to.
#pragma once

#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "ir/tensor.h"

namespace seqc::frontend {

/// Reads and parses a model file; checks what concerns the file as a whole (graph, IR version). Throws Error(BadInput).
onnx::ModelProto read_model(const std::string& path);
onnx::ModelProto parse_model(std::span<const std::byte> bytes, const std::string& name);
onnx::TensorProto read_tensor(const std::string& path);
onnx::SequenceProto read_sequence_proto(const std::string& path);
onnx::OptionalProto read_optional_proto(const std::string& path);

/// Gives tensors that a model stores outside of its own file.
class ExternalData {
 public:
  /// `model_path` empty: the model has no folder, and every reference is refused.
  explicit ExternalData(std::string model_path);
  ~ExternalData();

  /// The bytes of a tensor with data_location EXTERNAL; `size` is what its type and shape ask for.
  /// Throws Error(BadInput) if the reference leaves the model's folder, or the file lacks the bytes.
  std::span<const std::byte> bytes(const onnx::TensorProto& proto, size_t size, const std::string& where);

 private:
  struct File;
  const File& open(const std::string& location, const std::string& where);

  std::string model_path_;
  std::map<std::string, std::unique_ptr<File>> files_;
};

/// The element type, or Error(Unsupported) naming the ONNX type; `where` opens the message.
ir::DType element_type(int onnx_type, const std::string& where);
/// The same for attributes that name a type to compute with: refuses strings.
ir::DType number_type(int onnx_type, const std::string& where);
onnx::TensorProto::DataType onnx_type(ir::DType type);
/// "FLOAT", "STRING", ... or the number.
std::string element_type_name(int onnx_type);

/// Decodes a tensor; `external` null: external data is refused. `where` opens messages: `initializer "W"`.
ir::Tensor decode_tensor(const onnx::TensorProto& proto, ExternalData* external, const std::string& where);

}  // namespace seqc::frontend
