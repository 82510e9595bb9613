#include "runtime/training/report/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "ir/error.h"
#include "runtime/training/report/text.h"

namespace seqc::training {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds kRedraw = 100ms, kPlain = 10s;

bool terminal_has_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value && *value) {
      std::string text = value;
      std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
      return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
    }
  return false;
}

int terminal_columns() {
  const char* kind = std::getenv("TERM");
  if (!::isatty(STDERR_FILENO) || (kind && std::string_view(kind) == "dumb")) return 0;
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string rate_text(double rate) {
  return rate >= 100 ? grouped(std::llround(rate))
         : rate >= 1 ? fmt::format("{:.1f}", rate)
                     : fmt::format("{:.2f}", rate);
}

}  // namespace

ProgressOutput ProgressOutput::standard_error() {
  return {.write =
              [](const std::string& text) {
                std::fwrite(text.data(), 1, text.size(), stderr);
                std::fflush(stderr);
              },
          .columns = terminal_columns,
          .now = [] { return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()); },
          .unicode = terminal_has_unicode()};
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string metric_text(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return fmt::format("{}", value);
  if (size != 0 && (size < 1e-4 || size >= 1e6)) return fmt::format("{:.3g}", value);
  const int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
  return fmt::format("{:.{}f}", value, decimals);
}

Progress::Progress(std::string label, int64_t total, ProgressOutput output)
    : label_(std::move(label)), total_(total), output_(std::move(output)), begin_(output_.now()) {}

Progress::~Progress() {
  if (finished_ || !shown_ || output_.columns() == 0) return;
  try {
    output_.write("\n");
  } catch (...) {  // the terminal is gone; nobody is left to tell
  }
}

double Progress::seconds() const { return std::chrono::duration<double>(output_.now() - begin_).count(); }

double Progress::rate() const {
  const double time = seconds();
  return time > 0 ? static_cast<double>(done_ - first_) / time : 0;
}

/// ━━━━╸────, or ====>    .
std::string Progress::bar(int cells) const {
  const double share = total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0) : 0;
  const auto halves = static_cast<int>(share * 2 * cells);
  std::string text;
  for (int i = 0; i < cells; ++i) {
    const int filled = halves - 2 * i;
    if (output_.unicode)
      text += filled >= 2 ? "━" : filled == 1 ? "╸" : "─";
    else
      text += filled >= 2 ? '=' : filled == 1 ? '-' : '.';
  }
  return text;
}

std::string Progress::line(int columns, bool last) const {
  std::string counts, rest;
  if (total_ > 0)
    counts = fmt::format("{:3.0f} % {}/{}",
                         std::floor(100.0 * static_cast<double>(done_) / static_cast<double>(total_)), done_, total_);
  else
    counts = fmt::format("{}", done_);
  const double speed = rate();
  if (speed > 0) rest += fmt::format("  {}/s", rate_text(speed));
  if (last)
    rest += fmt::format("  {}", duration_text(seconds()));
  else if (speed > 0 && total_ > 0)
    rest += fmt::format("  {} left", duration_text(static_cast<double>(std::max<int64_t>(0, total_ - done_)) / speed));
  for (const auto& [name, value] : values_) rest += fmt::format("  {} {}", name, metric_text(value));
  const std::string label = label_.empty() ? "" : label_ + " ";
  if (columns == 0) return label + counts + rest;

  constexpr int kLeast = 5, kMost = 25;  // cells of the bar
  const int room = columns - 1 - terminal_width(label + counts + rest) - 1;
  const std::string drawn = total_ > 0 && room >= kLeast ? bar(std::min(room, kMost)) + " " : "";
  return cut_to_width(label + drawn + counts + rest, columns - 1);  // the last column would wrap on some terminals
}

void Progress::draw(bool last) {
  const int columns = output_.columns();
  drawn_ = output_.now();
  shown_ = true;
  if (columns == 0)
    output_.write(line(0, last) + "\n");
  else
    // Back to the line's begin, without wrapping while it is written (the terminal may have become narrower), the rest
    // erased.
    output_.write("\r\x1b[?7l" + line(columns, last) + "\x1b[K\x1b[?7h" + (last ? "\n" : ""));
}

void Progress::update(int64_t done, const Values& values) {
  if (finished_) return;
  if (first_ < 0) {
    // A first call after some steps: either these steps took the time since the beginning, or they were done before.
    first_ = done > 1 ? done : 0;
    if (first_ > 0) begin_ = output_.now();
  }
  done_ = done;
  values_ = values;
  const auto since = output_.now() - drawn_;
  const bool terminal = output_.columns() > 0;
  if (!shown_ && !terminal) {
    shown_ = true;  // the first plain line comes after the first interval
    drawn_ = output_.now();
    return;
  }
  if (!shown_ || since >= (terminal ? kRedraw : kPlain)) draw(false);
}

void Progress::finish(const Values& values) {
  if (finished_) return;
  if (!values.empty()) values_ = values;
  first_ = std::max<int64_t>(first_, 0);
  draw(true);
  finished_ = true;
}

void Progress::print(const std::string& text) {
  const bool terminal = output_.columns() > 0;
  output_.write((terminal && shown_ && !finished_ ? "\r\x1b[K" : "") + text + "\n");
  if (terminal && shown_ && !finished_) draw(false);
}

}  // namespace seqc::training
