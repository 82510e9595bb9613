/// Random ONNX models of a few nodes: valid by construction, over the operators of a table with one line for each.
///
///   {"LeakyRelu", [](OnnxGraph& g) { g.x(); g.maybe_real("alpha"); }},
///
/// A line adds inputs and attributes to the node at hand. Inputs are values of the graph that fit, or new ones; their
/// element types are those that the installed ONNX library allows there in the graph's opset.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "frontend/onnx/import.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"

namespace seqc::test {

class OnnxGraph;

/// How to make a node of one operator.
struct OnnxOperator {
  const char* name;
  void (*make)(OnnxGraph&);
  int64_t since = 1, until = 22;  ///< opsets of the model
  const char* domain = "";
};

/// Every operator that random graphs use: tables, one a file.
std::vector<OnnxOperator> onnx_operators();
std::span<const OnnxOperator> onnx_elementwise_operators();
std::span<const OnnxOperator> onnx_movement_operators();
std::span<const OnnxOperator> onnx_reduction_operators();  // products, norms, losses too
std::span<const OnnxOperator> onnx_spatial_operators();
std::span<const OnnxOperator> onnx_quantized_operators();
std::span<const OnnxOperator> onnx_structured_operators();  // recurrences, control flow, sequences
std::span<const OnnxOperator> onnx_generating_operators();  // constants, spectra, random numbers
std::span<const OnnxOperator> onnx_microsoft_operators();

inline const std::vector<DType> kFloats = {DType::f32, DType::f64, DType::f16};
inline const std::vector<DType> kIntegers = {DType::i8, DType::i16, DType::i32, DType::i64,
                                             DType::u8, DType::u16, DType::u32, DType::u64};
inline const std::vector<DType> kBytes = {DType::i8, DType::u8};
inline const std::vector<DType> kIndices = {DType::i64, DType::i32};

class OnnxGraph {
 public:
  using Sizes = std::vector<int64_t>;

  /// A model that could not be imported or interpreted: a fault of the generator or of the importer.
  struct Refused {
    std::string message, model;
  };

  explicit OnnxGraph(uint64_t seed);

  /// Adds a node of any operator of the table; false if the choices led nowhere. Throws Refused.
  bool grow(const std::vector<OnnxOperator>& table);

  // --- the graph as it is ---
  /// The names of values that no node uses.
  std::vector<std::string> results() const;
  /// The outputs of each node, in order.
  std::vector<std::vector<std::string>> steps() const;
  /// A model with what these outputs need, and the inputs that it runs on. `named`: dims of inputs get names.
  ModelBuilder model(const std::vector<std::string>& outputs, bool named = false) const;
  std::vector<Tensor> inputs(const std::vector<std::string>& outputs) const;
  std::vector<Tensor> values(const std::vector<std::string>& outputs) const;
  /// The same model for readers.
  std::string text(const std::vector<std::string>& outputs) const;

  // --- choices ---
  const int64_t opset;
  Random random;
  bool chance(int percent) { return random.integer(0, 99) < percent; }
  /// Both included; gives the node up if there is none.
  int64_t integer(int64_t low, int64_t high) {
    cancel_unless(low <= high);
    return low <= high ? random.integer(low, high) : low;
  }
  template <class T>
  T pick(const std::vector<T>& list) {
    return list[static_cast<size_t>(integer(0, static_cast<int64_t>(list.size()) - 1))];
  }
  std::string word(const std::vector<const char*>& list) { return pick(list); }
  int64_t size() { return pick<int64_t>({1, 1, 2, 3, 3, 4, 5, 7, 8, 9}); }  ///< a dim that is not 0
  Sizes sizes(int64_t low, int64_t high);                                   ///< ranks
  /// An axis of `rank`, counted from the end now and then where the opset allows it.
  int64_t axis(int64_t rank, int64_t negative_since = 11);
  /// Some axes, each once; perhaps none.
  Sizes some_axes(int64_t rank, int64_t negative_since = 11);
  /// A shape that broadcasts to `shape`.
  Sizes smaller(const Sizes& shape);

