/// Data and what models say to them as .npz files, which numpy.load and training::load_npz open.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "runtime/training/archive.h"
#include "runtime/training/batch_source.h"

namespace seqc::examples {

/// The inputs of a model from these batches, and its outputs: arrays INDEX.NAME. What the
/// batches lack, such as states, is made up.
void record_model(const std::string& path, std::unique_ptr<ir::Function> model, const training::BatchSource& batches,
                  int threads);

/// A file of batches as other programs want them who train the same model: arrays SET.INDEX.NAME.
class DataFile {
 public:
  explicit DataFile(const std::string& path) : archive_(path) {}
  /// The batches of an epoch. Models that learn from the same data add them once; throws Error(BadInput) for others under a
  /// name that there is.
  void add(const std::string& set, const training::BatchSource& batches, int64_t epoch = 0);
  void finish() { archive_.finish(); }

 private:
  training::ArchiveWriter archive_;
  std::map<std::string, training::Batch> sets_;  // the first batch of each
};

}  // namespace seqc::examples
