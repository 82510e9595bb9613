/// Arrays and tables in files, part by part: what `[INPUT=]FILE[:PART]` of `seqc train` stands for.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/training/data/array_files.h"
#include "runtime/training/data/csv.h"

namespace seqc::tools {

struct FilePart {
  std::string input;  ///< may be empty
  std::string file, part;
  std::string str() const { return part.empty() ? file : file + ":" + part; }
};

/// The part is what follows the last colon, unless a file of the whole name exists.
FilePart parse_file_part(const std::string& text, bool with_input);

/// Files that were read, each once.
class TrainFiles {
 public:
  static bool is_table(const std::string& file);  ///< .csv, .tsv, also gzipped
  const training::Csv& table(const std::string& file);
  const training::Arrays& arrays(const std::string& file);

  /// An array: the part if one is named, the only one of the file, or the one called as `name`.
  const ir::Tensor& array(const FilePart& from, const std::string& name);
  /// [rows, columns], f64: the columns that the part names (a,b,...), or all but those that are `taken`.
  ir::Tensor columns(const FilePart& from, const std::set<std::string>& taken);
  /// The names in a part of a table.
  static std::vector<std::string> names(const std::string& part);

 private:
  std::map<std::string, training::Csv> tables_;
  std::map<std::string, training::Arrays> arrays_;
};

}  // namespace seqc::tools
