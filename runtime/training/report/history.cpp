#include "runtime/training/report/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "ir/error.h"
#include "runtime/files.h"

namespace seqc::training {
namespace {

using Json = nlohmann::ordered_json;

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

Json json_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number_of(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (json == "nan") return std::nan("");
  if (json == "inf" || json == "-inf") return json == "inf" ? HUGE_VAL : -HUGE_VAL;
  fail(ErrorKind::BadInput, "a value is {}, expected a number", json.dump());
}

Record parse_line(const std::string& line, const std::string& path, size_t number) {
  try {
    const Json json = Json::parse(line);
    Record record{.part = json.at("part").get<std::string>(),
                  .epoch = json.at("epoch").get<int64_t>(),
                  .step = json.at("step").get<int64_t>(),
                  .values = {}};
    for (const auto& [key, value] : json.items())
      if (key != "part" && key != "epoch" && key != "step") record.values[key] = number_of(value);
    return record;
  } catch (const std::exception& error) {
    fail(ErrorKind::BadInput, "{}:{}: is no line of a training history: {}", path, number, error.what());
  }
}

struct Content {
  std::vector<Record> records;
  std::vector<size_t> ends;  ///< bytes of the file up to the end of each record's line
};

Content read(const std::string& path) {
  const std::string text = runtime::read_file(path);
  Content content;
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    content.records.push_back(parse_line(text.substr(at, end - at), path, content.records.size() + 1));
    content.ends.push_back(end + 1);
  }
  return content;
}

}  // namespace

bool Record::operator==(const Record& other) const {
  return part == other.part && epoch == other.epoch && step == other.step &&
         std::equal(values.begin(), values.end(), other.values.begin(), other.values.end(),
                    [](const auto& a, const auto& b) { return a.first == b.first && same_number(a.second, b.second); });
}

std::string json_line(const Record& record) {
  Json json = {{"part", record.part}, {"epoch", record.epoch}, {"step", record.step}};
  for (const auto& [name, value] : record.values) json[name] = json_number(value);
  return json.dump() + "\n";
}

History::History(History&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)), records_(std::move(other.records_)) {}

History& History::operator=(History&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(records_, other.records_);
  return *this;
}

History::~History() {
  if (file_ >= 0) ::close(file_);
}

void History::open(const std::string& path) {
  path_ = path;
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail(ErrorKind::BadInput, "{}: cannot be written: {}", path, std::strerror(errno));
}

History History::start(const std::string& path) {
  History history;
  history.open(path);
  if (::ftruncate(history.file_, 0) != 0)
    fail(ErrorKind::BadInput, "{}: cannot be emptied: {}", path, std::strerror(errno));
  return history;
}

History History::resume(const std::string& path, int64_t steps) {
  History history;
  size_t kept_bytes = 0;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    Content content = read(path);
    size_t kept = 0;
    while (kept < content.records.size() && content.records[kept].step <= steps) kept_bytes = content.ends[kept++];
    content.records.resize(kept);
    history.records_ = std::move(content.records);
  }
  history.open(path);
  if (::ftruncate(history.file_, static_cast<off_t>(kept_bytes)) != 0)
    fail(ErrorKind::BadInput, "{}: cannot be cut after step {}: {}", path, steps, std::strerror(errno));
  return history;
}

std::vector<Record> History::load(const std::string& path) { return read(path).records; }

void History::add(Record record) {
  for (const char* name : {"part", "epoch", "step"})
    if (record.values.contains(name))
      fail(ErrorKind::BadInput,
           "a metric called \"{}\", which the lines of a history have for themselves; call it otherwise", name);
  for (auto it = records_.rbegin(); it != records_.rend() && it->step >= record.step; ++it)
    if (*it == record) return;
  if (file_ >= 0) {
    const std::string line = json_line(record);
    const off_t before = ::lseek(file_, 0, SEEK_END);
    for (size_t written = 0; written < line.size();) {
      const ssize_t got = ::write(file_, line.data() + written, line.size() - written);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        const std::string why = std::strerror(errno);
        if (::ftruncate(file_, before) != 0)
          fail(ErrorKind::BadInput, "{}: cannot be written: {}; its last line is not complete", path_, why);
        fail(ErrorKind::BadInput, "{}: cannot be written: {}", path_, why);
      }
      written += static_cast<size_t>(got);
    }
  }
  records_.push_back(std::move(record));
}

History::Curve History::curve(const std::string& part, const std::string& value) const {
  Curve curve;
  for (const Record& record : records_)
    if (const auto found = record.values.find(value); record.part == part && found != record.values.end()) {
      curve.steps.push_back(static_cast<double>(record.step));
      curve.values.push_back(found->second);
    }
  return curve;
}

std::vector<std::string> History::parts() const {
  std::vector<std::string> names;
  for (const Record& record : records_)
    if (std::find(names.begin(), names.end(), record.part) == names.end()) names.push_back(record.part);
  return names;
}

}  // namespace seqc::training
