// Streams: chunks of any size give the bits of the whole; states that are saved, restored, cloned, reset row by row.
#include "runtime/stream.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/infer.h"
#include "ir/parser.h"
#include "passes/streaming/streaming.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/runtime/allocation_counter.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"
#include "tests/support/streams.h"

using namespace seqc;
using ir::DType;
using ir::Tensor;
using runtime::Stream;
using runtime::StreamOptions;
using runtime::StreamProgram;
using test::ModelBuilder;
using test::Random;
using Tensors = std::vector<Tensor>;

namespace {

std::unique_ptr<ir::Function> parse(const std::string& text) { return std::move(ir::parse_module(text)->functions[0]); }

/// Chunkings of a text's function on random inputs with these dims.
std::string check(const std::string& text, const ir::DimBindings& dims, const StreamOptions& options = {.time = "T"}) {
  const auto function = parse(text);
  return test::compare_chunkings(*function, options, test::random_inputs(*function, dims, 7));
}

std::unique_ptr<ir::Function> import(const ModelBuilder& model) {
  const test::TempDir folder;
  return runtime::load_function(model.save(folder / "model.onnx"));
}

/// x [T,N,3] through layers of an operator of 5 units.
ModelBuilder layers(const std::string& op, int count) {
  const int64_t gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1;
  ModelBuilder model(17);
  Random random(11);
  model.input("x", DType::f32, {"T", "N", 3});
  std::string x = "x";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    const int64_t in = i == 0 ? 3 : 5;
    model.initializer("W" + n, test::random_tensor(DType::f32, {1, gates * 5, in}, random));
    model.initializer("R" + n, test::random_tensor(DType::f32, {1, gates * 5, 5}, random));
    model.initializer("B" + n, test::random_tensor(DType::f32, {1, 2 * gates * 5}, random));
    model.node(op, {x, "W" + n, "R" + n, "B" + n}, {"Y" + n, "H" + n}).name("layer" + n).attr("hidden_size", 5);
    model.initializer("axes" + n, Tensor::i64({1}, {1}));
    model.node("Squeeze", {"Y" + n, "axes" + n}, {"y" + n});
    x = "y" + n;
  }
  model.node("Relu", {x}, {"out"});
  model.output("out", DType::f32, {"T", "N", 5});
  return model;
}

std::shared_ptr<const StreamProgram> lstm() {
  static const auto program = StreamProgram::compile(*import(layers("LSTM", 2)));
  return program;
}

Tensors frames(int64_t count, int64_t rows, uint64_t seed) {
  Random random(seed);
  return {test::random_tensor(DType::f32, {count, rows, 3}, random)};
}

bool identical(const Tensors& a, const Tensors& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!a[i].identical(b[i])) return false;
  return true;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) MESSAGE("got: " << text);
  return text.find(part) != std::string::npos;
}

const std::string kConv = "strides=[1], dilations=[1], input_dilations=[1]";

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("streams: recurrent layers in chunks") {
  for (const char* op : {"RNN", "GRU", "LSTM"})
    for (const int count : {1, 3}) {
      CAPTURE(op);
      CAPTURE(count);
      const auto function = import(layers(op, count));
      CHECK(test::compare_chunkings(*function, {}, frames(33, 3, 5)) == "");
    }
}

TEST_CASE("streams: a recurrence of one's own, its last state, and one that begins with an input") {
  const std::string body = R"(
    %h, %y = scan {length=T} carry(%s = %zero) in(%xt = %x) {
      %a = contract %s, %w {spec="ni,ji->nj"}
      %b = add %a, %xt
      %c = tanh %b
      yield %c emit %a
    }
    return %y, %h
  })";
  const std::string types = "%w: f32[3,3]) -> (y: f32[T,N,3], h: f32[N,3]) {";
  CHECK(check("func @main(%x: f32[T,N,3], " + types + "%zero = broadcast f32(0.5) {shape=[N,3]}" + body,
              {{"T", 21}, {"N", 2}}) == "");
  CHECK(check("func @main(%x: f32[T,N,3], %zero: f32[N,3], " + types + body, {{"T", 21}, {"N", 2}}) == "");
}

