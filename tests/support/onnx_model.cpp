#include "tests/support/onnx_model.h"

#include <onnx/onnx-data_pb.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace seqc::test {
namespace {

struct TypePair {
  DType ours;
  onnx::TensorProto::DataType theirs;
};
constexpr std::array<TypePair, ir::kDTypeCount> kTypes = {{
    {DType::f16, onnx::TensorProto::FLOAT16},
    {DType::bf16, onnx::TensorProto::BFLOAT16},
    {DType::f32, onnx::TensorProto::FLOAT},
    {DType::f64, onnx::TensorProto::DOUBLE},
    {DType::i8, onnx::TensorProto::INT8},
    {DType::i16, onnx::TensorProto::INT16},
    {DType::i32, onnx::TensorProto::INT32},
    {DType::i64, onnx::TensorProto::INT64},
    {DType::u8, onnx::TensorProto::UINT8},
    {DType::u16, onnx::TensorProto::UINT16},
    {DType::u32, onnx::TensorProto::UINT32},
    {DType::u64, onnx::TensorProto::UINT64},
    {DType::boolean, onnx::TensorProto::BOOL},
    {DType::string, onnx::TensorProto::STRING},
}};

void set_type(onnx::ValueInfoProto& info, std::string_view name, DType type, const ModelShape& shape) {
  info.set_name(std::string(name));
  *info.mutable_type() = tensor_type(type, shape);
}

/// Copies the proto's typed field into the tensor; false when the counts differ.
template <class Stored, class Field>
bool copy_field(const Field& field, Tensor& tensor) {
  auto out = tensor.mutable_data<Stored>();
  if (static_cast<size_t>(field.size()) != out.size()) return false;
  std::transform(field.begin(), field.end(), out.begin(), [](auto value) { return static_cast<Stored>(value); });
  return true;
}

bool copy_typed(const onnx::TensorProto& proto, Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f16:
    case DType::bf16:
    case DType::u16: return copy_field<uint16_t>(proto.int32_data(), tensor);
    case DType::f32: return copy_field<float>(proto.float_data(), tensor);
    case DType::f64: return copy_field<double>(proto.double_data(), tensor);
    case DType::i8: return copy_field<int8_t>(proto.int32_data(), tensor);
    case DType::i16: return copy_field<int16_t>(proto.int32_data(), tensor);
    case DType::i32: return copy_field<int32_t>(proto.int32_data(), tensor);
    case DType::i64: return copy_field<int64_t>(proto.int64_data(), tensor);
    case DType::u8:
    case DType::boolean: return copy_field<uint8_t>(proto.int32_data(), tensor);
    case DType::u32: return copy_field<uint32_t>(proto.uint64_data(), tensor);
    case DType::u64: return copy_field<uint64_t>(proto.uint64_data(), tensor);
    case DType::string:
      if (proto.string_data_size() != tensor.count()) return false;
      tensor = Tensor::strings(tensor.shape(), {proto.string_data().begin(), proto.string_data().end()});
      return true;
  }
  return false;
}

void fill_typed(onnx::TensorProto& proto, const Tensor& value) {
  for (int64_t i = 0; i < value.count(); ++i) {
    switch (value.dtype()) {
      case DType::f16:
      case DType::bf16: proto.add_int32_data(value.data<uint16_t>()[static_cast<size_t>(i)]); break;
      case DType::f32: proto.add_float_data(value.data<float>()[static_cast<size_t>(i)]); break;
      case DType::f64: proto.add_double_data(value.real(i)); break;
      case DType::i64: proto.add_int64_data(value.integer(i)); break;
      case DType::u32:
      case DType::u64: proto.add_uint64_data(static_cast<uint64_t>(value.integer(i))); break;
      case DType::i8:
      case DType::i16:
      case DType::i32:
      case DType::u8:
      case DType::u16:
      case DType::boolean: proto.add_int32_data(static_cast<int32_t>(value.integer(i))); break;
      case DType::string: proto.add_string_data(std::string(value.text(i))); break;
    }
  }
}

}  // namespace

