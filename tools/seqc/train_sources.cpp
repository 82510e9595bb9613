#include "tools/seqc/train_sources.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "ir/error.h"

namespace seqc::tools {
namespace {

class Finder {
 public:
  Finder(const TrainArguments& arguments, const TrainModel& model, TrainFiles& files)
      : a_(arguments), m_(model), files_(files) {}

  TrainSources find(const std::vector<std::string>& texts, const std::string& target_text, const std::string& option) {
    FilePart target = parse_file_part(target_text, target_text.starts_with(m_.output + "="));
    if (TrainFiles::is_table(target.file) && target.part.empty()) target.part = target_columns(target, texts);
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
      if (!find_input(m_, from.input)) refuse_input(from.input, option);
      add(from.input, from);
    }
    for (const TrainPort& input : m_.inputs)
      if (!result.contains(input.name))
        fail(ErrorKind::BadInput,
             "input \"{}\" ({}): no data for it, expected {} {}=FILE, or --zero {} if zeros will do", input.name,
             input.type.str(), option, input.name, input.name);
    return {std::move(result), std::move(target), std::move(notes_)};
  }

 private:
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
        if (find_input(m_, name))
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
        const std::string input = find_input(m_, column) ? column : name;
        if (find_input(m_, input))
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

  /// A table that holds the target alone needs no column names.
  std::string target_columns(const FilePart& target, const std::vector<std::string>& texts) {
    const auto& columns = files_.table(target.file).columns();
    for (const std::string& text : texts)
      if (parse_file_part(text, true).file == target.file)
        fail(ErrorKind::BadInput, "--target {}: say which of its columns is the target: {}:COLUMN, one of {}",
             target.file, target.file, fmt::join(columns, ", "));
    return fmt::format("{}", fmt::join(columns, ","));
  }

  const TrainArguments& a_;
  const TrainModel& m_;
  TrainFiles& files_;
  std::vector<std::string> notes_;
};

}  // namespace

const TrainPort* find_input(const TrainModel& model, const std::string& name) {
  const auto it =
      std::find_if(model.inputs.begin(), model.inputs.end(), [&](const TrainPort& port) { return port.name == name; });
  return it == model.inputs.end() ? nullptr : &*it;
}

TrainSources find_train_sources(const TrainArguments& arguments, const TrainModel& model, TrainFiles& files,
                                const std::vector<std::string>& data, const std::string& target,
                                const std::string& option) {
  return Finder(arguments, model, files).find(data, target, option);
}

}  // namespace seqc::tools
