// Layers of seqc/layers.py as a function of the DSL. Batches come first outside, [N,T,F], and steps inside, [T,N,F].
#include "frontend/dsl/dsl.h"
#include "tools/python/errors.h"
#include "tools/python/model.h"

namespace seqc::python {
namespace {

using dsl::Var;
using ir::Dim;
using ir::DType;

/// [N,T,...] as [T,N,...], and back.
Var swap_first(const Var& x) {
  std::vector<int64_t> perm = {1, 0};
  for (int64_t axis = 2; axis < x.rank(); ++axis) perm.push_back(axis);
  return transpose(x, perm);
}

Var activated(const Var& x, const std::string& name) {
  if (name.empty() || name == "linear") return x;
  if (name == "relu") return dsl::relu(x);
  if (name == "tanh") return dsl::tanh(x);
  if (name == "sigmoid") return dsl::sigmoid(x);
  if (name == "softplus") return dsl::softplus(x);
  if (name == "softmax") return dsl::softmax(x, -1);
  fail(ErrorKind::BadInput, "activation \"{}\": expected linear, relu, tanh, sigmoid, softplus or softmax", name);
}

class Builder {
 public:
  Builder(uint64_t seed, const py::tuple& input, bool has_lengths, bool starts_with_ids) : model_("model", seed) {
    ir::Shape shape = {Dim::symbol("N")};
    for (size_t axis = 0; axis < input.size(); ++axis) {
      const py::handle size = input[axis];
      if (size.is_none() && axis > 0)
        fail(ErrorKind::BadInput, "input: axis {} is None, expected a number; only the first may be any", axis);
      shape.push_back(size.is_none() ? Dim::symbol("T") : Dim(size.cast<int64_t>()));
      if (shape.back().is_constant() && shape.back().constant() < 1)
        fail(ErrorKind::BadInput, "input: got a size of {}, expected 1 or more", shape.back().constant());
    }
    const size_t features = starts_with_ids ? 0 : 1;
    if (input.size() != features && input.size() != features + 1)
      fail(ErrorKind::BadInput, "input: got {} sizes, expected {}", input.size(),
           starts_with_ids ? "(steps,) for the ids of an Embedding" : "(features,) or (steps, features)");
    x_ = model_.input("x", starts_with_ids ? DType::i64 : DType::f32, shape);
    steps_ = input.size() == features + 1;
    if (has_lengths && !steps_) fail(ErrorKind::BadInput, "lengths: the input has no steps, expected (steps, ...)");
    if (has_lengths) lengths_ = model_.input("lengths", DType::i64, {Dim::symbol("N")});
    if (steps_ && !starts_with_ids) x_ = swap_first(x_);
  }

  void add(const py::dict& layer) {
    const std::string kind = layer["kind"].cast<std::string>(), name = layer["name"].cast<std::string>();
    try {
      if (kind == "embedding") return add_embedding(layer, name);
      if (kind == "lstm" || kind == "gru" || kind == "rnn") return add_recurrent(layer, kind, name);
      if (kind == "dense") {
        const int64_t units = layer["units"].cast<int64_t>();
        x_ = activated(dsl::dense_parameters(model_, name, features(), positive(units))(x_),
                       layer["activation"].cast<std::string>());
        return;
      }
      if (kind == "dropout") {
        x_ = dsl::Dropout(model_, name, layer["rate"].cast<double>())(x_);
        return;
      }
      if (kind == "layer_norm") {
        x_ = dsl::layer_norm_parameters(model_, name, features())(x_);
        return;
      }
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("layer \"{}\": {}", name, error.what()));
    }
    fail(ErrorKind::BadInput, "layer \"{}\": \"{}\" is no layer", name, kind);
  }

  std::unique_ptr<ir::Function> finish() {
    model_.output("y", steps_ ? swap_first(x_) : x_);
    return std::move(model_.finish(/*trainable=*/true)->functions[0]);
  }

 private:
  static int64_t positive(int64_t units) {
    if (units < 1) fail(ErrorKind::BadInput, "got {} units, expected 1 or more", units);
    return units;
  }

  int64_t features() const {
    if (ir::is_integer(x_.dtype())) fail(ErrorKind::BadInput, "got ids, expected an Embedding before it");
    return x_.dim(-1).constant();
  }

  void add_embedding(const py::dict& layer, const std::string& name) {
    if (!ir::is_integer(x_.dtype())) fail(ErrorKind::BadInput, "expected to be the first layer, which gets ids");
    x_ = dsl::embedding_parameters(model_, name, positive(layer["vocabulary"].cast<int64_t>()),
                                   positive(layer["size"].cast<int64_t>()))(x_);
    if (steps_) x_ = swap_first(x_);
  }

  struct Recurrent {
    dsl::Cell cell;
    size_t states;
  };
  Recurrent cell(const py::dict& layer, const std::string& kind, const std::string& name) {
    const int64_t units = positive(layer["units"].cast<int64_t>());
    if (kind == "lstm") return {dsl::lstm_parameters(model_, name, features(), units), 2};
    if (kind == "gru") return {dsl::gru_parameters(model_, name, features(), units), 1};
    dsl::RnnCell rnn = dsl::rnn_parameters(model_, name, features(), units);
    const std::string activation = layer["activation"].cast<std::string>();
    if (activation != "tanh" && activation != "relu")
      fail(ErrorKind::BadInput, "activation \"{}\": expected tanh or relu", activation);
    rnn.activation = dsl::Activation{activation == "tanh" ? dsl::ActivationKind::Tanh : dsl::ActivationKind::Relu};
    return {rnn, 1};
  }

  void add_recurrent(const py::dict& layer, const std::string& kind, const std::string& name) {
    if (!steps_)
      fail(ErrorKind::BadInput, "got an input without steps; give the layer before it return_sequences=True");
    const int64_t units = layer["units"].cast<int64_t>();
    const bool both = layer["bidirectional"].cast<bool>();
    const Recurrent forward = cell(layer, kind, both ? name + ".forward" : name);
    const dsl::Vars zeros(forward.states, dsl::zeros_like_rows(x_, units));
    const bool sequences = layer["return_sequences"].cast<bool>();
    if (both) {
      const Recurrent backward = cell(layer, kind, name + ".backward");
      const dsl::Scanned result = dsl::bidirectional(forward.cell, backward.cell, x_, zeros, zeros, lengths_);
      x_ = sequences ? result.outputs[0] : dsl::concat({result.states[0], result.states[forward.states]}, -1);
    } else {
      const dsl::Scanned result = dsl::scan(forward.cell, x_, zeros, {.lengths = lengths_});
      x_ = sequences ? result.outputs[0] : result.states[0];
    }
    steps_ = sequences;
  }

  dsl::Model model_;
  Var x_, lengths_;
  bool steps_ = false;  ///< whether x_ has them: [T,N,...]
};

}  // namespace

std::unique_ptr<ir::Function> build_layers(const py::list& layers, const py::tuple& input, bool lengths,
                                           uint64_t seed) {
  if (layers.size() == 0) fail(ErrorKind::BadInput, "layers: got none, expected one or more");
  const bool ids = py::reinterpret_borrow<py::dict>(layers[0])["kind"].cast<std::string>() == "embedding";
  Builder builder(seed, input, lengths, ids);
  for (const py::handle layer : layers) builder.add(py::reinterpret_borrow<py::dict>(layer));
  return builder.finish();
}

}  // namespace seqc::python
