// Functions: operators that are defined by other operators, in the model itself or in the ONNX specification.
#include <onnx/defs/function.h>
#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>

#include "frontend/onnx/coverage_pb.h"
#include "frontend/onnx/graph.h"
#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"

namespace seqc::frontend {
namespace {

/// Replaces references to a function's attributes by the caller's values.
void bind_attributes(const onnx::NodeProto& call, onnx::NodeProto& node) {
  for (int i = 0; i < node.attribute_size(); ++i) {
    auto* attribute = node.mutable_attribute(i);
    if (attribute->has_g())
      for (auto& inner : *attribute->mutable_g()->mutable_node()) bind_attributes(call, inner);
    if (attribute->ref_attr_name().empty()) continue;
    const onnx::AttributeProto* value = nullptr;
    for (const auto& given : call.attribute())
      if (given.name() == attribute->ref_attr_name()) value = &given;
    if (!value) {
      node.mutable_attribute()->DeleteSubrange(i--, 1);  // the operator's own default holds
      continue;
    }
    const std::string name = attribute->name();
    *attribute = *value;
    attribute->set_name(name);
  }
}

/// The opsets that a function imports, on top of the model's, while its body is read.
class FunctionOpsets {
 public:
  FunctionOpsets(ModelContext& model, const onnx::FunctionProto& function) : model_(model), outer_(model.opsets) {
    for (const auto& import : function.opset_import())
      model.opsets[import.domain() == "ai.onnx" ? "" : import.domain()] = import.version();
  }
  ~FunctionOpsets() { model_.opsets = std::move(outer_); }
  FunctionOpsets(const FunctionOpsets&) = delete;
  FunctionOpsets& operator=(const FunctionOpsets&) = delete;

 private:
  ModelContext& model_;
  std::map<std::string, int64_t> outer_;
};

}  // namespace

void GraphImporter::import_function(Node& node, const onnx::NodeProto& call, const onnx::FunctionProto& function) {
  onnx::GraphProto body;
  body.set_name(function.name());
  std::set<std::string> known(function.attribute().begin(), function.attribute().end());
  for (const auto& attribute : call.attribute())
    if (!known.count(attribute.name()))
      node.unsupported("attribute {} is not an attribute of function {}", attribute.name(), function.name());
  for (const auto& inner : function.node()) {
    *body.add_node() = inner;
    bind_attributes(call, *body.mutable_node(body.node_size() - 1));
  }
  std::vector<size_t> wanted;
  for (size_t i = 0; i < node.output_count(); ++i) {
    if (!node.wants_output(i)) continue;
    if (i >= static_cast<size_t>(function.output_size()))
      node.bad("got {} outputs, function {} has {}", node.output_count(), function.name(), function.output_size());
    wanted.push_back(i);
    body.add_output()->set_name(function.output(static_cast<int>(i)));
  }
  if (static_cast<int>(node.input_count()) > function.input_size())
    node.bad("got {} inputs, function {} has {}", node.input_count(), function.name(), function.input_size());

  const FunctionOpsets opsets(model_, function);
  const CoverageLog::Scope inside(model_.coverage, fmt::format("{} > {}", node.where(), function.name()));
  GraphImporter inner(model_, nullptr);
  // Inputs that the call leaves out stay undefined: nodes of the body see them as "".
  for (auto& inner_node : *body.mutable_node())
    for (auto& name : *inner_node.mutable_input())
      for (int i = 0; i < function.input_size(); ++i)
        if (name == function.input(i) && !node.has_input(i)) name.clear();
  for (int i = 0; i < function.input_size(); ++i)
    if (node.has_input(i)) inner.define(function.input(i), node.item(i), node.where());
  const std::string location = node.builder().location();
  const auto outputs = inner.import(node.builder(), body, {});
  node.builder().set_location(location);
  for (size_t i = 0; i < outputs.size(); ++i) node.set_output(wanted[i], outputs[i]);
}

bool has_schema_function(const std::string& domain, const std::string& op, int64_t opset) {
  const auto* schema = onnx::OpSchemaRegistry::Schema(op, static_cast<int>(opset), domain);
  return schema && (schema->HasFunction() || schema->HasContextDependentFunction());
}

bool import_schema_function(Node& node, const onnx::NodeProto& proto, const std::string& domain) {
  if (!has_schema_function(domain, proto.op_type(), node.opset())) return false;
  const auto* schema = onnx::OpSchemaRegistry::Schema(proto.op_type(), static_cast<int>(node.opset()), domain);
  const CoverageLog::Pause pause(node.graph().model());  // a fault inside is one of this node
  onnx::NodeProto call = proto;                          // with the defaults of the schema, which the body refers to
  for (const auto& [name, attribute] : schema->attributes())
    if (!node.has_attribute(name) && attribute.default_value.has_name())
      *call.add_attribute() = attribute.default_value;
  if (schema->HasFunction()) {
    node.graph().import_function(node, call, *schema->GetFunction());
    return true;
  }
  std::vector<onnx::TypeProto> types;
  for (size_t i = 0; i < node.input_count(); ++i)
    types.push_back(node.is_tensor(i) ? type_proto(node.input_type(i)) : onnx::TypeProto());
  const onnx::FunctionBodyBuildContextImpl context(call, types);
  onnx::FunctionProto function;
  if (!schema->BuildContextDependentFunction(context, function)) return false;
  node.graph().import_function(node, call, function);
  return true;
}

}  // namespace seqc::frontend
