/// The activation functions of recurrent cells: the eleven that ONNX names, with their parameters.
#pragma once

#include <optional>
#include <string_view>

#include "frontend/dsl/var.h"

namespace seqc::dsl {

enum class ActivationKind {
  Affine,           ///< alpha*x + beta
  Elu,              ///< x >= 0 ? x : alpha*(e^x - 1)
  HardSigmoid,      ///< min(max(alpha*x + beta, 0), 1)
  LeakyRelu,        ///< x >= 0 ? x : alpha*x
  Relu,             ///< max(x, 0)
  ScaledTanh,       ///< alpha*tanh(beta*x)
  Sigmoid,          ///< 1 / (1 + e^-x)
  Softplus,         ///< log(1 + e^x)
  Softsign,         ///< x / (1 + |x|)
  Tanh,             ///< tanh(x)
  ThresholdedRelu,  ///< x >= alpha ? x : 0
};

/// A function with its parameters; those that a kind does not have are not looked at.
struct Activation {
  ActivationKind kind = ActivationKind::Tanh;
  double alpha = 0;
  double beta = 0;

  /// The kind with the parameters that ONNX gives it by default.
  static Activation of(ActivationKind kind);

  /// Emits the primitives; the result has x's type.
  ir::Value* apply(ir::Builder& builder, ir::Value* x) const;
  Var operator()(const Var& x) const;
};

bool takes_alpha(ActivationKind kind);
bool takes_beta(ActivationKind kind);
/// The ONNX name, "HardSigmoid".
std::string_view name(ActivationKind kind);
/// From the ONNX name, without regard to case; nothing for unknown ones.
std::optional<ActivationKind> parse_activation(std::string_view name);

}  // namespace seqc::dsl