onnx::TypeProto tensor_type(DType type, const ModelShape& shape) {
  onnx::TypeProto result;
  auto* tensor = result.mutable_tensor_type();
  tensor->set_elem_type(onnx_type(type));
  auto* dims = tensor->mutable_shape();  // a rank-0 tensor has a shape without dims
  for (const ModelDim& dim : shape) {
    auto* out = dims->add_dim();
    if (dim.number >= 0) {
      out->set_dim_value(dim.number);
    } else if (!dim.name.empty()) {
      out->set_dim_param(dim.name);
    }
  }
  return result;
}

onnx::TypeProto sequence_of(const onnx::TypeProto& element) {
  onnx::TypeProto type;
  *type.mutable_sequence_type()->mutable_elem_type() = element;
  return type;
}

onnx::TypeProto optional_of(const onnx::TypeProto& element) {
  onnx::TypeProto type;
  *type.mutable_optional_type()->mutable_elem_type() = element;
  return type;
}

// ---- nodes --------------------------------------------------------------------------------------------------------

onnx::AttributeProto& NodeRef::add(std::string_view name, onnx::AttributeProto::AttributeType type) {
  auto* attribute = node_->add_attribute();
  attribute->set_name(std::string(name));
  attribute->set_type(type);
  return *attribute;
}

NodeRef& NodeRef::attr(std::string_view name, const onnx::TypeProto& value) {
  *add(name, onnx::AttributeProto::TYPE_PROTO).mutable_tp() = value;
  return *this;
}

NodeRef& NodeRef::integer(std::string_view name, int64_t value) {
  add(name, onnx::AttributeProto::INT).set_i(value);
  return *this;
}

NodeRef& NodeRef::real(std::string_view name, float value) {
  add(name, onnx::AttributeProto::FLOAT).set_f(value);
  return *this;
}

NodeRef& NodeRef::attr(std::string_view name, std::string_view value) {
  add(name, onnx::AttributeProto::STRING).set_s(std::string(value));
  return *this;
}

NodeRef& NodeRef::attr(std::string_view name, const Tensor& value) {
  *add(name, onnx::AttributeProto::TENSOR).mutable_t() = tensor_proto("", value);
  return *this;
}

NodeRef& NodeRef::attr(std::string_view name, const GraphBuilder& body) {
  *add(name, onnx::AttributeProto::GRAPH).mutable_g() = body.graph();
  return *this;
}

NodeRef& NodeRef::ints(std::string_view name, const std::vector<int64_t>& values) {
  auto& attribute = add(name, onnx::AttributeProto::INTS);
  for (const int64_t value : values) attribute.add_ints(value);
  return *this;
}

NodeRef& NodeRef::floats(std::string_view name, const std::vector<float>& values) {
  auto& attribute = add(name, onnx::AttributeProto::FLOATS);
  for (const float value : values) attribute.add_floats(value);
  return *this;
}

NodeRef& NodeRef::strings(std::string_view name, const std::vector<std::string>& values) {
  auto& attribute = add(name, onnx::AttributeProto::STRINGS);
  for (const std::string& value : values) attribute.add_strings(value);
  return *this;
}

NodeRef& NodeRef::name(std::string_view name) {
  node_->set_name(std::string(name));
  return *this;
}

NodeRef& NodeRef::domain(std::string_view domain) {
  node_->set_domain(std::string(domain));
  return *this;
}

// ---- graphs and models --------------------------------------------------------------------------------------------

GraphBuilder::GraphBuilder(std::string_view name) { graph_.set_name(std::string(name)); }

GraphBuilder& GraphBuilder::input(std::string_view name, DType type, const ModelShape& shape) {
  set_type(*graph_.add_input(), name, type, shape);
  return *this;
}

