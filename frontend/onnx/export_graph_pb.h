/// The state of an export: graphs being written, names of values, sizes that ONNX computes at run time.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "frontend/onnx/export.h"
#include "frontend/onnx/export_recurrent.h"
#include "ir/error.h"
#include "ir/infer.h"

namespace seqc::frontend {

using ir::Dim;
using ir::DType;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Tensor;
using ir::Value;

class GraphWriter;

/// The name of a value in the file; empty: not given.
using Name = std::string;
using Names = std::vector<Name>;

/// An attribute of a node.
struct Attribute {
  Attribute(std::string_view name, int64_t value);
  Attribute(std::string_view name, int value) : Attribute(name, static_cast<int64_t>(value)) {}
  Attribute(std::string_view name, double value);
  Attribute(std::string_view name, std::string_view value);
  Attribute(std::string_view name, const std::vector<int64_t>& values);
  Attribute(std::string_view name, const std::vector<double>& values);
  Attribute(std::string_view name, const std::vector<std::string>& values);
  Attribute(std::string_view name, onnx::GraphProto graph);
  onnx::AttributeProto proto;
};
using Attributes = std::vector<Attribute>;

/// What all graphs of one file share.
class ModelWriter {
 public:
  ModelWriter(const ir::Function& function, const ExportOptions& options);

  const ir::Function& function() const { return function_; }
  const ExportOptions& options() const { return options_; }
  int64_t opset() const { return options_.opset; }
  /// `hint`, or something like it that no value has yet. Names are unique in the whole file, as subgraphs see all of it.
  Name fresh(std::string_view hint) { return names_.fresh(hint); }
  /// The same for nodes, which have names of their own.
  Name fresh_node(std::string_view hint) { return nodes_.fresh(hint); }
  /// Values with names that others may not get: inputs, parameters, outputs.
  void reserve(const Name& name) { names_.taken.insert(name); }
  /// True if an output of the model depends on the op.
  bool is_needed(const Op* op) const { return needed_.count(op) != 0; }
  /// The op that gives a named dim its value as the model runs; null for those of inputs.
  const Op* binder(const std::string& dim) const;
  /// The recurrent operator that a scan is.
  const RecurrentMatch* recurrent(const Op* op) const;

 private:
  struct Names {
    std::unordered_set<std::string> taken;
    std::unordered_map<std::string, int64_t> next;  ///< number behind a hint
    Name fresh(std::string_view hint);
  };
  void find_needed();

  const ir::Function& function_;
  ExportOptions options_;
  Names names_, nodes_;
  std::unordered_set<const Op*> needed_;
  std::unordered_map<const Op*, RecurrentMatch> recurrent_;
  std::map<std::string, Op*> binders_;
};

/// Writes one graph: the model's, or the body of a control flow node.
class GraphWriter {
 public:
  /// `outer` null: the model's own graph.
  GraphWriter(ModelWriter& model, GraphWriter* outer, onnx::GraphProto& graph)
      : model_(model), outer_(outer), graph_(graph) {}
  GraphWriter(const GraphWriter&) = delete;
  GraphWriter& operator=(const GraphWriter&) = delete;

  ModelWriter& model() const { return model_; }
  int64_t opset() const { return model_.opset(); }
  onnx::GraphProto& proto() const { return graph_; }

  // --- values ---
  /// The name of a value that is defined here or further out; constants become initializers of the model's graph.
  Name name(const Value* value);
  Names names(const std::vector<Value*>& values);
  /// The name that a value has from now on.
  void bind(const Value* value, Name name) { values_[value] = std::move(name); }
  /// The name that the node which defines the value should give it: reserved for outputs of the model, else new.
  Name result_name(const Value* value);
  /// An initializer of the model's graph. Equal tensors of at most a few elements share one.
  Name constant(const Tensor& tensor, std::string_view hint);
  Name scalar(DType type, double value);
  Name integers(const std::vector<int64_t>& values, std::string_view hint);  ///< i64[n]

  // --- nodes ---
  /// A node with one result of a new name like `hint`.
  Name node(std::string_view op, const Names& inputs, const Attributes& attributes = {}, std::string_view hint = "");
  /// A node with the given results; "" where one is not wanted.
  void node_of(std::string_view op, const Names& inputs, const Names& outputs, const Attributes& attributes = {});
  /// A node that computes `value`.
  void define(const Value* value, std::string_view op, const Names& inputs, const Attributes& attributes = {});
  /// `value` is what `name` holds already; a node only if the value must have a name of its own.
  void define_as(const Value* value, const Name& name);
  Name cast(const Name& x, DType from, DType to);
  /// `result`: the value that this is, if it is one.
  Name reshape(const Name& x, const Shape& from, const Shape& to, const Value* result = nullptr);
  Name transpose(const Name& x, const std::vector<int64_t>& perm);
  Name expand(const Name& x, const Shape& to);
  /// The op whose nodes are being written: names nodes and messages.
  void set_op(const Op* op) { op_ = op; }

  // --- sizes ---
  Name dim(const Dim& dim);       ///< i64[1]
  Name dims(const Shape& shape);  ///< i64[rank]
  /// The value of a named dim that this graph computes, as i64[1].
  void bind_symbol(const std::string& symbol, Name name) { symbols_[symbol] = std::move(name); }

  // --- types ---
  /// Sets what of a type ONNX can say: dims that are expressions are left open.
  static void set_type(onnx::ValueInfoProto& info, const Name& name, const ir::Type& type);

  /// Writes the ops of a block, without its terminator.
  void write(const ir::Block& block);
  /// Makes `values` the outputs of this graph, which is a body. Outputs have names of their own.
  void write_outputs(const std::vector<Value*>& values);

  /// `got` is what ONNX cannot say; the remedy tells what to do.
  [[noreturn]] void unsupported(const std::string& got, const std::string& remedy) const;

 private:
  GraphWriter& root() { return outer_ ? outer_->root() : *this; }
  /// The innermost graph that defines a named dim of the expression.
  GraphWriter& scope_of(const Dim& dim);
  const GraphWriter* find_symbol(const std::string& symbol) const;
  Name term(const Dim::Term& term);
  Name atom(const Dim::Atom& atom);
  void write_op(const Op& op);

  ModelWriter& model_;
  GraphWriter* outer_;
  onnx::GraphProto& graph_;
  const Op* op_ = nullptr;
  std::unordered_map<const Value*, Name> values_, reserved_;
  std::map<std::string, Name> symbols_, sizes_;
  std::map<std::string, Name> constants_;  ///< of the model's graph: small ones by type and bytes

  friend class FunctionWriter;
};

// The ops, one kind a file.
void export_elementwise(GraphWriter& g, const Op& op);
void export_movement(GraphWriter& g, const Op& op);
void export_gather(GraphWriter& g, const Op& op);
void export_reduction(GraphWriter& g, const Op& op);
void export_window(GraphWriter& g, const Op& op);
void export_control(GraphWriter& g, const Op& op);
void export_recurrent(GraphWriter& g, const Op& scan, const RecurrentMatch& match);

/// An integer type in which ONNX's arithmetic is implemented everywhere, and which holds all values of `type`.
DType wide_type(DType type);

}  // namespace seqc::frontend
