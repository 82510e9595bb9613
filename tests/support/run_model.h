/// Runs a compiled model on host tensors through the C ABI.
#pragma once

#include <optional>
#include <vector>

#include "ir/tensor.h"
#include "runtime/seqc.h"

namespace seqc::test {

/// Outputs of one call on `threads` threads. Fails the current test when `prepare` refuses the inputs.
std::vector<ir::Tensor> run_model(const seqc_model& model, const std::vector<ir::Tensor>& inputs, int threads = 1);

/// The same; nothing when `prepare` refuses the inputs. `status` is what it returned.
std::optional<std::vector<ir::Tensor>> try_run_model(const seqc_model& model, const std::vector<ir::Tensor>& inputs,
                                                     int threads, int32_t& status);

/// Bytes that a call with these inputs works in. Fails the current test when `prepare` refuses them.
size_t workspace_bytes(const seqc_model& model, const std::vector<ir::Tensor>& inputs);

}  // namespace seqc::test
