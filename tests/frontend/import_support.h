/// Shared by the tests of the ONNX importer: models from memory, runs by the interpreter, the errors they end in.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "tests/support/onnx_model.h"

namespace seqc::test {

inline std::unique_ptr<ir::Function> import_bytes(const std::string& bytes,
                                                  const frontend::ImportOptions& options = {}) {
  auto function = frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "test.onnx", options);
  ir::verify_or_throw(*function, "import");
  return function;
}

inline std::unique_ptr<ir::Function> import_built(const ModelBuilder& model,
                                                  const frontend::ImportOptions& options = {}) {
  return import_bytes(model.bytes(), options);
}

/// Imports and interprets.
inline std::vector<Tensor> run_built(const ModelBuilder& model, const std::vector<Tensor>& inputs,
                                     const frontend::ImportOptions& options = {}) {
  return ir::interpret(*import_built(model, options), inputs);
}

inline std::vector<double> numbers(const Tensor& tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.count(); ++i) values.push_back(tensor.real(i));
  return values;
}

/// The error that `action` ends in; fails the test when it does not.
template <class F>
Error error_of(F&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  FAIL("expected an error");
  return Error(ErrorKind::Internal, "");
}

inline bool contains(const Error& error, std::string_view part) {
  return std::string_view(error.what()).find(part) != std::string_view::npos;
}

/// "" or the first element beyond atol + rtol*|want|.
inline std::string find_difference(const Tensor& got, const Tensor& want, double rtol, double atol) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return fmt::format("got {}, expected {}", got.type_str(), want.type_str());
  for (int64_t i = 0; want.dtype() == DType::string && i < want.count(); ++i)
    if (got.text(i) != want.text(i))
      return fmt::format("element {} is \"{}\", expected \"{}\"", i, got.text(i), want.text(i));
  for (int64_t i = 0; want.dtype() != DType::string && i < want.count(); ++i) {
    const double a = got.real(i), b = want.real(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::fabs(a - b) <= atol + rtol * std::fabs(b))) return fmt::format("element {} is {}, expected {}", i, a, b);
  }
  return "";
}

}  // namespace seqc::test
