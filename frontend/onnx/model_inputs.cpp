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
constexpr int64_t kMaxPorts = 4096;  // of one sequence

std::string where_of(const std::string& input) { return fmt::format("input \"{}\"", input); }

void bind_dim(Bindings& bindings, const std::string& name, int64_t value, const std::string& where) {
  const auto [it, inserted] = bindings.emplace(name, Dim(value));
  if (!inserted && !(it->second == Dim(value)))
    fail(ErrorKind::BadInput, "{}: named dim {} gets {}, and {} elsewhere", where, name, value, it->second.str());
}

/// An argument of the function with what the model declares for it.
struct Port {
  std::string name;
  const onnx::TypeProto* type;  ///< of a tensor
  bool is_element;
};

/// Uses a shape that the caller gives: it must fit the declaration, and binds the names there. Those of a sequence's
/// elements stay open: elements may differ in shape.
Shape given_shape(const Port& port, const std::vector<int64_t>& given, Bindings& bindings) {
  const std::string where = where_of(port.name);
  const auto declared = declared_shape(port.name, *port.type);
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
    if (dim.is_symbol()) {
      if (!port.is_element || bindings.count(dim.symbol_name())) bind_dim(bindings, dim.symbol_name(), given[i], where);
    } else if (!(dim == shape[i]) && !(dim == Dim(0))) {  // 0 is an old way to write "any"
      mismatch();
    }
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

/// The structure of one input as the caller gives it: how many elements a sequence has (1 for a tensor), or nothing for
/// an optional without an element.
std::optional<int64_t> given_structure(const onnx::ValueInfoProto& info, const ImportOptions& options) {
  const std::string where = where_of(info.name()), type = type_text(info.type());
  const PortKind kind = kind_of(info.type());
  if (kind == PortKind::Other) fail(ErrorKind::Unsupported, "{}: {} as an input is not supported", where, type);
  const bool optional = kind == PortKind::OptionalTensor || kind == PortKind::OptionalSequence;
  const bool sequence = kind == PortKind::Sequence || kind == PortKind::OptionalSequence;
  const auto length = options.sequence_lengths.find(info.name());
  const auto presence = options.optionals.find(info.name());
  const bool has_length = length != options.sequence_lengths.end(), has_presence = presence != options.optionals.end();
  if (has_length && !sequence)
    fail(ErrorKind::BadInput, "{}: got a number of elements, and it is no sequence but {}", where, type);
  if (has_presence && !optional)
    fail(ErrorKind::BadInput, "{}: got whether it holds an element, and it is no optional but {}", where, type);
  if (has_presence && !presence->second) {
    if (has_length) fail(ErrorKind::BadInput, "{}: got a number of elements, and that it holds none", where);
    return std::nullopt;
  }
  if (has_length) {
    if (length->second < 0 || length->second > kMaxPorts)
      fail(ErrorKind::BadInput, "{}: got {} elements, expected 0 to {}", where, length->second, kMaxPorts);
    return length->second;
  }
  if (sequence)
    fail(ErrorKind::NeedsValues, "{}: {} may have any number of elements; say how many: --sequence {}=...{}", where,
         type, info.name(), !optional ? "" : fmt::format(", or --optional {}=none", info.name()));
  if (optional && !has_presence)
    fail(ErrorKind::NeedsValues,
         "{}: {} may hold an element or not; say which: --optional {}=some or --optional {}=none", where, type,
         info.name(), info.name());
  return 1;
}

/// Finds the types of all arguments.
class InputBinder {
 public:
  InputBinder(const onnx::GraphProto& graph, const ImportOptions& options) : options_(options) {
    for (const auto& initializer : graph.initializer()) initialized_.insert(initializer.name());
    for (const auto& info : graph.input())
      if (!initialized_.count(info.name())) add_input(info);
  }

  std::vector<InputType> run() {
    check_structures();
    bind();
    check_names();
    for (InputType& input : inputs_)
      for (Argument& argument : input.arguments) argument.type = type_of(ports_.at(argument.name));
    return std::move(inputs_);
  }

 private:
  void add_input(const onnx::ValueInfoProto& info) {
    InputType& input = inputs_.emplace_back();
    input.name = info.name();
    input.kind = kind_of(info.type());
    const auto count = given_structure(info, options_);
    input.none = !count;
    if (input.none) return;
    const onnx::TypeProto& tensor = tensor_type_of(info.type());
    input.element = element_type(tensor.tensor_type().elem_type(), where_of(info.name()));
    const bool sequence = input.kind == PortKind::Sequence || input.kind == PortKind::OptionalSequence;
    for (int64_t i = 0; i < *count; ++i) {
      const std::string name = sequence ? element_port(info.name(), static_cast<size_t>(i)) : info.name();
      if (!ports_.emplace(name, Port{name, &tensor, sequence}).second)
        fail(ErrorKind::BadInput, "{}: the model has two inputs of this name", where_of(name));
      input.arguments.push_back({name, {}});
    }
  }

  void check_structures() const {
    const auto check = [&](const std::string& name, const char* what) {
      for (const InputType& input : inputs_)
        if (input.name == name) return;
      fail(ErrorKind::BadInput, "{} is given for \"{}\", which is no input", what, name);
    };
    for (const auto& [name, length] : options_.sequence_lengths) check(name, "a number of elements");
    for (const auto& [name, some] : options_.optionals) check(name, "whether it holds an element");
  }

  /// Gives named dims the numbers that options say, and inputs their shapes.
  void bind() {
    for (const auto& [name, value] : options_.dims) {
      if (value < 0) fail(ErrorKind::BadInput, "dim {}: got {}, expected no negative number", name, value);
      bind_dim(bindings_, name, value, "option");
    }
    for (const InputType& input : inputs_) {
      for (const Argument& argument : input.arguments) {
        const Port& port = ports_.at(argument.name);
        if (const auto it = options_.input_shapes.find(port.name); it != options_.input_shapes.end())
          shapes_[port.name] = given_shape(port, it->second, bindings_);
        if (const auto it = options_.input_values.find(port.name); it != options_.input_values.end())
          shapes_[port.name] = given_shape(port, it->second.shape(), bindings_);
      }
    }
  }

  void check_names() const {
    for (const auto& [name, shape] : options_.input_shapes)
      if (!shapes_.count(name)) fail(ErrorKind::BadInput, "a shape is given for \"{}\", which is no input", name);
    for (const auto& [name, value] : options_.input_values)
      if (!shapes_.count(name)) fail(ErrorKind::BadInput, "a value is given for \"{}\", which is no input", name);
    std::set<std::string> known;
    for (const auto& [name, port] : ports_)
      if (const auto declared = declared_shape(name, *port.type))
        for (const Dim& dim : *declared) dim.collect_symbols(known);
    for (const auto& [name, value] : options_.dims)
      if (!known.count(name))
        fail(ErrorKind::BadInput, "dim {} is given, and no input has it; the inputs have: {}", name,
             fmt::join(known, ", "));
  }

  ir::Type type_of(const Port& port) const {
    const std::string where = where_of(port.name);
    ir::Type type{element_type(port.type->tensor_type().elem_type(), where), {}};
    if (const auto it = shapes_.find(port.name); it != shapes_.end()) {
      type.shape = it->second;
    } else {
      const auto declared = declared_shape(port.name, *port.type);
      if (!declared)
        fail(ErrorKind::NeedsDims, "{}: the model does not say its shape; give a shape for this input: --shape {}=...",
             where, port.name);
      for (const Dim& dim : *declared) type.shape.push_back(dim.substitute(bindings_));
    }
    check_size(type, where);
    if (const auto it = options_.input_values.find(port.name); it != options_.input_values.end()) {
      if (!ir::is_arithmetic(type.dtype))
        fail(ErrorKind::Unsupported, "{}: strings cannot be given a fixed value", where);
      if (it->second.dtype() != type.dtype)
        fail(ErrorKind::BadInput, "{}: got the value {}, expected {}", where, it->second.type_str(), type.str());
    }
    return type;
  }

  const ImportOptions& options_;
  std::set<std::string> initialized_;
  std::vector<InputType> inputs_;
  std::map<std::string, Port> ports_;
  Bindings bindings_;
  std::map<std::string, Shape> shapes_;
};

}  // namespace

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
  return InputBinder(graph, options).run();
}

}  // namespace seqc::frontend
