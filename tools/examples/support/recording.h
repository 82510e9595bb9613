/// Data and what models say to them as .npz files, which numpy.load and training::load_npz open.
#pragma once

#include <memory>
#include <set>
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
  /// The batches of an epoch; only the first source of each name counts.
  void add(const std::string& set, const training::BatchSource& batches, int64_t epoch = 0);
  void finish() { archive_.finish(); }

 private:
  training::ArchiveWriter archive_;
  std::set<std::string> sets_;
};

}  // namespace seqc::examples
