#include "runtime/training/data/numbers.h"

#include <cmath>
#include <cstring>
#include <optional>

#include "ir/error.h"
#include "runtime/training/data/dataset.h"

namespace seqc::training {
namespace {

using ir::DType;
using ir::Tensor;

/// "[3,0]" of the element that lies there.
std::string place(const Tensor& values, int64_t element) {
  std::vector<int64_t> index(values.shape().size());
  for (size_t axis = index.size(); axis-- > 0; element /= values.shape()[axis])
    index[axis] = element % values.shape()[axis];
  return fmt::format("[{}]", fmt::join(index, ","));
}

void check_number(const Tensor& values, std::string_view where) {
  if (!ir::is_arithmetic(values.dtype()))
    fail(ErrorKind::BadInput, "{}: {} holds text, expected numbers", where, values.type_str());
}

/// The first float that is not finite.
template <class T>
std::optional<int64_t> first_infinite(const Tensor& values) {
  const auto data = values.data<T>();
  T sum = 0;  // times 0 each: 0 if all are finite; one pass that vectorises
  for (const T value : data) sum += value * T(0);
  if (sum == 0) return std::nullopt;
  for (size_t i = 0; i < data.size(); ++i)
    if (!std::isfinite(data[i])) return static_cast<int64_t>(i);
  return std::nullopt;
}

}  // namespace

void check_finite(const std::string& input, const Tensor& values) {
  std::optional<int64_t> bad;
  if (values.dtype() == DType::f32)
    bad = first_infinite<float>(values);
  else if (values.dtype() == DType::f64)
    bad = first_infinite<double>(values);
  else if (ir::is_float(values.dtype()))
    for (int64_t i = 0; i < values.count() && !bad; ++i)
      if (!std::isfinite(values.real(i))) bad = i;
  if (bad)
    fail(ErrorKind::BadInput,
         "input \"{}\": {} holds {} at {}, expected finite numbers; mend or leave out that example", input,
         values.type_str(), values.real(*bad), place(values, *bad));
}

Tensor filled(DType type, const std::vector<int64_t>& shape, double value, const std::string& input) {
  Tensor result(type, shape);
  if (value == 0 && !std::signbit(value)) return result;
  const bool whole = value == std::trunc(value) && std::abs(value) <= 0x1p53;
  const Tensor one = Tensor::scalar(type, ir::is_float(type) || whole ? value : 0);
  if (!ir::is_float(type) && one.real(0) != value)
    fail(ErrorKind::BadInput, "input \"{}\": padding of {} is no {}", input, value, ir::name(type));
  const size_t size = ir::size_of(type);
  std::byte* to = result.mutable_bytes();
  for (int64_t i = 0; i < result.count(); ++i) std::memcpy(to + static_cast<size_t>(i) * size, one.bytes(), size);
  return result;
}

Tensor scaled(const Tensor& values, double scale, double shift) {
  check_number(values, "scaled");
  Tensor result(DType::f32, values.shape());
  auto to = result.mutable_data<float>();
  for (size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<float>(values.real(static_cast<int64_t>(i)) * scale + shift);
  return result;
}

Tensor converted(const Tensor& values, DType type) {
  if (values.dtype() == type) return values;
  check_number(values, "converted");
  Tensor result(type, values.shape());
  check_number(result, "converted");
  for (int64_t i = 0; i < values.count(); ++i) {
    if (ir::is_float(type)) {
      result.set_real(i, values.real(i));
      continue;
    }
    const double real = values.real(i);
    const bool whole = !ir::is_float(values.dtype()) || (real == std::trunc(real) && std::abs(real) < 0x1p63);
    if (whole) result.set_integer(i, ir::is_float(values.dtype()) ? static_cast<int64_t>(real) : values.integer(i));
    const bool large = type == DType::u64 || values.dtype() == DType::u64;  // integer() of those beyond 2^63 wraps
    if (!whole || result.real(i) != real || (large && real < 0))
      fail(ErrorKind::BadInput, "{} at {} is no {}", real, place(values, i), ir::name(type));
  }
  return result;
}

void check_labels(const std::string& input, const Tensor& labels, int64_t classes) {
  if (!ir::is_integer(labels.dtype()))
    fail(ErrorKind::BadInput, "input \"{}\": labels are {}, expected integers", input, labels.type_str());
  for (int64_t i = 0; i < labels.count(); ++i)
    if (const int64_t label = labels.integer(i); label < 0 || label >= classes)
      fail(ErrorKind::BadInput, "input \"{}\": the label at {} is {}, expected 0 to {} of {} classes", input,
           place(labels, i), label, classes - 1, classes);
}

}  // namespace seqc::training
