// Damaged text: a clear error or a module that prints and parses, never a crash.
#include <doctest/doctest.h>

#include <chrono>

#include "ir/error.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "tests/support/random_inputs.h"
#include "tests/support/text_test.h"

namespace seqc::test {
namespace {

/// One change of a few bytes, a line, or a token to something that means something elsewhere.
void mutate(std::string& text, Random& random) {
  static const char* const kTokens[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        "(",
                                        ")",
                                        ",",
                                        ":",
                                        "=",
                                        "<",
                                        "->",
                                        "%",
                                        "@",
                                        "#",
                                        "\"",
                                        "`",
                                        "//",
                                        "\n",
                                        "-",
                                        "-1",
                                        "0",
                                        "1",
                                        "64",
                                        "9223372036854775807",
                                        "18446744073709551616",
                                        "1e999",
                                        "nan",
                                        "inf",
                                        "func ",
                                        "const ",
                                        "yield ",
                                        "emit ",
                                        "while ",
                                        "carry(",
                                        "in(",
                                        "else {",
                                        "loc(\"x\")",
                                        "f32",
                                        "i64[]",
                                        "bool(true)",
                                        "T",
                                        "floordiv(",
                                        "min(T, N)",
                                        "splat(1)",
                                        "%x",
                                        "scan {length=T} ",
                                        "kernel {kind=map} {",
                                        "if %c {",
                                        "transpose",
                                        "contract",
                                        "gather_nd",
                                        "\\",
                                        "\xff",
                                        " "};
  const auto pick = [&](size_t size) { return static_cast<size_t>(random.bits() % (size + 1)); };
  const size_t at = pick(text.size()), length = std::min(text.size() - at, 1 + pick(20));
  switch (random.integer(0, 5)) {
    case 0: text.resize(at); break;
    case 1: text.erase(at, length); break;
    case 2: text.insert(pick(text.size()), text.substr(at, length)); break;
    case 3: text.insert(at, kTokens[pick(std::size(kTokens) - 1)]); break;
    case 4:
      if (at < text.size()) text[at] = static_cast<char>(random.bits());
      break;
    default: {  // swap two lines
      const size_t from = text.rfind('\n', at) + 1, end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(from, end - from) + "\n";
      text.erase(from, line.size());
      text.insert(text.rfind('\n', pick(text.size())) + 1, line);
    }
  }
}

TEST_SUITE_BEGIN("ir");

TEST_CASE("damaged text never crashes the parser") {
  std::vector<std::string> seeds;
  for (const auto& path : seq_files(tests_folder(""))) seeds.push_back(read_text_case(path).input);
  REQUIRE(!seeds.empty());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  Random random(2024);
  int parsed = 0, refused = 0;
  while (std::chrono::steady_clock::now() < deadline) {
    std::string text = seeds[random.bits() % seeds.size()];
    for (int64_t i = random.integer(1, 4); i > 0; --i) mutate(text, random);
    try {
      const auto module = ir::parse_module(text);
      ++parsed;
      if (ir::verify(*module).empty()) check_round_trip(*module);
    } catch (const Error& error) {
      ++refused;
      if (error.kind() != ErrorKind::BadInput) FAIL_CHECK(std::string(error.what()) << "\nfor the text\n" << text);
    } catch (const std::exception& error) {
      FAIL_CHECK(std::string(error.what()) << "\nfor the text\n" << text);
    }
  }
  CHECK(parsed > 10);
  CHECK(refused > 10);
}

TEST_CASE("text without end or measure is refused") {
  const std::string head = "func @f(%c: bool[], %x: f32[N]) -> () {\n";
  const auto repeat = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  for (const std::string& text :
       {head + repeat("kernel {kind=map} {\n", 100000), head + "const @a: f32[1] = " + repeat("[", 100000),
        head + "%a = iota {length=" + repeat("(", 100000), "func @f(%x: f32[" + repeat("1,", 100000),
        head + "%a = iota {length=" + repeat("(A + B + C + D + E + F)*", 60) + "1}\n}",
        head + repeat("%a = neg %b\n", 100000) + "}", repeat("func ", 100000), repeat("@", 100000),
        repeat("\"", 100001), std::string(100, '\0'), head + "const @a: f32[9000000000000000000] = splat(0)\n}",
        head + "%a = neg f32(" + repeat("9", 100000) + ")\n}"}) {
    CAPTURE(text.substr(0, 80));
    CHECK_THROWS_AS(ir::parse_module(text), Error);
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::test
