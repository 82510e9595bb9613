/// A model under construction: named inputs, parameters and outputs around one function of the IR.
#pragma once

#include <memory>
#include <string>

#include "frontend/dsl/cells.h"
#include "frontend/dsl/initializers.h"
#include "frontend/dsl/var.h"

namespace seqc::dsl {

/// The input that says which step of training it is.
inline constexpr const char* kTrainingStep = "training_step";
/// How outputs are called that tell where data lie outside of what a model takes (Context::Range): a position, or -1.
inline constexpr const char* kCheckPrefix = "check: ";

/// Variables of a model may be used until it is finished.
class Model {
 public:
  explicit Model(const std::string& name = "main", uint64_t seed = 0);
  /// Goes on with a model that is there, such as an imported one: its inputs, parameters and outputs stay.
  explicit Model(std::unique_ptr<ir::Function> function, uint64_t seed = 0);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Context& context() { return context_; }
  Var input(const std::string& name, ir::DType type, ir::Shape shape);
  Var constant(ir::Tensor value, const std::string& name = "");
  /// A weight with the value that `init` gives it. Throws Error(BadInput) for a second one of that name.
  Var parameter(const std::string& name, const std::vector<int64_t>& shape, Init init = Init::glorot(),
                ir::DType type = ir::DType::f32);
  /// The number of the step while the model trains, i64[]; -1 while it is in use. The input kTrainingStep, which the
  /// trainer feeds; models that are not trainable do not have it.
  Var training_step();
  /// What random numbers of the layer `name` are drawn with. Throws Error(BadInput) for a second layer of that name.
  uint64_t random_key(const std::string& name);
  /// The input, parameter or output of that name. Throws Error(BadInput) if there is none.
  Var find(const std::string& name);
  /// Outputs appear in the order of these calls.
  void output(const std::string& name, const Var& value);

  /// Ends the model and hands it out; only once, after at least one output. Parameters become constants, or stay what
  /// they are (ir::Function::parameters) for those who train it, who get an output for each range of data (kCheckPrefix).
  std::unique_ptr<ir::Module> finish(bool trainable = false);

 private:
  ir::Function& function() { return *module_->functions[0]; }
  void output_checks();
  void end_training();

  std::unique_ptr<ir::Module> module_;
  ir::Builder builder_;
  Context context_;
  uint64_t seed_;
  std::vector<std::string> parameter_names_, random_names_;
  Var training_step_;
  Vars outputs_;
};

/// Parameters NAME.w, NAME.r (Glorot) and NAME.b (`bias` everywhere).
Gate gate_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size, double bias = 0);
// Cells with fresh parameters, to be adjusted (activations, clip, ...) before use.
RnnCell rnn_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size);
GruCell gru_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size);
/// The forget gate's bias starts at 1.
LstmCell lstm_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size);

}  // namespace seqc::dsl
