/// The well-known recurrent cells, each written once; ONNX import and DSL models use the same ones.
///
/// Shapes: step input [N,I], states and outputs [N,H], gate weights [H,I] and [H,H], biases and peepholes [H].
/// Any weight may be a constant or computed; absent biases and peepholes count as 0.
#pragma once

#include <limits>

#include "frontend/dsl/activation.h"
#include "frontend/dsl/scan.h"

namespace seqc::dsl {

/// Weights of one gate: z = x·wᵀ + b + h·rᵀ.
struct Gate {
  Var w, r;
  Var b = {};
};

inline constexpr Activation kSigmoid{ActivationKind::Sigmoid};
inline constexpr Activation kTanh{ActivationKind::Tanh};

/// What becomes of the state h on its way into the products, such as dropout; nothing if absent.
using OnState = std::function<Var(const Var& h)>;

inline constexpr double kNoClip = std::numeric_limits<double>::infinity();

/// h' = f(x·Wᵀ + b + h·Rᵀ). States and output: h.
struct RnnCell {
  Gate gate;
  Activation activation = kTanh;
  double clip = kNoClip;  ///< bounds the input of every activation to [-clip, clip]
  OnState recurrent = {};
  Step operator()(const Var& x, const Vars& states) const;
};

/// Cho et al. 2014: z update, r reset, h candidate. States and output: h.
struct GruCell {
  Gate update, reset, candidate;
  struct Activations {
    Activation update = kSigmoid, reset = kSigmoid, candidate = kTanh;
  } activations = {};
  /// Reset after the recurrent product instead of before: the candidate's h·Rᵀ + recurrent_bias is multiplied by r.
  bool reset_after = false;
  Var recurrent_bias = {};  ///< only with reset_after; otherwise part of the candidate's b
  double clip = kNoClip;
  OnState recurrent = {};
  Step operator()(const Var& x, const Vars& states) const;
};

/// Hochreiter and Schmidhuber 1997 with forget gate and peepholes (Gers 2000). States h, c; output: h.
struct LstmCell {
  Gate input, output, forget, cell;
  struct Activations {
    Activation input = kSigmoid, output = kSigmoid, forget = kSigmoid, cell = kTanh;
    Activation hidden = kTanh;  ///< of c, on the way to h
  } activations = {};
  Var peephole_input = {}, peephole_output = {}, peephole_forget = {};
  bool input_forget = false;  ///< coupled gates: f = 1 - i; the forget gate's weights are not read
  double clip = kNoClip;
  OnState recurrent = {};
  Step operator()(const Var& x, const Vars& states) const;
};

}  // namespace seqc::dsl
