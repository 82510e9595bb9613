#include "runtime/decoding/stepper.h"

#include <doctest/doctest.h>

#include "frontend/dsl/dsl.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::decoding;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using test::contains;
using test::refusal;

namespace {

constexpr int64_t kTokens = 5, kHidden = 7;

/// An LSTM over tokens whose states are inputs, with a vector for each row.
runtime::Session language_model() {
  dsl::Model model("next", 3);
  const Dim n = Dim::symbol("N");
  const Var x = model.input("x", DType::i64, {Dim::symbol("T"), n});
  const Var h = model.input("h", DType::f32, {n, kHidden}), c = model.input("c", DType::f32, {n, kHidden});
  const Var about = model.input("about", DType::f32, {2, n, kTokens});  // rows are not the first dim
  const Var in = dsl::embedding_parameters(model, "table", kTokens, 4)(x);
  const dsl::Scanned y = dsl::scan(dsl::lstm_parameters(model, "lstm", 4, kHidden), in, {h, c});
  const Var logits = dsl::dense_parameters(model, "dense", kHidden, kTokens)(y.outputs[0]);
  model.output("h_next", y.states[0]);
  model.output("c_next", y.states[1]);
  model.output("logits", logits + dsl::select(about, 0, 1));
  return runtime::Session(runtime::Program::compile(std::move(model.finish()->functions[0])));
}

Tensor about(int64_t rows) {
  Tensor result(DType::f32, {2, rows, kTokens});
  for (int64_t i = 0; i < result.count(); ++i) result.set_real(i, static_cast<double>(i * 7 % 11) / 11);
  return result;
}

const std::map<std::string, std::string> kStates = {{"h_next", "h"}, {"c_next", "c"}};

}  // namespace

TEST_CASE("stepper: token by token gives what the whole sequence gives, whatever happens to the rows") {
  runtime::Session whole = language_model();
  const Tensor x = Tensor::i64({4, 3}, {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1}), zero(DType::f32, {3, kHidden});
  const Tensor want = whole.run({x, zero, zero, about(3)})[2];
  const auto check = [&](const Tensor& got, int64_t step, const std::vector<int64_t>& order) {
    REQUIRE(got.shape() == std::vector<int64_t>{static_cast<int64_t>(order.size()), kTokens});
    for (size_t i = 0; i < order.size(); ++i)
      for (int64_t k = 0; k < kTokens; ++k)
        CHECK(got.real(static_cast<int64_t>(i) * kTokens + k) ==
              doctest::Approx(want.real((step * 3 + order[i]) * kTokens + k)).epsilon(1e-5));
  };
  const auto tokens = [&](int64_t step, const std::vector<int64_t>& order) {
    std::vector<int64_t> result;
    for (const int64_t row : order) result.push_back(x.integer(step * 3 + row));
    return result;
  };
  runtime::Session session = language_model();
  Stepper model(session, kStates);
  for (int round = 0; round < 2; ++round) {  // start() forgets the states
    model.start({{"about", about(3)}});
    const std::vector<std::vector<int64_t>> orders = {{0, 1, 2}, {0, 1, 2}, {2, 2, 0, 1}, {2, 1}};
    const std::vector<std::vector<int64_t>> from = {{0, 1, 2}, {0, 1, 2}, {2, 2, 0, 1}, {1, 3}};
    for (size_t step = 0; step < orders.size(); ++step) {
      const auto at = static_cast<int64_t>(step);
      check(model.read(tokens(at, orders[step]), from[step]), at, orders[step]);
    }
  }
}

TEST_CASE("stepper: what does not fit is named") {
  const std::vector<int64_t> zero = {0}, two = {0, 1};
  runtime::Session session = language_model();
  CHECK(contains(refusal([&] { Stepper(session, {{"h_new", "h"}}); }), "no output \"h_new\""));
  CHECK(contains(refusal([&] { Stepper(session, {{"h_next", "g"}}); }), "no input \"g\""));
  CHECK(contains(refusal([&] { Stepper(session, {{"logits", "h"}}); }), "the output is f32[T,N,5], but"));
  CHECK(contains(refusal([&] { Stepper(session, kStates, {.tokens = "h"}); }), "expected i32 or i64"));
  CHECK(contains(refusal([&] { Stepper(session, kStates, {.scores = "h_next"}); }), "the vocabulary's"));
  Stepper model(session, kStates);
  CHECK(contains(refusal([&] { model.read(zero, zero); }), "input \"about\": expected f32[2,N,5] from start()"));
  CHECK(contains(refusal([&] { model.start({{"x", Tensor()}}); }), "\"x\" is no input that the model starts with"));
  model.start({{"about", about(1)}});
  CHECK(contains(refusal([&] { model.read(two, zero); }), "2 tokens for 1 rows"));
  CHECK(contains(refusal([&] { model.read(zero, std::vector<int64_t>{1}); }), "row 1, expected one of the 1"));
}

TEST_CASE("rows in another order, along any axis") {
  const Tensor x = Tensor::i64({2, 3, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const std::vector<int64_t> rows = {2, 0, 2, 1}, none = {};
  CHECK(take_rows(x, 1, rows).identical(Tensor::i64({2, 4, 2}, {4, 5, 0, 1, 4, 5, 2, 3, 10, 11, 6, 7, 10, 11, 8, 9})));
  CHECK(take_rows(x, 0, std::vector<int64_t>{1}).identical(Tensor::i64({1, 3, 2}, {6, 7, 8, 9, 10, 11})));
  CHECK(take_rows(x, 2, none).type_str() == "i64[2,3,0]");
}