  // --- inputs of the node at hand ---
  bool allows(DType type) const;  ///< as the type of the next one
  /// Something of this rank, of a type that the operator allows here (or of one of these).
  Tensor x(int64_t low = 0, int64_t high = 4, const std::vector<DType>& types = {});
  /// The same without dims of size 0.
  Tensor filled(int64_t low = 0, int64_t high = 4, const std::vector<DType>& types = {});
  Tensor of(const Sizes& shape, const std::vector<DType>& types = {});
  Tensor of(DType type, const Sizes& shape) { return of(shape, std::vector<DType>{type}); }
  /// Of the type of the first input.
  Tensor same(const Sizes& shape) { return of(first_type(), shape); }
  /// A value made for this place: an initializer, or an input of the model.
  Tensor given(const Tensor& value);
  /// One that the importer may ask for.
  Tensor known(const Tensor& value);
  void known_ints(const Sizes& values) { known(Tensor::i64({static_cast<int64_t>(values.size())}, values)); }
  void none() { names_.emplace_back(); }
  /// A value of this name.
  void again(const std::string& name) { names_.push_back(name); }
  /// Adds a node in front, whose result is the next input of this one.
  void from(const char* op, const std::vector<std::string>& inputs,
            const std::function<void(NodeRef&)>& attributes = {});
  /// Takes the inputs so far for a node in front.
  std::vector<std::string> take() { return std::exchange(names_, {}); }
  const std::vector<std::string>& names() const { return names_; }
  size_t input_count() const { return names_.size(); }
  const Tensor& first() const { return first_; }
  DType first_type() const { return first_.dtype(); }

  // --- tensors ---
  Tensor ints(int64_t low, int64_t high, const Sizes& shape, const std::vector<DType>& types = {DType::i64});
  Tensor reals(double low, double high, const Sizes& shape, DType type = DType::f32);

  // --- attributes, outputs ---
  NodeRef& node() { return *ref_; }
  void attr(const char* name, int64_t value) { ref_->attr(name, value); }
  void maybe(const char* name, int64_t low, int64_t high) {
    if (chance(60)) attr(name, integer(low, high));
  }
  void maybe_real(const char* name, double low = -1, double high = 1) {
    if (chance(60)) ref_->attr(name, random.uniform(low, high));
  }
  void maybe_word(const char* name, const std::vector<const char*>& list) {
    if (chance(70)) ref_->attr(name, word(list));
  }
  void ints_attr(const char* name, const Sizes& values) { ref_->ints(name, values); }
  void outputs(size_t count) { outputs_ = count; }
  /// The sizes of the results depend on data: nothing is built on them.
  void last() { is_last_ = true; }
  /// This node would not be valid.
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }
  void cancel_unless(bool good) { cancelled_ = cancelled_ || !good; }

 private:
  struct Known {
    std::string name;
    Tensor value;
    enum { Input, Initializer, Computed } kind;
    bool usable = true;  ///< by further nodes
  };

  std::vector<DType> allowed(const std::vector<DType>& types) const;
  Tensor use(const Known& value);
  Tensor add(const Tensor& value, bool initializer);
  const Known* find(const std::vector<DType>& types, const std::function<bool(const Tensor&)>& good);
  const Known& of_name(const std::string& name) const;
  std::vector<const onnx::NodeProto*> needed(const std::vector<std::string>& outputs) const;
  std::set<std::string> used(const std::vector<const onnx::NodeProto*>& nodes,
                             const std::vector<std::string>& outputs) const;

  std::vector<Known> pool_;
  std::vector<onnx::NodeProto> nodes_;
  std::vector<std::vector<std::string>> steps_;
  // The node at hand.
  const OnnxOperator* operator_ = nullptr;
  GraphBuilder scratch_;
  std::optional<NodeRef> ref_;
  std::vector<std::string> names_;
  Tensor first_;
  size_t outputs_ = 1, mark_ = 0;
  bool is_last_ = false, cancelled_ = false;
  int64_t next_name_ = 0;
};

}  // namespace seqc::test
