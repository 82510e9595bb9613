#include "tools/examples/support/pairs.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <set>

#include "ir/error.h"
#include "runtime/training/data/shuffle.h"
#include "runtime/training/data/text_files.h"
#include "runtime/training/data/tokens.h"
#include "tools/examples/support/plays.h"

namespace seqc::examples {

namespace {

constexpr std::array kMonths = {"January", "February", "March",     "April",   "May",      "June",
                                "July",    "August",   "September", "October", "November", "December"};
constexpr std::array kDays = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr uint64_t kFormats = 10;

const char* ordinal(unsigned day) {
  if (day % 100 / 10 == 1) return "th";
  return day % 10 == 1 ? "st" : day % 10 == 2 ? "nd" : day % 10 == 3 ? "rd" : "th";
}

std::string written(std::chrono::sys_days date, uint64_t format) {
  const std::chrono::year_month_day parts(date);
  const int year = static_cast<int>(parts.year());
  const auto month = static_cast<unsigned>(parts.month()), day = static_cast<unsigned>(parts.day());
  const std::string name = kMonths[month - 1];
  switch (format) {
    case 0: return fmt::format("{} {} {}", day, name, year);
    case 1: return fmt::format("{} {}, {}", name, day, year);
    case 2:
      return fmt::format("{}, {}{} of {} {}", kDays[std::chrono::weekday(date).c_encoding()], day, ordinal(day), name,
                         year);
    case 3: return fmt::format("{}.{}.{}", day, month, year);
    case 4: return fmt::format("{}. {} {}", day, name.substr(0, 3), year);
    case 5: return fmt::format("{} {}{}, {}", name.substr(0, 3), day, ordinal(day), year);
    case 6: return fmt::format("{:04}{:02}{:02}", year, month, day);
    case 7: return fmt::format("the {}{} of {}, {}", day, ordinal(day), name, year);
    case 8: return fmt::format("{}-{}-{}", day, name.substr(0, 3), year);
    default: return fmt::format("{}/{}/{:02}", month, day, year % 100);  // as Americans write them
  }
}

}  // namespace

training::Vocabulary Pairs::letters() const {
  std::vector<training::Tokens> texts;
  for (const auto* side : {&sources, &targets})
    for (const std::string& text : *side) texts.push_back(training::characters(text));
  return training::Vocabulary::build(texts);
}

double share_equal(const std::vector<std::string>& texts, const std::vector<std::string>& expected) {
  if (texts.size() != expected.size() || texts.empty())
    fail(ErrorKind::Internal, "{} texts, expected {}", texts.size(), expected.size());
  double equal = 0;
  for (size_t i = 0; i < texts.size(); ++i) equal += texts[i] == expected[i];
  return equal / static_cast<double>(texts.size());
}

Pairs made_up_dates(int64_t count, bool test, uint64_t seed) {
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  const auto day_number = [](std::chrono::year year) { return (sys_days(year / 1 / 1)).time_since_epoch().count(); };
  Pairs pairs;
  std::set<std::string> known;
  training::KeyedRandom random(seed, test ? 1 : 0);
  while (static_cast<int64_t>(pairs.sources.size()) < count) {
    const uint64_t format = random.below(kFormats);
    const bool short_year = format == kFormats - 1;
    const auto first = day_number(short_year ? 1950y : 1900y), end = day_number(short_year ? 2050y : 2100y);
    const auto number = first + static_cast<int64_t>(random.below(static_cast<uint64_t>(end - first)));
    if ((number % 10 == 0) != test) continue;
    const sys_days date{std::chrono::days(number)};
    const std::chrono::year_month_day parts(date);
    const std::string source = written(date, format);
    if (!known.insert(source).second) continue;
    pairs.sources.push_back(source);
    pairs.targets.push_back(fmt::format("{:04}-{:02}-{:02}", static_cast<int>(parts.year()),
                                        static_cast<unsigned>(parts.month()), static_cast<unsigned>(parts.day())));
  }
  return pairs;
}

SplitPairs load_pairs(const std::string& path) {
  if (path.empty()) return {made_up_dates(6000, false, 1), made_up_dates(400, true, 1)};
  const std::string file = text_file(path, {".txt", ".tsv"});
  SplitPairs pairs;
  std::set<std::string> known;
  int64_t number = 0;
  for (const std::string& line : training::load_lines(file)) {
    ++number;
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    if (tab == 0 || tab == std::string::npos)
      fail(ErrorKind::BadInput, "{}, line {}: got \"{}\", expected source, tab, target", file, number, line);
    if (!known.insert(line.substr(0, tab)).second) continue;
    Pairs& part = known.size() % 10 == 0 ? pairs.test : pairs.train;
    part.sources.push_back(line.substr(0, tab));
    part.targets.push_back(line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1));
  }
  if (pairs.test.sources.size() < 10)
    fail(ErrorKind::BadInput, "{}: {} sources, expected 100 or more", file, known.size());
  return pairs;
}

}  // namespace seqc::examples
