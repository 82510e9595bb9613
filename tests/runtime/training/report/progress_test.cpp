#include "runtime/training/report/progress.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/training/report/text.h"

using namespace seqc::training;
using namespace std::chrono_literals;

namespace {

/// A terminal (or none) with a clock that stands still until it is moved.
struct Screen {
  int columns = 80;
  std::chrono::nanoseconds time = 1h;
  std::string text;

  ProgressOutput output(bool unicode = true) {
    return {.write = [this](const std::string& piece) { text += piece; },
            .columns = [this] { return columns; },
            .now = [this] { return time; },
            .unicode = unicode};
  }
  /// What was drawn since the last call, without what moves the cursor.
  std::string shown() {
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\x1b') {
        while (!std::isalpha(static_cast<unsigned char>(text[i])) || text[i] == '\x1b') ++i;
      } else {
        result += text[i];
      }
    }
    text.clear();
    return result;
  }
};

}  // namespace

TEST_CASE("progress: share, rate, time left and metrics") {
  Screen screen;
  Progress progress("epoch 2/10", 400, screen.output());
  progress.update(1, {{"loss", 2.5}});
  screen.shown();
  screen.time += 2s;
  progress.update(100, {{"loss", 0.21337}, {"accuracy", 0.9}});
  CHECK(screen.shown() == "\repoch 2/10 ━╸────  25 % 100/400  50.0/s  6 s left  loss 0.2134  accuracy 0.9000");
  screen.time += 6s;
  progress.update(400);
  progress.finish({{"loss", 12.3456}});
  CHECK(screen.shown().ends_with("\repoch 2/10 ━━━━━━━━━━━━━━━━━━━━━━━━━ 100 % 400/400  50.0/s  8 s  loss 12.35\n"));
  progress.update(3);
  progress.finish();
  CHECK(screen.text.empty());
}

TEST_CASE("progress: ten drawings a second at most") {
  Screen screen;
  Progress progress("", 100000, screen.output());
  for (int i = 1; i <= 10000; ++i, screen.time += 200us) progress.update(i);  // two seconds
  const auto drawings = std::count(screen.text.begin(), screen.text.end(), '\r');
  CHECK(drawings >= 18);
  CHECK(drawings <= 21);
}

TEST_CASE("progress: fits the terminal, which may change") {
  Screen screen;
  Progress progress("épöch 你好", 1000, screen.output());
  progress.update(1);
  for (const int columns : {200, 80, 40, 20, 7, 1, 80}) {
    screen.columns = columns;
    screen.time += 1s;
    progress.update(500, {{"loss", 1}, {"a metric with a long name", -123456}});
    const std::string line = screen.shown();
    CHECK(terminal_width(line) <= std::max(0, columns - 1));
    if (columns >= 80) CHECK(line.find("500/1000") != std::string::npos);
  }
}

TEST_CASE("progress: plain lines where there is no terminal") {
  Screen screen;
  screen.columns = 0;
  {
    Progress progress("epoch 1", 600, screen.output());
    for (int i = 1; i <= 250; ++i, screen.time += 100ms) progress.update(i, {{"loss", 1}});
    progress.print("note");
    progress.finish({{"loss", 0.5}});
  }
  CHECK(screen.text ==
        "epoch 1  16 % 101/600  10.1/s  49 s left  loss 1.000\n"
        "epoch 1  33 % 201/600  10.1/s  40 s left  loss 1.000\n"
        "note\n"
        "epoch 1  41 % 250/600  10.0/s  25 s  loss 0.5000\n");
}

TEST_CASE("progress: without a total, without Unicode, with lines above, resumed, given up") {
  Screen screen;
  {
    Progress progress("", 0, screen.output(false));
    progress.update(1);
    screen.shown();
    screen.time += 1s;
    progress.update(3000);
    CHECK(screen.shown() == "\r3000  3,000/s");
    progress.print("better");
    CHECK(screen.shown() == "\rbetter\n\r3000  3,000/s");
  }
  CHECK(screen.shown() == "\n");
  Progress resumed("r", 200, screen.output(false));
  resumed.update(100);
  screen.time += 10s;
  screen.shown();
  resumed.update(110);
  CHECK(screen.shown() == "\rr =============-...........  55 % 110/200  1.0/s  1:30 left");
  Progress nothing("n", 0, screen.output());
  nothing.finish();
  CHECK(screen.shown() == "\rn 0  0 s\n");
}

TEST_CASE("progress: numbers as text") {
  CHECK(duration_text(7.4) == "7 s");
  CHECK(duration_text(65) == "1:05");
  CHECK(duration_text(2 * 3600 + 3 * 60 + 9) == "2:03:09");
  CHECK(duration_text(NAN) == "?");
  CHECK(metric_text(0.21337) == "0.2134");
  CHECK(metric_text(1234.5) == "1234");
  CHECK(metric_text(1.5e-7) == "1.5e-07");
  CHECK(metric_text(2e9) == "2e+09");
  CHECK(metric_text(0) == "0.0000");
  CHECK(metric_text(NAN) == "nan");
}
