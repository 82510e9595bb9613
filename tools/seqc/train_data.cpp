#include "tools/seqc/train_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ir/error.h"
#include "runtime/training/data/split.h"
#include "tools/seqc/options.h"
#include "tools/seqc/train_files.h"

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

/// The sizes of the file's axes as the model's input has them.
ir::Shape layout_of(const TrainPort& port, bool examples_first) {
  ir::Shape shape = port.type.shape;
  if (examples_first) std::rotate(shape.begin(), shape.begin() + port.batch_axis, shape.begin() + port.batch_axis + 1);
  return shape;
}

/// Axes of one element come and go: [N] serves as [N,1], and the other way round. Nothing if that is not what differs.
std::optional<std::vector<int64_t>> with_rank_of(const std::vector<int64_t>& got, const ir::Shape& layout,
                                                 int64_t examples) {
  const auto rank = static_cast<int64_t>(layout.size()), had = static_cast<int64_t>(got.size());
  if (had == rank) return got;
  std::vector<int64_t> result;
  if (had < rank) {
    int64_t ones = 0;
    for (int64_t i = 0; i < rank; ++i) ones += i != examples && layout[static_cast<size_t>(i)] == Dim(1);
    if (ones != rank - had) return std::nullopt;
    size_t next = 0;
    for (int64_t i = 0; i < rank; ++i)
      result.push_back(i != examples && layout[static_cast<size_t>(i)] == Dim(1) ? 1 : got[next++]);
    return result;
  }
  // The example axis of the longer shape is not known if it has a 1 before it: only those behind it go.
  if (examples != 0) return std::nullopt;
  int64_t extra = had - rank;
  if (std::count(got.begin() + 1, got.end(), 1) != extra) return std::nullopt;
  for (size_t i = 0; i < got.size(); ++i)
    if (i == 0 || got[i] != 1) result.push_back(got[i]);
  return result;
}

std::string expected_text(const TrainPort& port, const ir::Shape& layout) {
  return fmt::format(
      "{} (axis {} counts the examples)", ir::Type{port.type.dtype, layout}.str(),
      std::find(layout.begin(), layout.end(), port.type.shape[static_cast<size_t>(port.batch_axis)]) - layout.begin());
}

