/// What an ONNX RNN, GRU or LSTM node must compute: scalar loops in double, written from the operator text.
///
/// Where the text (opsets 1 to 22) leaves room, this is how it is read; other runtimes are named where they differ:
///  - `clip` bounds the input of *every* activation, as the text says, so of h(Ct) in the LSTM as well; Y_c is Ct before
///    clipping. (onnx2c does so; ONNX Runtime 1.30 and OpenVINO do not clip the input of h: onnxruntime issue 27224.)
///  - R is transposed in all opsets. The formulas before opset 7 write `Ht-1*R`, corrected to `Ht-1*(R^T)` in opset 7.
///  - `input_forget`: ft = 1 - it; Wf, Rf, the f biases and Pf are then unused. (OpenVINO couples i = 1 - f.)
///  - `activation_alpha` and `activation_beta` are consumed in the order of the activations, over both directions, by
///    those functions only that have the parameter; one that finds its list used up takes its default. (So does ONNX
///    Runtime, on CPU and DirectML.)
///  - Defaults "are the same as of corresponding ONNX operators": LeakyRelu 0.01, HardSigmoid 0.2 and 0.5, Elu 1,
///    ThresholdedRelu 1, Affine 1 and 0 (its former experimental operator). ScaledTanh never had any; 1 and 1 is assumed
///    here, and random_case never relies on it. (ONNX Runtime's CPU kernels take 0 for these three.)
///  - ThresholdedRelu is `x if x >= alpha` here, as the recurrent operators say (the operator of that name says `>`).
///  - Names of activations are compared without regard to case. RNN's default list has two entries; one direction takes
///    the first.
///  - A sequence of length 0 ends in its initial state. (ONNX Runtime returns zeros instead.) Y is zero beyond
///    the length. The reverse direction starts at the last valid step, and Y keeps the order of X.
///  - `output_sequence` (opsets 1 to 6) only says whether Y may be absent; outputs keep their positions.
///  - GRU's ht with linear_before_reset is g(Xt*(Wh^T) + (rt (.) (Ht-1*(Rh^T) + Rbh)) + Wbh), as opset 7 punctuates it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/tensor.h"

namespace seqc::test {

/// Gate orders in W, R and B: RNN `i`, GRU `zrh`, LSTM `iofc`; in P `iof`.
enum class Cell { RNN, GRU, LSTM };
enum class Direction { Forward, Reverse, Bidirectional };

/// Positions of the operator's inputs and outputs. RNN and GRU end at initial_h and Y_h.
enum InputSlot { kX, kW, kR, kB, kSequenceLens, kInitialH, kInitialC, kP, kInputSlots };
enum OutputSlot { kY, kYh, kYc, kOutputSlots };
inline constexpr std::array<std::string_view, kInputSlots> kInputNames = {
    "X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"};
inline constexpr std::array<std::string_view, kOutputSlots> kOutputNames = {"Y", "Y_h", "Y_c"};

/// Where a node's input comes from.
enum class Feed { Absent, Input, Initializer };

struct Operand {
  Feed feed = Feed::Absent;
  ir::Tensor value;  ///< dtype of the case, but i32 for sequence_lens; shape as by RecurrentCase::shape
};

/// One recurrent node with everything that it reads, and how a model around it is written.
struct RecurrentCase {
  Cell cell = Cell::LSTM;
  int64_t opset = 14;
  ir::DType dtype = ir::DType::f32;
  int64_t T = 1, N = 1, I = 1, H = 1;  ///< steps, batch rows, input size, hidden size

  // Attributes; nullopt or empty: not written.
  std::optional<Direction> direction;
  std::vector<std::string> activations;  ///< f (RNN), f g (GRU), f g h (LSTM); then those of the second direction
  std::vector<float> activation_alpha, activation_beta;
  std::optional<float> clip;
  std::optional<int64_t> input_forget;         ///< LSTM
  std::optional<int64_t> linear_before_reset;  ///< GRU, opset >= 3
  std::optional<int64_t> layout;               ///< opset >= 14
  std::optional<int64_t> output_sequence;      ///< opset < 7
  bool write_hidden_size = true;

  std::array<Operand, kInputSlots> inputs;
  std::array<bool, kOutputSlots> wanted = {};

  // How the model is written.
  bool named_t = false, named_n = false;  ///< the dim is the name "T" or "N" instead of a number
  bool trailing_names = false;            ///< write "" for absent trailing inputs and outputs instead of a shorter list
  bool ir3 = false;                       ///< IR version 3: initializers are graph inputs as well

  bool has(InputSlot slot) const { return inputs[slot].feed != Feed::Absent; }
  int64_t directions() const { return direction == Direction::Bidirectional ? 2 : 1; }
  int64_t gates() const { return cell == Cell::RNN ? 1 : cell == Cell::GRU ? 3 : 4; }
  bool batch_first() const { return layout.value_or(0) != 0; }
  /// RNN 1, GRU 2, LSTM 3.
  int64_t activations_per_direction() const { return cell == Cell::RNN ? 1 : cell == Cell::GRU ? 2 : 3; }
  std::vector<int64_t> shape(InputSlot slot) const;
  std::vector<int64_t> shape(OutputSlot slot) const;
};

/// An activation with its parameters (unused ones are 0); `name` in lower case.
struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

bool takes_alpha(std::string_view lower_case_name);
bool takes_beta(std::string_view lower_case_name);
/// All activations of all directions with alpha and beta dealt out.
/// Throws std::runtime_error for an unknown name or a list that is too short.
std::vector<Activation> resolve_activations(const RecurrentCase& c);
double activate(const Activation& activation, double x);

struct ExpectedTensor {
  OutputSlot slot;
  std::vector<int64_t> shape;
  std::vector<double> values;
};

/// The wanted outputs in order.
std::vector<ExpectedTensor> oracle(const RecurrentCase& c);
/// The same loops in float: how far it is from `oracle` shows how well a case is conditioned.
std::vector<ExpectedTensor> oracle_in_float(const RecurrentCase& c);
/// How near any input of a ThresholdedRelu came to its jump; infinite without one.
double distance_to_jump(const RecurrentCase& c);

/// Every element within atol + rtol*|want| of `want` (NaN never is); "" or the first offence and the worst one.
std::string find_mismatch(const std::vector<double>& got, const std::vector<double>& want, double rtol, double atol);

}  // namespace seqc::test
