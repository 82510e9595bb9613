/// Runs a compiled model one step at a time: what it gives as its states it gets at the next step.
#pragma once

#include <map>
#include <string>

#include "runtime/decoding/next_token.h"
#include "runtime/session.h"

namespace seqc::decoding {

struct StepperPorts {
  std::string tokens = "x";       ///< the input: i32 or i64 [1, rows], or [rows]
  std::string scores = "logits";  ///< the output: floats [1, rows, vocabulary], or [rows, vocabulary]
};

///   Stepper model(session, {{"h_next", "h"}, {"c_next", "c"}});
///   Tensor logits = model.read(std::vector<int64_t>{7}, std::vector<int64_t>{0});
///
/// Inputs that are neither tokens nor states (an encoder's output, a picture) stay what `start` made them; the rows of all
/// of them are found by the named dim that counts the rows of the tokens.
class Stepper final : public NextToken {
 public:
  /// `states`: outputs and the inputs that they become. Throws Error(BadInput) for names and types that do not fit.
  /// The session is used as long as this lives.
  Stepper(runtime::Session& session, std::map<std::string, std::string> states, StepperPorts ports = {});

  /// Begins anew with these inputs; states that are not among them are zeros, for as many rows as the first read asks.
  void start(std::map<std::string, ir::Tensor> inputs);
  ir::Tensor read(std::span<const int64_t> tokens, std::span<const int64_t> rows) override;

 private:
  int64_t row_axis(const runtime::Port& port) const;
  const ir::Tensor& input(const runtime::Port& port, std::span<const int64_t> tokens, std::span<const int64_t> rows);
  void zeros(const runtime::Port& port, int64_t rows);

  runtime::Session& session_;
  std::map<std::string, std::string> states_;
  StepperPorts ports_;
  ir::Dim rows_ = 1;  ///< the dim of the tokens that counts rows
  std::map<std::string, ir::Tensor> inputs_;
};

/// The rows of a tensor along `axis` in another order: row i of the result is rows[i].
ir::Tensor take_rows(const ir::Tensor& tensor, int64_t axis, std::span<const int64_t> rows);

}  // namespace seqc::decoding
