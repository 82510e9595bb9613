#include "tests/support/onnx_schemas.h"

#include <onnx/defs/schema.h>

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

int64_t newest_known_opset() { return onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at("").second; }

}  // namespace seqc::test
