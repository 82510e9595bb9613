#include "tools/seqc/train_files.h"

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>

#include "ir/error.h"

namespace seqc::tools {

using ir::Tensor;

namespace {

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string without_gz(const std::string& file) {
  return file.ends_with(".gz") ? file.substr(0, file.size() - 3) : file;
}

}  // namespace

FilePart parse_file_part(const std::string& text, bool with_input) {
  FilePart result{.input = {}, .file = text, .part = {}};
  if (const size_t at = text.find('='); with_input && at != std::string::npos && !is_there(text)) {
    result.input = text.substr(0, at);
    result.file = text.substr(at + 1);
  }
  if (const size_t at = result.file.rfind(':'); at != std::string::npos && !is_there(result.file)) {
    result.part = result.file.substr(at + 1);
    result.file.resize(at);
  }
  if (!is_there(result.file)) fail(ErrorKind::BadInput, "{}: no such file", result.file);
  return result;
}

bool TrainFiles::is_table(const std::string& file) {
  const std::string name = without_gz(file);
  return name.ends_with(".csv") || name.ends_with(".tsv");
}

const training::Csv& TrainFiles::table(const std::string& file) {
  const auto it = tables_.find(file);
  if (it != tables_.end()) return it->second;
  const char separator = without_gz(file).ends_with(".tsv") ? '\t' : ',';
  return tables_.emplace(file, training::Csv::load(file, {.separator = separator})).first->second;
}

const training::Arrays& TrainFiles::arrays(const std::string& file) {
  const auto it = arrays_.find(file);
  if (it != arrays_.end()) return it->second;
  return arrays_.emplace(file, training::load_arrays(file)).first->second;
}

const Tensor& TrainFiles::array(const FilePart& from, const std::string& name) {
  const training::Arrays& all = arrays(from.file);
  auto it = all.find(from.part.empty() ? name : from.part);
  if (it == all.end() && from.part.empty() && all.size() == 1) it = all.begin();
  if (it != all.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [array, tensor] : all) names.push_back(array);
  fail(ErrorKind::BadInput, "{}: holds no array \"{}\", it has {}; {}:NAME takes one of them", from.file,
       from.part.empty() ? name : from.part, fmt::join(names, ", "), from.file);
}

std::vector<std::string> TrainFiles::names(const std::string& part) { return CLI::detail::split(part, ','); }

Tensor TrainFiles::columns(const FilePart& from, const std::set<std::string>& taken) {
  const training::Csv& csv = table(from.file);
  std::vector<std::string> columns;
  if (!from.part.empty()) {
    columns = names(from.part);
  } else {
    std::copy_if(csv.columns().begin(), csv.columns().end(), std::back_inserter(columns),
                 [&](const std::string& column) { return !taken.contains(column); });
    if (columns.empty())
      fail(ErrorKind::BadInput, "{}: all its columns are taken by others; {}:A,B,... says which to take", from.file,
           from.file);
  }
  return csv.numbers(columns, training::Missing::Refuse, ir::DType::f64);
}

}  // namespace seqc::tools
