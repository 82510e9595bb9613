/// Losses and metrics of a training run, kept in a file of JSON lines that survives being interrupted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace seqc::training {

/// A line: {"part":"train","epoch":0,"step":17,"loss":0.5,"accuracy":0.25}. Numbers that are not finite are the strings
/// "nan", "inf" and "-inf".
struct Record {
  std::string part;   ///< "train", "validation", ...
  int64_t epoch = 0;  ///< from 0
  int64_t step = 0;   ///< batches that were trained on before this was measured
  std::map<std::string, double> values = {};

  bool operator==(const Record& other) const;  ///< NaN equals NaN
};

/// All functions throw Error(BadInput) naming file, line and what was expected.
class History {
 public:
  History() = default;  ///< kept in memory only
  /// A new file; one that is there is emptied.
  static History start(const std::string& path);
  /// Goes on after a checkpoint of that many steps: lines of later steps, and a last line that is not complete, are cut
  /// off. What is then added once more and is there already is not written again. So the file is in the end that of a
  /// run that was never interrupted, if every record is added before the checkpoint of its step is written. Without a
  /// file this is `start`.
  static History resume(const std::string& path, int64_t steps);
  /// What a file holds, without a last line that is not complete.
  static std::vector<Record> load(const std::string& path);

  History(History&& other) noexcept;
  History& operator=(History&& other) noexcept;
  ~History();

  /// Appends a line, which is in the file when this returns. When the disk is full the file keeps whole lines only.
  void add(Record record);

  const std::vector<Record>& records() const { return records_; }
  /// Steps and values of one part, such as ("train", "loss").
  struct Curve {
    std::vector<double> steps, values;
  };
  Curve curve(const std::string& part, const std::string& value) const;
  /// Names of parts, in order of appearance.
  std::vector<std::string> parts() const;

 private:
  void open(const std::string& path);

  std::string path_;
  int file_ = -1;
  std::vector<Record> records_;
};

std::string json_line(const Record& record);

}  // namespace seqc::training
