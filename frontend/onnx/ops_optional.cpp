// Optionals. Whether one holds an element is known at import; one that does is its element (see Item).
#include "frontend/onnx/graph.h"
#include "frontend/onnx/sequence.h"

namespace seqc::frontend {
namespace {

void import_optional(Node& node) {
  if (!node.has_input(0) && !node.has_attribute("type"))
    node.bad("it has neither an input nor the attribute type, expected one of them");
  node.ignore_attribute("type");  // of the element that is not there: nothing can be done with it
  node.set_output(0, node.has_input(0) ? node.item(0) : make_none());
}

void import_optional_get_element(Node& node) {
  if (!node.has_input(0)) node.bad("input 0 (input) is missing");
  const Item item = node.item(0);
  if (item.none) node.bad("input \"{}\" is an optional without an element", node.input_name(0));
  node.set_output(0, item);
}

void import_optional_has_element(Node& node) {
  if (node.opset() < 18 && !node.has_input(0)) node.bad("input 0 (input) is missing");
  const Item item = node.item(0);
  const bool has = !item.missing() && !item.none;
  node.set_output(0, Contents{DType::boolean, {}, {Dim(has ? 1 : 0)}});
}

constexpr OperatorEntry kOperators[] = {
    {"Optional", import_optional, 15},
    {"OptionalGetElement", import_optional_get_element, 15},
    {"OptionalHasElement", import_optional_has_element, 15},
};

}  // namespace

std::span<const OperatorEntry> optional_operators() { return kOperators; }

}  // namespace seqc::frontend
