#include "tools/seqc/train_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ir/error.h"
#include "runtime/training/data/split.h"
#include "tools/seqc/options.h"
#include "tools/seqc/train_layout.h"
#include "tools/seqc/train_sources.h"

namespace seqc::tools {
namespace {

using ir::Dim;
using ir::Tensor;
using training::Dataset;

/// A tensor whose axes are those of the input, in the file's order, and which of them counts the examples.
struct Examples {
  Tensor values;
  int64_t axis = 0;
};

class Loader {
 public:
  Loader(const TrainArguments& arguments, const TrainModel& model) : a_(arguments), m_(model) {
    for (const std::string& text : a_.scales) {
      auto [name, numbers] = split_assignment(text, "--scale");
      scales_[name] = numbers;
      if (!find_input(m_, name)) fail(ErrorKind::BadInput, "--scale {}: the model has no such input", text);
    }
  }

  TrainData load() {
    TrainData data;
    data.training = dataset(a_.data, a_.target, a_.lengths, "--data");
    if (!a_.validation_data.empty())
      data.validation = dataset(a_.validation_data, a_.validation_target, a_.validation_lengths, "--validation-data");
    if (a_.validation_split > 0) split(data);
    data.dims = dims_;
    data.classes = classes_;
    data.notes = notes_;
    return data;
  }

 private:
  Dataset dataset(const std::vector<std::string>& texts, const std::string& target_text,
                  const std::string& lengths_text, const std::string& option) {
    const TrainSources sources = find_train_sources(a_, m_, files_, texts, target_text, option);
    notes_.insert(notes_.end(), sources.notes.begin(), sources.notes.end());
    const FilePart& target = sources.target;
    std::set<std::string> taken;
    for (const std::string& name : TrainFiles::names(target.part)) taken.insert(name);
    Dataset data;
    for (const TrainPort& input : m_.inputs) add(data, input, sources.inputs.at(input.name), taken);
    add(data, m_.target, target, {});
    if (data.size() == 0) fail(ErrorKind::BadInput, "{}: holds no examples, expected one or more", target.str());
    if (m_.lengths.empty()) return data;
    const FilePart lengths = parse_file_part(lengths_text, false);
    add(data, m_.lengths[0], lengths, {});
    check_sequences(data, target, lengths);
    return data;
  }

  /// Labels behind an example's last step may be anything.
  void check_sequences(const Dataset& data, const FilePart& target, const FilePart& lengths) const {
    for (int64_t n = 0; n < data.size(); ++n) {
      const training::Batch example = data.gather(std::array{n});
      const Tensor& labels = example.at(m_.target.name);
      const int64_t length = example.at(m_.lengths[0].name).integer(0);
      if (length < 0 || length > labels.count())
        fail(ErrorKind::BadInput, "{}: example {} has length {}, expected 0 to {}", lengths.str(), n, length,
             labels.count());
      for (int64_t t = 0; t < length; ++t)
        if (const int64_t label = labels.integer(t); label < 0 || label >= m_.classes)
          fail(ErrorKind::BadInput, "{}: the label of example {} at step {} is {}, expected 0 to {} of {} classes",
               target.str(), n, t, label, m_.classes - 1, m_.classes);
    }
  }

  void add(Dataset& data, const TrainPort& port, const FilePart& from, const std::set<std::string>& taken) {
    try {
      Examples examples = fitted(port, from, taken);
      check_values(port, examples.values);
      const int64_t count = examples.values.shape()[static_cast<size_t>(examples.axis)];
      if (!data.inputs().empty() && count != data.size())
        fail(ErrorKind::BadInput, "{} has {} examples along axis {}, expected {} as \"{}\" has{}", label_of(port),
             count, examples.axis, data.size(), data.inputs().front(),
             a_.examples_first ? "" : "; --examples-first takes files whose first axis counts them");
      data.add(port.name, examples.values, {.example_axis = examples.axis, .batch_axis = port.batch_axis});
    } catch (const Error& error) {
      const std::string_view message = error.what();
      if (message.starts_with(from.file)) throw;
      throw Error(error.kind(), fmt::format("{}: {}", from.str(), message));
    }
  }

