/// Holds streams against the model that they come from: chunks of any size give the bits of the whole.
#pragma once

#include <string>
#include <vector>

#include "runtime/stream.h"

namespace seqc::test {

/// `tensor` [.., frames, ..] from frame `from` on.
ir::Tensor take_frames(const ir::Tensor& tensor, int64_t axis, int64_t from, int64_t count);
/// Tensors behind one another along an axis; `parts` is not empty.
ir::Tensor join_frames(const std::vector<ir::Tensor>& parts, int64_t axis);

/// The outputs of a new stream that takes `inputs` in chunks of these sizes. Outputs without time are the last ones.
std::vector<ir::Tensor> run_in_chunks(runtime::Stream& stream, const std::vector<ir::Tensor>& inputs,
                                      const std::vector<int64_t>& chunks);

/// Random chunks, some of them empty if `empty`, that together are `frames`.
std::vector<int64_t> random_chunks(int64_t frames, uint64_t seed, bool empty);

/// "" or what differs first between the whole model's outputs and those of `trials` random chunkings.
std::string compare_chunkings(const ir::Function& model, const runtime::StreamOptions& options,
                              const std::vector<ir::Tensor>& inputs, int trials = 50);

}  // namespace seqc::test
