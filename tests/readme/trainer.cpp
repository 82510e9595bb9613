// Around the README's training: a tiny task instead of digits.
// REPLACE ...  WITH const Var x = model.input("x", DType::f32, {N, 4}), labels = model.input("labels", DType::i64, {N}), logits = dsl::dense_parameters(model, "dense", 4, 3)(x);
#include <seqc/runtime/training/data/batches.h>

#include <seqc/seqc.hpp>

using namespace seqc;
using dsl::Var, ir::DType, ir::Tensor;

int main() {
  const ir::Dim N = ir::Dim::symbol("N");
  training::Dataset data;
  data.add("x", Tensor::f32({4, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}));
  data.add("labels", Tensor::i64({4}, {0, 1, 2, 0}));
  const auto source = training::batches(data, {.size = 2});
  const training::BatchSource &batches = *source, &test = *source;
  // SNIPPET
  return runtime::Session(runtime::Program::compile(std::move(digits))).program().outputs().size() == 1 ? 0 : 1;
}
