/// Results of two branches of an `if` that have different sizes: both are padded to the larger one, and the size of the
/// branch that ran becomes a dim.
#pragma once

#include <vector>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

class BranchSizes {
 public:
  explicit BranchSizes(Node& node) : node_(node) {}

  /// Inside the second region, once it has its results: pads the results of both where their sizes differ, or where only a
  /// run of the branch can tell them. `first` is what the region `first_block` yields so far; its yield is changed.
  /// Returns what the second region is to yield. Refuses results of different rank or element type.
  std::vector<Value*> unite(Builder& b, ir::Block& first_block, const std::vector<Value*>& first,
                            const std::vector<Value*>& second);
  /// Behind the `if`: its results as they were before the padding.
  std::vector<Value*> results(const ir::Op& op);

 private:
  struct Open {
    size_t result;
    size_t axis;
    Dim most;
  };
  Value* padded(Builder& b, Value* value, size_t result) const;
  Value* sizes(Builder& b, const std::vector<Value*>& values) const;

  Node& node_;
  std::vector<Open> open_;  ///< dims that the branch decides
};

}  // namespace seqc::frontend
