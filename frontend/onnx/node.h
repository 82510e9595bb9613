/// One ONNX node as an operator's importer sees it: inputs, known integers, attributes, outputs, errors.
///
/// An importer is a function `void import_x(Node& node)` listed in a table (see OperatorEntry). It reads attributes and
/// inputs, emits IR primitives through `node.builder()` and sets the outputs. Reading marks: whatever was given and not
/// read, and whatever output is wanted and was not set, is refused by name after the importer returns.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/builder.h"
#include "ir/error.h"

namespace onnx {
class AttributeProto;
class GraphProto;
class NodeProto;
}  // namespace onnx

namespace seqc::frontend {

using ir::Builder;
using ir::Dim;
using ir::DType;
using ir::Opcode;
using ir::Shape;
using ir::Tensor;
using ir::Type;
using ir::Value;

class GraphImporter;
class Node;

/// An operator and the function that imports it; `since` is the first opset in which this name means this operator.
struct OperatorEntry {
  std::string_view name;
  void (*import)(Node&);
  int64_t since = 1;
  std::string_view domain = "";
  std::string_view note = "";  ///< what it refuses (attributes, types, inputs), for the table of operators
};
// Tables, one a file; `find_operator` in operators.cpp is the one place that collects them.
std::span<const OperatorEntry> elementwise_operators();
std::span<const OperatorEntry> activation_operators();
std::span<const OperatorEntry> shape_operators();
std::span<const OperatorEntry> layout_operators();
std::span<const OperatorEntry> slice_operators();
std::span<const OperatorEntry> gather_operators();
std::span<const OperatorEntry> gradient_operators();
std::span<const OperatorEntry> select_operators();
std::span<const OperatorEntry> order_operators();
std::span<const OperatorEntry> reduce_operators();
std::span<const OperatorEntry> matmul_operators();
std::span<const OperatorEntry> norm_operators();
std::span<const OperatorEntry> generator_operators();
std::span<const OperatorEntry> quantize_operators();
std::span<const OperatorEntry> qlinear_operators();
std::span<const OperatorEntry> control_flow_operators();
std::span<const OperatorEntry> sequence_operators();
std::span<const OperatorEntry> optional_operators();
std::span<const OperatorEntry> conv_operators();       // ops_conv.cpp: convolutions, pools, resizing
std::span<const OperatorEntry> recurrent_operators();  // recurrent.cpp: RNN, GRU, LSTM
std::span<const OperatorEntry> signal_operators();     // ops_signal.cpp: Fourier transforms
std::span<const OperatorEntry> text_operators();       // ops_text.cpp: n-grams
std::span<const OperatorEntry> optimizer_operators();  // ops_optimizer.cpp: ai.onnx.preview.training
std::span<const OperatorEntry> random_operators();     // ops_random.cpp
std::span<const OperatorEntry> dropout_operators();    // ops_dropout.cpp
// Operators that ONNX Runtime adds, most of them in the domain com.microsoft:
std::span<const OperatorEntry> microsoft_operators();            // ops_microsoft.cpp: fused and renamed ones
std::span<const OperatorEntry> microsoft_norm_operators();       // ops_microsoft_norm.cpp
std::span<const OperatorEntry> microsoft_attention_operators();  // ops_microsoft_attention.cpp
std::span<const OperatorEntry> microsoft_matmul_operators();     // ops_microsoft_matmul.cpp: quantised products
std::span<const OperatorEntry> microsoft_qlinear_operators();  // ops_microsoft_qlinear.cpp: quantised elementwise maths

/// The newest entry that is not newer than `opset`; null if the operator is unknown.
const OperatorEntry* find_operator(std::string_view domain, std::string_view name, int64_t opset);

/// Every entry of every table.
std::vector<const OperatorEntry*> all_operators();

/// Why an operator is refused on purpose; empty if it is not, or not known. See refused.cpp.
std::string_view refusal_reason(std::string_view domain, std::string_view name);

/// The known elements of a small integer or bool tensor, as expressions over named dims; bools are 0 or 1.
struct Contents {
  DType type = DType::i64;
  std::vector<int64_t> shape;
  std::vector<Dim> values;  ///< row-major; as many as `shape` says
};

struct Sequence;  // sequence.h: a sequence of tensors; exists at import only

/// What is known of one ONNX value: a tensor (with a run-time value, known contents, or both), a sequence of tensors, or
/// an optional that holds nothing. An optional that holds an element is that element: which of both it is, is known at
/// import. Shape arithmetic lives in `contents` and becomes IR only when a run-time tensor is needed.
struct Item {
  Value* value = nullptr;
  std::shared_ptr<const Contents> contents;
  std::shared_ptr<const Sequence> sequence;
  bool none = false;  ///< an optional without an element

  bool is_tensor() const { return value || contents; }
  bool missing() const { return !is_tensor() && !sequence && !none; }
};

class Node {
 public:
  Node(GraphImporter& graph, Builder& builder, const onnx::NodeProto& proto, int64_t opset);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& op_type() const;
  /// The version of the node's domain that the model imports.
  int64_t opset() const { return opset_; }
  /// For operators of other domains that mean what an ONNX operator means in this opset: importers of that see it.
  void read_as_opset(int64_t opset) { opset_ = opset; }
  /// `LSTM "/enc/lstm"`: how messages call this node.
  std::string where() const;
  Builder& builder() const { return builder_; }
  GraphImporter& graph() const { return graph_; }

