#include "tests/support/random_inputs.h"

namespace seqc::test {

uint64_t Random::bits() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double Random::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53);
}

int64_t Random::integer(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
}

ir::Tensor random_tensor(ir::DType type, std::vector<int64_t> shape, Random& random) {
  ir::Tensor tensor(type, std::move(shape));
  if (type == ir::DType::string) {
    std::vector<std::string> words(static_cast<size_t>(tensor.count()));
    for (std::string& word : words)
      for (int64_t letters = random.integer(0, 5); letters > 0; --letters)
        word += static_cast<char>(random.integer('a', 'e'));
    return ir::Tensor::strings(tensor.shape(), words);
  }
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (ir::is_float(type))
      tensor.set_real(i, random.uniform(-1, 1));
    else if (type == ir::DType::boolean)
      tensor.set_integer(i, random.integer(0, 1));
    else
      tensor.set_integer(i, random.integer(ir::is_signed_integer(type) ? -3 : 0, 3));
  }
  return tensor;
}

std::vector<ir::Tensor> random_inputs(const ir::Function& function, const ir::DimBindings& dims, uint64_t seed) {
  std::vector<ir::Tensor> inputs;
  for (size_t i = 0; i < function.body().argument_count(); ++i) {
    const ir::Type& type = function.body().argument(i)->type();
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : type.shape) shape.push_back(dim.evaluate(dims));
    Random random(seed * 1000003 + i);
    inputs.push_back(random_tensor(type.dtype, std::move(shape), random));
  }
  return inputs;
}

std::set<std::string> dim_names(const ir::Function& function) {
  std::set<std::string> names;
  for (size_t i = 0; i < function.body().argument_count(); ++i)
    for (const ir::Dim& dim : function.body().argument(i)->shape()) dim.collect_symbols(names);
  return names;
}

ir::DimBindings trial_dims(const ir::Function& function, int trial) {
  constexpr int64_t kSizes[] = {0, 1, 2, 3, 5, 7};
  Random random(static_cast<uint64_t>(trial));
  ir::DimBindings dims;
  int64_t odd = 3;
  for (const std::string& name : dim_names(function)) {
    dims[name] = trial == 0 ? 1 : trial == 1 ? odd : kSizes[random.integer(0, 5)];
    odd += 2;
  }
  return dims;
}

}  // namespace seqc::test
