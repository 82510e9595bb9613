#include "tools/python/arrays.h"

#include <pybind11/stl.h>

#include <cmath>
#include <cstring>
#include <new>

#include "runtime/ports.h"
#include "tools/python/errors.h"

namespace seqc::python {
namespace {

using ir::DType;
using npy = py::detail::npy_api;

/// The bfloat16 type of the package ml_dtypes; nothing where it is not installed.
py::object find_bfloat16() {
  try {
    return py::module_::import("ml_dtypes").attr("bfloat16");
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_ImportError)) throw;
    return py::none();
  }
}

std::string name_of(const py::handle& dtype) { return py::str(dtype); }

bool is_native(const py::dtype& dtype) { return dtype.byteorder() != '>'; }

std::vector<int64_t> shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

/// Arrays of these bytes may be looked at as tensors of this type.
bool holds(const py::dtype& dtype, DType type) {
  if (!is_native(dtype)) return false;
  const auto held = element_type(dtype);
  if (held == type) return true;
  if (type != DType::bf16) return false;
  return held == DType::u16 || (dtype.kind() == 'V' && dtype.itemsize() == 2 && !dtype.has_fields());
}

bool is_usable(const py::array& array) {
  constexpr int kWanted = npy::NPY_ARRAY_C_CONTIGUOUS_ | npy::NPY_ARRAY_ALIGNED_;
  return (array.flags() & kWanted) == kWanted;
}

py::module_ numpy() { return py::module_::import("numpy"); }

py::array as_array(const py::handle& value) { return py::array(numpy().attr("asarray")(value)); }

/// Numbers that say their element type themselves: arrays, NumPy's scalars, tensors of other packages.
bool has_dtype(const py::handle& value) { return py::hasattr(value, "dtype") || py::hasattr(value, "__array__"); }

bool is_text(const py::dtype& dtype) { return dtype.kind() == 'U' || dtype.kind() == 'S' || dtype.kind() == 'O'; }

std::string text_of(const py::handle& element, const std::string& what) {
  if (PyBytes_Check(element.ptr())) return py::reinterpret_borrow<py::bytes>(element);
  if (!PyUnicode_Check(element.ptr()))
    fail_type("{}: got an element of type {}, expected str", what, describe(element));
  const auto bytes =
      py::reinterpret_steal<py::bytes>(PyUnicode_AsEncodedString(element.ptr(), "utf-8", "surrogateescape"));
  if (!bytes) throw py::error_already_set();
  return bytes;
}

ir::Tensor copy_strings(const py::handle& value, const std::string& what) {
  const py::array array = has_dtype(value) ? as_array(value) : py::array(numpy().attr("asarray")(value, "O"));
  if (!is_text(array.dtype())) fail_type("{}: got {}, expected an array of str", what, describe(array));
  std::vector<std::string> texts;
  for (const py::handle element : array.attr("ravel")().attr("tolist")()) texts.push_back(text_of(element, what));
  return ir::Tensor::strings(shape_of(array), texts);
}

/// Elements of a NumPy array of that type, which is C-contiguous.
ir::Tensor copy_of(const py::array& array, DType type) {
  ir::Tensor tensor(type, shape_of(array));
  std::memcpy(tensor.mutable_bytes(), array.data(), tensor.byte_size());
  return tensor;
}

[[noreturn]] void refuse_type(const py::handle& got, DType type, const std::string& what) {
  const std::string want = name_of(numpy_type(type));
  fail_type("{}: got {}, expected {}; convert it: .astype(\"{}\")", what, describe(got), want, want);
}

