#include "runtime/training/data/csv.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using ir::DType;
using ir::Tensor;
using test::contains;
using test::refusal;

namespace {

Csv parsed(const std::string& text, const CsvOptions& options = {}) { return Csv::parse(text, "t.csv", options); }

std::string fault(const std::string& text, const CsvOptions& options = {}) {
  return refusal([&] { parsed(text, options); });
}

}  // namespace

TEST_CASE("csv: headers, quotes, line ends") {
  const Csv table = parsed(
      "\xef\xbb\xbf"
      "a,\"b, c\",d\r\n1,\"x \"\"y\"\"\nz\",\r\n\n 2 ,,\"\"");
  CHECK(table.columns() == std::vector<std::string>{"a", "b, c", "d"});
  CHECK(table.rows() == 2);
  CHECK(table.cell(0, "b, c") == "x \"y\"\nz");
  CHECK(table.cell(0, "d").empty());
  CHECK(table.cell(1, "d").empty());
  CHECK(table.line(0) == 2);
  CHECK(table.line(1) == 5);
  CHECK(table.numbers({"a"}).identical(Tensor::f32({2, 1}, {1, 2})));
  CHECK(parsed("a,b\n").rows() == 0);
  CHECK(parsed("a,b\n").numbers({"b", "a"}).type_str() == "f32[0,2]");
  const Csv bare = parsed("1;2\n3;\"\n", {.separator = ';', .quote = '\0', .header = false});
  CHECK(bare.columns() == std::vector<std::string>{"0", "1"});
  CHECK(bare.cell(1, "1") == "\"");
  CHECK(parsed("a\n\n1\n").rows() == 2);  // of one column, an empty line is an empty cell
}

TEST_CASE("csv: numbers, and where they are missing") {
  const Csv table = parsed("t,x\n1,NA\n2,-3.5e-1\n3,\n4,+7\n");
  CHECK(refusal([&] { table.numbers({"t", "x"}); }) ==
        "t.csv:2: column \"x\" lacks a number (\"NA\"); leave out such rows, or say what takes its place");
  CHECK(contains(refusal([&] { table.numbers({"x"}, Missing::Previous); }),
                 "t.csv:2: column \"x\" lacks a number (\"NA\"); no row above"));
  const Csv later = table.part(1, 4);
  CHECK(later.numbers({"x", "t"}, Missing::Previous, DType::f64)
            .identical(Tensor::of<double>(DType::f64, {3, 2}, std::vector<double>{-0.35, 2, -0.35, 3, 7, 4})));
  CHECK(std::isnan(table.numbers({"x"}, Missing::Nan).real(2)));
  const Csv full = table.without_missing({"x"});
  CHECK(full.rows() == 2);
  CHECK(full.line(1) == 5);
  CHECK(full.numbers({"t"}).identical(Tensor::f32({2, 1}, {2, 4})));

  CHECK(refusal([] { parsed("x\n1\n1,5\n"); }) == "t.csv:3: 2 cells, expected 1 as in the first line");
  CHECK(refusal([] { parsed("x\n1.5.2\n").numbers({"x"}); }) ==
        "t.csv:2: column \"x\" holds \"1.5.2\", expected a number");
  for (const char* wrong : {"inf", "0x10", "1e999", "1 2", "--1", "+-1", "1,0"})
    CHECK(contains(refusal([&] { parsed(std::string("x;y\n1;") + wrong, {.separator = ';'}).numbers({"y"}); }),
                   "t.csv:2: column \"y\" holds"));
  CHECK(contains(refusal([&] { table.numbers({"z"}); }), "no column \"z\"; it has t, x"));
  CHECK(contains(refusal([&] { table.cell(4, "x"); }), "no row 4; it has 4"));
  CHECK(contains(refusal([&] { table.part(2, 9); }), "no rows 2 to 9"));
}

