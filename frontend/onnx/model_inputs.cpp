#include <algorithm>
#include <set>

#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

using ir::Dim;
using ir::Shape;
using Bindings = std::map<std::string, Dim>;

constexpr int64_t kMaxDim = int64_t{1} << 40;

void bind_dim(Bindings& bindings, const std::string& name, int64_t value, const std::string& where) {
  const auto [it, inserted] = bindings.emplace(name, Dim(value));
  if (!inserted && !(it->second == Dim(value)))
    fail(ErrorKind::BadInput, "{}: named dim {} gets {}, and {} elsewhere", where, name, value, it->second.str());
}

/// Uses a shape that the caller gives: it must fit the declaration, and binds the names there.
Shape given_shape(const onnx::ValueInfoProto& info, const std::vector<int64_t>& given, Bindings& bindings) {
  const std::string where = fmt::format("input \"{}\"", info.name());
  const auto declared = declared_shape(info);
  Shape shape(given.begin(), given.end());
  for (const int64_t size : given)
    if (size < 0) fail(ErrorKind::BadInput, "{}: got shape {}, expected no negative dims", where, str(shape));
  if (!declared) return shape;
  const auto mismatch = [&] {
    fail(ErrorKind::BadInput, "{}: got shape {}, expected {}", where, str(shape), str(*declared));
  };
  if (declared->size() != shape.size()) mismatch();
  for (size_t i = 0; i < shape.size(); ++i) {
    const Dim& dim = (*declared)[i];
    if (dim.is_symbol())
      bind_dim(bindings, dim.symbol_name(), given[i], where);
    else if (!(dim == shape[i]) && !(dim == Dim(0)))  // 0 is an old way to write "any"
      mismatch();
  }
  return shape;
}

void check_size(const ir::Type& type, const std::string& where) {
  int64_t count = 1;
  for (const Dim& dim : type.shape) {
    if (!dim.is_constant() || dim == Dim(0)) continue;
    if (dim.constant() > kMaxDim || __builtin_mul_overflow(count, dim.constant(), &count) || count > kMaxDim)
      fail(ErrorKind::BadInput, "{}: {} is more than fits in memory", where, type.str());
  }
}

}  // namespace

std::optional<Shape> declared_shape(const onnx::ValueInfoProto& info) {
  if (!info.type().has_tensor_type() || !info.type().tensor_type().has_shape()) return std::nullopt;
  Shape shape;
  for (const auto& dim : info.type().tensor_type().shape().dim()) {
    std::string name = dim.dim_param();
    std::replace(name.begin(), name.end(), '`', '\'');  // the one letter that names in IR text cannot hold
    if (dim.has_dim_value() && dim.dim_value() >= 0)
      shape.emplace_back(dim.dim_value());
    else if (!name.empty() && name != "?")
      shape.push_back(Dim::symbol(name));
    else
      shape.push_back(Dim::symbol(fmt::format("{}_dim{}", info.name(), shape.size())));
  }
  return shape;
}

onnx::TypeProto type_proto(const ir::Type& type) {
  onnx::TypeProto proto;
  proto.mutable_tensor_type()->set_elem_type(onnx_type(type.dtype));
  auto* shape = proto.mutable_tensor_type()->mutable_shape();
  for (const Dim& dim : type.shape) {
    auto* entry = shape->add_dim();
    if (dim.is_constant())
      entry->set_dim_value(dim.constant());
    else
      entry->set_dim_param(dim.str());
  }
  return proto;
}

std::vector<InputType> bind_inputs(const onnx::GraphProto& graph, const ImportOptions& options) {
  std::set<std::string> initialized, known_names;
  for (const auto& initializer : graph.initializer()) initialized.insert(initializer.name());
  std::vector<const onnx::ValueInfoProto*> inputs;
  Bindings bindings;
  for (const auto& [name, value] : options.dims) {
    if (value < 0) fail(ErrorKind::BadInput, "dim {}: got {}, expected no negative number", name, value);
    bind_dim(bindings, name, value, "option");
  }
  std::map<std::string, Shape> shapes;
  for (const auto& info : graph.input()) {
    if (initialized.count(info.name())) continue;
    inputs.push_back(&info);
    if (const auto declared = declared_shape(info))
      for (const Dim& dim : *declared) dim.collect_symbols(known_names);
    if (const auto it = options.input_shapes.find(info.name()); it != options.input_shapes.end())
      shapes[info.name()] = given_shape(info, it->second, bindings);
    if (const auto it = options.input_values.find(info.name()); it != options.input_values.end())
      shapes[info.name()] = given_shape(info, it->second.shape(), bindings);
  }
  for (const auto& [name, shape] : options.input_shapes)
    if (!shapes.count(name)) fail(ErrorKind::BadInput, "a shape is given for \"{}\", which is no input", name);
  for (const auto& [name, value] : options.input_values)
    if (!shapes.count(name)) fail(ErrorKind::BadInput, "a value is given for \"{}\", which is no input", name);
  for (const auto& [name, value] : options.dims)
    if (!known_names.count(name))
      fail(ErrorKind::BadInput, "dim {} is given, and no input has it; the inputs have: {}", name,
           fmt::join(known_names, ", "));

  std::vector<InputType> result;
  for (const auto* info : inputs) {
    const std::string where = fmt::format("input \"{}\"", info->name());
    if (!info->type().has_tensor_type()) {
      const bool sequence = info->type().has_sequence_type();
      fail(ErrorKind::Unsupported, "{}: {} as inputs are not supported", where,
           sequence ? "sequences" : "values other than dense tensors");
    }
    InputType input{info->name(), {element_type(info->type().tensor_type().elem_type(), where), {}}};
    if (const auto it = shapes.find(info->name()); it != shapes.end()) {
      input.type.shape = it->second;
    } else {
      const auto declared = declared_shape(*info);
      if (!declared)
        fail(ErrorKind::NeedsDims, "{}: the model does not say its shape; give a shape for this input", where);
      for (const Dim& dim : *declared) input.type.shape.push_back(dim.substitute(bindings));
    }
    check_size(input.type, where);
    if (const auto it = options.input_values.find(input.name); it != options.input_values.end())
      if (it->second.dtype() != input.type.dtype)
        fail(ErrorKind::BadInput, "{}: got the value {}, expected {}", where, it->second.type_str(), input.type.str());
    result.push_back(std::move(input));
  }
  return result;
}

}  // namespace seqc::frontend