/// Python's numbers and lists of them, which have no element type of their own.
py::array converted(const py::handle& value, DType type, const std::string& what) {
  const py::array array = as_array(value);
  const char kind = array.dtype().kind();
  const bool numbers = kind == 'b' || kind == 'i' || kind == 'u' || kind == 'f';
  if (!numbers) fail_type("{}: got {} of {}, expected numbers", what, describe(value), name_of(array.dtype()));
  const py::dtype want = type == DType::bf16 ? py::dtype("float32") : numpy_type(type);
  if (array.size() > 0 && kind == 'f' && !ir::is_float(type))
    fail_type("{}: got numbers of {}, expected {}", what, name_of(array.dtype()), name_of(want));
  const py::array result(array.attr("astype")(want));
  if (!ir::is_float(type) && !numpy().attr("array_equal")(array, result).cast<bool>())
    fail(ErrorKind::BadInput, "{}: got numbers that {} cannot hold", what, name_of(want));
  return result;
}

ir::Tensor bf16_of(const py::array& floats) {
  const ir::Tensor wide = copy_of(floats, DType::f32);
  ir::Tensor tensor(DType::bf16, wide.shape());
  for (int64_t i = 0; i < wide.count(); ++i) tensor.set_real(i, wide.real(i));
  return tensor;
}

Argument argument_of(ir::Tensor tensor) {
  Argument argument;
  argument.tensor = std::move(tensor);
  argument.view = runtime::view(argument.tensor);
  return argument;
}

Argument argument_of(py::array array, DType type, const std::string& what) {
  if (array.ndim() > SEQC_MAX_RANK)
    fail(ErrorKind::Unsupported, "{}: got {}: ranks above {} are not supported", what, describe(array), SEQC_MAX_RANK);
  Argument argument;
  argument.view.data = const_cast<void*>(array.data());
  argument.view.dtype = static_cast<int32_t>(type);
  argument.view.rank = static_cast<int32_t>(array.ndim());
  std::copy(array.shape(), array.shape() + array.ndim(), argument.view.shape);
  argument.array = std::move(array);
  return argument;
}

py::array usable(const py::array& array) {
  return is_usable(array) ? array : py::array(numpy().attr("require")(array, py::none(), "CA"));
}

}  // namespace

py::dtype numpy_type(DType type) {
  switch (type) {
    case DType::f16: return py::dtype("float16");
    case DType::bf16: {
      const py::object bfloat16 = find_bfloat16();
      return bfloat16.is_none() ? py::dtype("uint16") : py::dtype::from_args(bfloat16);
    }
    case DType::f32: return py::dtype::of<float>();
    case DType::f64: return py::dtype::of<double>();
    case DType::i8: return py::dtype::of<int8_t>();
    case DType::i16: return py::dtype::of<int16_t>();
    case DType::i32: return py::dtype::of<int32_t>();
    case DType::i64: return py::dtype::of<int64_t>();
    case DType::u8: return py::dtype::of<uint8_t>();
    case DType::u16: return py::dtype::of<uint16_t>();
    case DType::u32: return py::dtype::of<uint32_t>();
    case DType::u64: return py::dtype::of<uint64_t>();
    case DType::boolean: return py::dtype::of<bool>();
    case DType::string: return py::dtype("O");
  }
  internal_error(__FILE__, __LINE__, "dtype", "unknown element type");
}

std::optional<DType> element_type(const py::dtype& dtype) {
  const py::ssize_t size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'b': return DType::boolean;
    case 'f':
      if (size == 2) return DType::f16;
      if (size == 4) return DType::f32;
      return size == 8 ? std::optional(DType::f64) : std::nullopt;
    case 'i': return size == 1 ? DType::i8 : size == 2 ? DType::i16 : size == 4 ? DType::i32 : DType::i64;
    case 'u': return size == 1 ? DType::u8 : size == 2 ? DType::u16 : size == 4 ? DType::u32 : DType::u64;
    case 'U':
    case 'S':
    case 'O': return DType::string;
    default: break;
  }
  if (size == 2 && name_of(dtype) == "bfloat16") return DType::bf16;
  return std::nullopt;
}

