/// The state of an import: the function being built, names in scope, what is known of values.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/onnx/node.h"

namespace onnx {
class FunctionProto;
class TensorProto;
}  // namespace onnx

namespace seqc::frontend {

class CoverageLog;
class ExternalData;

/// What all graphs of one model share.
struct ModelContext {
  explicit ModelContext(ir::Function& function) : function(function) {}

  ir::Function& function;
  std::map<std::string, int64_t> opsets;  ///< by domain; "" is ONNX's own
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto*>
      functions;  ///< model-local, by domain, name
  ExternalData* external = nullptr;
  /// Initializers of the main graph that become parameters; absent: none.
  std::function<bool(const std::string& name)> trainable = {};
  int depth = 0;               ///< nesting of subgraphs and functions
  int unrolling = 0;           ///< nesting of loops that are being unrolled
  int64_t unrolled_nodes = 0;  ///< imported inside of those so far, also where that led nowhere
  /// Step numbers (i64) of the loops around the node being imported: random operators draw anew in every step.
  std::vector<Value*> steps;
  std::map<std::string, uint64_t> unseeded;  ///< random nodes without a seed so far, by name
  /// Set when nodes are only to be judged: one that fails is noted here, and the import goes on without its outputs.
  CoverageLog* coverage = nullptr;

  /// The elements of an IR value, computed by the reference interpreter if they follow from constants alone.
  std::optional<Tensor> evaluate(const Value* value);
  /// The run-time tensor of an item; `type` and contents become a constant or a `dims` op at the top of the function.
  Value* materialize(Item& item, const std::string& location);
  /// Drops what evaluate() remembers: values were destroyed.
  void forget() { evaluated_.clear(); }

 private:
  std::optional<Tensor> compute(const Value* value, int depth);
  std::unordered_map<const Value*, std::optional<Tensor>> evaluated_;
};

/// Imports one graph: its own names, and through `outer` those of the graphs around it.
class GraphImporter {
 public:
  GraphImporter(ModelContext& model, GraphImporter* outer) : model_(model), outer_(outer) {}

  /// Imports what the graph's outputs need. `inputs` are the graph's inputs in order (without those that are
  /// initializers as well). Throws Error naming the node at fault.
  std::vector<Item> import(Builder& builder, const onnx::GraphProto& graph, const std::vector<Item>& inputs);
  /// Imports the body of an ONNX function (opset imports of its own) for `node`.
  void import_function(Node& node, const onnx::NodeProto& call, const onnx::FunctionProto& function);
  /// Imports a subgraph that may use the names of this graph.
  std::vector<Item> import_subgraph(Builder& builder, const onnx::GraphProto& graph, const std::vector<Item>& inputs);

  /// The item of a name, here or further out; null if there is none.
  Item* find(const std::string& name);
  ModelContext& model() const { return model_; }
  /// True for the output of a node that failed and whose type is not known; only while nodes are judged.
  bool is_unknown(const std::string& name) const;

 private:
  void define(const std::string& name, Item item, const std::string& where);
  void add_initializers(const onnx::GraphProto& graph);
  /// A constant, or a parameter.
  Value* weight(Tensor tensor, const std::string& name);
  void import_node(Builder& builder, const onnx::NodeProto& proto);
  void run_node(Builder& builder, const onnx::NodeProto& proto);
  /// While nodes are judged: notes that a node failed, and defines its outputs as far as their types are known.
  void set_aside(Builder& builder, const onnx::NodeProto& proto, const Error& error);

  ModelContext& model_;
  GraphImporter* outer_;
  std::map<std::string, Item> items_;
  std::set<std::string> unknown_;
};

/// Runs the importer of one node and checks that it read and set everything.
void run_operator(Node& node, const onnx::NodeProto& proto);

/// True if run_operator has an importer, or a function body, for the node's operator.
bool knows_operator(const Node& node, const onnx::NodeProto& proto, const std::string& domain);

/// True if import_schema_function may import the operator.
bool has_schema_function(const std::string& domain, const std::string& op, int64_t opset);
/// Imports an operator that the ONNX specification defines by a function body; false if it has none.
bool import_schema_function(Node& node, const onnx::NodeProto& proto, const std::string& domain);

/// `LSTM "/enc/lstm"`, or with the first output's name for nodes without one.
std::string describe(const onnx::NodeProto& node);
/// The node's name, or its operator and first output.
std::string location_of(const onnx::NodeProto& node);

/// Sets the output of a node that only computes with known integers; false if some are not known, or the operator is
/// none of those. Reads attributes and inputs.
bool import_known_contents(Node& node, std::string_view domain);
/// True if import_known_contents may import the operator; some (Shape, Size) have no other importer.
bool has_contents_rule(std::string_view domain, std::string_view op);

/// Nodes in an order in which every value is defined before it is used, without those that no output needs; the file's
/// own order where it is one. Throws Error(BadInput) for cycles and for names defined twice.
std::vector<const onnx::NodeProto*> order_nodes(const onnx::GraphProto& graph);
/// The names that a node takes from its graph: inputs and what its subgraphs capture.
std::set<std::string> names_used(const onnx::NodeProto& node);

/// The type of an item. SEQC_CHECKs that it is a tensor.
Type type_of(const Item& item);
Item make_item(Value* value);
Item make_item(Contents contents);
/// Contents of numbers only as a tensor.
std::optional<Tensor> to_tensor(const Contents& contents);
/// Integer and bool tensors of at most 256 elements as contents.
std::optional<Contents> to_contents(const Tensor& tensor);

}  // namespace seqc::frontend