TEST_CASE("streams: convolutions along time") {
  const auto signal = [](const std::string& size, const std::string& body, const std::string& kernel = "4,2,3") {
    return "func @main(%x: f32[N,2,T], %w: f32[" + kernel + "]) -> (y: f32[N,4," + size + "]) {" + body +
           " return %y }";
  };
  const auto conv = [](int stride, int dilation, int lo, int hi) {
    return fmt::format("{{strides=[{}], dilations=[{}], input_dilations=[1], pads_lo=[{}], pads_hi=[{}]}} ", stride,
                       dilation, lo, hi);
  };
  const auto size = [](int window, int stride, int pads) {
    return ir::window_output(ir::Dim::symbol("T"), window, stride, 1, 1, pads, 0).str();
  };
  const ir::DimBindings dims = {{"T", 40}, {"N", 2}};
  CHECK(check(signal("T", "%y = conv %x, %w " + conv(1, 1, 2, 0)), dims) == "");
  CHECK(check(signal("T", "%y = conv %x, %w " + conv(1, 3, 6, 0)), dims) == "");
  CHECK(check(signal("max(0, T - 2)", "%y = conv %x, %w " + conv(1, 1, 0, 0)), dims) == "");
  CHECK(check(signal("max(0, T - 1)", "%y = conv %x, %w " + conv(1, 1, 1, 0)), dims) == "");
  CHECK(check(signal(size(3, 2, 1), "%y = conv %x, %w " + conv(2, 1, 1, 0)), dims) == "");
  CHECK(check(signal(size(3, 2, 2), "%y = conv %x, %w " + conv(2, 1, 1, 1)), dims) == "");
  CHECK(check(signal(size(3, 2, 0), "%y = conv %x, %w " + conv(2, 1, 0, 0)), dims) == "");
  CHECK(check(signal(size(3, 5, 0), "%y = conv %x, %w " + conv(5, 1, 0, 0)), dims) == "");
  CHECK(check(signal(size(8, 4, 4), "%y = conv %x, %w " + conv(4, 1, 4, 0), "4,2,8"), dims) == "");
  // Padded on both sides and cut; shifted; padded in front by an op of its own.
  CHECK(check(signal("T", "%a = conv %x, %w " + conv(1, 1, 2, 2) +
                              "%b = max %a, f32(0)"
                              "%y = slice %b {starts=[0,0,0], sizes=[N,4,T], steps=[1,1,1]}"),
              dims) == "");
  CHECK(check(signal("T", "%p = pad %x, f32(0) {lo=[0,0,2], hi=[0,0,0]} %y = conv %p, %w " + conv(1, 1, 0, 0)), dims) ==
        "");
  CHECK(check(signal("T",
                     "%p = pad %x, f32(0.25) {lo=[0,0,1], hi=[0,0,0]} "
                     "%s = slice %p {starts=[0,0,0], sizes=[N,2,T], steps=[1,1,1]} %y = conv %s, %w " +
                         conv(1, 1, 2, 0)),
              dims) == "");
  // One behind the other, and beside one another.
  CHECK(check(signal("max(0, max(0, T - 2) - 2)",
                     "%a = conv %x, %w " + conv(1, 1, 0, 0) +
                         "%b = slice %a {starts=[0,0,0], sizes=[N,2,max(0, T - 2)], steps=[1,2,1]}"
                         "%y = conv %b, %w " +
                         conv(1, 1, 0, 0)),
              dims) == "");
  CHECK(check(signal("max(0, T - 2)", "%a = conv %x, %w " + conv(1, 1, 0, 0) +
                                          "%b = slice %x {starts=[0,0,2], sizes=[N,1,max(0, T - 2)], steps=[1,1,1]}"
                                          "%y = add %a, %b"),
              dims) == "");
  CHECK(check(signal("max(0, T - 2)", "%a = conv %x, %w " + conv(1, 1, 0, 0) +
                                          "%b = slice %x {starts=[0,0,0], sizes=[N,1,max(0, T - 2)], steps=[1,1,1]}"
                                          "%y = add %a, %b"),
              dims) == "");
}

TEST_CASE("streams: pooling, every other frame, the last frames") {
  const ir::DimBindings dims = {{"T", 36}, {"N", 2}};
  CHECK(check("func @main(%x: f32[N,2,T]) -> (y: f32[N,2,floordiv(T, 2)]) {"
              "%y = reduce_window %x {kind=max, window=[2], strides=[2], dilations=[1], pads_lo=[0], pads_hi=[0]} "
              "return %y }",
              dims) == "");
  CHECK(check("func @main(%x: f32[N,2,T]) -> (y: f32[N,2,T]) {"
              "%y = reduce_window %x {kind=max, window=[3], strides=[1], dilations=[1], pads_lo=[2], pads_hi=[0]} "
              "return %y }",
              dims) == "");
  CHECK(check("func @main(%x: f32[N,2,T]) -> (y: f32[N,2,floordiv(T - 1, 3) + 1]) {"
              "%y = slice %x {starts=[0,0,0], sizes=[N,2,floordiv(T - 1, 3) + 1], steps=[1,1,3]} return %y }",
              dims) == "");
  CHECK(check("func @main(%x: f32[N,2,T]) -> (y: f32[N,2,1], z: f32[N,2,3]) {"
              "%y = slice %x {starts=[0,0,T - 1], sizes=[N,2,1], steps=[1,1,1]}"
              "%z = slice %x {starts=[0,0,T - 3], sizes=[N,2,3], steps=[1,1,1]} return %y, %z }",
              dims) == "");
}