class Loader {
 public:
  Loader(const TrainArguments& arguments, const TrainModel& model) : a_(arguments), m_(model) {
    for (const std::string& text : a_.scales) {
      auto [name, numbers] = split_assignment(text, "--scale");
      scales_[name] = numbers;
      if (!port(name)) fail(ErrorKind::BadInput, "--scale {}: the model has no such input", text);
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
  const TrainPort* port(const std::string& name) const {
    const auto it =
        std::find_if(m_.inputs.begin(), m_.inputs.end(), [&](const TrainPort& port) { return port.name == name; });
    return it == m_.inputs.end() ? nullptr : &*it;
  }

  /// Which file an input comes from.
  std::map<std::string, FilePart> sources(const std::vector<std::string>& texts, const FilePart& target,
                                          const std::string& option) {
    std::map<std::string, FilePart> result;
    const auto add = [&](const std::string& input, FilePart from) {
      if (!result.emplace(input, std::move(from)).second)
        fail(ErrorKind::BadInput, "{}: input \"{}\" is given twice", option, input);
    };
    for (const std::string& text : texts) {
      FilePart from = parse_file_part(text, true);
      if (from.input.empty()) {
        for (const auto& [input, part] : unnamed(from, target)) add(input, {input, from.file, part});
        continue;
      }
      if (!port(from.input)) refuse_input(from.input, option);
      add(from.input, from);
    }
    for (const TrainPort& input : m_.inputs)
      if (!result.contains(input.name))
        fail(ErrorKind::BadInput,
             "input \"{}\" ({}): no data for it, expected {} {}=FILE, or --zero {} if zeros will do", input.name,
             input.type.str(), option, input.name, input.name);
    return result;
  }

  [[noreturn]] void refuse_input(const std::string& name, const std::string& option) const {
    std::vector<std::string> names;
    for (const TrainPort& input : m_.inputs) names.push_back(input.name);
    if (std::find(a_.zeros.begin(), a_.zeros.end(), name) != a_.zeros.end())
      fail(ErrorKind::BadInput, "{} {}: the input is --zero as well, expected one of both", option, name);
    if (std::find(m_.unneeded.begin(), m_.unneeded.end(), name) != m_.unneeded.end())
      fail(ErrorKind::BadInput, "{} {}: output \"{}\" does not need this input, expected data for {}", option, name,
           m_.output, fmt::join(names, ", "));
    fail(ErrorKind::BadInput, "{} {}: the model has no such input, expected data for {}", option, name,
         fmt::join(names, ", "));
  }

  /// Inputs that a file names by itself, with the parts that they are: arrays by name; the columns x, x.0, x.1, ...; of a
  /// table for one input all columns.
  std::map<std::string, std::string> unnamed(const FilePart& from, const FilePart& target) {
    std::map<std::string, std::string> result;
    if (!from.part.empty() && m_.inputs.size() > 1)
      fail(ErrorKind::BadInput, "{}: say which input this is for: INPUT={}", from.str(), from.str());
    if (!from.part.empty()) return {{m_.inputs.at(0).name, from.part}};
    std::vector<std::string> others;
    if (!TrainFiles::is_table(from.file)) {
      for (const auto& [name, array] : files_.arrays(from.file)) {
        const bool is_target = target.file == from.file && (target.part.empty() || target.part == name);
        if (port(name))
          result[name] = name;
        else if (!is_target)
          others.push_back(name);
      }
      if (result.empty() && files_.arrays(from.file).size() == 1 && m_.inputs.size() == 1) {
        result[m_.inputs[0].name] = others.empty() ? "" : others[0];
        others.clear();
      }
    } else {
      for (const std::string& column : files_.table(from.file).columns()) {
        const std::string name = column.substr(0, column.rfind('.'));
        const std::string input = port(column) ? column : name;
        if (port(input))
          result[input] += (result[input].empty() ? "" : ",") + column;
        else if (!(target.file == from.file && target.part.find(column) != std::string::npos))
          others.push_back(column);
      }
      if (result.empty() && m_.inputs.size() == 1) return {{m_.inputs[0].name, ""}};
    }
    if (result.empty())
      fail(ErrorKind::BadInput, "{}: names no input of the model, it has {}; INPUT={} says which input it is for",
           from.file, fmt::join(others, ", "), from.file);
    if (!others.empty()) notes_.push_back(fmt::format("{}: not used: {}", from.file, fmt::join(others, ", ")));
    return result;
  }

  Dataset dataset(const std::vector<std::string>& texts, const std::string& target_text,
                  const std::string& lengths_text, const std::string& option) {
    const bool names_output = target_text.starts_with(m_.output + "=");
    FilePart target = parse_file_part(target_text, names_output);
    if (TrainFiles::is_table(target.file) && target.part.empty()) target.part = target_columns(target, texts);
    const auto from = sources(texts, target, option);
    std::set<std::string> taken;
    for (const std::string& name : TrainFiles::names(target.part)) taken.insert(name);
    Dataset data;
    for (const TrainPort& input : m_.inputs) add(data, input, from.at(input.name), taken);
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

  /// A table that holds the target alone needs no column names.
  std::string target_columns(const FilePart& target, const std::vector<std::string>& texts) {
    const auto& columns = files_.table(target.file).columns();
    for (const std::string& text : texts)
      if (parse_file_part(text, true).file == target.file)
        fail(ErrorKind::BadInput, "--target {}: say which of its columns is the target: {}:COLUMN, one of {}",
             target.file, target.file, fmt::join(columns, ", "));
    return fmt::format("{}", fmt::join(columns, ","));
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

  /// The columns of a table as the axes of an example, row by row, when their sizes are known.
  static std::optional<std::vector<int64_t>> table_shape(const std::vector<int64_t>& got, const ir::Shape& layout) {
    std::vector<int64_t> shape = {got[0]};
    int64_t open = -1, product = 1;
    for (size_t i = 1; i < layout.size(); ++i) {
      shape.push_back(layout[i].is_constant() ? layout[i].constant() : 1);
      if (!layout[i].is_constant() && std::exchange(open, static_cast<int64_t>(i)) >= 0) return std::nullopt;
      product *= shape.back();
    }
    if (product <= 0 || got[1] % product != 0) return std::nullopt;
    if (open >= 0) shape[static_cast<size_t>(open)] = got[1] / product;
    if (open < 0 && got[1] != product) return std::nullopt;
    return shape;
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