  // --- inputs ---
  size_t input_count() const;      ///< with missing ones ("") in the middle, without those at the end
  bool has_input(size_t i) const;  ///< given and not ""
  const std::string& input_name(size_t i) const;
  bool is_tensor(size_t i) const;  ///< given, and no sequence and no empty optional
  /// The run-time tensor. Throws BadInput if it is missing; `role` is the name that the ONNX specification gives it.
  Value* input(size_t i, std::string_view role);
  /// From now on `input(i)` is `value`: another operator's importer can work on what this node's importer made of it.
  void replace_input(size_t i, Value* value) { replaced_[i] = value; }
  /// The same, null if it is missing.
  Value* optional_input(size_t i, std::string_view role);
  /// All inputs from `first` on; none may be missing.
  std::vector<Value*> inputs_from(size_t first = 0);
  /// Type of an input without asking for it at run time; does not mark it as read.
  Type input_type(size_t i);
  /// The elements, if they can be computed while importing (constants, folded constants); else nothing.
  std::optional<Tensor> known_tensor(size_t i);
  /// The same; throws Unsupported, or NeedsDims when the elements depend on named dims only.
  Tensor required_tensor(size_t i, std::string_view role);
  /// Integer elements, possibly expressions over named dims; nothing if they are known at run time only.
  std::optional<Contents> known_contents(size_t i);
  /// The elements of a scalar or 1-D integer tensor. Throws like required_tensor.
  Shape required_dims(size_t i, std::string_view role);
  /// The same as numbers; throws NeedsDims for expressions.
  std::vector<int64_t> required_ints(size_t i, std::string_view role);
  /// What an input's elements are computed from.
  struct Origin {
    std::set<std::string> names;      ///< named dims
    const Value* run_time = nullptr;  ///< an argument of the function or of a region, if there is one
  };
  Origin origin(size_t i) const;
  /// Throws the error for an input whose elements must be known and are not: NeedsDims if named dims decide them,
  /// NeedsValues if an input of the model does, else Unsupported.
  [[noreturn]] void refuse_unknown(size_t i, std::string_view role) const;
  /// What is known of an input, as it stands (sequences, forwarding); missing for absent inputs. Marks it as read.
  Item item(size_t i);

  // --- attributes; reading marks ---
  bool has_attribute(std::string_view name) const;  ///< does not mark
  int64_t integer(std::string_view name, int64_t otherwise);
  int64_t required_integer(std::string_view name);
  double real(std::string_view name, double otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> otherwise = {});
  std::vector<float> reals(std::string_view name, std::vector<float> otherwise = {});
  std::vector<std::string> texts(std::string_view name, std::vector<std::string> otherwise = {});
  Tensor tensor(std::string_view name);
  const onnx::GraphProto& subgraph(std::string_view name);
  /// Marks an attribute that is meaningless here (`consumed_inputs` of opset 1).
  void ignore_attribute(std::string_view name);

  // --- outputs ---
  size_t output_count() const;
  bool wants_output(size_t i) const;  ///< named by the node; it may still be that nobody reads it
  const std::string& output_name(size_t i) const;
  void set_output(size_t i, Value* value);
  void set_output(size_t i, Contents contents);
  void set_output(size_t i, Item item);

  // --- checks and errors; messages start with where() ---
  /// 0 <= result < rank, from a possibly negative axis. Throws BadInput.
  int64_t axis(int64_t axis, int64_t rank, std::string_view what = "axis") const;
  /// Requires equal dims: BadInput when they certainly differ ("X has 3 ..."), NeedsDims when names would decide.
  void require_equal(const Dim& got, const Dim& expected, std::string_view what) const;
  void require_rank(const Value* value, int64_t rank, std::string_view role) const;
  /// NumPy broadcasting of two shapes; NeedsDims when named dims would decide.
  Shape broadcast(const Shape& a, const Shape& b) const;

  template <class... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::BadInput, where() + ": " + fmt::format(format, std::forward<Args>(args)...));
  }
  /// The model's structure depends on the values of an input (see ImportOptions::input_values).
  template <class... Args>
  [[noreturn]] void needs_values(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::NeedsValues, where() + ": " + fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::Unsupported, where() + ": " + fmt::format(format, std::forward<Args>(args)...));
  }
  /// "<where>: <why>; fix them: --dim N=..., --dim T=..."
  [[noreturn]] void needs_dims(const std::set<std::string>& names, std::string_view why) const;

  /// Called by the graph importer after the operator's importer: refuses what was not read or not set.
  void check_complete() const;
  std::vector<Item>& outputs() { return outputs_; }

 private:
  const onnx::AttributeProto* find(std::string_view name, int type);

  GraphImporter& graph_;
  Builder& builder_;
  const onnx::NodeProto& proto_;
  int64_t opset_;
  std::set<std::string, std::less<>> read_attributes_;
  std::set<size_t> read_inputs_;
  std::map<size_t, Value*> replaced_;
  std::vector<Item> outputs_;
};

/// The names in a dim or a shape.
std::set<std::string> symbols(const Dim& dim);
std::set<std::string> symbols(const Shape& shape);

}  // namespace seqc::frontend
