// Models as steps: what becomes state, and what is refused.
#include "passes/streaming/streaming.h"

#include <doctest/doctest.h>

#include "ir/error.h"
#include "ir/parser.h"

namespace {

using namespace seqc;

std::string plan_text(const std::string& body, const passes::StreamOptions& options = {}) {
  const auto module = ir::parse_module(body);
  return passes::str(passes::make_stream(*module->functions[0], options));
}

/// The message of the refusal; "" if there is none.
std::string refusal(const std::string& body, const passes::StreamOptions& options = {}) {
  try {
    plan_text(body, options);
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() != ErrorKind::Internal);
    return error.what();
  }
}

bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) MESSAGE("got: " << text);
  return text.find(part) != std::string::npos;
}

/// A leaky sum over time.
const std::string kScan = R"(
  %h, %y = scan {length=T} carry(%s = %zero) in(%xt = %x) {
    %a = mul %s, f32(0.5) : f32[N,3]
    %b = add %a, %xt : f32[N,3]
    yield %b emit %b
  } : f32[N,3], f32[T,N,3]
)";

std::string over_time(const std::string& after, const std::string& type = "f32[T,N,3]") {
  return "func @main(%x: f32[T,N,3]) -> (y: " + type + ") {\n  %zero = broadcast f32(0) {shape=[N,3]} : f32[N,3]\n" +
         kScan + after + "}\n";
}

std::string on_signal(const std::string& body) {
  return "func @main(%x: f32[N,2,T], %w: f32[4,2,3]) -> (y: f32[N,4,T]) {\n" + body + "}\n";
}

}  // namespace

TEST_SUITE_BEGIN("passes");

TEST_CASE("streaming: a recurrence's carry is state") {
  CHECK(plan_text(over_time("  return %y\n")) == R"(time      T, any number of frames
streams   N together
input     x: f32[T,N,3], time is axis 0
output    y: f32[T,N,3], time is axis 0
state     b: f32[N,3], 12*N bytes: carry of scan
state     12*N bytes in all
)");
  CHECK(holds(plan_text(over_time("  return %h\n", "f32[N,3]")), "output    y: f32[N,3], of all frames so far\n"));
}

TEST_CASE("streaming: states that begin with an input") {
  const std::string text =
      plan_text("func @main(%x: f32[T,N,3], %zero: f32[N,3]) -> (y: f32[T,N,3]) {" + kScan + "return %y }");
  CHECK(holds(text, "input     zero: f32[N,3], read at every step\n"));
  CHECK(holds(text, "state     started: bool[N], N bytes: whether a step has gone before\n"));
}

TEST_CASE("streaming: convolutions keep the frames that their windows still need") {
  const std::string causal = plan_text(
      on_signal(
          "%y = conv %x, %w {strides=[1], dilations=[2], input_dilations=[1], pads_lo=[4], pads_hi=[0]}\nreturn %y\n"),
      {.time = "T"});
  CHECK(holds(causal, "state     history: f32[N,2,4], 32*N bytes: history of conv (4 frames)\n"));
  CHECK(holds(causal, "time      T, any number of frames\n"));
  // Padded on both sides, then cut.
  const std::string cut = plan_text(
      on_signal("%a = conv %x, %w {strides=[1], dilations=[1], input_dilations=[1], pads_lo=[2], pads_hi=[2]}\n"
                "%y = slice %a {starts=[0,0,0], sizes=[N,4,T], steps=[1,1,1]}\nreturn %y\n"),
      {.time = "T"});
  CHECK(holds(cut, "history of conv (2 frames)\n"));
  // In front by an op of its own.
  const std::string padded = plan_text(
      on_signal(
          "%p = pad %x, f32(0) {lo=[0,0,2], hi=[0,0,0]}\n"
          "%y = conv %p, %w {strides=[1], dilations=[1], input_dilations=[1], pads_lo=[0], pads_hi=[0]}\nreturn %y\n"),
      {.time = "T"});
  CHECK(holds(padded, "history of conv (2 frames)\n"));
  // Without padding, the first windows are late.
  const std::string late = plan_text(
      "func @main(%x: f32[N,2,T], %w: f32[4,2,3]) -> (y: f32[N,4,max(0, T - 2)]) {"
      "%y = conv %x, %w {strides=[1], dilations=[1], input_dilations=[1], pads_lo=[0], pads_hi=[0]}\nreturn %y }",
      {.time = "T"});
  CHECK(holds(late, "time is axis 2, 2 fewer at the beginning\n"));
  CHECK(holds(late, "settled after 2\n"));
}

TEST_CASE("streaming: strides group frames") {
  const std::string text = plan_text(
      "func @main(%x: f32[N,2,T], %w: f32[4,2,3]) -> (y: f32[N,4,floordiv(T, 2)]) {"
      "%y = conv %x, %w {strides=[2], dilations=[1], input_dilations=[1], pads_lo=[1], pads_hi=[0]}\nreturn %y }",
      {.time = "T"});
  CHECK(holds(text, "time      T, a multiple of 2\n"));
  CHECK(holds(text, "time is axis 2, 1 for 2 frames\n"));
}

