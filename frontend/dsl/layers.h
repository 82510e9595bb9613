/// Layers: functions with weights around scans and products. Each is a struct of variables, to be filled by hand or by
/// the function NAME_parameters next to it, and called like a function.
#pragma once

#include <string>

#include "frontend/dsl/model.h"
#include "frontend/dsl/scan.h"
#include "frontend/dsl/var.h"

namespace seqc::dsl {

/// x·wᵀ + b over the last dim, at every step and row alike: x[..., I] -> [..., O].
struct Dense {
  Var w, b = {};
  Var operator()(const Var& x) const { return linear(x, w, b); }
};
/// NAME.w, and NAME.b that starts at 0.
Dense dense_parameters(Model& model, const std::string& name, int64_t inputs, int64_t outputs,
                       Init init = Init::glorot());

/// Rows of a table: ids[...] integers in [0, V) -> [..., E]. Ids beyond the table are taken at its end.
struct Embedding {
  Var table;  ///< [V, E]
  Var operator()(const Var& ids) const;
};
/// NAME.table.
Embedding embedding_parameters(Model& model, const std::string& name, int64_t vocabulary, int64_t size,
                               Init init = Init::uniform(0.05));

/// (x - mean) / sqrt(variance + epsilon) * scale + shift over the last dim (Ba, Kiros and Hinton 2016).
struct LayerNorm {
  Var scale, shift;  ///< of the last dim's size
  double epsilon = 1e-5;
  Var operator()(const Var& x) const;
};
/// NAME.scale, which starts at 1, and NAME.shift, at 0.
LayerNorm layer_norm_parameters(Model& model, const std::string& name, int64_t size);

/// A cell on top of another, in one scan: the first one's first output is the second one's input, and so on; different cells
/// may be mixed. States are those of all cells in order, outputs those of the last.
class Stack {
 public:
  /// `states`: how many states the cell has.
  Stack& add(Cell cell, size_t states);
  Step operator()(const Var& x, const Vars& states) const;

 private:
  struct Layer {
    Cell cell;
    size_t states;
  };
  std::vector<Layer> layers_;
};

/// The cell with its input added to its first output, which must have one shape (He et al. 2016).
Cell residual(Cell cell);

/// Both directions over x[T, N, I]; each output is joined along its last dim, forward first. States: the forward cell's,
/// then the backward cell's. With lengths, the backward cell begins at each row's last valid step.
Scanned bidirectional(const Cell& forward, const Cell& backward, const Var& x, const Vars& forward_initial,
                      const Vars& backward_initial, const Var& lengths = {});

/// What each row has at its last valid step: y[T, N, ...], lengths[N] -> [N, ...]; of rows without any step, the first
/// step's. Without lengths: the last step.
Var last_valid(const Var& y, const Var& lengths = {});

/// How much each query looks at each key.
enum class Score {
  Dot,        ///< q·k
  ScaledDot,  ///< q·k / sqrt(size) (Vaswani et al. 2017)
};

struct Attended {
  Var values;   ///< [N, Q, V]
  Var weights;  ///< [N, Q, K], which sum to 1 over the keys
};

/// queries[N, Q, D], keys[N, K, D], values[N, K, V]; keys from lengths[n] on get no weight. Rows without any key get 0.
Attended attention(const Var& queries, const Var& keys, const Var& values, const Var& lengths = {},
                   Score score = Score::ScaledDot);

/// The score v·tanh(queries·wᵀ + keys·uᵀ) instead (Bahdanau, Cho and Bengio 2015).
struct AdditiveAttention {
  Var w, u;  ///< [A, D] of queries, [A, E] of keys
  Var v;     ///< [A]
  Attended operator()(const Var& queries, const Var& keys, const Var& values, const Var& lengths = {}) const;
};
/// NAME.w, NAME.u and NAME.v.
AdditiveAttention additive_attention_parameters(Model& model, const std::string& name, int64_t query_size,
                                                int64_t key_size, int64_t size);

}  // namespace seqc::dsl
