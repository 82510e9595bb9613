/// ONNX files become IR functions; tensors in ONNX's own file format are read and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace seqc::frontend {

struct ImportOptions {
  /// Named dims that get a number.
  std::map<std::string, int64_t> dims = {};
  /// Inputs whose whole shape is given; overrides what the file declares (its rank may be unknown there) and binds the
  /// named dims of that declaration.
  std::map<std::string, std::vector<int64_t>> input_shapes = {};
  /// Inputs whose elements are given, for models whose structure depends on them (the shape of a Reshape, the trip count
  /// of a Loop, the sampling rate that picks a network). They stay arguments of the function, which does not read them:
  /// whoever runs it must feed the same values. Their shapes count as given.
  std::map<std::string, ir::Tensor> input_values = {};
  /// Sequence inputs, also those inside of optionals: how many elements they have. Each element is an argument of its
  /// own, called element_port(name, i) here and in the options above; named dims of the declared type are the same in
  /// all elements unless `input_shapes` gives an element a shape.
  std::map<std::string, int64_t> sequence_lengths = {};
  /// Optional inputs: whether they hold an element, which is then an argument of the input's name. Those that are given a
  /// length hold a sequence.
  std::map<std::string, bool> optionals = {};
  /// Which of the main graph's initializers become parameters, which training changes: floats of rank 1 and more for which
  /// this is true. (Running statistics of normalisations are initializers as well.) Whatever needs to know the elements
  /// of such a one when importing is refused. Absent: none; all are constants.
  std::function<bool(const std::string& name)> trainable = {};
};

/// `x.0`: the argument or result of a function that stands for one element of a sequence.
std::string element_port(const std::string& name, size_t i);

/// The model's main graph as a function: arguments are the graph inputs without an initializer of the same name
/// (initializers are constants, also where old files let a caller override them), results the graph outputs.
/// Unnamed dynamic dims get names made of the input's name (`x_dim0`). Bounds of slices are taken to lie inside dims that
/// have names: a run with a dim so small that a size would be negative must be refused by whoever binds the dims.
/// Sequence outputs become one result for each element, optional outputs one result or none; sequences and optionals
/// whose structure is not known when importing are refused.
/// External data is read from the model's folder only.
/// Throws Error: BadInput for files that are no valid ONNX, Unsupported naming what is not supported, NeedsDims where the
/// graph's structure depends on named dims: call again with numbers for them; NeedsValues likewise where it depends on
/// the values of inputs, or on the structure of inputs that are sequences or optionals.
std::unique_ptr<ir::Function> import_model(const std::string& path, const ImportOptions& options = {});
/// The same from memory; `name` stands for the file in messages. External data is refused.
std::unique_ptr<ir::Function> import_model_bytes(std::span<const std::byte> bytes, const std::string& name,
                                                 const ImportOptions& options = {});

/// What an input or output of a model is. Of those that are not supported (maps, sparse tensors): Other.
enum class PortKind { Tensor, Sequence, OptionalTensor, OptionalSequence, Other };

/// What a file says about itself, without importing it.
struct ModelSummary {
  struct Port {
    std::string name;
    std::string type;  ///< "f32[batch,16,?]", "seq(f32[N])", "string[1]", ...
    PortKind kind = PortKind::Tensor;
    /// Of the tensor or the elements; unnamed dims get names. Nothing if the rank is unknown.
    std::optional<ir::Type> tensor;
    bool has_default = false;  ///< an initializer of the same name exists
  };
  std::string producer;  ///< name and version
  int64_t ir_version = 0;
  std::map<std::string, int64_t> opsets;     ///< by domain, "ai.onnx" for the default one
  std::map<std::string, int64_t> operators;  ///< number of nodes by type, subgraphs included
  std::map<std::string, std::string> metadata;
  std::vector<Port> inputs, outputs;
  int64_t nodes = 0;              ///< subgraphs included
  int64_t initializer_bytes = 0;  ///< subgraphs and external data included
  int64_t initializer_elements = 0;
};
ModelSummary summarize_model(const std::string& path);

/// True if a run of the model draws random numbers (RandomUniform and its kin, Bernoulli, Multinomial, Dropout that
/// trains; in functions and subgraphs too), so that no other implementation gives the same outputs. `inputs`: values of
/// inputs, which may switch a Dropout off. Throws as import_model for files that are no valid ONNX.
bool draws_random_numbers(const std::string& path, const std::map<std::string, ir::Tensor>& inputs = {});

/// What becomes of one node of a model.
struct NodeCoverage {
  enum class State {
    Compiled,
    Refused,     ///< `message` says why
    NotReached,  ///< it needs what a refused node computes, and cannot be judged without
    Unneeded,    ///< no output needs it, or the branch that holds it is never taken
  };
  std::string name;   ///< may be empty
  std::string graph;  ///< empty for the model's main graph; `Loop "l" > body`, `Call "c" > function` inside of others
  std::string op, domain;
  int64_t opset = 0;  ///< the version of the domain that the model imports; 0: none
  State state = State::Unneeded;
  std::string message;
};
struct Coverage {
  std::vector<NodeCoverage> nodes;  ///< subgraphs and model-local functions included, functions once a call
  std::vector<std::string> faults;  ///< of inputs, initializers, the graph as a whole

  size_t count(NodeCoverage::State state) const;
  /// Nothing keeps the model from being compiled.
  bool complete() const;
};
/// Imports every node by itself: one that is refused is listed, and those behind it are judged with the types that ONNX
/// shape inference gives. Throws Error(BadInput) only for files that are no ONNX models.
Coverage cover_model(const std::string& path, const ImportOptions& options = {});

/// A value of a model's input or output as files hold it: a tensor, a sequence of tensors or an empty optional.
struct StoredValue {
  enum class Kind { Tensor, Sequence, None } kind = Kind::Tensor;
  std::vector<ir::Tensor> tensors;  ///< one; the elements; none

  /// The ports that these tensors belong to, for an input or output of that name.
  std::vector<std::string> ports(const std::string& name) const;
};

/// Reads a file that holds one serialized TensorProto, SequenceProto or OptionalProto, as an input or output of that
/// kind has it; the file does not tell which it is. Throws Error(BadInput, Unsupported).
StoredValue load_value_proto(const std::string& path, PortKind kind, std::string* name = nullptr);
/// Reads a file that holds one serialized TensorProto. Throws Error(BadInput, Unsupported).
ir::Tensor load_tensor_proto(const std::string& path, std::string* name = nullptr);
/// Writes such a file; it appears whole or not at all. Throws Error(BadInput) when it cannot be written.
void save_tensor_proto(const std::string& path, const ir::Tensor& tensor, const std::string& name);

}  // namespace seqc::frontend
