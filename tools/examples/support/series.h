/// Time series: two that were measured, from the files that people download, and one that is computed here.
#pragma once

#include <string>

#include "ir/tensor.h"

namespace seqc::examples {

// All are f32[L,1]. Those from files throw Error(BadInput) naming what is wrong with the file.

/// Sunspots of each month, 1749 to 1983 in Zurich: the column Sunspots of monthly-sunspots.csv in that folder.
ir::Tensor sunspots(const std::string& folder);
/// Lowest temperature of each day, 1981 to 1990 in Melbourne: the column Temp of daily-min-temperatures.csv.
ir::Tensor temperatures(const std::string& folder);
/// Two waves around 3 whose periods, 25 and about 53 steps, never meet: no stretch is like another.
ir::Tensor waves(int64_t length);

}  // namespace seqc::examples
