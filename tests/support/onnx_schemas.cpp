#include "tests/support/onnx_schemas.h"

#include <onnx/checker.h>
#include <onnx/defs/schema.h>
#include <onnx/shape_inference/implementation.h>

#include <algorithm>

#include "tests/support/onnx_model.h"

namespace seqc::test {

std::map<std::pair<std::string, std::string>, std::set<int64_t>> operator_versions() {
  std::map<std::pair<std::string, std::string>, std::set<int64_t>> versions;
  for (const onnx::OpSchema& schema : onnx::OpSchemaRegistry::get_all_schemas_with_history())
    versions[{schema.domain(), schema.Name()}].insert(schema.SinceVersion());
  return versions;
}

std::set<std::string> operators_with_strings() {
  std::set<std::string> names;
  for (const onnx::OpSchema& schema : onnx::OpSchemaRegistry::get_all_schemas_with_history()) {
    if (!schema.domain().empty()) continue;
    for (const auto* ports : {&schema.inputs(), &schema.outputs()})
      for (const auto& port : *ports)
        for (const std::string* type : port.GetTypes())
          if (type->find("tensor(string)") != std::string::npos) names.insert(schema.Name());
  }
  return names;
}

std::vector<ir::DType> input_types(const std::string& domain, const std::string& op, int64_t opset, size_t input) {
  const int newest = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at("").second;
  const auto version = domain.empty() ? std::min<int64_t>(opset, newest) : 1;
  const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(op, static_cast<int>(version), domain);
  if (!schema || schema->inputs().empty()) return {};
  const auto& formal = schema->inputs()[std::min(input, schema->inputs().size() - 1)];
  std::vector<ir::DType> types;
  for (int i = 0; i < ir::kDTypeCount; ++i) {
    const auto type = static_cast<ir::DType>(i);
    const auto named = [&](const std::string* text) {
      onnx::TypeProto proto = tensor_type(type, {});
      proto.mutable_tensor_type()->clear_shape();
      return onnx::Utils::DataTypeUtils::ToType(proto) == text;
    };
    if (std::any_of(formal.GetTypes().begin(), formal.GetTypes().end(), named)) types.push_back(type);
  }
  return types;
}

std::map<std::string, std::vector<int64_t>> inferred_shapes(const std::string& model,
                                                            const std::map<std::string, ir::Tensor>& claimed) {
  onnx::ModelProto proto;
  proto.ParseFromString(model);
  for (onnx::ValueInfoProto& output : *proto.mutable_graph()->mutable_output()) {
    const ir::Tensor& value = claimed.at(output.name());
    *output.mutable_type() = tensor_type(value.dtype(), ModelShape(value.shape().size(), ModelDim("")));
  }
  onnx::checker::check_model(proto);
  onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(),
                                     onnx::ShapeInferenceOptions(true, 1, true));
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const onnx::ValueInfoProto& output : proto.graph().output()) {
    std::vector<int64_t>& shape = shapes[output.name()];
    for (const auto& dim : output.type().tensor_type().shape().dim())
      shape.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  }
  return shapes;
}

int64_t newest_known_opset() { return onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at("").second; }

}  // namespace seqc::test