GraphBuilder& GraphBuilder::input(std::string_view name, const onnx::TypeProto& type) {
  auto* input = graph_.add_input();
  input->set_name(std::string(name));
  *input->mutable_type() = type;
  return *this;
}

GraphBuilder& GraphBuilder::output(std::string_view name, DType type, const ModelShape& shape) {
  set_type(*graph_.add_output(), name, type, shape);
  return *this;
}

GraphBuilder& GraphBuilder::output(std::string_view name, const onnx::TypeProto& type) {
  output(name);
  *graph_.mutable_output()->rbegin()->mutable_type() = type;
  return *this;
}

GraphBuilder& GraphBuilder::output(std::string_view name) {
  graph_.add_output()->set_name(std::string(name));
  return *this;
}

GraphBuilder& GraphBuilder::value_info(std::string_view name, DType type, const ModelShape& shape) {
  set_type(*graph_.add_value_info(), name, type, shape);
  return *this;
}

GraphBuilder& GraphBuilder::initializer(std::string_view name, const Tensor& value) {
  *graph_.add_initializer() = tensor_proto(name, value);
  return *this;
}

GraphBuilder& GraphBuilder::external(std::string_view name, DType type, const std::vector<int64_t>& shape,
                                     std::string_view location, int64_t offset, int64_t length) {
  auto* tensor = graph_.add_initializer();
  tensor->set_name(std::string(name));
  tensor->set_data_type(onnx_type(type));
  for (const int64_t size : shape) tensor->add_dims(size);
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  const auto entry = [&](const char* key, std::string value) {
    auto* pair = tensor->add_external_data();
    pair->set_key(key);
    pair->set_value(std::move(value));
  };
  entry("location", std::string(location));
  if (offset != 0) entry("offset", std::to_string(offset));
  if (length >= 0) entry("length", std::to_string(length));
  return *this;
}

NodeRef GraphBuilder::node(std::string_view op, const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs) {
  auto* node = graph_.add_node();
  node->set_op_type(std::string(op));
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  return NodeRef(*node);
}

GraphBuilder& GraphBuilder::constant(std::string_view name, const Tensor& value) {
  node("Constant", {}, {std::string(name)}).attr("value", value);
  return *this;
}

ModelBuilder::ModelBuilder(int64_t opset, std::string_view name) : GraphBuilder(name) {
  model_.set_producer_name("seqc tests");
  model_.set_ir_version(std::max<int64_t>(4, ir_version_of_opset(opset)));
  this->opset("", opset);
}

ModelBuilder& ModelBuilder::opset(std::string_view domain, int64_t version) {
  auto* import = model_.add_opset_import();
  import->set_domain(std::string(domain));
  import->set_version(version);
  return *this;
}

ModelBuilder& ModelBuilder::ir_version(int64_t version) {
  model_.set_ir_version(version);
  return *this;
}

onnx::ModelProto ModelBuilder::build() const {
  onnx::ModelProto model = model_;
  *model.mutable_graph() = graph();
  if (model.ir_version() >= 4) return model;
  auto& out = *model.mutable_graph();
  for (const auto& tensor : graph().initializer()) {
    const auto listed = [&](const onnx::ValueInfoProto& input) { return input.name() == tensor.name(); };
    if (std::any_of(graph().input().begin(), graph().input().end(), listed)) continue;
    set_type(*out.add_input(), tensor.name(), type_of(tensor.data_type()),
             ModelShape(tensor.dims().begin(), tensor.dims().end()));
  }
  return model;
}

std::string ModelBuilder::bytes() const { return build().SerializeAsString(); }

std::filesystem::path ModelBuilder::save(const std::filesystem::path& file) const {
  write_file(file, bytes());
  return file;
}

