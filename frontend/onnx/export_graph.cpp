// Names, constants and nodes of the graphs that an export writes.
#include "frontend/onnx/export_graph_pb.h"

#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/tensor_proto_pb.h"
#include "ir/named_dims.h"

namespace seqc::frontend {

namespace {

onnx::AttributeProto named(std::string_view name, onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto proto;
  proto.set_name(std::string(name));
  proto.set_type(type);
  return proto;
}

/// Larger constants are not compared with each other.
constexpr size_t kSharedBytes = 256;

}  // namespace

Attribute::Attribute(std::string_view name, int64_t value) : proto(named(name, onnx::AttributeProto::INT)) {
  proto.set_i(value);
}
Attribute::Attribute(std::string_view name, double value) : proto(named(name, onnx::AttributeProto::FLOAT)) {
  proto.set_f(static_cast<float>(value));
}
Attribute::Attribute(std::string_view name, std::string_view value) : proto(named(name, onnx::AttributeProto::STRING)) {
  proto.set_s(std::string(value));
}
Attribute::Attribute(std::string_view name, const std::vector<int64_t>& values)
    : proto(named(name, onnx::AttributeProto::INTS)) {
  for (const int64_t value : values) proto.add_ints(value);
}
Attribute::Attribute(std::string_view name, const std::vector<double>& values)
    : proto(named(name, onnx::AttributeProto::FLOATS)) {
  for (const double value : values) proto.add_floats(static_cast<float>(value));
}
Attribute::Attribute(std::string_view name, const std::vector<std::string>& values)
    : proto(named(name, onnx::AttributeProto::STRINGS)) {
  for (const std::string& value : values) proto.add_strings(value);
}
Attribute::Attribute(std::string_view name, onnx::GraphProto graph) : proto(named(name, onnx::AttributeProto::GRAPH)) {
  proto.mutable_g()->Swap(&graph);
}

// --- the model ---------------------------------------------------------------------------------------------------

ModelWriter::ModelWriter(const ir::Function& function, const ExportOptions& options)
    : function_(function), options_(options), binders_(ir::dim_binders(function)) {
  find_needed();
}

Name ModelWriter::Names::fresh(std::string_view hint) {
  const std::string base(hint.empty() ? "v" : hint);
  if (taken.insert(base).second) return base;
  for (;;) {
    Name name = fmt::format("{}_{}", base, ++next[base]);
    if (taken.insert(name).second) return name;
  }
}

const Op* ModelWriter::binder(const std::string& dim) const {
  const auto it = binders_.find(dim);
  return it == binders_.end() ? nullptr : it->second;
}

const RecurrentMatch* ModelWriter::recurrent(const Op* op) const {
  const auto it = recurrent_.find(op);
  return it == recurrent_.end() ? nullptr : &it->second;
}

/// From the results backwards. What only the inside of a recognised cell needs is not needed.
void ModelWriter::find_needed() {
  std::vector<const Op*> open;
  const auto need = [&](const Op* op) {
    if (op && needed_.insert(op).second) open.push_back(op);
  };
  const auto need_all = [&](const auto& values) {
    for (const Value* value : values) {
      if (!value) continue;
      need(value->op());
      if (value->block()) need(value->block()->parent_op());
    }
  };
  need(function_.body().terminator());
  ir::walk(function_.body(), [&](const Op* op) {
    if (op->code() == Opcode::BindDim) need(op);  // sizes are used without an operand that says so
  });
  while (!open.empty()) {
    const Op* op = open.back();
    open.pop_back();
    if (op->code() == Opcode::Scan && options_.recurrent) {
      if (auto match = match_recurrent(*op)) {
        need_all(match->values());
        recurrent_.emplace(op, std::move(*match));
        continue;
      }
    }
    need_all(op->operands());
    for (size_t i = 0; i < op->region_count(); ++i) need(op->region(i).terminator());
    need(op->parent()->parent_op());
  }
}

// --- values ------------------------------------------------------------------------------------------------------

Name GraphWriter::name(const Value* value) {
  for (GraphWriter* g = this; g; g = g->outer_)
    if (const auto it = g->values_.find(value); it != g->values_.end()) return it->second;
  if (value->is_parameter()) {
    encode_tensor(value->initial(), value->name(), *root().proto().add_initializer());
    root().bind(value, value->name());
    return value->name();
  }
  SEQC_CHECK(value->is_constant(), "export: a value is used before it is written: {}", value->name());
  Name name = constant(value->constant(), value->name().empty() ? "constant" : value->name());
  root().bind(value, name);
  return name;
}

Names GraphWriter::names(const std::vector<Value*>& values) {
  Names result;
  for (const Value* value : values) result.push_back(name(value));
  return result;
}

Name GraphWriter::result_name(const Value* value) {
  if (const auto it = reserved_.find(value); it != reserved_.end()) return it->second;
  return model_.fresh(value->name().empty() && value->op() ? value->op()->info().mnemonic
                                                           : std::string_view(value->name()));
}

Name GraphWriter::constant(const Tensor& tensor, std::string_view hint) {
  if (outer_) return root().constant(tensor, hint);
  std::string key;
  if (tensor.dtype() != DType::string && tensor.byte_size() <= kSharedBytes) {
    key = tensor.type_str();
    if (tensor.byte_size() > 0) key.append(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size());
    if (const auto it = constants_.find(key); it != constants_.end()) return it->second;
  }
  Name name = model_.fresh(hint);
  if (!key.empty()) constants_.emplace(key, name);
  encode_tensor(tensor, name, *graph_.add_initializer());
  return name;
}

Name GraphWriter::scalar(DType type, double value) { return constant(Tensor::scalar(type, value), "number"); }

Name GraphWriter::integers(const std::vector<int64_t>& values, std::string_view hint) {
  return constant(Tensor::i64({static_cast<int64_t>(values.size())}, values), hint);
}

// --- nodes -------------------------------------------------------------------------------------------------------

void GraphWriter::node_of(std::string_view op, const Names& inputs, const Names& outputs,
                          const Attributes& attributes) {
  onnx::NodeProto* node = graph_.add_node();
  node->set_op_type(std::string(op));
  for (const Name& input : inputs) node->add_input(input);
  while (node->input_size() > 0 && node->input(node->input_size() - 1).empty()) node->mutable_input()->RemoveLast();
  for (const Name& output : outputs) node->add_output(output);
  while (node->output_size() > 0 && node->output(node->output_size() - 1).empty()) node->mutable_output()->RemoveLast();
  for (const Attribute& attribute : attributes) *node->add_attribute() = attribute.proto;
  std::string where = op_ ? op_->location() : "";
  if (where.empty() && node->output_size() > 0) where = node->output(node->output_size() - 1);
  node->set_name(model_.fresh_node(where));
}

Name GraphWriter::node(std::string_view op, const Names& inputs, const Attributes& attributes, std::string_view hint) {
  std::string own(op);
  if (hint.empty()) {
    own[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(own[0])));
    hint = own;
  }
  Name name = model_.fresh(hint);
  node_of(op, inputs, {name}, attributes);
  return name;
}

