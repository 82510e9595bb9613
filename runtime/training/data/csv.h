/// Tables in text: comma- or tab-separated values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/tensor.h"

namespace seqc::training {

struct CsvOptions {
  char separator = ',';
  char quote = '"';    ///< around cells that hold separators, line ends or (doubled) quotes; '\0': quotes are letters
  bool header = true;  ///< the first line names the columns, otherwise they are called "0", "1", ...
  /// What stands for a number that is not there.
  std::vector<std::string> missing = {"", "NA", "N/A", "NaN", "nan", "null", "?"};
};

/// Classes by number.
struct Labels {
  std::vector<int64_t> ids;          ///< one a row
  std::vector<std::string> classes;  ///< names, in order
};

/// What becomes of a missing number.
enum class Missing {
  Refuse,    ///< an error that names its line
  Previous,  ///< the number of the row above
  Nan,
};

/// Strict (RFC 4180): every row has as many cells as the first one, quotes surround whole cells, empty lines are skipped
/// unless there is one column only. Lines end in LF or CR LF. Everything is text until it is asked for as numbers.
/// All functions throw Error(BadInput) with file, line, what was found and what was expected.
class Csv {
 public:
  static Csv load(const std::string& path, const CsvOptions& options = {});  ///< .gz as well
  static Csv parse(std::string_view text, const std::string& name, const CsvOptions& options = {});

  const std::vector<std::string>& columns() const { return columns_; }
  int64_t rows() const { return static_cast<int64_t>(lines_.size()); }
  /// Where the row begins in the file; lines count from 1.
  int64_t line(int64_t row) const { return lines_[static_cast<size_t>(row)]; }
  const std::string& cell(int64_t row, const std::string& column) const;

  /// [rows, columns] of f32, or another type of float.
  ir::Tensor numbers(const std::vector<std::string>& columns, Missing missing = Missing::Refuse,
                     ir::DType type = ir::DType::f32) const;
  /// Valid UTF-8.
  std::vector<std::string> texts(const std::string& column) const;
  /// Classes in the order of their names, or of their values if all are whole numbers; or those that are given, and no others.
  Labels labels(const std::string& column, const std::vector<std::string>& classes = {}) const;

  /// Rows `begin` to `end`-1.
  Csv part(int64_t begin, int64_t end) const;
  /// Without the rows in which one of these columns is missing.
  Csv without_missing(const std::vector<std::string>& columns) const;

 private:
  friend class CsvReader;

  size_t index(const std::string& column) const;
  bool is_missing(std::string_view cell) const;
  double number(int64_t row, size_t column) const;
  std::string_view at(int64_t row, size_t column) const {
    return cells_[static_cast<size_t>(row) * columns_.size() + column];
  }
  template <class Keep>
  Csv filtered(Keep keep) const;

  std::string name_;  ///< of the file
  CsvOptions options_;
  std::vector<std::string> columns_, cells_;
  std::vector<int64_t> lines_;
};

}  // namespace seqc::training