int64_t ir_version_of_opset(int64_t opset) {
  struct Row {
    int64_t first_opset, ir_version;
  };
  // From the table of releases in ONNX's docs/Versioning.md.
  constexpr Row kRows[] = {{24, 12}, {23, 11}, {21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}, {9, 4}};
  for (const Row& row : kRows) {
    if (opset >= row.first_opset) return row.ir_version;
  }
  return 3;
}

// ---- tensors and files --------------------------------------------------------------------------------------------

onnx::TensorProto::DataType onnx_type(DType type) {
  for (const TypePair& pair : kTypes) {
    if (pair.ours == type) return pair.theirs;
  }
  throw std::runtime_error("element type without an ONNX name");
}

DType type_of(int onnx_type) {
  for (const TypePair& pair : kTypes) {
    if (pair.theirs == onnx_type) return pair.ours;
  }
  throw std::runtime_error(fmt::format("ONNX element type {} has no counterpart", onnx_type));
}

onnx::TensorProto tensor_proto(std::string_view name, const Tensor& value, bool raw) {
  onnx::TensorProto proto;
  proto.set_name(std::string(name));
  proto.set_data_type(onnx_type(value.dtype()));
  for (const int64_t size : value.shape()) proto.add_dims(size);
  if (raw && value.dtype() != DType::string) {
    proto.set_raw_data(std::string(reinterpret_cast<const char*>(value.bytes()), value.byte_size()));
  } else {
    fill_typed(proto, value);
  }
  return proto;
}

namespace {

onnx::SequenceProto sequence_proto(std::string_view name, const std::vector<Tensor>& elements) {
  onnx::SequenceProto proto;
  proto.set_name(std::string(name));
  proto.set_elem_type(onnx::SequenceProto::TENSOR);
  for (const Tensor& element : elements) *proto.add_tensor_values() = tensor_proto("", element);
  return proto;
}

}  // namespace

std::string sequence_bytes(std::string_view name, const std::vector<Tensor>& elements) {
  return sequence_proto(name, elements).SerializeAsString();
}

std::string optional_bytes(std::string_view name, const Tensor* element) {
  onnx::OptionalProto proto;
  proto.set_name(std::string(name));
  proto.set_elem_type(element ? onnx::OptionalProto::TENSOR : onnx::OptionalProto::UNDEFINED);
  if (element) *proto.mutable_tensor_value() = tensor_proto("", *element);
  return proto.SerializeAsString();
}

std::string optional_bytes(std::string_view name, const std::vector<Tensor>& sequence) {
  onnx::OptionalProto proto;
  proto.set_name(std::string(name));
  proto.set_elem_type(onnx::OptionalProto::SEQUENCE);
  *proto.mutable_sequence_value() = sequence_proto("", sequence);
  return proto.SerializeAsString();
}

Tensor tensor_of(const onnx::TensorProto& proto) {
  Tensor tensor(type_of(proto.data_type()), {proto.dims().begin(), proto.dims().end()});
  const bool raw = proto.has_raw_data();
  const bool fits = raw ? proto.raw_data().size() == tensor.byte_size() : copy_typed(proto, tensor);
  if (!fits) throw std::runtime_error(fmt::format("tensor \"{}\": data does not fit its shape", proto.name()));
  if (raw && tensor.byte_size() > 0) std::memcpy(tensor.mutable_bytes(), proto.raw_data().data(), tensor.byte_size());
  return tensor;
}

onnx::ModelProto load_model(const std::filesystem::path& file) {
  onnx::ModelProto model;
  if (!model.ParseFromString(read_file(file))) throw std::runtime_error(file.string() + ": not an ONNX model");
  return model;
}

NamedTensor load_tensor(const std::filesystem::path& file) {
  onnx::TensorProto proto;
  if (!proto.ParseFromString(read_file(file))) throw std::runtime_error(file.string() + ": not a TensorProto");
  return {proto.name(), tensor_of(proto)};
}

void write_file(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream out(file, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error(file.string() + ": cannot be written");
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "seqc-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error(pattern + ": cannot be created");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace seqc::test