TEST_CASE("streams: a strided convolution in front of a recurrence") {
  const std::string text =
      R"(func @main(%x: f32[N,2,T], %w: f32[3,2,4], %r: f32[3,3]) -> (y: f32[S,N,3], last: f32[N,3]) {
    %a = conv %x, %w {strides=[4], dilations=[1], input_dilations=[1], pads_lo=[PAD], pads_hi=[0]}
    %b = transpose %a {perm=[2,0,1]}
    %zero = broadcast f32(0) {shape=[N,3]}
    %h, %y = scan {length=S} carry(%s = %zero) in(%xt = %b) {
      %c = contract %s, %r {spec="ni,ji->nj"}
      %d = add %c, %xt
      %e = sigmoid %d
      yield %e emit %e
    }
    return %y, %h
  })";
  for (const int pad : {0, 1, 3}) {
    CAPTURE(pad);
    std::string own = text;
    const std::string size = ir::window_output(ir::Dim::symbol("T"), 4, 4, 1, 1, pad, 0).str();
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"PAD", std::to_string(pad)},
                                   {"[S,", "[" + size + ","},
                                   {"length=S", "length=" + size}})
      own.replace(own.find(from), from.size(), to);
    CHECK(check(own, {{"T", 48}, {"N", 3}}) == "");
  }
}

TEST_CASE("streams: frames merged with rows, as a dense layer sees them") {
  CHECK(check(R"(func @main(%x: f32[T,N,3], %w: f32[4,3]) -> (y: f32[T,N,4]) {
    %a = reshape %x {shape=[T*N,3]}
    %b = contract %a, %w {spec="ni,ji->nj"}
    %c = tanh %b
    %y = reshape %c {shape=[T,N,4]}
    return %y
  })",
              {{"T", 17}, {"N", 3}}) == "");
}

TEST_CASE("streams: state is saved, restored and cloned in the middle") {
  const Tensors all = frames(20, 2, 3);
  Stream stream(lstm(), 2);
  stream.step({test::take_frames(all[0], 0, 0, 9)});
  const std::vector<std::byte> saved = stream.save();
  Stream other = stream.clone();
  const Tensors rest = {test::take_frames(all[0], 0, 9, 11)};
  const Tensors want = stream.step(rest);
  CHECK(identical(other.step(rest), want));
  CHECK(other.frames() == 20);
  Stream third(lstm(), 2);
  third.step(frames(4, 2, 99));
  third.restore(saved);
  CHECK(third.frames() == 9);
  CHECK(identical(third.step(rest), want));
  third.reset();
  Stream fresh(lstm(), 2);
  CHECK(identical(third.step(all), fresh.step(all)));

  CHECK(holds(error_of([&] { Stream(lstm(), 3).restore(saved); }), "is of 2 rows, expected 3"));
  CHECK(holds(error_of([&] { third.restore(std::span(saved).first(saved.size() - 1)); }), "cut short or damaged"));
  CHECK(holds(error_of([&] { third.restore(std::span(saved).first(7)); }), "7 bytes are none"));
  std::vector<std::byte> wrong = saved;
  wrong[0] = std::byte{0};
  CHECK(holds(error_of([&] { third.restore(wrong); }), "none that a stream saved"));
  Stream gru(StreamProgram::compile(*import(layers("GRU", 2))), 2);
  CHECK(holds(error_of([&] { gru.restore(saved); }), "belongs to another model"));
}

