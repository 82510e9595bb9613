/// Helpers of the interpreter's tests: tensors from lists, one op applied to tensors, a naive index walk.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/interpreter.h"

namespace seqc::ir {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Index = std::vector<int64_t>;

inline Tensor reals(DType type, Index shape, const std::vector<double>& values) {
  Tensor tensor(type, std::move(shape));
  REQUIRE(tensor.count() == static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) tensor.set_real(static_cast<int64_t>(i), values[i]);
  return tensor;
}

inline Tensor integers(DType type, Index shape, const std::vector<int64_t>& values) {
  Tensor tensor(type, std::move(shape));
  REQUIRE(tensor.count() == static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) tensor.set_integer(static_cast<int64_t>(i), values[i]);
  return tensor;
}

inline Tensor bools(Index shape, const std::vector<int64_t>& values) {
  return integers(DType::boolean, std::move(shape), values);
}

/// [first, first + 1, ...]
inline Tensor ramp(DType type, Index shape, int64_t first = 0) {
  Tensor tensor(type, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_integer(i, first + i);
  return tensor;
}

/// Small integers for integer types, numbers in [-1, 1) for floats.
inline Tensor random_tensor(DType type, Index shape, uint32_t seed) {
  std::mt19937 generator(seed);
  Tensor tensor(type, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const auto draw = static_cast<int64_t>(generator());
    if (is_float(type))
      tensor.set_real(i, static_cast<double>(draw) / (int64_t{1} << 31) - 1);
    else
      tensor.set_integer(i, draw % 19 - 9);
  }
  return tensor;
}

inline std::vector<double> reals_of(const Tensor& tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.count(); ++i) values.push_back(tensor.real(i));
  return values;
}

inline std::vector<int64_t> integers_of(const Tensor& tensor) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor.count(); ++i) values.push_back(tensor.integer(i));
  return values;
}

inline Type type_of(const Tensor& tensor) {
  return {tensor.dtype(), Shape(tensor.shape().begin(), tensor.shape().end())};
}

/// A function whose arguments have the types of `inputs`, built by `body`, and its results.
using Body = std::function<std::vector<Value*>(Builder&, const std::vector<Value*>&)>;
inline std::vector<Tensor> run(const std::vector<Tensor>& inputs, const Body& body) {
  Function function("main");
  std::vector<Value*> arguments;
  for (const Tensor& input : inputs) arguments.push_back(function.body().add_argument(type_of(input)));
  Builder b(function);
  b.return_(body(b, arguments));
  return interpret(function, inputs);
}

/// All results of one op, by `evaluate` and by `interpret`, which must agree.
inline std::vector<Tensor> apply_all(Opcode code, const std::vector<Tensor>& operands, const Attr& attr) {
  std::vector<Tensor> direct;
  const std::vector<Tensor> whole = run(operands, [&](Builder& b, const std::vector<Value*>& arguments) {
    const Op* op = b.create(code, arguments, attr);
    direct = evaluate(*op, operands);
    std::vector<Value*> results;
    for (size_t i = 0; i < op->result_count(); ++i) results.push_back(op->result(i));
    return results;
  });
  REQUIRE(direct.size() == whole.size());
  for (size_t i = 0; i < direct.size(); ++i) CHECK(direct[i].identical(whole[i]));
  return direct;
}

inline Tensor apply(Opcode code, const std::vector<Tensor>& operands, const Attr& attr) {
  return apply_all(code, operands, attr).at(0);
}
inline Tensor apply(Opcode code, const std::vector<Tensor>& operands) {
  return apply(code, operands, info(code).default_attr);
}

/// The message of the Error that `f` throws; "" if none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Calls f with every index of `shape` in row-major order.
template <class F>
void for_each_index(const Index& shape, F&& f) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  for (int64_t flat = 0; flat < count; ++flat) {
    Index index(shape.size());
    int64_t rest = flat;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) index[d] = rest % shape[d];
    f(index);
  }
}

/// Row-major position of an index.
inline int64_t at(const Index& shape, const Index& index) {
  int64_t flat = 0;
  for (size_t d = 0; d < shape.size(); ++d) flat = flat * shape[d] + index[d];
  return flat;
}

}  // namespace seqc::ir
