/// Recurrent layers of the DSL in f64 whose weights are inputs of their function, for checks of gradients.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontend/dsl/dsl.h"
#include "ir/interpreter.h"

namespace seqc::test {

/// A model under construction. Weights of gate G of cell NAME are called NAMEGw, NAMEGr, NAMEGb.
struct RecurrentModel {
  dsl::Model model;
  int64_t input = 3, hidden = 5;

  dsl::Var weight(const std::string& name, std::vector<ir::Dim> shape);
  dsl::Gate gate(const std::string& name);
  dsl::RnnCell rnn(const std::string& name);
  dsl::GruCell gru(const std::string& name, bool after);        ///< gates z, r, h; NAMErb with `after`
  dsl::LstmCell lstm(const std::string& name, bool peepholes);  ///< gates i, o, f, c; peepholes NAMEpi, NAMEpo, NAMEpf
};

enum class RecurrentKind { Rnn, GruBefore, GruAfter, Lstm, LstmPeepholes };
inline constexpr RecurrentKind kRecurrentKinds[] = {RecurrentKind::Rnn, RecurrentKind::GruBefore,
                                                    RecurrentKind::GruAfter, RecurrentKind::Lstm,
                                                    RecurrentKind::LstmPeepholes};
inline bool has_two_states(RecurrentKind kind) { return kind >= RecurrentKind::Lstm; }
enum class Direction { Forward, Reverse, Both };

dsl::Var total(dsl::Var x);

/// x[T,N,3] (and i32 lengths[N]) through a layer of 5 units of the cell "f", in reverse "b", from states fs0, fs1, ... The
/// loss of one direction is the sum of y^3 + y over all outputs and of the squares of the final states.
std::unique_ptr<ir::Module> recurrent_layer(RecurrentKind kind, Direction way, bool ragged);

/// Small numbers; lengths between 0 and T.
std::vector<ir::Tensor> recurrent_inputs(const ir::Function& f, const ir::DimBindings& dims, uint64_t seed);

}  // namespace seqc::test
