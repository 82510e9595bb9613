#include "tools/seqc/ir_html.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/training/report/text.h"

namespace seqc::tools {

using training::escaped;

const char* const kIrStyle =
    R"(pre.ir{border:0;border-top:1px solid #e9ecef;border-radius:0;margin:0;padding:12px 16px;white-space:pre;font-size:12.5px;line-height:1.45;background:none}
pre.ir ins,pre.ir del{display:inline-block;box-sizing:content-box;min-width:100%;margin:0 -16px;padding:0 16px;text-decoration:none;background:#dafbe1}
pre.ir del{background:#ffebe9}
@media(prefers-color-scheme:dark){pre.ir{border-color:#2a2f34}pre.ir ins{background:#12361f}pre.ir del{background:#4a1b1f}}
)";

namespace {

constexpr size_t kAround = 3, kFewest = 4;  // lines around changes, and without any that are worth folding
constexpr size_t kPart = 250;               // lines of a part

/// Lines of a difference that are shown together.
struct Stretch {
  size_t begin, end;
  bool changes;
};

/// Stretches around changes, and those between them.
std::vector<Stretch> stretches_of(const std::vector<DiffLine>& lines) {
  std::vector<Stretch> stretches;
  size_t shown = 0;
  for (size_t i = 0; i < lines.size();) {
    size_t end = i;
    while (end < lines.size() && lines[end].kind == ' ') ++end;
    const size_t first = i == 0 ? 0 : i + kAround, last = end == lines.size() ? end : end - std::min(end, kAround);
    if (last > first && last - first >= kFewest) {
      if (first > shown) stretches.push_back({shown, first, true});
      stretches.push_back({first, last, false});
      shown = last;
    }
    i = end;
    while (i < lines.size() && lines[i].kind != ' ') ++i;
  }
  if (shown < lines.size()) stretches.push_back({shown, lines.size(), true});
  return stretches;
}

std::string block(const std::vector<DiffLine>& lines, size_t begin, size_t end) {
  std::string text = "<pre class=\"ir\">";
  for (size_t i = begin; i < end; ++i) {
    const std::string line = escaped(lines[i].text);
    const char* tag = lines[i].kind == '+' ? "ins" : lines[i].kind == '-' ? "del" : nullptr;
    text += tag ? fmt::format("<{0}>{1} {2}</{0}>\n", tag, lines[i].kind, line) : fmt::format("  {}\n", line);
  }
  return text + "</pre>";
}

std::string folded(const std::string& summary, const std::string& html) {
  return fmt::format("<details><summary>{}</summary>{}</details>", summary, html);
}

}  // namespace

std::string ir_html(const std::string& title, const std::string& text) {
  std::vector<DiffLine> lines;
  for (const std::string_view line : lines_of(text)) lines.push_back({' ', line});
  return folded(fmt::format("<b>{}</b><i>{} lines</i>", escaped(title), lines.size()), block(lines, 0, lines.size()));
}

std::string ir_difference_html(const std::vector<DiffLine>& lines, bool brief) {
  std::vector<std::string> parts(1);
  std::vector<size_t> begins = {0}, changes = {0};
  size_t length = 0, shown = 0;
  for (const Stretch& stretch : stretches_of(lines)) {
    if (!stretch.changes) {
      const size_t count = stretch.end - stretch.begin;
      parts.back() +=
          brief ? fmt::format("<p class=\"same\">{} lines without a change</p>", count)
                : folded(fmt::format("{} lines without a change", count), block(lines, stretch.begin, stretch.end));
      continue;
    }
    for (size_t at = stretch.begin; at < stretch.end;) {
      if (length >= kPart) {
        parts.emplace_back();
        begins.push_back(at);
        changes.push_back(0);
        length = 0;
      }
      const size_t end = std::min(stretch.end, at + (kPart - length));
      parts.back() += block(lines, at, end);
      for (size_t i = at; i < end; ++i) changes.back() += lines[i].kind != ' ';
      length += end - at;
      shown += end - at;
      at = end;
    }
  }
  if (parts.size() == 1 || shown < 2 * kPart) {
    std::string html;
    for (const std::string& part : parts) html += part;
    return html;
  }
  std::string html;
  for (size_t i = 0; i < parts.size(); ++i)
    html += folded(fmt::format("from line {} on: {} changed", begins[i] + 1, changes[i]), parts[i]);
  return html;
}

}  // namespace seqc::tools
