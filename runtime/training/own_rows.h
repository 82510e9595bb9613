/// Batches as one of several ranks sees them: its rows of each.
#pragma once

#include <map>
#include <string>

#include "runtime/training/data/batches.h"
#include "runtime/training/ranks.h"

namespace seqc::training {

/// `source`, which must outlive the result, cut along the axes at which the model's inputs have the rows of a batch (-1:
/// none; see row_axes), whatever the source says itself.
Batches own_rows(const BatchSource& source, std::map<std::string, int64_t> axes, const Ranks& ranks);
/// This rank's rows of one batch.
Batch own_rows(Batch batch, std::map<std::string, int64_t> axes, const Ranks& ranks);

}  // namespace seqc::training
