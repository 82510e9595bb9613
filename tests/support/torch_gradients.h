/// Losses and gradients as PyTorch's autograd computes them, for ours to be held against.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::test {

/// Statements of Python that compute `loss` from tensors by name: `t["x"]`, floats as float64 with gradients. Beside torch
/// (and torch.nn.functional as F) they have
///
///   layer(kind, x, directions, states=None, lengths=None) -> y[T,N,H or 2H], states
///
/// with kind "lstm", "gru", "rnn_tanh" or "rnn_relu", and for each direction the prefixes of its gates' names in PyTorch's
/// order, lstm(name), gru(name) or rnn(name) for the DSL's: PREFIXw, PREFIXr, PREFIXb, and the GRU's PREFIXrb.
struct TorchCase {
  std::string name;
  std::string script;
  std::map<std::string, ir::Tensor> tensors;
};

/// Whether Python has it (Debian: python3-torch); says so where not.
bool has_torch();

/// For each case "loss" and, by its name, the gradient of each float; all f64, from one run of Python. Fails the test when
/// Python does.
std::vector<std::map<std::string, ir::Tensor>> torch_gradients(const std::vector<TorchCase>& cases);

}  // namespace seqc::test