void GraphWriter::define(const Value* value, std::string_view op, const Names& inputs, const Attributes& attributes) {
  Name name = result_name(value);
  node_of(op, inputs, {name}, attributes);
  bind(value, std::move(name));
}

void GraphWriter::define_as(const Value* value, const Name& name) {
  if (reserved_.count(value))
    define(value, "Identity", {name});
  else
    bind(value, name);
}

Name GraphWriter::cast(const Name& x, DType from, DType to) {
  return from == to ? x : node("Cast", {x}, {{"to", static_cast<int64_t>(onnx_type(to))}});
}

Name GraphWriter::transpose(const Name& x, const std::vector<int64_t>& perm) {
  return node("Transpose", {x}, {{"perm", perm}});
}

Name GraphWriter::expand(const Name& x, const Shape& to) { return node("Expand", {x, dims(to)}); }

void GraphWriter::set_type(onnx::ValueInfoProto& info, const Name& name, const ir::Type& type) {
  info.set_name(name);
  auto* tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx_type(type.dtype));
  auto* shape = tensor->mutable_shape();
  for (const Dim& dim : type.shape) {
    auto* entry = shape->add_dim();
    if (dim.is_constant()) entry->set_dim_value(dim.constant());
    if (dim.is_symbol()) entry->set_dim_param(dim.symbol_name());
  }
}

void GraphWriter::write_outputs(const std::vector<Value*>& values) {
  std::set<Name> own;  // a body may not hand out its inputs, outer values, or one value twice
  for (const auto& node : graph_.node()) own.insert(node.output().begin(), node.output().end());
  for (const Value* value : values) {
    Name output = name(value);
    if (own.erase(output) == 0)
      output = node("Identity", {output}, {}, value->name().empty() ? "result" : value->name());
    set_type(*graph_.add_output(), output, value->type());
  }
}

void GraphWriter::unsupported(const std::string& got, const std::string& remedy) const {
  std::string where = "export";
  if (op_)
    where += fmt::format(": {}{}", op_->info().mnemonic,
                         op_->location().empty() ? "" : fmt::format(" \"{}\"", op_->location()));
  fail(ErrorKind::Unsupported, "{}: {}; {}", where, got, remedy);
}

}  // namespace seqc::frontend
