#include "tools/seqc/train_examples.h"

#include <fmt/format.h>

#include <array>

#include "ir/error.h"
#include "tools/seqc/train_layout.h"

namespace seqc::tools {

using ir::Dim;
using ir::Tensor;
using training::Dataset;

void TrainExamples::add(Dataset& data, const TrainPort& port, const Tensor& values, const ExampleLayout& how,
                        const std::vector<double>& scaling) {
  if (!ir::is_arithmetic(values.dtype())) fail(ErrorKind::BadInput, "holds {}, expected numbers", values.type_str());
  const ir::Shape layout = layout_of(port, how.examples_first);
  const int64_t axis = how.examples_first ? 0 : port.batch_axis;
  auto shape = with_rank_of(values.shape(), layout, axis);
  if (how.columns && !shape) shape = table_shape(values.shape(), layout);
  if (!shape) refuse_shape(port, layout, values);
  for (size_t i = 0; i < layout.size(); ++i)
    if (static_cast<int64_t>(i) != axis) bind(port, layout, i, (*shape)[i], values);
  Tensor examples = values.reshaped(*shape);
  if (!scaling.empty()) examples = training::scaled(examples, scaling[0], scaling.size() > 1 ? scaling[1] : 0);
  examples = training::converted(examples, port.type.dtype);
  check_values(port, examples);
  const int64_t count = examples.shape()[static_cast<size_t>(axis)];
  if (!data.inputs().empty() && count != data.size())
    fail(ErrorKind::BadInput, "{} has {} examples along axis {}, expected {} as \"{}\" has{}", label_of(port), count,
         axis, data.size(), data.inputs().front(),
         a_.examples_first ? "" : "; --examples-first takes files whose first axis counts them");
  data.add(port.name, examples, {.example_axis = axis, .batch_axis = port.batch_axis});
}

void TrainExamples::check_sequences(const Dataset& data, const std::string& target, const std::string& lengths) const {
  for (int64_t n = 0; n < data.size(); ++n) {
    const training::Batch example = data.gather(std::array{n});
    const Tensor& labels = example.at(m_.target.name);
    const int64_t length = example.at(m_.lengths[0].name).integer(0);
    if (length < 0 || length > labels.count())
      fail(ErrorKind::BadInput, "{}: example {} has length {}, expected 0 to {}", lengths, n, length, labels.count());
    for (int64_t t = 0; t < length; ++t)
      if (const int64_t label = labels.integer(t); label < 0 || label >= m_.classes)
        fail(ErrorKind::BadInput, "{}: the label of example {} at step {} is {}, expected 0 to {} of {} classes",
             target, n, t, label, m_.classes - 1, m_.classes);
  }
}

/// What messages call it.
std::string TrainExamples::label_of(const TrainPort& port) const {
  return &port == &m_.target ? fmt::format("target of output \"{}\"", m_.output)
                             : fmt::format("input \"{}\"", port.name);
}

void TrainExamples::refuse_shape(const TrainPort& port, const ir::Shape& layout, const Tensor& got) const {
  fail(ErrorKind::BadInput, "{}: got {}, expected {}{}", label_of(port), got.type_str(), expected_text(port, layout),
       a_.examples_first || got.rank() < 2 ? "" : "; --examples-first takes files whose first axis counts them");
}

/// Checks a size, and that a named dim has one size in all files.
void TrainExamples::bind(const TrainPort& port, const ir::Shape& layout, size_t axis, int64_t size, const Tensor& got) {
  const Dim& dim = layout[axis];
  if (dim.is_constant() && dim.constant() != size) refuse_shape(port, layout, got);
  if (!dim.is_symbol()) return;
  const auto [it, is_new] = dims_.emplace(dim.symbol_name(), size);
  // Each file may have its own, between training and validation.
  if (!is_new && it->second != size && &port == &m_.target)
    fail(ErrorKind::BadInput, "target of output \"{}\": got {}, where {} is {}, expected {} as in the inputs",
         m_.output, got.type_str(), dim.str(), size, it->second);
  it->second = size;
}

void TrainExamples::check_values(const TrainPort& port, const Tensor& values) const {
  if (&port != &m_.target) return;
  if (m_.classes > 0 && m_.lengths.empty()) training::check_labels(m_.output, values, m_.classes);
  const bool shares = a_.loss == Loss::SigmoidCrossEntropy || a_.loss == Loss::SoftmaxCrossEntropyDense;
  for (int64_t i = 0; shares && i < values.count(); ++i)
    if (const double value = values.real(i); value < 0 || value > 1)
      fail(ErrorKind::BadInput, "target of output \"{}\": element {} is {}, expected 0 to 1 for --loss {}", m_.output,
           i, value, a_.loss_name);
}

}  // namespace seqc::tools
