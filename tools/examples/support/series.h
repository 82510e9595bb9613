/// Time series: two that were measured, from the files that people download, and one that is computed here.
#pragma once

#include <string>

#include "ir/tensor.h"
#include "runtime/training/data/batches.h"

namespace seqc::examples {

// All are f32[L,1]. Those from files throw Error(BadInput) naming what is wrong with the file.

/// Sunspots of each month, 1749 to 1983 in Zurich: the column Sunspots of monthly-sunspots.csv in that folder.
ir::Tensor sunspots(const std::string& folder);
/// Lowest temperature of each day, 1981 to 1990 in Melbourne: the column Temp of daily-min-temperatures.csv.
ir::Tensor temperatures(const std::string& folder);
/// Two waves around 3 whose periods, 25 and about 53 steps, never meet: no stretch is like another.
ir::Tensor waves(int64_t length);

struct SeriesStreams {
  int64_t streams = 16;  ///< N: rows of a batch
  int64_t steps = 50;    ///< T: steps of each stream in a batch
};

/// Steps `begin` to `end`-1 of a series, cut into pieces that run side by side, for models whose states are carried along:
/// x f32[T,N,1], and y, what follows each. Row n of batch i+1 goes on where row n of batch i ended; all epochs are equal.
/// Throws Error(BadInput) when there is not enough for one batch.
training::Batches series_streams(const ir::Tensor& series, int64_t begin, int64_t end,
                                 const SeriesStreams& options = {});

}  // namespace seqc::examples
