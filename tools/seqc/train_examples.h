/// Arrays as examples of a model: their axes and values are checked against its inputs and its target.
#pragma once

#include "ir/interpreter.h"
#include "runtime/training/data/dataset.h"
#include "tools/seqc/train_model.h"

namespace seqc::tools {

/// How the axes of an array are laid out.
struct ExampleLayout {
  bool examples_first = false;  ///< the first axis counts the examples; otherwise as in the model's input
  bool columns = false;         ///< [examples, columns] of a table: the columns are all other axes, one after the other
};

class TrainExamples {
 public:
  TrainExamples(const TrainArguments& arguments, const TrainModel& model) : a_(arguments), m_(model) {}

  /// Adds examples for an input, the target or lengths. Each value becomes scale * value + shift if `scaling` has those.
  /// Throws Error(BadInput) saying what was got and expected.
  void add(training::Dataset& data, const TrainPort& port, const ir::Tensor& values, const ExampleLayout& layout,
           const std::vector<double>& scaling = {});
  /// Labels of sequences must be classes up to each example's length; behind it they may be anything. `target` and
  /// `lengths` open messages.
  void check_sequences(const training::Dataset& data, const std::string& target, const std::string& lengths) const;
  /// Sizes of the named dims, without the one that counts the examples.
  const ir::DimBindings& dims() const { return dims_; }

 private:
  std::string label_of(const TrainPort& port) const;
  [[noreturn]] void refuse_shape(const TrainPort& port, const ir::Shape& layout, const ir::Tensor& got) const;
  void bind(const TrainPort& port, const ir::Shape& layout, size_t axis, int64_t size, const ir::Tensor& got);
  void check_values(const TrainPort& port, const ir::Tensor& values) const;

  const TrainArguments& a_;
  const TrainModel& m_;
  ir::DimBindings dims_;
};

}  // namespace seqc::tools
