// Faults that text cannot express; tests/ir/verify/*.seq has the others.
#include "ir/verifier.h"

#include <doctest/doctest.h>

#include "ir/builder.h"
#include "ir/error.h"

namespace seqc::ir {
namespace {

const Dim N = Dim::symbol("N");
const Type kVector{DType::f32, {N}};

/// A function with one argument x and one output, valid until a test breaks it.
struct Fixture {
  Function function{"f"};
  Value* x = function.body().add_argument(kVector, "x");
  Builder b{function};

  Fixture() { function.output_names = {"y"}; }

  /// The messages, one a line; "" for a valid function.
  std::string faults() const {
    std::string text;
    for (const Diagnostic& diagnostic : verify(function)) text += diagnostic.message + "\n";
    return text;
  }
};

#define CHECK_FAULT(fixture, text)                                                           \
  do {                                                                                       \
    const std::string found = (fixture).faults();                                            \
    CHECK_MESSAGE(found.find(text) != std::string::npos, "got faults: \"" << found << "\""); \
  } while (false)

TEST_SUITE_BEGIN("ir");

TEST_CASE("a sound function has no faults") {
  Fixture f;
  Op* choice = f.b.if_(
      f.b.scalar(DType::boolean, 1), [&](Builder& b, const auto&) { return std::vector<Value*>{b.neg(f.x)}; },
      [&](Builder&, const auto&) { return std::vector<Value*>{f.x}; });
  f.b.return_({choice->result()});
  CHECK(f.faults().empty());
  verify_or_throw(f.function, "test");
}

TEST_CASE("operands must be defined before, and be visible") {
  Fixture f;
  Value* a = f.b.neg(f.x);
  Value* b = f.b.neg(a);
  f.b.return_({b});
  a->op()->move_before(f.function.body().terminator());
  CHECK_FAULT(f, "operand 0 is not visible here");
  b->op()->move_before(f.function.body().terminator());  // broken functions cannot be destroyed

  Fixture g;
  Op *inner = nullptr, *outer = nullptr;
  g.b.if_(
      g.b.scalar(DType::boolean, 1),
      [&](Builder& b, const auto&) {
        inner = b.neg(g.x)->op();
        return std::vector<Value*>{};
      },
      [&](Builder& b, const auto&) {
        outer = b.neg(inner->result())->op();
        return std::vector<Value*>{};
      });
  g.b.return_({g.x});
  CHECK_FAULT(g, "operand 0 is not visible here");
  outer->set_operand(0, g.x);

  Fixture h, other;
  h.b.return_({h.b.neg(other.x)});
  CHECK_FAULT(h, "operand 0 is not visible here");
  h.function.body().ops().front()->set_operands({h.x});

  Fixture k;
  Value* foreign = other.b.scalar(DType::f32, 1);
  k.b.return_({k.b.add(k.x, foreign)});
  CHECK_FAULT(k, "operand 1 is not visible here");
  k.function.body().ops().front()->set_operand(1, k.x);
}

TEST_CASE("types follow the rules of the ops") {
  Fixture f;
  Value* a = f.b.neg(f.x);
  f.b.return_({a});
  a->set_type({DType::f64, {N}});
  CHECK_FAULT(f, "result 0 is f64[N], expected f32[N]");
  a->set_type(kVector);
  a->op()->add_result(kVector);
  CHECK_FAULT(f, "got 2 results, expected 1");
  a->op()->erase_result(1);
  a->op()->set_operands({f.x, f.x});
  CHECK_FAULT(f, "got 2 operands, expected 1");
  a->op()->set_operands({f.x});
  CHECK(f.faults().empty());
}

TEST_CASE("strings are moved and never computed with") {
  Fixture f;
  Value *a = f.b.neg(f.x), *b = f.b.copy(f.x);
  f.b.return_({a, b});
  f.function.output_names = {"a", "b"};
  for (Value* value : {f.x, a, b}) value->set_type({DType::string, {N}});
  CHECK(f.faults() == "is not defined for string\n");
  f.function.body().terminator()->set_operands({b, b});
  a->op()->erase();
  CHECK(f.faults().empty());
}

TEST_CASE("attributes are those of the op, and have values") {
  Fixture f;
  Value* a = f.b.reduce(ReduceKind::Sum, f.x, {0});
  f.b.return_({a});
  a->op()->set_attr(AxisAttr{0});
  CHECK_FAULT(f, "has the attributes of another op");
  a->op()->set_attr(ReduceAttr{ReduceKind{-1}, {0}});
  CHECK_FAULT(f, "attribute kind has no value");
}

TEST_CASE("regions: their number, arguments and ends") {
  Fixture f;
  Op* op = f.function.body().create(Opcode::Kernel, {}, KernelAttr{});
  CHECK_FAULT(f, "got 0 regions, expected 1");
  Block& region = op->add_region();
  CHECK_FAULT(f, "expected a region to end in yield");
  region.create(Opcode::Yield, {}, NoAttr{});
  region.add_argument(kVector, "a");
  CHECK_FAULT(f, "got 1 region arguments, expected none");
  region.erase_argument(0);
  f.b.return_({f.x});
  CHECK(f.faults().empty());
}

TEST_CASE("scans: carries, scanned values and what is yielded") {
  Fixture f;
  Value* xs = f.function.body().add_argument({DType::f32, {Dim(4), N}}, "xs");
  Op* scan = f.b.scan(Dim(4), {f.x}, {xs}, [&](Builder& b, const std::vector<Value*>& args) {
    return std::vector<Value*>{b.add(args[0], args[1])};
  });
  f.b.return_({scan->result()});
  CHECK(f.faults().empty());
  for (const int64_t carries : {-1, 2, 3}) {
    scan->set_attr(ScanAttr{Dim(4), carries, false});
    CHECK_FALSE(f.faults().empty());
  }
  scan->set_attr(ScanAttr{Dim(5), 1, false});
  CHECK_FAULT(f, "expected leading dim 5");
  scan->set_attr(ScanAttr{Dim(4), 1, false});
  scan->region().argument(1)->set_type({DType::f32, {Dim(3)}});
  CHECK_FALSE(f.faults().empty());
  scan->region().argument(1)->set_type(kVector);
  Op* yield = scan->region().terminator();
  const auto yielded = yield->operands();
  yield->set_operands({});
  CHECK_FAULT(f, "yielded values for 1 carries");
  yield->set_operands({xs});
  CHECK_FAULT(f, "carry 0 starts as f32[N] and is yielded as f32[4,N]");
  yield->set_operands(yielded);
  CHECK(f.faults().empty());
}

TEST_CASE("a function has a name for each output, and distinct names") {
  Fixture f;
  f.b.return_({f.x, f.x});
  CHECK_FAULT(f, "got 2 values returned, expected 1");
  f.function.output_names = {"y", "y"};
  f.function.body().add_argument(kVector, "x");
  CHECK_FAULT(f, "got two outputs named \"y\"");
  CHECK_FAULT(f, "got two arguments named \"x\"");
}

TEST_CASE("parameters have a name and the type of their initial value") {
  Fixture f;
  f.b.return_({f.x});
  Value* w = f.function.parameter(Tensor(DType::f64, {3}), "");
  w->set_type({DType::f32, {3}});
  CHECK_FAULT(f, "parameter : got type f32[3], expected f64[3] as its tensor has");
  CHECK_FAULT(f, "a parameter has no name");
}

TEST_CASE("modules have one function of a name") {
  Module module;
  for (int i = 0; i < 2; ++i) {
    module.functions.push_back(std::make_unique<Function>("f"));
    Builder(*module.functions.back()).return_({});
  }
  const auto found = verify(module);
  REQUIRE(found.size() == 1);
  CHECK(found[0].message == "got two functions @f");
}

TEST_CASE("the exception lists all faults with place, op and stage") {
  Fixture f;
  f.b.set_location("/enc/neg");
  Value* a = f.b.neg(f.x);
  Value* b = f.b.neg(a);
  f.b.return_({b});
  a->set_type({DType::f64, {N}});
  f.function.output_names.clear();
  try {
    verify_or_throw(f.function, "after fold");
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(error.kind() == ErrorKind::Internal);
    for (const char* part : {"after fold", "@f: neg \"/enc/neg\": result 0 is f64[N]", "%0 = neg %x : f64[N]",
                             "%1 = neg %0 : f32[N]", "expected 0 as there are output names"})
      CHECK_MESSAGE(text.find(part) != std::string::npos, part << " is not in " << text);
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
