#include "ir/step_numbers.h"

#include <doctest/doctest.h>

#include <string>

#include "ir/parser.h"

namespace seqc::ir {
namespace {

/// The value of that name in the body of the one loop of the function.
struct Loop {
  std::unique_ptr<Module> module;
  Op* op = nullptr;
  explicit Loop(const std::string& text) : module(parse_module(text)) {
    for (const auto& each : module->functions[0]->body().ops())
      if (each->region_count() > 0) op = each.get();
  }
  const Value* operator[](const std::string& name) const {
    const Block& body = op->region();
    for (size_t i = 0; i < body.argument_count(); ++i)
      if (body.argument(i)->name() == name) return body.argument(i);
    for (const auto& each : body.ops())
      for (size_t i = 0; i < each->result_count(); ++i)
        if (each->result(i)->name() == name) return each->result(i);
    return nullptr;
  }
};

/// "start + stride*t" of a one-element value, or "none".
std::string line_of(const Loop& loop, const std::string& name) {
  StepNumbers numbers;
  const auto e = numbers.expression(loop[name]);
  const auto line = e ? numbers.line(*e, loop.op) : std::nullopt;
  return line ? line->start.str() + " + " + std::to_string(line->stride) + "*t" : "none";
}

constexpr const char* kScan = R"(
func @main(%k: i64[T], %f: f32[]) -> (n: i32[], m: i64[1]) {
  const @start: i64[1] = [0]
  const @odd: i64[8] = [1, 3, 5, 7, 9, 11, 13, 15]
  const @uneven: i64[8] = [1, 3, 5, 7, 9, 11, 13, 16]
  %t = iota {length=8}
  %n, %m = scan {length=8, reverse=true} carry(%count = i32(3), %sum = @start) in(%i = %t, %o = @odd, %u = @uneven) {
    %total = dims {value=[N,T]}
    %last = slice %total {starts=[1], sizes=[1], steps=[1]}
    %back = sub %last, %i
    %twice = mul %back, i64(2)
    %zero = lt %i, i64(0)
    %wrapped = add %i, i64(8)
    %position = select %zero, %wrapped, %i
    %cut = cast %i {to=i8}
    %square = mul %i, %i
    %count1 = sub %count, i32(2)
    %sum1 = add %sum, %back
    yield %count1, %sum1
  }
  return %n, %m
}
)";

TEST_SUITE_BEGIN("ir");

TEST_CASE("integers of a scan's body as lines in the position of its step") {
  const Loop loop(kScan);
  CHECK(line_of(loop, "i") == "0 + 1*t");
  CHECK(line_of(loop, "o") == "1 + 2*t");
  CHECK(line_of(loop, "u") == "none");
  CHECK(line_of(loop, "back") == "T + -1*t");
  CHECK(line_of(loop, "twice") == "2*T + -2*t");
  CHECK(line_of(loop, "position") == "0 + 1*t");
  CHECK(line_of(loop, "cut") == "none");         // may wrap
  CHECK(line_of(loop, "square") == "none");      // no line
  CHECK(line_of(loop, "count") == "-11 + 2*t");  // 3 at the last position, which comes first
  CHECK(line_of(loop, "count1") == "-13 + 2*t");
  CHECK(line_of(loop, "sum") == "none");  // grows by another number each time
}

TEST_CASE("elements of index tuples") {
  const Loop loop(R"(
func @main() -> (y: i64[T,2,3,2]) {
  const @rows: i64[2] = [0, 1]
  %t = iota {length=T}
  %y = scan {length=T} in(%i = %t) {
    %at = reshape %i {shape=[1,1,1]}
    %first = broadcast %at {shape=[2,3,1]}
    %column = reshape @rows {shape=[2,1,1]}
    %second = broadcast %column {shape=[2,3,1]}
    %tuples = concat %first, %second {axis=2}
    yield emit %tuples
  }
  return %y
}
)");
  StepNumbers numbers;
  const Dim a = Dim::symbol("a"), b = Dim::symbol("b");
  CHECK(numbers.element(loop["tuples"], {a, b, Dim(0)}) == numbers.step_of(loop.op));
  CHECK(numbers.element(loop["tuples"], {a, b, Dim(1)}) == a);
  CHECK_FALSE(numbers.element(loop["tuples"], {a, b, a}));
}

TEST_CASE("counters of a loop") {
  const Loop loop(R"(
func @main() -> (n: i64[]) {
  %n = loop %t < i64(9) while bool(1) carry(%c = i64(2)) {
    %c1 = add %c, i64(3)
    yield %c1 while bool(1)
  }
  return %n
}
)");
  CHECK(line_of(loop, "t") == "0 + 1*t");
  CHECK(line_of(loop, "c1") == "5 + 3*t");
}

TEST_CASE("conditions as expressions that must be positive") {
  StepNumbers numbers;
  Function function("conditions");
  Value* five = function.constant(Tensor::scalar_int(DType::i64, 5));
  Value* seven = function.constant(Tensor::scalar_int(DType::i64, 7));
  const auto make = [&](Opcode code, std::vector<Value*> operands) {
    Op* op = function.body().create(code, std::move(operands), NoAttr{});
    return op->add_result({DType::boolean, {}});
  };
  using List = std::vector<Dim>;
  CHECK(*numbers.condition(make(Opcode::Lt, {five, seven})) == List{Dim(2)});
  CHECK(*numbers.condition(make(Opcode::Le, {five, seven})) == List{Dim(3)});
  CHECK(*numbers.condition(make(Opcode::Gt, {five, seven})) == List{Dim(-2)});
  CHECK(*numbers.condition(make(Opcode::Ge, {five, seven})) == List{Dim(-1)});
  CHECK(*numbers.condition(make(Opcode::Not, {make(Opcode::Lt, {five, seven})})) == List{Dim(-1)});
  CHECK(*numbers.condition(make(Opcode::Not, {make(Opcode::Le, {five, seven})})) == List{Dim(-2)});
  CHECK(*numbers.condition(make(Opcode::Not, {make(Opcode::Gt, {five, seven})})) == List{Dim(3)});
  CHECK(*numbers.condition(make(Opcode::Not, {make(Opcode::Ge, {five, seven})})) == List{Dim(2)});
  Value* both = make(Opcode::And, {make(Opcode::Lt, {five, seven}), make(Opcode::Gt, {five, seven})});
  CHECK(*numbers.condition(both) == List{Dim(2), Dim(-2)});
  CHECK_FALSE(numbers.condition(make(Opcode::Not, {both})));
  CHECK_FALSE(numbers.condition(make(Opcode::Or, {both, both})));
}

TEST_CASE("lines lie within a dim at every step, when there is one") {
  const Dim T = Dim::symbol("T"), N = Dim::symbol("N");
  const auto within = [](Dim start, int64_t stride, const Dim& steps, const Dim& size) {
    return lies_within({std::move(start), stride}, steps, size);
  };
  CHECK(within(Dim(0), 1, T, T));
  CHECK(within(T - Dim(1), -1, T, T));
  CHECK(within(Dim(2), 3, Dim(4), Dim(12)));
  CHECK(within(Dim(0), 2, T, Dim(2) * T));
  CHECK(within(Dim(1), 1, max(T - Dim(1), Dim(0)), T));
  CHECK(within(T - Dim(2), -1, T - Dim(1), T));
  CHECK_FALSE(within(Dim(2), 1, max(T - Dim(1), Dim(0)), T));
  CHECK_FALSE(within(Dim(1), 1, T, T));
  CHECK_FALSE(within(T, -1, T, T));
  CHECK_FALSE(within(Dim(2), 3, Dim(4), Dim(11)));
  CHECK_FALSE(within(Dim(-1), 1, T, T));
  CHECK_FALSE(within(Dim(0), 1, T, N));
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
