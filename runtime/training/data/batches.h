/// Batches of a data set in a new order each epoch, and what can be done to any source of batches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/training/batch_source.h"
#include "runtime/training/data/dataset.h"

namespace seqc::training {

using Batches = std::shared_ptr<const BatchSource>;

struct BatchOptions {
  int64_t size = 32;
  bool shuffle = true;        ///< otherwise in the data set's order
  uint64_t seed = 0;          ///< with the epoch's number it decides the order
  bool drop_partial = false;  ///< leaves out batches that the examples do not fill
  /// Buckets: a batch holds examples of one bucket alone, so that little is padded. By the lengths of this input;
  std::string bucket_by = {};
  /// the first bucket goes up to and includes the first bound, the last one has what is longer than the last bound.
  std::vector<int64_t> bucket_bounds = {};
};

/// Without buckets, examples in the epoch's order, cut into batches; with them, so within each bucket, and the batches
/// of all buckets in an order that the epoch decides. Throws Error(BadInput) for options without sense and when there
/// would be no batch at all.
Batches batches(Dataset data, const BatchOptions& options = {});

/// Bounds of at most `count` buckets, chosen so that each holds about as many examples.
std::vector<int64_t> even_bounds(const Dataset& data, const std::string& input, int64_t count);

/// How many examples a batch has; 1 where no input counts them.
int64_t rows(const BatchSource& source, const Batch& batch);

/// What process `rank` of `count` gets: the rows rank*n/count to (rank+1)*n/count - 1 of each batch of n, padded as
/// the whole batch is. All ranks together have exactly the source's batches; of a batch with fewer rows than `count`
/// some get none.
Batches shard(Batches source, int64_t rank, int64_t count);

/// The same batches, made by a thread of its own before they are asked for: after batch i the next `ahead` ones. What
/// the source throws is thrown to whom it asks for that batch. May be shared by several callers, who then wait for it
/// or make what it did not foresee.
Batches prefetch(Batches source, int64_t ahead = 2);

}  // namespace seqc::training
