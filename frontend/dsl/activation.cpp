#include "frontend/dsl/activation.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace seqc::dsl {

namespace {

struct Row {
  ActivationKind kind;
  std::string_view name;
  bool takes_alpha, takes_beta;
  double alpha, beta;  // defaults: those of the ONNX operator of that name
};

// In the order of the enum. Affine and ScaledTanh were experimental operators; the first had these defaults, the second
// had none, and 1 and 1 make it a plain tanh.
constexpr std::array kRows = {
    Row{ActivationKind::Affine, "Affine", true, true, 1, 0},
    Row{ActivationKind::Elu, "Elu", true, false, 1, 0},
    Row{ActivationKind::HardSigmoid, "HardSigmoid", true, true, 0.2, 0.5},
    Row{ActivationKind::LeakyRelu, "LeakyRelu", true, false, 0.01, 0},
    Row{ActivationKind::Relu, "Relu", false, false, 0, 0},
    Row{ActivationKind::ScaledTanh, "ScaledTanh", true, true, 1, 1},
    Row{ActivationKind::Sigmoid, "Sigmoid", false, false, 0, 0},
    Row{ActivationKind::Softplus, "Softplus", false, false, 0, 0},
    Row{ActivationKind::Softsign, "Softsign", false, false, 0, 0},
    Row{ActivationKind::Tanh, "Tanh", false, false, 0, 0},
    Row{ActivationKind::ThresholdedRelu, "ThresholdedRelu", true, false, 1, 0},
};

const Row& row(ActivationKind kind) { return kRows[static_cast<size_t>(kind)]; }

}  // namespace

Activation Activation::of(ActivationKind kind) { return {kind, row(kind).alpha, row(kind).beta}; }

bool takes_alpha(ActivationKind kind) { return row(kind).takes_alpha; }
bool takes_beta(ActivationKind kind) { return row(kind).takes_beta; }
std::string_view name(ActivationKind kind) { return row(kind).name; }

std::optional<ActivationKind> parse_activation(std::string_view name) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  for (const Row& row : kRows)
    if (std::ranges::equal(row.name, name, same)) return row.kind;
  return std::nullopt;
}

Var Activation::operator()(const Var& x) const {
  switch (kind) {
    case ActivationKind::Affine: return alpha * x + beta;
    // The exponential sees no positive number, which could overflow and spoil gradients.
    case ActivationKind::Elu: {
      const Var positive = x >= 0.0;
      return where(positive, x, alpha * expm1(min(x, 0.0)));
    }
    case ActivationKind::HardSigmoid: return clamp(alpha * x + beta, 0.0, 1.0);
    case ActivationKind::LeakyRelu: {
      const Var positive = x >= 0.0;
      return where(positive, x, alpha * x);
    }
    case ActivationKind::Relu: return relu(x);
    case ActivationKind::ScaledTanh: return alpha * tanh(beta * x);
    case ActivationKind::Sigmoid: return sigmoid(x);
    case ActivationKind::Softplus: return softplus(x);
    case ActivationKind::Softsign: return x / (1.0 + abs(x));
    case ActivationKind::Tanh: return tanh(x);
    case ActivationKind::ThresholdedRelu: return where(x >= alpha, x, 0.0);
  }
  return {};
}

ir::Value* Activation::apply(ir::Builder& builder, ir::Value* x) const {
  Context context(builder);
  return (*this)(Var(context, x)).value();
}

}  // namespace seqc::dsl
