/// Cuts the text of a table into cells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/training/data/csv.h"

namespace seqc::training {

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name, const CsvOptions& options)
      : text_(text), name_(name), options_(options) {}
  Csv read();

 private:
  [[noreturn]] void error(int64_t line, const std::string& what) const;
  bool at_line_end() const;
  void skip_line_end();
  std::string quoted();
  std::string plain();
  std::vector<std::string> row();

  std::string_view text_;
  const std::string& name_;
  const CsvOptions& options_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace seqc::training
