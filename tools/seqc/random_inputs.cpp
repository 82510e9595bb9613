#include "tools/seqc/random_inputs.h"

#include "ir/error.h"

namespace seqc::tools {
namespace {

/// splitmix64: the standard library's distributions differ between vendors.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-52 - 1.0; }

 private:
  uint64_t state_;
};

/// Words of 0 to 7 small letters.
ir::Tensor random_words(const ir::Tensor& like, Random& random) {
  std::vector<std::string> words(static_cast<size_t>(like.count()));
  for (std::string& word : words)
    for (uint64_t letters = random.bits() % 8; letters > 0; --letters)
      word += static_cast<char>('a' + random.bits() % 26);
  return ir::Tensor::strings(like.shape(), words);
}

void fill(ir::Tensor& tensor, Random& random) {
  if (tensor.dtype() == ir::DType::string) {
    tensor = random_words(tensor, random);
    return;
  }
  const bool real = ir::is_float(tensor.dtype());
  const uint64_t choices = tensor.dtype() == ir::DType::boolean ? 2 : 4;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (real)
      tensor.set_real(i, random.uniform());
    else
      tensor.set_integer(i, static_cast<int64_t>(random.bits() % choices));
  }
}

}  // namespace

std::vector<ir::Tensor> random_inputs(const std::vector<runtime::Port>& ports, ir::DimBindings& dims, uint64_t seed) {
  std::set<std::string> names;
  for (const runtime::Port& port : ports)
    for (const ir::Dim& dim : port.type.shape) dim.collect_symbols(names);
  for (const std::string& name : names) dims.try_emplace(name, 1);

  std::vector<seqc_tensor> types;
  uint64_t total = 0;
  for (const runtime::Port& port : ports) {
    seqc_tensor& type = types.emplace_back(seqc_tensor{});
    type.dtype = static_cast<int32_t>(port.type.dtype);
    for (const ir::Dim& dim : port.type.shape) type.shape[type.rank++] = dim.evaluate(dims);
    total += runtime::byte_size(type, fmt::format("input \"{}\"", port.name));
  }
  runtime::check_memory(total, "the inputs");

  std::vector<ir::Tensor> result;
  for (size_t i = 0; i < types.size(); ++i) {
    Random random(seed * 1000003 + i);
    result.emplace_back(ports[i].type.dtype, std::vector<int64_t>(types[i].shape, types[i].shape + types[i].rank));
    fill(result.back(), random);
  }
  return result;
}

}  // namespace seqc::tools
