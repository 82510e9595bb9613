/// A page, as about a training run, that opens in any browser: plots, tables and samples in one file, without scripts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/ir.h"
#include "runtime/training/report/plot.h"

namespace seqc::training {

/// Columns of numbers are aligned to the right.
struct Table {
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};
  bool total = false;  ///< the last row is a sum of those above

  std::string text() const;  ///< for terminals
};

/// The weights of a model, layer by layer (what stands before the last dot of their names), with their sum.
Table parameter_table(const ir::Function& model);

class Report {
 public:
  explicit Report(std::string title, std::string subtitle = "");

  Report& heading(const std::string& text);
  Report& text(const std::string& paragraph);
  /// Few figures, large: {"test accuracy", "98.6 %"}.
  Report& facts(const std::vector<std::pair<std::string, std::string>>& names_and_values);
  Report& plot(const Plot& plot);
  Report& table(const Table& table);
  /// Pictures side by side, each with a line below it: grey [count, rows, columns] from 0 (the page) to 1 (ink), or red, green
  /// and blue [count, rows, columns, 3] from 0 (black) to 1. Throws Error(BadInput) for other shapes and numbers of captions.
  Report& pictures(const ir::Tensor& pictures, const std::vector<std::string>& captions);
  /// Text as a model wrote it, blanks and line ends included.
  Report& sample(const std::string& text);

  /// HTML that is whole, and whose text is escaped already, and rules for what it brings along.
  Report& html(const std::string& block);
  Report& style(const std::string& rules);

  std::string html() const;
  /// The file appears whole or not at all.
  void save(const std::string& path) const;

 private:
  std::string title_, subtitle_, style_, body_;
};

}  // namespace seqc::training