TEST_CASE("streaming: what looks ahead is refused by name") {
  CHECK(holds(refusal(over_time("  %m = reduce %y {kind=sum, axes=[0]} loc(\"mean\")\n  return %m\n", "f32[N,3]")),
              "mean: reduce: it reduces over all frames (axis 0 of f32[T,N,3]): looks ahead"));
  CHECK(holds(
      refusal(on_signal("%y = conv %x, %w {strides=[1], dilations=[1], input_dilations=[1], pads_lo=[1], pads_hi=[1]} "
                        "loc(\"/enc/conv\")\nreturn %y\n"),
              {.time = "T"}),
      "/enc/conv: conv: looks ahead by 1 frame: output \"y\" needs what comes later"));
  CHECK(holds(refusal(over_time(
                  "  %r = slice %y {starts=[T - 1,0,0], sizes=[T,N,3], steps=[-1,1,1]} loc(\"flip\")\n  return %r\n")),
              "flip: slice: it reverses time"));
  CHECK(holds(refusal(over_time("  %r = add %y, %h loc(\"residual\")\n  return %r\n")),
              "residual: add: it gives frames what follows from all of them"));
  CHECK(holds(refusal(over_time("  %r = contract %y, %y {spec=\"tni,sni->nts\"} loc(\"attention\")\n  return %r\n",
                                "f32[N,T,T]")),
              "attention: contract: it multiplies each frame with every frame"));
  CHECK(holds(refusal(over_time("  %i = iota {length=T, type=f32}\n  %j = reshape %i {shape=[T,1,1]}\n"
                                "  %r = add %y, %j loc(\"position\")\n  return %r\n")),
              "position: add: what it reads from iota depends on the position"));
  CHECK(holds(refusal(R"(func @main(%x: f32[T,N,3]) -> (y: f32[T,N,3]) {
    %zero = broadcast f32(0) {shape=[N,3]}
    %h, %y = scan {length=T, reverse=true} carry(%s = %zero) in(%xt = %x) {
      %b = add %s, %xt
      yield %b emit %b
    } loc("lstm")
    return %y
  })"),
              "lstm: scan: runs backwards in time"));
}

TEST_CASE("streaming: the time axis") {
  const std::string two = R"(func @main(%x: f32[N,A,B]) -> (y: f32[N,A,B]) {
    %y = neg %x
    return %y
  })";
  CHECK(holds(refusal(two), "which axis is time does not follow from the model"));
  CHECK(holds(refusal(two, {.time = "C"}), "no input has a dim \"C\""));
  CHECK(holds(refusal(two, {.time = "x:3"}), "has no axis 3"));
  CHECK(holds(refusal(two, {.time = "z:0"}), "no input is called \"z\""));
  CHECK(holds(plan_text(two, {.time = "B"}), "input     x: f32[N,A,B], time is axis 2\n"));
  CHECK(holds(plan_text(two, {.time = "x:1"}), "input     x: f32[N,A,B], time is axis 1\n"));
}

TEST_CASE("streaming: a fixed number of frames becomes any number") {
  const std::string text = plan_text(R"(func @main(%x: f32[1,10,3], %w: f32[2,3]) -> (y: f32[1,10,2]) {
    %t = transpose %x {perm=[1,0,2]}
    %zero = broadcast f32(0) {shape=[1,3]}
    %h, %e = scan {length=10} carry(%s = %zero) in(%xt = %t) {
      %b = add %s, %xt
      yield %b emit %b
    }
    %u = transpose %e {perm=[1,0,2]}
    %y = contract %u, %w {spec="nti,ji->ntj"}
    return %y
  })");
  CHECK(holds(text, "input     x: f32[1,T,3], time is axis 1\n"));
  CHECK(holds(text, "output    y: f32[1,T,2], time is axis 1\n"));
}

TEST_CASE("streaming: states of the model are bound by name") {
  const std::string model = R"(func @main(%x: f32[N,3], %h: f32[N,3], %c: i32[N,3]) -> (y: f32[N,3], hn: f32[N,3]) {
    %s = add %x, %h
    return %s, %s
  })";
  const std::string text = plan_text(model, {.states = {{"h", "hn"}}});
  CHECK(holds(text, "time      one call is one step\nstreams   N together\n"));
  CHECK(holds(text, "state     h: f32[N,3], 12*N bytes: the model's own, next from output \"hn\"\n"));
  CHECK(holds(refusal(model, {.states = {{"k", "hn"}}}), "state k:hn: no input is called \"k\""));
  CHECK(holds(refusal(model, {.states = {{"h", "z"}}}), "state h:z: no output is called \"z\""));
  CHECK(holds(refusal(model, {.states = {{"c", "hn"}}}), "the input is i32[N,3] and the output f32[N,3]"));
  CHECK(holds(refusal(model, {.states = {{"h", "hn"}, {"h", "hn"}}}), "bound twice"));
}

TEST_SUITE_END();
