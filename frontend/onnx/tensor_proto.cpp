#include <cstring>
#include <filesystem>
#include <fstream>

#include "frontend/onnx/import.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/tensor_proto_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

using ir::DType;
using ir::Tensor;
using onnx::TensorProto;

struct TypeRow {
  TensorProto::DataType onnx;
  DType type;
};
constexpr TypeRow kTypes[] = {
    {TensorProto::FLOAT, DType::f32},     {TensorProto::DOUBLE, DType::f64},    {TensorProto::FLOAT16, DType::f16},
    {TensorProto::BFLOAT16, DType::bf16}, {TensorProto::INT8, DType::i8},       {TensorProto::INT16, DType::i16},
    {TensorProto::INT32, DType::i32},     {TensorProto::INT64, DType::i64},     {TensorProto::UINT8, DType::u8},
    {TensorProto::UINT16, DType::u16},    {TensorProto::UINT32, DType::u32},    {TensorProto::UINT64, DType::u64},
    {TensorProto::BOOL, DType::boolean},  {TensorProto::STRING, DType::string},
};

[[noreturn]] void wrong_count(const std::string& where, const Tensor& tensor, int64_t got) {
  fail(ErrorKind::BadInput, "{}: got {} elements, expected {} for {}", where, got, tensor.count(), tensor.type_str());
}

template <class Field>
void copy_integers(const Field& field, Tensor& tensor, const std::string& where) {
  if (field.size() != tensor.count()) wrong_count(where, tensor, field.size());
  for (int i = 0; i < field.size(); ++i) tensor.set_integer(i, static_cast<int64_t>(field[i]));
}

template <class T, class Field>
void copy_bits(const Field& field, Tensor& tensor, const std::string& where) {
  if (field.size() != tensor.count()) wrong_count(where, tensor, field.size());
  auto out = tensor.mutable_data<T>();
  for (int i = 0; i < field.size(); ++i) out[i] = static_cast<T>(field[i]);
}

void copy_strings(const TensorProto& proto, Tensor& tensor, const std::string& where) {
  if (proto.string_data_size() != tensor.count()) wrong_count(where, tensor, proto.string_data_size());
  try {
    tensor = Tensor::strings(tensor.shape(), {proto.string_data().begin(), proto.string_data().end()});
  } catch (const Error& error) {
    fail(error.kind(), "{}: {}", where, error.what());
  }
}

/// The typed fields that ONNX prescribes for each element type.
void copy_typed(const TensorProto& proto, Tensor& tensor, const std::string& where) {
  switch (tensor.dtype()) {
    case DType::f32: return copy_bits<float>(proto.float_data(), tensor, where);
    case DType::f64: return copy_bits<double>(proto.double_data(), tensor, where);
    case DType::f16:
    case DType::bf16: return copy_bits<uint16_t>(proto.int32_data(), tensor, where);
    case DType::i64: return copy_bits<int64_t>(proto.int64_data(), tensor, where);
    case DType::u64: return copy_bits<uint64_t>(proto.uint64_data(), tensor, where);
    case DType::u32: return copy_bits<uint32_t>(proto.uint64_data(), tensor, where);
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::u8:
    case DType::u16:
    case DType::boolean: return copy_integers(proto.int32_data(), tensor, where);
    case DType::string: return copy_strings(proto, tensor, where);
  }
}

void copy_raw(std::span<const std::byte> raw, Tensor& tensor, const std::string& where) {
  if (raw.size() != tensor.byte_size())
    fail(ErrorKind::BadInput, "{}: got {} bytes, expected {} for {}", where, raw.size(), tensor.byte_size(),
         tensor.type_str());
  if (!raw.empty()) std::memcpy(tensor.mutable_bytes(), raw.data(), raw.size());
  if (tensor.dtype() == DType::boolean)
    for (uint8_t& value : tensor.mutable_data<uint8_t>()) value = value != 0;
}

/// Bytes of the shape, checked before anything is allocated; the file must be able to hold them.
size_t checked_size(const TensorProto& proto, DType type, const std::string& where) {
  uint64_t size = ir::size_of(type);
  for (const int64_t dim : proto.dims()) {
    if (dim < 0) fail(ErrorKind::BadInput, "{}: dim {} is negative", where, dim);
    if (__builtin_mul_overflow(size, static_cast<uint64_t>(dim), &size) || size > (uint64_t{1} << 46))
      fail(ErrorKind::BadInput, "{}: its {} elements of shape [{}] are more than fit in memory", where,
           element_type_name(proto.data_type()), fmt::join(proto.dims(), ","));
  }
  return size;
}

}  // namespace

