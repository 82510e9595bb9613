#include <cmath>

#include "tests/ir/interpreter_support.h"

using namespace seqc;
using namespace seqc::ir;

namespace {

using Values = std::vector<Value*>;

Dim name(const char* text) { return Dim::symbol(text); }

/// Cumulative sum over the leading dim T of x[T,N], with the final sum.
std::unique_ptr<Function> cumulative_sum(bool reverse) {
  auto function = std::make_unique<Function>("main");
  Value* x = function->body().add_argument({DType::f32, {name("T"), name("N")}}, "x");
  Value* start = function->body().add_argument({DType::f32, {name("N")}}, "start");
  Builder b(*function);
  const Op* scan = b.scan(
      name("T"), {start}, {x},
      [](Builder& inner, const Values& arguments) {
        Value* sum = inner.add(arguments[0], arguments[1]);
        return Values{sum, sum, inner.mul(sum, 2.0)};
      },
      reverse);
  b.return_({scan->result(0), scan->result(1), scan->result(2)});
  return function;
}

/// y[t] = h[t] of an LSTM with gates i, o, f, g, by its equations in double.
std::vector<double> lstm_oracle(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& bias, int64_t hidden) {
  const int64_t length = x.shape()[0], inputs = x.shape()[1];
  const auto sigmoid = [](double a) { return 1 / (1 + std::exp(-a)); };
  std::vector<double> h(hidden), c(hidden), z(4 * hidden), y;
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t j = 0; j < 4 * hidden; ++j) {
      z[j] = bias.real(j);
      for (int64_t k = 0; k < inputs; ++k) z[j] += w.real(j * inputs + k) * x.real(t * inputs + k);
      for (int64_t k = 0; k < hidden; ++k) z[j] += r.real(j * hidden + k) * h[k];
    }
    for (int64_t j = 0; j < hidden; ++j) {
      c[j] = sigmoid(z[2 * hidden + j]) * c[j] + sigmoid(z[j]) * std::tanh(z[3 * hidden + j]);
      h[j] = sigmoid(z[hidden + j]) * std::tanh(c[j]);
    }
    y.insert(y.end(), h.begin(), h.end());
  }
  return y;
}

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("interpreter: scan sums forwards and backwards, for every length") {
    for (const bool reverse : {false, true}) {
      const auto function = cumulative_sum(reverse);
      for (const int64_t length : {0, 1, 2, 7, 100}) {
        for (const int64_t batch : {1, 3, 0}) {
          const Tensor x = ramp(DType::f32, {length, batch}), start = ramp(DType::f32, {batch}, 100);
          const auto got = interpret(*function, {x, start});
          REQUIRE(got[1].shape() == Index{length, batch});
          std::vector<double> sums = reals_of(start);
          for (int64_t step = 0; step < length; ++step) {
            const int64_t t = reverse ? length - 1 - step : step;
            for (int64_t n = 0; n < batch; ++n) {
              sums[n] += x.real(t * batch + n);
              CHECK(got[1].real(t * batch + n) == sums[n]);
              CHECK(got[2].real(t * batch + n) == 2 * sums[n]);
            }
          }
          CHECK(reals_of(got[0]) == sums);
        }
      }
    }
  }

  TEST_CASE("interpreter: a scan without scanned values counts its steps") {
    Function function("main");
    function.body().add_argument({DType::f32, {name("T")}}, "x");
    Builder b(function);
    const Op* scan = b.scan(
        name("T") + Dim(1), {b.constant(Tensor::i64({}, {5}))}, {},
        [](Builder& inner, const Values& arguments) { return Values{inner.add(arguments[0], 3.0), arguments[0]}; });
    b.return_({scan->result(0), scan->result(1)});
    const auto got = interpret(function, {Tensor(DType::f32, {2})});
    CHECK(got[0].integer(0) == 14);
    CHECK(integers_of(got[1]) == Index{5, 8, 11});
  }

  TEST_CASE("interpreter: nested scans read values of enclosing regions") {
    // r[i][j] = sum over i' <= i, j' <= j of (x[i'][j'] + offset), written as a scan in a scan.
    Function function("main");
    Value* x = function.body().add_argument({DType::i64, {name("A"), name("B")}}, "x");
    Value* offset = function.body().add_argument({DType::i64, {}}, "offset");
    Builder b(function);
    Value* zeros = b.broadcast(b.scalar(DType::i64, 0), {name("B")});
    const Op* outer = b.scan(name("A"), {zeros}, {x}, [&](Builder& rows, const Values& row) {
      Value* shifted = rows.add(row[1], offset);
      const Op* inner = rows.scan(
          name("B"), {rows.scalar(DType::i64, 0)}, {shifted, row[0]}, [&](Builder& columns, const Values& cell) {
            Value* sum = columns.add(cell[0], cell[1]);
            return Values{sum, columns.add(columns.add(sum, cell[2]), columns.sub(offset, offset))};
          });
      return Values{inner->result(1), inner->result(1)};
    });
    b.return_({outer->result(1)});
    const auto got = interpret(function, {ramp(DType::i64, {3, 4}), Tensor::i64({}, {1})});
    for_each_index({3, 4}, [&](const Index& index) {
      int64_t sum = 0;
      for (int64_t i = 0; i <= index[0]; ++i)
        for (int64_t j = 0; j <= index[1]; ++j) sum += 4 * i + j + 1;
      CHECK(got[0].integer(at({3, 4}, index)) == sum);
    });
    CHECK(interpret(function, {Tensor(DType::i64, {0, 4}), Tensor::i64({}, {1})})[0].shape() == Index{0, 4});
    CHECK(interpret(function, {Tensor(DType::i64, {4, 0}), Tensor::i64({}, {1})})[0].shape() == Index{4, 0});
  }

  TEST_CASE("interpreter: loop ends by its count or by its condition") {
    Function function("main");
    Value* count = function.body().add_argument({DType::i64, {}}, "count");
    Value* condition = function.body().add_argument({DType::boolean, {}}, "condition");
    Value* limit = function.body().add_argument({DType::i64, {}}, "limit");
    Builder b(function);
    const Op* loop = b.loop(count, condition, {b.scalar(DType::i64, 1), b.scalar(DType::i64, -1)},
                            [&](Builder& inner, const Values& arguments) {
                              Value* doubled = inner.mul(arguments[1], 2.0);
                              return Values{inner.lt(doubled, limit), doubled, arguments[0]};
                            });
    b.return_({loop->result(0), loop->result(1)});
    const auto run_loop = [&](int64_t n, bool start, int64_t end) {
      const auto got = interpret(function, {Tensor::i64({}, {n}), bools({}, {start}), Tensor::i64({}, {end})});
      return Index{got[0].integer(0), got[1].integer(0)};
    };
    CHECK(run_loop(5, true, 1000) == Index{32, 4});
    CHECK(run_loop(5, true, 7) == Index{8, 2});
    CHECK(run_loop(5, false, 1000) == Index{1, -1});
    CHECK(run_loop(0, true, 1000) == Index{1, -1});
    CHECK(run_loop(-3, true, 1000) == Index{1, -1});
    CHECK(run_loop(std::numeric_limits<int64_t>::max(), true, 100) == Index{128, 6});
  }

  TEST_CASE("interpreter: if takes one branch, also within a scan") {
    Function function("main");
    Value* x = function.body().add_argument({DType::f32, {name("T")}}, "x");
    Builder b(function);
    const Op* scan = b.scan(name("T"), {b.scalar(DType::f32, 0)}, {x}, [](Builder& inner, const Values& arguments) {
      const Op* branch = inner.if_(
          inner.lt(arguments[1], inner.scalar(DType::f32, 0)),
          [&](Builder& then, const Values&) { return Values{then.neg(arguments[1]), arguments[0]}; },
          [&](Builder& otherwise, const Values&) {
            return Values{arguments[1], otherwise.add(arguments[0], arguments[1])};
          });
      return Values{branch->result(1), branch->result(0)};
    });
    b.return_({scan->result(0), scan->result(1)});
    const auto got = interpret(function, {reals(DType::f32, {4}, {1, -2, 3, -4})});
    CHECK(got[0].real(0) == 4);
    CHECK(reals_of(got[1]) == std::vector<double>{1, 2, 3, 4});
  }

  TEST_CASE("interpreter: a kernel is its region") {
    Function function("main");
    Value* x = function.body().add_argument({DType::f32, {name("N")}}, "x");
    Builder b(function);
    Op* kernel = function.body().create(Opcode::Kernel, {}, KernelAttr{KernelKind::Map});
    Builder inner(function, kernel->add_region());
    Value* twice = inner.add(x, x);
    inner.yield({twice, inner.mul(twice, x)});
    for (const Type& type : infer(*kernel)) kernel->add_result(type);
    b.return_({kernel->result(1), kernel->result(0)});
    const auto got = interpret(function, {ramp(DType::f32, {3})});
    CHECK(integers_of(got[0]) == Index{0, 2, 8});
    CHECK(integers_of(got[1]) == Index{0, 2, 4});
  }

  TEST_CASE("interpreter: an LSTM written as a scan follows its equations over 2000 steps") {
    constexpr int64_t kHidden = 7, kInputs = 3, kLength = 2000;
    const Tensor x = random_tensor(DType::f32, {kLength, kInputs}, 1),
                 w = random_tensor(DType::f32, {4 * kHidden, kInputs}, 2);
    const Tensor r = random_tensor(DType::f32, {4 * kHidden, kHidden}, 3),
                 bias = random_tensor(DType::f32, {4 * kHidden}, 4);
    const auto got = run({x, w, r, bias}, [&](Builder& b, const Values& in) {
      Value* zeros = b.constant(Tensor(DType::f32, {kHidden}));
      const Op* scan = b.scan(Dim(kLength), {zeros, zeros}, {in[0]}, [&](Builder& s, const Values& step) {
        Value* z = s.add(s.linear(step[2], in[1], in[3]), s.linear(step[0], in[2], nullptr));
        const auto gate = [&](int64_t which) { return s.slice_axis(z, 0, Dim(which * kHidden), Dim(kHidden)); };
        Value* cell = s.add(s.mul(s.sigmoid(gate(2)), step[1]), s.mul(s.sigmoid(gate(0)), s.tanh(gate(3))));
        Value* hidden = s.mul(s.sigmoid(gate(1)), s.tanh(cell));
        return Values{hidden, cell, hidden};
      });
      return Values{scan->result(2)};
    });
    const std::vector<double> expected = lstm_oracle(x, w, r, bias, kHidden);
    REQUIRE(got[0].count() == static_cast<int64_t>(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(got[0].real(i) - expected[i]) < 2e-5);
  }

  TEST_CASE("interpreter: errors name the source and the op") {
    Function function("main");
    Value* x = function.body().add_argument({DType::f32, {name("T")}}, "x");
    Value* i = function.body().add_argument({DType::i64, {Dim(1)}}, "i");
    Builder b(function);
    b.set_location("/enc/pick");
    b.return_({b.emit(Opcode::Gather, {x, i}, AxisAttr{0})});
    const auto message = error_of([&] { interpret(function, {Tensor(DType::f32, {0}), Tensor::i64({1}, {2})}); });
    CHECK(message == "/enc/pick: gather: got index 2 into an axis of size 0, expected no indices");
  }
}
