/// RNN, GRU and LSTM layers written step by step in ONNX Loop or Scan, as exporters write them, each with the operator
/// that computes the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/onnx_model.h"

namespace seqc::test {

enum class StepCell { Rnn, Gru, GruResetBefore, Lstm };
/// How a step multiplies: a product a gate and input; one product an input, then Split; one product of Concat(x, h);
/// one Gemm an input; one Gemm of Concat(x, h).
enum class StepProducts { PerGate, Whole, Joined, Gemm, JoinedGemm };
/// How step t gets x[t]: scanned, by Gather or GatherND, by Slice and Squeeze, or from a sequence of steps.
enum class StepRead { Scan, Gather, GatherNd, Slice, Sequence };
/// How h[t] gets into Y: one row of a scan output a step, into a carried sequence, or into row t of a carried buffer.
enum class StepWrite { Rows, Sequence, ScatterNd, ScatterElements };
/// What ends a Loop: its trip count; that and a condition which holds as long as a step is left; that condition alone,
/// of the step's number; of a counter that the body keeps.
enum class StepEnd { Count, Both, Condition, Counter };

/// One way to write a layer. Not every combination makes sense: see `is_possible`.
struct StepForm {
  std::string name;
  StepCell cell = StepCell::Lstm;
  StepProducts products = StepProducts::Whole;
  StepRead read = StepRead::Scan;
  StepWrite write = StepWrite::Rows;
  StepEnd end = StepEnd::Count;
  bool reverse = false;          ///< from the last step to the first
  bool batch_major = false;      ///< X is [N,T,I], Y is [N,T,H]
  bool each_row = false;         ///< Scan of opset 8: one row of the batch by itself (batch_major only)
  bool carried_weights = false;  ///< the loop carries the weights, which never change
  bool unit_states = false;      ///< states are carried as [1,N,H], as they come out of an operator
  bool cell_states = false;      ///< LSTM: the cell state of each step is an output as well
  bool named_dims = true;        ///< T and N are names, else numbers
};

struct StepSizes {
  int64_t steps = 5, batch = 3, input = 7, hidden = 9;
};

/// Both models have the inputs X, h0 and for LSTM c0, and the outputs Y, h and for LSTM c; `stepwise` may have one more.
struct StepModels {
  ModelBuilder stepwise, op;
};

bool is_possible(const StepForm& form);
StepModels step_models(const StepForm& form, const StepSizes& sizes);
/// Random inputs for either model.
std::vector<Tensor> step_inputs(const StepForm& form, const StepSizes& sizes, uint64_t seed);

/// The forms that exporters are known to write, each named after what is special about it.
std::vector<StepForm> known_step_forms();

}  // namespace seqc::test
