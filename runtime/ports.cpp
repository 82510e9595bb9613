#include "runtime/ports.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "ir/error.h"

namespace seqc::runtime {
namespace {

static_assert(static_cast<int>(ir::DType::f16) == SEQC_F16 && static_cast<int>(ir::DType::boolean) == SEQC_BOOL &&
                  static_cast<int>(ir::DType::string) == SEQC_STRING,
              "element types are numbered alike");

std::string str(const seqc_tensor& tensor) {
  const bool known = tensor.dtype >= 0 && tensor.dtype < ir::kDTypeCount;
  const int32_t rank = std::clamp(tensor.rank, 0, SEQC_MAX_RANK);
  return fmt::format("{}[{}]", known ? ir::name(static_cast<ir::DType>(tensor.dtype)) : "?",
                     fmt::join(tensor.shape, tensor.shape + rank, ","));
}

/// Compares inputs with ports, one after the other.
class InputCheck {
 public:
  InputCheck(const std::vector<Port>& ports, std::span<const seqc_tensor> inputs) : ports_(ports), inputs_(inputs) {}

  ir::DimBindings run() {
    if (inputs_.size() != ports_.size())
      fail(ErrorKind::BadInput, "got {} inputs, expected {}: {}", inputs_.size(), ports_.size(), runtime::str(ports_));
    for (size_t i = 0; i < ports_.size(); ++i) check_type(i);
    for (size_t i = 0; i < ports_.size(); ++i) bind_names(i);
    for (size_t i = 0; i < ports_.size(); ++i) check_shape(i);
    return values_;
  }

 private:
  [[noreturn]] void error(size_t i, const std::string& why) const {
    fail(ErrorKind::BadInput, "input \"{}\": got {}, expected {}: {}", ports_[i].name, str(inputs_[i]),
         ports_[i].type.str(), why);
  }

  void check_type(size_t i) const {
    const ir::Type& type = ports_[i].type;
    if (inputs_[i].dtype != static_cast<int32_t>(type.dtype))
      error(i, fmt::format("the element type must be {}", ir::name(type.dtype)));
    if (inputs_[i].rank != type.rank()) error(i, fmt::format("the rank must be {}", type.rank()));
    for (int32_t axis = 0; axis < inputs_[i].rank; ++axis)
      if (inputs_[i].shape[axis] < 0) error(i, fmt::format("dim {} is negative", axis));
  }

  void bind_names(size_t i) {
    for (size_t axis = 0; axis < ports_[i].type.shape.size(); ++axis) {
      const ir::Dim& dim = ports_[i].type.shape[axis];
      if (!dim.is_symbol()) continue;
      const int64_t size = inputs_[i].shape[axis];
      const auto [it, inserted] = values_.try_emplace(dim.symbol_name(), size);
      if (inserted)
        bound_by_[dim.symbol_name()] = i;
      else if (it->second != size)
        error(i, fmt::format("{} is {} here and {} in input \"{}\"", dim.symbol_name(), size, it->second,
                             ports_[bound_by_[dim.symbol_name()]].name));
    }
  }

  void check_shape(size_t i) const {
    for (size_t axis = 0; axis < ports_[i].type.shape.size(); ++axis) {
      const ir::Dim& dim = ports_[i].type.shape[axis];
      if (const int64_t size = dim.evaluate(values_); size != inputs_[i].shape[axis])
        error(i, fmt::format("dim {} must be {}", axis,
                             dim.is_constant() ? dim.str() : fmt::format("{} = {}", dim.str(), size)));
    }
  }

  const std::vector<Port>& ports_;
  std::span<const seqc_tensor> inputs_;
  ir::DimBindings values_;
  std::map<std::string, size_t> bound_by_;  ///< input that gave a name its value
};

}  // namespace

std::vector<Port> ports_of(const seqc_port* ports, int32_t count) {
  std::vector<Port> result;
  for (const seqc_port& port : std::span(ports, static_cast<size_t>(count))) {
    Port& added = result.emplace_back(Port{port.name, {static_cast<ir::DType>(port.dtype), {}}});
    for (int32_t axis = 0; axis < port.rank; ++axis) {
      const std::string_view text = port.dims[axis];  // "n", or "n<=2*T"
      added.type.shape.push_back(ir::Dim::parse(text.substr(0, text.find("<="))));
    }
  }
  return result;
}

std::string str(const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", port.name, port.type.str());
  return text;
}

seqc_tensor view(const ir::Tensor& tensor) {
  if (tensor.rank() > SEQC_MAX_RANK)
    fail(ErrorKind::Unsupported, "a tensor of rank {}: ranks above {} are not supported", tensor.rank(), SEQC_MAX_RANK);
  seqc_tensor result{};
  result.data = const_cast<std::byte*>(tensor.bytes());
  result.dtype = static_cast<int32_t>(tensor.dtype());
  result.rank = static_cast<int32_t>(tensor.rank());
  std::copy(tensor.shape().begin(), tensor.shape().end(), result.shape);
  return result;
}

seqc_tensor mutable_view(ir::Tensor& tensor) {
  seqc_tensor result = view(tensor);
  result.data = tensor.mutable_bytes();
  return result;
}

std::string type_str(const seqc_tensor& tensor) { return str(tensor); }

size_t byte_size(const seqc_tensor& tensor, const std::string& what) {
  uint64_t bytes = ir::size_of(static_cast<ir::DType>(tensor.dtype));
  for (int32_t axis = 0; axis < tensor.rank; ++axis) {
    const int64_t size = tensor.shape[axis];
    if (size < 0) fail(ErrorKind::BadInput, "{}: would be {}, with a negative dim", what, str(tensor));
    if (size > (int64_t{1} << 46) || __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes) ||
        bytes > (uint64_t{1} << 46))
      fail(ErrorKind::BadInput, "{}: {} does not fit this machine's memory; choose smaller dims", what, str(tensor));
  }
  return bytes;
}

ir::DimBindings check_inputs(const std::vector<Port>& ports, std::span<const seqc_tensor> inputs) {
  return InputCheck(ports, inputs).run();
}

void check_memory(uint64_t bytes, const std::string& what) {
  const uint64_t machine =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (bytes > machine)
    fail(ErrorKind::BadInput, "{}: needs {:.1f} GB, more than this machine's {:.1f} GB of memory; choose smaller dims",
         what, static_cast<double>(bytes) / 1e9, static_cast<double>(machine) / 1e9);
}

}  // namespace seqc::runtime