TEST_CASE("csv: labels by name, by value, or as they are given") {
  const Csv table = parsed("l,n\nspam,10\nham,9\nspam,010\n");
  const Labels labels = table.labels("l");
  CHECK(labels.classes == std::vector<std::string>{"ham", "spam"});
  CHECK(labels.ids == std::vector<int64_t>{1, 0, 1});
  CHECK(table.labels("n").classes == std::vector<std::string>{"9", "010", "10"});
  CHECK(table.labels("l", {"spam", "egg", "ham"}).ids == std::vector<int64_t>{0, 2, 0});
  CHECK(refusal([&] { table.labels("l", {"spam"}); }) ==
        "t.csv:3: label \"ham\" in column \"l\", expected one of spam");
  CHECK(contains(refusal([] { parsed("a\nx\n\xff\n").texts("a"); }),
                 "t.csv:3: byte 1 of the line is ff, which is no UTF-8"));
}

TEST_CASE("csv: what is wrong is said with its line") {
  CHECK(fault("") == "t.csv:1: the file is empty, expected a line with the columns' names");
  CHECK(fault("\n\n", {.header = false}) == "t.csv:1: the file is empty");
  CHECK(fault("a,b\n1,2\n3\n") == "t.csv:3: 1 cell, expected 2 as in the first line");
  CHECK(fault("a,b\n1,2,\n") == "t.csv:2: 3 cells, expected 2 as in the first line");
  CHECK(fault("a,a\n") == "t.csv:1: two columns are called \"a\"");
  CHECK(fault("a,b\n1,\"2\n3,4\n") == "t.csv:2: a quote that opens in this line is never closed");
  CHECK(contains(fault("a,b\n1,\"2\"3\n"), "t.csv:2: '3' behind a closing quote, expected ','"));
  CHECK(contains(fault("a,b\n1,5\"\n"), "t.csv:2: a quote within a cell"));
  CHECK(contains(fault(std::string("a,b\n1,\0\n", 8)), "t.csv:2: a NUL byte"));
  CHECK(contains(fault("a", {.separator = '"'}), "must differ"));
}

TEST_CASE("csv: damaged files are refused or read, never more") {
  const std::string text = "day,\"a \"\"b\"\"\",c\r\n\"1981-01-01\",20.7,x\n\"1981-01-02\",NA,\"y,\nz\"\n";
  CHECK(test::damage(text, 1, [](const std::string& bytes) {
          const Csv table = Csv::parse(bytes, "x");
          for (const std::string& column : table.columns()) {
            try {
              table.numbers({column}, Missing::Nan);
            } catch (const Error&) {
            }
            table.labels(column);
          }
        }) > 100);
}

TEST_CASE("csv: the classic series") {
  const auto folder = test::shared_data("timeseries");
  if (!folder) return;
  const auto load = [&](const char* name) { return Csv::load((*folder / name).string()); };
  CHECK(load("airline-passengers.csv").numbers({"Passengers"}).type_str() == "f32[144,1]");
  CHECK(load("monthly-sunspots.csv").numbers({"Sunspots"}).type_str() == "f32[2820,1]");
  CHECK(load("daily-min-temperatures.csv").numbers({"Temp"}).type_str() == "f32[3650,1]");
  CHECK(load("shampoo.csv").numbers({"Sales"}).type_str() == "f32[36,1]");
  const Csv pollution = load("pollution.csv");
  CHECK(pollution.rows() == 43824);
  CHECK(contains(refusal([&] { pollution.numbers({"pm2.5"}); }),
                 "pollution.csv:2: column \"pm2.5\" lacks a number (\"NA\")"));
  CHECK(pollution.part(24, 43824).numbers({"pm2.5", "TEMP"}, Missing::Previous).shape()[0] == 43800);
  CHECK(pollution.without_missing({"pm2.5"}).rows() == 41757);
  CHECK(pollution.labels("cbwd").classes == std::vector<std::string>{"NE", "NW", "SE", "cv"});
}