Argument take_argument(const py::handle& value, DType type, const std::string& what) {
  if (py::isinstance<py::array>(value) && type != DType::string) {
    auto array = py::reinterpret_borrow<py::array>(value);
    if (!holds(array.dtype(), type)) refuse_type(value, type, what);
    return argument_of(usable(array), type, what);
  }
  if (value.is_none()) fail_type("{}: got None, expected an array", what);
  if (type == DType::string) return argument_of(copy_strings(value, what));
  if (has_dtype(value)) {
    const py::array array = as_array(value);
    if (!holds(array.dtype(), type)) refuse_type(array, type, what);
    return argument_of(usable(array), type, what);
  }
  const py::array array = converted(value, type, what);
  if (type == DType::bf16) return argument_of(bf16_of(array));
  return argument_of(usable(array), type, what);
}

ir::Tensor copy_tensor(const py::handle& value, std::optional<DType> type, const std::string& what) {
  if (!type) {
    const py::array array = as_array(value);
    type = element_type(array.dtype());
    if (!type) fail_type("{}: got {}, which seqc has no element type for", what, describe(array));
    if (!has_dtype(value)) return copy_tensor(array, type, what);
  }
  Argument argument = take_argument(value, *type, what);
  return argument.array ? copy_of(py::array(argument.array), *type) : std::move(argument.tensor);
}

void OutputMemory::Free::operator()(std::byte* bytes) const {
  ::operator delete[](bytes, std::align_val_t(SEQC_ALIGNMENT));
}

OutputMemory::OutputMemory(seqc_tensor& tensor) : count_(1) {
  const size_t size = runtime::byte_size(tensor, "an output");
  for (int32_t axis = 0; axis < tensor.rank; ++axis) count_ *= tensor.shape[axis];
  bytes_.reset(static_cast<std::byte*>(::operator new[](std::max<size_t>(size, 1), std::align_val_t(SEQC_ALIGNMENT))));
  // Elements that a run leaves out must still be strings.
  if (tensor.dtype == SEQC_STRING) std::fill_n(reinterpret_cast<const char**>(bytes_.get()), count_, "");
  tensor.data = bytes_.get();
}

py::array OutputMemory::release(const seqc_tensor& filled, const py::dtype& dtype) {
  if (filled.dtype == SEQC_STRING) return string_array(filled);
  const std::vector<py::ssize_t> shape(filled.shape, filled.shape + filled.rank);
  int64_t count = 1;
  for (const py::ssize_t size : shape) count *= size;
  if (count != count_) return py::array(dtype, shape, filled.data);  // a copy: most of the memory is not needed
  std::byte* bytes = bytes_.release();
  const py::capsule owner(bytes, [](void* memory) { Free()(static_cast<std::byte*>(memory)); });
  return py::array(dtype, shape, bytes, owner);
}

py::array to_array(const ir::Tensor& tensor) {
  if (tensor.dtype() == DType::string) return string_array(runtime::view(tensor));
  auto owned = std::make_unique<ir::Tensor>(tensor);
  std::byte* bytes = owned->mutable_bytes();
  const py::capsule owner(owned.release(), [](void* memory) { delete static_cast<ir::Tensor*>(memory); });
  return py::array(numpy_type(tensor.dtype()), tensor.shape(), bytes, owner);
}

py::array string_array(const seqc_tensor& strings) {
  const std::vector<py::ssize_t> shape(strings.shape, strings.shape + strings.rank);
  py::ssize_t count = 1;
  for (const py::ssize_t size : shape) count *= size;
  const py::array array(numpy().attr("empty")(count, "O"));
  auto** elements = static_cast<PyObject**>(const_cast<void*>(array.data()));
  for (py::ssize_t i = 0; i < count; ++i) {
    const char* text = static_cast<const char* const*>(strings.data)[i];
    PyObject* element = PyUnicode_DecodeUTF8(text, static_cast<py::ssize_t>(std::strlen(text)), "surrogateescape");
    if (!element) throw py::error_already_set();
    Py_XSETREF(elements[i], element);
  }
  return py::array(array.attr("reshape")(py::cast(shape)));
}

}  // namespace seqc::python
