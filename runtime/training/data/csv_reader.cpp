#include "runtime/training/data/csv_reader.h"

#include <set>

#include "ir/error.h"

namespace seqc::training {

void CsvReader::error(int64_t line, const std::string& what) const {
  fail(ErrorKind::BadInput, "{}:{}: {}", name_, line, what);
}

bool CsvReader::at_line_end() const {
  return at_ == text_.size() || text_[at_] == '\n' || (text_[at_] == '\r' && text_.substr(at_ + 1, 1) == "\n");
}

void CsvReader::skip_line_end() {
  if (at_ == text_.size()) return;
  at_ += text_[at_] == '\r' ? 2 : 1;
  ++line_;
}

/// From the opening quote to after the closing one.
std::string CsvReader::quoted() {
  const int64_t begin = line_;
  std::string cell;
  for (++at_;; ++at_) {
    if (at_ == text_.size()) error(begin, "a quote that opens in this line is never closed");
    if (text_[at_] == options_.quote && text_.substr(at_ + 1, 1) != std::string_view(&options_.quote, 1)) break;
    if (text_[at_] == options_.quote) ++at_;
    line_ += text_[at_] == '\n';
    cell += text_[at_];
  }
  ++at_;
  if (!at_line_end() && text_[at_] != options_.separator)
    error(line_,
          fmt::format("'{}' behind a closing quote, expected '{}' or the line's end; quotes in a cell are doubled",
                      text_[at_], options_.separator));
  return cell;
}

std::string CsvReader::plain() {
  const size_t begin = at_;
  for (; !at_line_end() && text_[at_] != options_.separator; ++at_) {
    if (text_[at_] == '\0') error(line_, "a NUL byte; this is no text");
    if (options_.quote && text_[at_] == options_.quote)
      error(line_,
            "a quote within a cell that does not begin with one; quote the whole cell, or say that quotes are letters");
  }
  return std::string(text_.substr(begin, at_ - begin));
}

std::vector<std::string> CsvReader::row() {
  std::vector<std::string> cells;
  while (true) {
    cells.push_back(options_.quote && at_ < text_.size() && text_[at_] == options_.quote ? quoted() : plain());
    if (at_line_end()) break;
    ++at_;  // the separator
  }
  skip_line_end();
  return cells;
}

Csv CsvReader::read() {
  if (options_.separator == options_.quote || options_.separator == '\n' || options_.quote == '\n')
    fail(ErrorKind::BadInput, "{}: separator and quote must differ from each other and from line ends", name_);
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  Csv table;
  table.name_ = name_;
  table.options_ = options_;
  bool named = false;
  while (at_ < text_.size()) {
    const int64_t line = line_;
    if (at_line_end() && table.columns_.size() != 1) {
      skip_line_end();
      continue;
    }
    std::vector<std::string> cells = row();
    if (!named && options_.header) {
      std::set<std::string> names;
      for (const std::string& cell : cells)
        if (!names.insert(cell).second) error(line, fmt::format("two columns are called \"{}\"", cell));
      table.columns_ = std::move(cells);
      named = true;
      continue;
    }
    if (!named)
      for (size_t i = 0; i < cells.size(); ++i) table.columns_.push_back(std::to_string(i));
    named = true;
    if (cells.size() != table.columns_.size())
      error(line, fmt::format("{} {}, expected {} as in the first line", cells.size(),
                              cells.size() == 1 ? "cell" : "cells", table.columns_.size()));
    for (std::string& cell : cells) table.cells_.push_back(std::move(cell));
    table.lines_.push_back(line);
  }
  if (!named)
    error(1, options_.header ? "the file is empty, expected a line with the columns' names" : "the file is empty");
  return table;
}

}  // namespace seqc::training
