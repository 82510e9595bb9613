// Attributes of a node: typed access that remembers what was read.
#include <onnx/onnx_pb.h>

#include "frontend/onnx/graph.h"
#include "frontend/onnx/reader_pb.h"

namespace seqc::frontend {

using onnx::AttributeProto;

const AttributeProto* Node::find(std::string_view name, int type) {
  const AttributeProto* found = nullptr;
  for (const auto& attribute : proto_.attribute()) {
    if (attribute.name() != name) continue;
    if (found) bad("attribute {} is given twice", name);
    found = &attribute;
  }
  if (!found) return nullptr;
  read_attributes_.emplace(name);
  // Files of the first IR version leave the type out.
  if (found->type() != AttributeProto::UNDEFINED && found->type() != type)
    bad("attribute {} is of type {}, expected {}", name, AttributeProto::AttributeType_Name(found->type()),
        AttributeProto::AttributeType_Name(static_cast<AttributeProto::AttributeType>(type)));
  if (!found->ref_attr_name().empty()) bad("attribute {} refers to an attribute outside of a function", name);
  return found;
}

bool Node::has_attribute(std::string_view name) const {
  for (const auto& attribute : proto_.attribute())
    if (attribute.name() == name) return true;
  return false;
}

int64_t Node::integer(std::string_view name, int64_t otherwise) {
  const auto* attribute = find(name, AttributeProto::INT);
  return attribute ? attribute->i() : otherwise;
}

int64_t Node::required_integer(std::string_view name) {
  if (!has_attribute(name)) bad("attribute {} is missing", name);
  return integer(name, 0);
}

double Node::real(std::string_view name, double otherwise) {
  const auto* attribute = find(name, AttributeProto::FLOAT);
  return attribute ? attribute->f() : otherwise;
}

std::string Node::text(std::string_view name, std::string_view otherwise) {
  const auto* attribute = find(name, AttributeProto::STRING);
  return attribute ? attribute->s() : std::string(otherwise);
}

std::vector<int64_t> Node::integers(std::string_view name, std::vector<int64_t> otherwise) {
  const auto* attribute = find(name, AttributeProto::INTS);
  if (!attribute) return otherwise;
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> Node::reals(std::string_view name, std::vector<float> otherwise) {
  const auto* attribute = find(name, AttributeProto::FLOATS);
  if (!attribute) return otherwise;
  return {attribute->floats().begin(), attribute->floats().end()};
}

std::vector<std::string> Node::texts(std::string_view name, std::vector<std::string> otherwise) {
  const auto* attribute = find(name, AttributeProto::STRINGS);
  if (!attribute) return otherwise;
  return {attribute->strings().begin(), attribute->strings().end()};
}

Tensor Node::tensor(std::string_view name) {
  const auto* attribute = find(name, AttributeProto::TENSOR);
  if (!attribute) bad("attribute {} is missing", name);
  return decode_tensor(attribute->t(), graph_.model().external, fmt::format("{}: attribute {}", where(), name));
}

const onnx::GraphProto& Node::subgraph(std::string_view name) {
  const auto* attribute = find(name, AttributeProto::GRAPH);
  if (!attribute || !attribute->has_g()) bad("attribute {} is missing", name);
  return attribute->g();
}

void Node::ignore_attribute(std::string_view name) {
  if (has_attribute(name)) read_attributes_.emplace(name);
}

}  // namespace seqc::frontend
