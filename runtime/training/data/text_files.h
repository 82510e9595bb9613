/// Texts from files: whole, by lines, and with labels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/training/data/csv.h"

// Files are UTF-8 (or Latin-1, if that is said) and may be gzip files; a byte order mark is skipped, and lines may end
// in CR LF, which becomes LF. All functions throw Error(BadInput) naming file, line and byte.

namespace seqc::training {

enum class Encoding { Utf8, Latin1 };

std::string load_text(const std::string& path, Encoding encoding = Encoding::Utf8);
/// Without their ends; the last one may lack its own.
std::vector<std::string> load_lines(const std::string& path, Encoding encoding = Encoding::Utf8);

struct LabelledTexts {
  std::vector<std::string> texts;
  Labels labels;
};

/// A label and a text a line: `spam TAB Win a prize`, as the SMS spam collection has them.
struct LabelledLines {
  char separator = '\t';
  bool header = false;  ///< the first line names the columns
  std::string label = "0", text = "1";
  std::vector<std::string> classes = {};  ///< none: all that there are, in order
};
LabelledTexts load_labelled_lines(const std::string& path, const LabelledLines& options = {});

/// A folder for each label with a file for each text, as IMDb's reviews come: pos/0_9.txt, neg/3_1.txt, ... Folders and
/// files in the order of their names. `classes` chooses among the folders; none: all of them.
LabelledTexts load_labelled_folders(const std::string& path, const std::vector<std::string>& classes = {},
                                    Encoding encoding = Encoding::Utf8);

/// Refuses text that is no UTF-8, naming the file, the line (the text begins in `first_line`) and the byte within it.
void check_utf8(std::string_view text, const std::string& name, int64_t first_line = 1);

}  // namespace seqc::training
