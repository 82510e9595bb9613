#include "runtime/training/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "ir/error.h"
#include "runtime/training/data/compressed.h"
#include "runtime/training/data/csv_reader.h"
#include "runtime/training/data/text_files.h"

namespace seqc::training {
namespace {

using ir::Tensor;

std::string_view trimmed(std::string_view cell) {
  const size_t begin = cell.find_first_not_of(" \t");
  return begin == std::string_view::npos ? "" : cell.substr(begin, cell.find_last_not_of(" \t") - begin + 1);
}

template <class T>
std::optional<T> parsed(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Of labels: by value if all are whole numbers.
std::vector<std::string> in_order(const std::set<std::string>& names) {
  std::vector<std::string> result(names.begin(), names.end());
  const bool numbers = std::all_of(result.begin(), result.end(), [](const auto& n) { return parsed<int64_t>(n); });
  if (numbers)
    std::sort(result.begin(), result.end(), [](const std::string& a, const std::string& b) {
      return std::pair(*parsed<int64_t>(a), a) < std::pair(*parsed<int64_t>(b), b);
    });
  return result;
}

}  // namespace

Csv Csv::load(const std::string& path, const CsvOptions& options) { return parse(read_data_file(path), path, options); }

Csv Csv::parse(std::string_view text, const std::string& name, const CsvOptions& options) {
  return CsvReader(text, name, options).read();
}

size_t Csv::index(const std::string& column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end())
    fail(ErrorKind::BadInput, "{}: no column \"{}\"; it has {}", name_, column, fmt::join(columns_, ", "));
  return static_cast<size_t>(found - columns_.begin());
}

const std::string& Csv::cell(int64_t row, const std::string& column) const {
  if (row < 0 || row >= rows()) fail(ErrorKind::BadInput, "{}: no row {}; it has {}", name_, row, rows());
  return cells_[static_cast<size_t>(row) * columns_.size() + index(column)];
}

bool Csv::is_missing(std::string_view cell) const {
  return std::find(options_.missing.begin(), options_.missing.end(), trimmed(cell)) != options_.missing.end();
}

double Csv::number(int64_t row, size_t column) const {
  const std::string_view text = trimmed(at(row, column));
  const auto value = parsed<double>(text);
  if (!value || !std::isfinite(*value))
    fail(ErrorKind::BadInput, "{}:{}: column \"{}\" holds \"{}\", expected a number", name_, line(row),
         columns_[column], text.substr(0, 40));
  return *value;
}

Tensor Csv::numbers(const std::vector<std::string>& columns, Missing missing, ir::DType type) const {
  if (!ir::is_float(type)) fail(ErrorKind::BadInput, "{}: numbers of type {}, expected floats", name_, ir::name(type));
  const auto width = static_cast<int64_t>(columns.size());
  Tensor result(type, {rows(), width});
  for (int64_t c = 0; c < width; ++c) {
    const size_t column = index(columns[static_cast<size_t>(c)]);
    for (int64_t row = 0; row < rows(); ++row) {
      const int64_t to = row * width + c;
      if (!is_missing(at(row, column))) {
        result.set_real(to, number(row, column));
      } else if (missing == Missing::Nan) {
        result.set_real(to, std::numeric_limits<double>::quiet_NaN());
      } else if (missing == Missing::Previous && row > 0) {
        result.set_real(to, result.real(to - width));
      } else {
        fail(ErrorKind::BadInput, "{}:{}: column \"{}\" lacks a number (\"{}\"); {}", name_, line(row),
             columns_[column], at(row, column),
             missing == Missing::Refuse ? "leave out such rows, or say what takes its place" : "no row above has one");
      }
    }
  }
  return result;
}

std::vector<std::string> Csv::texts(const std::string& column) const {
  const size_t from = index(column);
  std::vector<std::string> result;
  for (int64_t row = 0; row < rows(); ++row) {
    result.emplace_back(at(row, from));
    check_utf8(result.back(), name_, line(row));
  }
  return result;
}

Labels Csv::labels(const std::string& column, const std::vector<std::string>& classes) const {
  Labels result;
  const std::vector<std::string> names = texts(column);
  result.classes = classes.empty() ? in_order({names.begin(), names.end()}) : classes;
  std::map<std::string, int64_t> ids;
  for (const std::string& name : result.classes) ids.emplace(name, static_cast<int64_t>(ids.size()));
  for (int64_t row = 0; row < rows(); ++row) {
    const auto found = ids.find(names[static_cast<size_t>(row)]);
    if (found == ids.end())
      fail(ErrorKind::BadInput, "{}:{}: label \"{}\" in column \"{}\", expected one of {}", name_, line(row),
           names[static_cast<size_t>(row)], column, fmt::join(classes, ", "));
    result.ids.push_back(found->second);
  }
  return result;
}

template <class Keep>
Csv Csv::filtered(Keep keep) const {
  Csv result;
  result.name_ = name_;
  result.options_ = options_;
  result.columns_ = columns_;
  for (int64_t row = 0; row < rows(); ++row) {
    if (!keep(row)) continue;
    for (size_t c = 0; c < columns_.size(); ++c) result.cells_.emplace_back(at(row, c));
    result.lines_.push_back(line(row));
  }
  return result;
}

Csv Csv::part(int64_t begin, int64_t end) const {
  if (begin < 0 || begin > end || end > rows())
    fail(ErrorKind::BadInput, "{}: no rows {} to {}; it has {}", name_, begin, end, rows());
  return filtered([&](int64_t row) { return row >= begin && row < end; });
}

Csv Csv::without_missing(const std::vector<std::string>& columns) const {
  std::vector<size_t> indices;
  for (const std::string& column : columns) indices.push_back(index(column));
  return filtered([&](int64_t row) {
    return std::none_of(indices.begin(), indices.end(), [&](size_t column) { return is_missing(at(row, column)); });
  });
}

}  // namespace seqc::training
