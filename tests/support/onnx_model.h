/// Writes ONNX models for tests in a few lines, and reads model and tensor files.
///
///   ModelBuilder model(14);
///   model.input("X", DType::f32, {"T", "N", 3}).output("Y", DType::f32, {"T", "N", 3});
///   model.initializer("S", Tensor::f32({1}, {2}));
///   model.node("Mul", {"X", "S"}, {"Y"}).attr("note", "attributes chain").ints("axes", {0, 1});
///   model.save(dir / "model.onnx");
///
/// Nothing is checked: a test of bad input can write any nonsense.
#pragma once

#include <onnx/onnx_pb.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ir/tensor.h"

namespace seqc::test {

using ir::DType;
using ir::Tensor;

/// A tensor with the name of the graph input or output that it belongs to.
struct NamedTensor {
  std::string name;
  Tensor value;
};

/// A number, a name, or "" for a dim that the model says nothing about.
struct ModelDim {
  template <std::integral T>
  ModelDim(T number) : number(static_cast<int64_t>(number)) {}  // NOLINT: dims are written as numbers
  ModelDim(std::string text) : name(std::move(text)) {}         // NOLINT: or as names
  ModelDim(const char* text) : name(text) {}                    // NOLINT
  int64_t number = -1;                                          ///< -1: look at the name
  std::string name;
};
using ModelShape = std::vector<ModelDim>;

/// Types of inputs and outputs that are no tensors.
onnx::TypeProto tensor_type(DType type, const ModelShape& shape);
onnx::TypeProto sequence_of(const onnx::TypeProto& element);
onnx::TypeProto optional_of(const onnx::TypeProto& element);

class GraphBuilder;

/// Adds attributes to a node; valid as long as its graph.
class NodeRef {
 public:
  explicit NodeRef(onnx::NodeProto& node) : node_(&node) {}

  NodeRef& attr(std::string_view name, std::integral auto value) { return integer(name, static_cast<int64_t>(value)); }
  NodeRef& attr(std::string_view name, std::floating_point auto value) { return real(name, static_cast<float>(value)); }
  NodeRef& attr(std::string_view name, std::string_view value);
  NodeRef& attr(std::string_view name, const Tensor& value);
  NodeRef& attr(std::string_view name, const GraphBuilder& body);
  NodeRef& attr(std::string_view name, const onnx::TypeProto& value);
  NodeRef& ints(std::string_view name, const std::vector<int64_t>& values);
  NodeRef& floats(std::string_view name, const std::vector<float>& values);
  NodeRef& strings(std::string_view name, const std::vector<std::string>& values);
  NodeRef& name(std::string_view name);
  NodeRef& domain(std::string_view domain);
  onnx::NodeProto& proto() { return *node_; }

 private:
  onnx::AttributeProto& add(std::string_view name, onnx::AttributeProto::AttributeType type);
  NodeRef& integer(std::string_view name, int64_t value);
  NodeRef& real(std::string_view name, float value);

  onnx::NodeProto* node_;
};

/// A graph: the body of a model or of a control flow node.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string_view name = "graph");

  GraphBuilder& input(std::string_view name, DType type, const ModelShape& shape);
  GraphBuilder& input(std::string_view name, const onnx::TypeProto& type);
  GraphBuilder& output(std::string_view name, DType type, const ModelShape& shape);
  GraphBuilder& output(std::string_view name, const onnx::TypeProto& type);
  GraphBuilder& output(std::string_view name);  ///< without type and shape
  GraphBuilder& value_info(std::string_view name, DType type, const ModelShape& shape);
  GraphBuilder& initializer(std::string_view name, const Tensor& value);
  /// An initializer whose bytes lie in `location`, a path relative to the model's folder (written by the caller).
  GraphBuilder& external(std::string_view name, DType type, const std::vector<int64_t>& shape,
                         std::string_view location, int64_t offset = 0, int64_t length = -1);
  /// Missing optional inputs and outputs are "".
  NodeRef node(std::string_view op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);
  /// A Constant node.
  GraphBuilder& constant(std::string_view name, const Tensor& value);

  onnx::GraphProto& graph() { return graph_; }
  const onnx::GraphProto& graph() const { return graph_; }

 private:
  onnx::GraphProto graph_;
};

/// A graph with what a file adds to it.
class ModelBuilder : public GraphBuilder {
 public:
  /// The IR version is that of the first ONNX release with this opset, but at least 4 (3 is for ir_version(3)).
  explicit ModelBuilder(int64_t opset, std::string_view name = "graph");

  ModelBuilder& opset(std::string_view domain, int64_t version);  ///< a further import
  /// Below 4, build() lists initializers as graph inputs too, as those versions demand.
  ModelBuilder& ir_version(int64_t version);

  onnx::ModelProto build() const;
  std::string bytes() const;
  /// Writes the file and returns its path.
  std::filesystem::path save(const std::filesystem::path& file) const;

 private:
  onnx::ModelProto model_;
};

int64_t ir_version_of_opset(int64_t opset);

onnx::TensorProto::DataType onnx_type(DType type);
/// Throws std::runtime_error for element types that ir::DType lacks.
DType type_of(int onnx_type);
/// `raw`: bytes in raw_data; otherwise in the typed field, as older exporters write them.
onnx::TensorProto tensor_proto(std::string_view name, const Tensor& value, bool raw = true);
/// Files of test suites that hold a sequence, or an optional with one or none.
std::string sequence_bytes(std::string_view name, const std::vector<Tensor>& elements);
std::string optional_bytes(std::string_view name, const Tensor* element);  ///< null: none
std::string optional_bytes(std::string_view name, const std::vector<Tensor>& sequence);
/// Throws std::runtime_error when the proto's data does not fit its shape; external data is not followed.
Tensor tensor_of(const onnx::TensorProto& proto);

/// These throw std::runtime_error naming the file.
onnx::ModelProto load_model(const std::filesystem::path& file);
NamedTensor load_tensor(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view bytes);
std::string read_file(const std::filesystem::path& file);

/// A fresh folder below the system's temporary folder, removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace seqc::test
