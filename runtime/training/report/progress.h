/// A line that says how far something has come: share, rate, time left, and what is measured on the way.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace seqc::training {

/// Where the line goes. By default stderr, drawn over and over if that is a terminal, otherwise as a plain line now and
/// then; tests bring their own.
struct ProgressOutput {
  std::function<void(const std::string&)> write;
  std::function<int()> columns;  ///< of the terminal, asked at every drawing; 0: no terminal
  std::function<std::chrono::nanoseconds()> now;
  bool unicode = true;  ///< whether the bar may be drawn with more than ASCII

  static ProgressOutput standard_error();
};

/// On a terminal drawn at most ten times a second and never longer than the terminal is wide:
///   epoch 2/10 ━━━━━━━━━━╸━━━━━━━━━  52 % 244/469  1,320/s  0:14 left  loss 0.2134  accuracy 0.9382
/// Elsewhere the same without the bar, at the end and at most every ten seconds. Not for several threads.
class Progress {
 public:
  /// `total` steps; 0: not known.
  Progress(std::string label, int64_t total, ProgressOutput output = ProgressOutput::standard_error());
  ~Progress();  ///< leaves an unfinished line standing
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  using Values = std::vector<std::pair<std::string, double>>;
  /// `done` steps; those that were done before the first call (of a run that was resumed) do not count for the rate.
  void update(int64_t done, const Values& values = {});
  /// The line as it stays, with the whole time instead of the time left.
  void finish(const Values& values = {});
  /// A line of its own above, such as "best validation loss so far".
  void print(const std::string& line);

 private:
  std::string line(int columns, bool last) const;
  std::string bar(int cells) const;
  double seconds() const;  ///< since the first update
  double rate() const;
  void draw(bool last);

  std::string label_;
  int64_t total_, done_ = 0, first_ = -1;
  Values values_;
  ProgressOutput output_;
  std::chrono::nanoseconds begin_, drawn_{};
  bool shown_ = false, finished_ = false;
};

/// "7 s", "1:05", "2:03:09".
std::string duration_text(double seconds);
/// Four significant digits, without an exponent where that is shorter: "0.2134", "12.34", "1.5e-07".
std::string metric_text(double value);

}  // namespace seqc::training
