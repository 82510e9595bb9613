#include "tools/seqc/text_diff.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <map>

namespace seqc::tools {
namespace {

using Keys = std::vector<int>;

/// Myers' greedy algorithm (An O(ND) difference algorithm, 1986): for each number of changes the furthest points on all
/// diagonals; then the way back. True for each line that is in both. False if there are too many changes.
bool common_lines(const Keys& a, const Keys& b, std::vector<char>& in_a, std::vector<char>& in_b) {
  constexpr int kMostChanges = 1500;
  const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size());
  const int most = std::min(n + m, kMostChanges);
  std::vector<int> furthest(static_cast<size_t>(2 * most + 3), 0);  // x on diagonals -most-1 .. most+1
  const auto at = [&](int diagonal) -> int& { return furthest[static_cast<size_t>(diagonal + most + 1)]; };
  const auto from = [](const std::vector<int>& known, int changes, int diagonal) {
    return known[static_cast<size_t>(diagonal + changes + 1)];
  };
  std::vector<std::vector<int>> trace;  // before change d: diagonals -d-1 .. d+1
  int changes = 0;
  for (bool done = false; !done; ++changes) {
    if (changes > most) return false;
    trace.emplace_back(&at(-changes - 1), &at(changes + 1) + 1);
    for (int k = -changes; k <= changes && !done; k += 2) {
      int x = k == -changes || (k != changes && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
      while (x < n && x - k < m && a[static_cast<size_t>(x)] == b[static_cast<size_t>(x - k)]) ++x;
      at(k) = x;
      done = x >= n && x - k >= m;
    }
  }
  int x = n, y = m;
  for (int d = changes - 1; d >= 0; --d) {
    const std::vector<int>& known = trace[static_cast<size_t>(d)];
    const int k = x - y;
    const bool down = k == -d || (k != d && from(known, d, k - 1) < from(known, d, k + 1));
    const int before_k = down ? k + 1 : k - 1;
    const int before_x = from(known, d, before_k), before_y = before_x - before_k;
    for (; x > before_x && y > before_y; --x, --y)
      in_a[static_cast<size_t>(x - 1)] = in_b[static_cast<size_t>(y - 1)] = 1;
    x = before_x, y = before_y;
  }
  return true;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string without_numbers(std::string_view line) {
  std::string key;
  for (size_t i = 0; i < line.size(); ++i) {
    key += line[i];
    const bool number = (line[i] == '%' || line[i] == '@') && i + 1 < line.size() &&
                        std::isdigit(static_cast<unsigned char>(line[i + 1]));
    while (number && i + 1 < line.size() && std::isdigit(static_cast<unsigned char>(line[i + 1]))) ++i;
  }
  return key;
}

std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after,
                                 const std::function<std::string(std::string_view)>& key) {
  const auto old_lines = lines_of(before), new_lines = lines_of(after);
  std::map<std::string, int> numbers;
  const auto keys_of = [&](const std::vector<std::string_view>& lines) {
    Keys keys;
    for (const std::string_view line : lines)
      keys.push_back(numbers.try_emplace(key(line), static_cast<int>(numbers.size())).first->second);
    return keys;
  };
  const Keys a = keys_of(old_lines), b = keys_of(new_lines);
  size_t head = 0, tail = 0;
  while (head < std::min(a.size(), b.size()) && a[head] == b[head]) ++head;
  while (tail < std::min(a.size(), b.size()) - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  std::vector<char> in_a(a.size() - head - tail, 0), in_b(b.size() - head - tail, 0);
  const Keys middle_a(a.begin() + static_cast<ptrdiff_t>(head), a.end() - static_cast<ptrdiff_t>(tail));
  const Keys middle_b(b.begin() + static_cast<ptrdiff_t>(head), b.end() - static_cast<ptrdiff_t>(tail));
  if (!common_lines(middle_a, middle_b, in_a, in_b)) {
    std::fill(in_a.begin(), in_a.end(), 0);
    std::fill(in_b.begin(), in_b.end(), 0);
  }
  std::vector<DiffLine> result;
  for (size_t i = 0; i < head; ++i) result.push_back({' ', new_lines[i]});
  size_t x = 0, y = 0;
  while (x < in_a.size() || y < in_b.size()) {
    if (x < in_a.size() && !in_a[x])
      result.push_back({'-', old_lines[head + x++]});
    else if (y < in_b.size() && !in_b[y])
      result.push_back({'+', new_lines[head + y++]});
    else
      ++x, result.push_back({' ', new_lines[head + y++]});
  }
  for (size_t i = new_lines.size() - tail; i < new_lines.size(); ++i) result.push_back({' ', new_lines[i]});
  return result;
}

}  // namespace seqc::tools