std::string element_type_name(int onnx_type) {
  // Types younger than the protobuf classes at hand.
  constexpr const char* kNewer[] = {"FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ",
                                    "UINT4",        "INT4",           "FLOAT4E2M1"};
  if (onnx_type >= 17 && onnx_type < 24) return kNewer[onnx_type - 17];
  if (TensorProto::DataType_IsValid(onnx_type))
    return TensorProto::DataType_Name(static_cast<TensorProto::DataType>(onnx_type));
  return fmt::format("number {}", onnx_type);
}

TensorProto::DataType onnx_type(DType type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return row.onnx;
  internal_error(__FILE__, __LINE__, "type", "an element type that ONNX lacks");
}

DType element_type(int onnx_type, const std::string& where) {
  for (const TypeRow& row : kTypes)
    if (row.onnx == onnx_type) return row.type;
  if (onnx_type == TensorProto::UNDEFINED) fail(ErrorKind::BadInput, "{}: it has no element type", where);
  fail(ErrorKind::Unsupported, "{}: element type {} is not supported", where, element_type_name(onnx_type));
}

DType number_type(int onnx_type, const std::string& where) {
  const DType type = element_type(onnx_type, where);
  if (!ir::is_arithmetic(type))
    fail(ErrorKind::Unsupported, "{}: element type {} is not supported here: strings are moved, and nothing else",
         where, element_type_name(onnx_type));
  return type;
}

Tensor decode_tensor(const TensorProto& proto, ExternalData* external, const std::string& where) {
  const DType type = element_type(proto.data_type(), where);
  if (proto.has_segment()) fail(ErrorKind::Unsupported, "{}: tensors in segments are not supported", where);
  const size_t size = checked_size(proto, type, where);
  const bool elsewhere = proto.data_location() == TensorProto::EXTERNAL;
  if (type == DType::string && (elsewhere || proto.has_raw_data()))
    fail(ErrorKind::BadInput, "{}: strings are not allowed in raw or external data, expected string_data", where);
  std::span<const std::byte> raw;
  if (elsewhere) {
    if (!external) fail(ErrorKind::BadInput, "{}: external data is allowed in models only", where);
    raw = external->bytes(proto, size, where);
  } else if (proto.has_raw_data()) {
    raw = std::as_bytes(std::span(proto.raw_data()));
  } else if (size > 8 * proto.ByteSizeLong()) {
    // A lying shape must not make us allocate: typed fields hold at least one byte an element.
    fail(ErrorKind::BadInput, "{}: shape [{}] asks for {} bytes, more than the file holds", where,
         fmt::join(proto.dims(), ","), size);
  }
  if ((elsewhere || proto.has_raw_data()) && raw.size() != size)
    fail(ErrorKind::BadInput, "{}: got {} bytes, expected {} for {}[{}]", where, raw.size(), size, ir::name(type),
         fmt::join(proto.dims(), ","));
  Tensor tensor(type, {proto.dims().begin(), proto.dims().end()});
  if (elsewhere || proto.has_raw_data())
    copy_raw(raw, tensor, where);
  else
    copy_typed(proto, tensor, where);
  return tensor;
}

Tensor load_tensor_proto(const std::string& path, std::string* name) {
  const TensorProto proto = read_tensor(path);
  if (name) *name = proto.name();
  return decode_tensor(proto, nullptr, path);
}

void encode_tensor(const Tensor& tensor, const std::string& name, TensorProto& proto) {
  proto.set_name(name);
  proto.set_data_type(onnx_type(tensor.dtype()));
  for (const int64_t dim : tensor.shape()) proto.add_dims(dim);
  if (tensor.dtype() == DType::string)
    for (int64_t i = 0; i < tensor.count(); ++i) proto.add_string_data(std::string(tensor.text(i)));
  else
    proto.set_raw_data(tensor.bytes(), tensor.byte_size());
}

void save_tensor_proto(const std::string& path, const Tensor& tensor, const std::string& name) {
  if (tensor.byte_size() >= (size_t{1} << 31) - 4096)
    fail(ErrorKind::BadInput, "{}: {} is more than a tensor file can hold (2 GiB, a limit of protobuf)", path,
         tensor.type_str());
  TensorProto proto;
  encode_tensor(tensor, name, proto);
  const std::string temporary = path + ".tmp";
  {
    std::ofstream out(temporary, std::ios::binary);
    if (!out || !proto.SerializeToOstream(&out) || !out.flush())
      fail(ErrorKind::BadInput, "{}: cannot write: {}", path, std::strerror(errno));
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) fail(ErrorKind::BadInput, "{}: cannot write: {}", path, error.message());
}

}  // namespace seqc::frontend
