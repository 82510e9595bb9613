#include "runtime/training/data/text_files.h"

#include <utf8proc.h>

#include <algorithm>
#include <filesystem>

#include "ir/error.h"
#include "runtime/training/data/compressed.h"

namespace seqc::training {
namespace {

namespace fs = std::filesystem;

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto point = static_cast<unsigned char>(c);
    if (point < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xc0 | point >> 6);
      text += static_cast<char>(0x80 | (point & 0x3f));
    }
  }
  return text;
}

std::string without_carriage_returns(std::string text) {
  size_t to = 0;
  for (size_t at = 0; at < text.size(); ++at)
    if (text[at] != '\r' || at + 1 == text.size() || text[at + 1] != '\n') text[to++] = text[at];
  text.resize(to);
  return text;
}

/// Entries of a folder by name.
std::vector<fs::path> entries(const fs::path& folder, bool folders) {
  std::vector<fs::path> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (!entry.path().filename().string().starts_with('.') &&
        (folders ? entry.is_directory() : entry.is_regular_file()))
      result.push_back(entry.path());
  if (error) fail(ErrorKind::BadInput, "{}: cannot be listed: {}", folder.string(), error.message());
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

void check_utf8(std::string_view text, const std::string& name, int64_t first_line) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  for (utf8proc_ssize_t at = 0; at < size;) {
    if (bytes[at] < 0x80) {
      ++at;
      continue;
    }
    utf8proc_int32_t point = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(bytes + at, size - at, &point);
    if (used <= 0) {
      const std::string_view before = text.substr(0, static_cast<size_t>(at));
      const auto begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
      fail(ErrorKind::BadInput,
           "{}:{}: byte {} of the line is {:02x}, which is no UTF-8; convert the file, or say that it is Latin-1", name,
           first_line + std::count(before.begin(), before.end(), '\n'), before.size() - begin + 1, bytes[at]);
    }
    at += used;
  }
}

std::string load_text(const std::string& path, Encoding encoding) {
  std::string text = read_data_file(path);
  if (encoding == Encoding::Latin1) return without_carriage_returns(from_latin1(text));
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  text = without_carriage_returns(std::move(text));
  check_utf8(text, path);
  return text;
}

std::vector<std::string> load_lines(const std::string& path, Encoding encoding) {
  const std::string text = load_text(path, encoding);
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

LabelledTexts load_labelled_lines(const std::string& path, const LabelledLines& options) {
  const Csv table = Csv::load(path, {.separator = options.separator, .quote = '\0', .header = options.header});
  return {table.texts(options.text), table.labels(options.label, options.classes)};
}

LabelledTexts load_labelled_folders(const std::string& path, const std::vector<std::string>& classes,
                                    Encoding encoding) {
  if (!fs::is_directory(path)) fail(ErrorKind::BadInput, "{}: no such folder", path);
  LabelledTexts result;
  result.labels.classes = classes;
  if (classes.empty())
    for (const fs::path& folder : entries(path, true)) result.labels.classes.push_back(folder.filename().string());
  if (result.labels.classes.empty())
    fail(ErrorKind::BadInput, "{}: holds no folders, expected one for each label with a file for each text", path);
  for (size_t label = 0; label < result.labels.classes.size(); ++label) {
    const fs::path folder = fs::path(path) / result.labels.classes[label];
    if (!fs::is_directory(folder))
      fail(ErrorKind::BadInput, "{}: no such folder, expected one for each label", folder.string());
    for (const fs::path& file : entries(folder, false)) {
      result.texts.push_back(load_text(file.string(), encoding));
      result.labels.ids.push_back(static_cast<int64_t>(label));
    }
  }
  if (result.texts.empty())
    fail(ErrorKind::BadInput, "{}: its folders {} hold no files", path, fmt::join(result.labels.classes, ", "));
  return result;
}

}  // namespace seqc::training
