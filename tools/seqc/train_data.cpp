#include "tools/seqc/train_data.h"

#include <fmt/ranges.h>

#include <cstdlib>

#include "ir/error.h"
#include "runtime/training/data/split.h"
#include "tools/seqc/options.h"
#include "tools/seqc/train_examples.h"
#include "tools/seqc/train_sources.h"

namespace seqc::tools {
namespace {

using ir::Tensor;
using training::Dataset;

class Loader {
 public:
  Loader(const TrainArguments& arguments, const TrainModel& model)
      : a_(arguments), m_(model), examples_(arguments, model) {
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
    data.dims = examples_.dims();
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
    examples_.check_sequences(data, target.str(), lengths.str());
    return data;
  }

  void add(Dataset& data, const TrainPort& port, const FilePart& from, const std::set<std::string>& taken) {
    try {
      const bool table = TrainFiles::is_table(from.file);
      const Tensor values =
          table ? table_values(port, from, taken) : files_.array(from, &port == &m_.target ? m_.output : port.name);
      std::vector<double> scaling;
      if (const auto scale = scales_.find(port.name); scale != scales_.end())
        for (const std::string& number : CLI::detail::split(scale->second, ',')) scaling.push_back(std::stod(number));
      examples_.add(data, port, values, {.examples_first = a_.examples_first || table, .columns = table}, scaling);
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
  TrainExamples examples_;
  std::vector<std::string> classes_, notes_;
};

}  // namespace

TrainData load_train_data(const TrainArguments& arguments, const TrainModel& model) {
  return Loader(arguments, model).load();
}

}  // namespace seqc::tools