  Tensor table_values(const TrainPort& port, const FilePart& from, const std::set<std::string>& taken) {
    const auto columns = TrainFiles::names(from.part);
    const training::Csv& csv = files_.table(from.file);
    if (&port == &m_.target && takes_labels(a_.loss) && columns.size() == 1 && csv.rows() > 0 &&
        is_text(csv, columns[0])) {
      const training::Labels labels = csv.labels(columns[0], classes_);
      if (classes_.empty()) {
        classes_ = labels.classes;
        std::vector<std::string> texts;
        for (size_t i = 0; i < classes_.size(); ++i) texts.push_back(fmt::format("{}={}", i, classes_[i]));
        notes_.push_back(fmt::format("{}: labels {}", from.str(), fmt::join(texts, ", ")));
      }
      return Tensor::i64({csv.rows(), 1}, labels.ids);
    }
    return files_.columns(from, taken);
  }

  /// Whether the first cell is no number: then the column holds names of classes.
  static bool is_text(const training::Csv& csv, const std::string& column) {
    const std::string cell = csv.cell(0, column);
    char* end = nullptr;
    std::strtod(cell.c_str(), &end);
    return !cell.empty() && *end != '\0';
  }

  Examples fitted(const TrainPort& port, const FilePart& from, const std::set<std::string>& taken) {
    const bool table = TrainFiles::is_table(from.file);
    const Tensor values =
        table ? table_values(port, from, taken) : files_.array(from, &port == &m_.target ? m_.output : port.name);
    if (!ir::is_arithmetic(values.dtype())) fail(ErrorKind::BadInput, "holds {}, expected numbers", values.type_str());
    const bool first = a_.examples_first || table;
    const ir::Shape layout = layout_of(port, first);
    const int64_t axis = first ? 0 : port.batch_axis;
    auto shape = with_rank_of(values.shape(), layout, axis);
    if (table && !shape) shape = table_shape(values.shape(), layout);
    if (!shape) refuse_shape(port, layout, values);
    for (size_t i = 0; i < layout.size(); ++i)
      if (static_cast<int64_t>(i) != axis) bind(port, layout, i, (*shape)[i], values);
    Tensor result = values.reshaped(*shape);
    if (const auto scale = scales_.find(port.name); scale != scales_.end()) {
      const auto numbers = CLI::detail::split(scale->second, ',');
      result = training::scaled(result, std::stod(numbers[0]), numbers.size() > 1 ? std::stod(numbers[1]) : 0);
    }
    return {training::converted(result, port.type.dtype), axis};
  }

  /// What messages call it.
  std::string label_of(const TrainPort& port) const {
    return &port == &m_.target ? fmt::format("target of output \"{}\"", m_.output)
                               : fmt::format("input \"{}\"", port.name);
  }

  [[noreturn]] void refuse_shape(const TrainPort& port, const ir::Shape& layout, const Tensor& got) const {
    fail(ErrorKind::BadInput, "{}: got {}, expected {}{}", label_of(port), got.type_str(), expected_text(port, layout),
         a_.examples_first || got.rank() < 2 ? "" : "; --examples-first takes files whose first axis counts them");
  }

  /// Checks a size, and that a named dim has one size in all files.
  void bind(const TrainPort& port, const ir::Shape& layout, size_t axis, int64_t size, const Tensor& got) {
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

  void check_values(const TrainPort& port, const Tensor& values) const {
    if (&port != &m_.target) return;
    if (m_.classes > 0 && m_.lengths.empty()) training::check_labels(m_.output, values, m_.classes);
    const bool shares = a_.loss == Loss::SigmoidCrossEntropy || a_.loss == Loss::SoftmaxCrossEntropyDense;
    for (int64_t i = 0; shares && i < values.count(); ++i)
      if (const double value = values.real(i); value < 0 || value > 1)
        fail(ErrorKind::BadInput, "target of output \"{}\": element {} is {}, expected 0 to 1 for --loss {}", m_.output,
             i, value, a_.loss_name);
  }

  void split(TrainData& data) const {
    const training::Split parts = training::split(data.training.size(), a_.validation_split, a_.seed);
    if (parts.test.empty() || parts.train.empty())
      fail(ErrorKind::BadInput, "--validation-split {}: leaves {} of {} examples for training and {} for validation",
           a_.validation_split, parts.train.size(), data.training.size(), parts.test.size());
    data.validation = data.training.take(parts.test);
    data.training = data.training.take(parts.train);
  }

  const TrainArguments& a_;
  const TrainModel& m_;
  TrainFiles files_;
  std::map<std::string, std::string> scales_;
  ir::DimBindings dims_;
  std::vector<std::string> classes_, notes_;
};

}  // namespace

TrainData load_train_data(const TrainArguments& arguments, const TrainModel& model) {
  return Loader(arguments, model).load();
}

}  // namespace seqc::tools
