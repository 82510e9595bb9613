// Tensors of strings: who owns the text, and what it means to be equal.
#include <doctest/doctest.h>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "ir/printer.h"

namespace seqc::ir {
namespace {

using Texts = std::vector<std::string>;

Texts texts(const Tensor& tensor) {
  Texts result;
  for (int64_t i = 0; i < tensor.count(); ++i) result.emplace_back(tensor.text(i));
  return result;
}

TEST_SUITE_BEGIN("ir");

TEST_CASE("string tensors hold text, empty at first") {
  CHECK(texts(Tensor(DType::string, {2})) == Texts{"", ""});
  const Tensor words = Tensor::strings({2, 2}, {"a", "", "naïve", "a"});
  CHECK(texts(words) == Texts{"a", "", "naïve", "a"});
  CHECK(words.type_str() == "string[2,2]");
  CHECK(texts(words.reshaped({4})) == texts(words));
  CHECK(Tensor::strings({0, 3}, {}).count() == 0);
  CHECK_THROWS_WITH_AS(Tensor::strings({1}, {std::string("a\0b", 3)}),
                       "string 0 of string[1] holds a NUL character, which is not supported", Error);
  CHECK_THROWS_AS(words.real(0), Error);
  CHECK_THROWS_AS(Tensor::scalar(DType::string, 0), Error);
}

TEST_CASE("strings are equal by their text") {
  const Tensor a = Tensor::strings({2}, {"ab", ""}), b = Tensor::strings({2}, {std::string("a") + "b", ""});
  CHECK(a.identical(b));
  CHECK(a.hash() == b.hash());
  for (const Texts& other : {Texts{"ab", "c"}, Texts{"", "ab"}, Texts{"a", "b"}, Texts{"b", "a"}}) {
    CHECK_FALSE(a.identical(Tensor::strings({2}, other)));
    CHECK(a.hash() != Tensor::strings({2}, other).hash());
  }
  CHECK_FALSE(a.identical(Tensor::strings({2, 1}, {"ab", ""})));
}

TEST_CASE("text lives as long as a tensor that elements were copied to") {
  Tensor kept(DType::string, {3}), own;
  {
    const Tensor words = Tensor::strings({2}, {std::string(100, 'x'), "short"});
    const auto to = kept.mutable_data<const char*>();
    to[0] = words.data<const char*>()[0];
    to[2] = words.data<const char*>()[1];
    kept.keep_strings_of(words);
    kept.keep_strings_of(words);
    own = words.with_own_strings();
    CHECK(own.data<const char*>()[0] != words.data<const char*>()[0]);
  }
  CHECK(texts(kept) == Texts{std::string(100, 'x'), "", "short"});
  CHECK(texts(own) == Texts{std::string(100, 'x'), "short"});
  Tensor copy = kept;
  copy.mutable_data<const char*>()[1] = "literal";
  kept = Tensor();
  CHECK(texts(copy) == Texts{std::string(100, 'x'), "literal", "short"});
}

TEST_CASE("results of the interpreter keep the text of what they were made of") {
  const auto module = parse_module(
      R"(func @main(%x: string[T,2], %s: string[2], %c: bool[]) -> (a: string[2], b: string[T,2], c: string[T,2], d: string[3]) {
    const @w: string[2] = ["the first constant, long enough", "the second"]
    %a, %b = scan {length=T} carry(%h = %s) in(%xt = %x) {
      %n = select %c, %xt, @w
      yield %n emit %h
    }
    %c.1 = if %c {
      %t = slice %x {starts=[T - 1,0], sizes=[T,2], steps=[-1,1]}
      yield %t
    } else {
      yield %x
    }
    %p = slice @w {starts=[0], sizes=[1], steps=[1]}
    %d = pad %p, string("fill, long enough as well") {lo=[1], hi=[1]}
    return %a, %b, %c.1, %d
  })",
      "text");
  std::vector<Tensor> got;
  {
    std::vector<Tensor> inputs = {Tensor::strings({2, 2}, {"a", "b", std::string(99, 'c'), "d"}),
                                  Tensor::strings({2}, {"s", "t"}), Tensor::scalar_int(DType::boolean, 1)};
    got = interpret(*module->functions[0], inputs);
  }
  const std::string c(99, 'c');
  CHECK(texts(got[0]) == Texts{c, "d"});
  CHECK(texts(got[1]) == Texts{"s", "t", "a", "b"});
  CHECK(texts(got[2]) == Texts{c, "d", "a", "b"});
  const std::string fill = "fill, long enough as well";
  const Tensor last = got[3];
  got.clear();
  CHECK(texts(last) == Texts{fill, "the first constant, long enough", fill});
}

TEST_CASE("a large constant of strings prints as its hash and parses with its text at hand") {
  Texts words;
  for (int i = 0; i < 100; ++i)
    words.push_back(std::string(static_cast<size_t>(i % 7), static_cast<char>('a' + i % 26)));
  const Tensor large = Tensor::strings({100}, words);
  Function function("main");
  Builder b(function);
  b.copy(b.constant(large, "w"));
  b.return_({});
  const std::string text = print(function);
  CHECK(text.find("const @w: string[100] = #") != std::string::npos);
  const auto module = parse_module(text, "text", {{large.hash(), large}});
  CHECK(module->functions[0]->constants()[0]->constant().identical(large));
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
