/// One long text as streams that run side by side, for models that predict the next token and carry their state along.
#pragma once

#include <cstdint>
#include <string>

#include "ir/tensor.h"
#include "runtime/training/data/batches.h"

namespace seqc::training {

struct StreamOptions {
  int64_t streams = 32;       ///< N: rows of a batch
  int64_t steps = 100;        ///< T: tokens of each stream in a batch
  bool drop_partial = false;  ///< leaves out the last batch of an epoch where fewer steps are left
  bool time_major = true;     ///< batches are [T,N], otherwise [N,T]
  std::string input = "x";    ///< tokens
  std::string target = "y";   ///< the tokens that follow them
};

/// The text is cut into `streams` pieces of equal length (what does not fill them is left out at its end). Batch i has
/// the next `steps` tokens of every piece, and as targets the same shifted by one: row n of batch i+1 goes on where row
/// n of batch i ended, so states are carried from batch to batch and start anew with each epoch. All epochs are equal.
/// `tokens` [L] are integers of any type, which batches have as well. Throws Error(BadInput) for a text that is too short.
Batches text_streams(const ir::Tensor& tokens, const StreamOptions& options = {});

}  // namespace seqc::training