TEST_CASE("streams: rows of a batch are streams of their own") {
  constexpr int64_t kRows = 3;
  std::vector<Stream> singles;
  for (int64_t row = 0; row < kRows; ++row) singles.emplace_back(lstm());
  Stream batch(lstm(), kRows);
  for (int step = 0; step < 6; ++step) {
    const Tensors x = frames(step % 2 == 0 ? 1 : 4, kRows, static_cast<uint64_t>(step));
    if (step == 2) {
      batch.reset(1);
      singles[1].reset();
    }
    if (step == 4) {  // row 2 takes the place of row 0
      batch.restore(0, batch.save(2));
      singles[0].restore(singles[2].save());
    }
    const Tensors y = batch.step(x);
    for (int64_t row = 0; row < kRows; ++row)
      CHECK(identical(singles[static_cast<size_t>(row)].step({test::take_frames(x[0], 1, row, 1)}),
                      {test::take_frames(y[0], 1, row, 1)}));
  }
  singles[0].restore(batch.save(2));
  CHECK(holds(error_of([&] { batch.reset(3); }), "there are 3 rows"));
}

TEST_CASE("streams: rows that cannot be at different places say so") {
  const auto late =
      StreamProgram::compile(*parse("func @main(%x: f32[N,1,T], %w: f32[1,1,3]) -> (y: f32[N,1,max(0, T - 2)]) {"
                                    "%y = conv %x, %w {" +
                                    kConv + ", pads_lo=[0], pads_hi=[0]} return %y }"),
                             {.time = "T"});
  Stream stream(late, 2);
  Random random(1);
  const Tensor w = test::random_tensor(DType::f32, {1, 1, 3}, random);
  CHECK(stream.step({test::random_tensor(DType::f32, {2, 1, 1}, random), w})[0].shape() ==
        std::vector<int64_t>{2, 1, 0});
  CHECK(holds(error_of([&] { stream.reset(1); }), "another place of its beginning"));
  CHECK(stream.step({test::random_tensor(DType::f32, {2, 1, 2}, random), w})[0].shape() ==
        std::vector<int64_t>{2, 1, 1});
}

TEST_CASE("streams: frames that fill no hop wait, and are saved") {
  const auto program = StreamProgram::compile(
      *parse(
          "func @main(%x: f32[N,1,T], %w: f32[1,1,4]) -> (y: f32[N,1,max(0, floordiv(T - 1, 3) + 1)]) {"
          "%y = conv %x, %w {strides=[3], dilations=[1], input_dilations=[1], pads_lo=[3], pads_hi=[0]} return %y }"),
      {.time = "T"});
  CHECK(program->plan().hop == 3);
  Random random(1);
  const Tensor x = test::random_tensor(DType::f32, {2, 1, 9}, random),
               w = test::random_tensor(DType::f32, {1, 1, 4}, random);
  Stream stream(program, 2);
  const Tensor want = stream.step({x, w})[0];
  stream.reset();
  CHECK(stream.step({test::take_frames(x, 2, 0, 2), w})[0].shape() == std::vector<int64_t>{2, 1, 0});
  const std::vector<std::byte> saved = stream.save();
  for (Stream& other : std::array{stream.clone(), Stream(program, 2)}) {
    if (other.frames() == 0) other.restore(saved);
    const Tensors rest = other.step({test::take_frames(x, 2, 2, 7), w});
    CHECK(rest[0].identical(want));
  }
}

TEST_CASE("streams: a step allocates nothing once it is prepared") {
  if (!test::AllocationCounter::works()) return;
  Stream stream(lstm(), 2);
  stream.prepare(8);
  Tensors x = frames(8, 2, 1);
  Tensor y(DType::f32, {8, 2, 5});
  std::array<seqc_tensor, 1> in = {runtime::view(x[0])}, out = {runtime::mutable_view(y)};
  const test::AllocationCounter counter;
  for (int64_t i = 0; i < 40; ++i) {
    in[0].shape[0] = i % 9;
    REQUIRE(stream.step(in, out) == SEQC_OK);
    REQUIRE(out[0].shape[0] == i % 9);
  }
  CHECK(counter.count() == 0);
}

TEST_CASE("streams: inputs that do not fit are refused, and change nothing") {
  Stream stream(lstm(), 2);
  const Tensors x = frames(3, 2, 1);
  stream.step(x);
  const std::vector<std::byte> saved = stream.save();
  CHECK(holds(error_of([&] { stream.step(frames(3, 3, 1)); }), "the inputs have N = 3, and these are 2 streams"));
  CHECK(holds(error_of([&] { stream.step({}); }), "got 0 inputs, expected 1"));
  CHECK(holds(error_of([&] { stream.step({Tensor(DType::f64, {1, 2, 3})}); }), "the element type must be f32"));
  CHECK(stream.save() == saved);
  CHECK(holds(error_of([&] { Stream(lstm(), 0); }), "got 0 rows"));
}

TEST_SUITE_END();
