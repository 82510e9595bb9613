#include "tests/support/run_model.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <thread>

namespace seqc::test {
namespace {

seqc_tensor describe(const ir::Tensor& tensor) {
  seqc_tensor result{};
  result.data = const_cast<std::byte*>(tensor.bytes());
  result.dtype = static_cast<int32_t>(tensor.dtype());
  result.rank = static_cast<int32_t>(tensor.rank());
  for (size_t i = 0; i < tensor.shape().size(); ++i) result.shape[i] = tensor.shape()[i];
  return result;
}

/// A "pool" that starts its threads anew for each call.
void run_on_threads(void*, void (*task)(void*, int32_t), void* argument, int32_t count) {
  std::vector<std::thread> others;
  for (int32_t i = 1; i < count; ++i) others.emplace_back(task, argument, i);
  task(argument, 0);
  for (auto& thread : others) thread.join();
}

}  // namespace

std::vector<ir::Tensor> run_model(const seqc_model& model, const std::vector<ir::Tensor>& inputs, int threads) {
  int32_t status = 0;
  auto results = try_run_model(model, inputs, threads, status);
  REQUIRE(status == SEQC_OK);
  return *std::move(results);
}

std::optional<std::vector<ir::Tensor>> try_run_model(const seqc_model& model, const std::vector<ir::Tensor>& inputs,
                                                     int threads, int32_t& status) {
  std::vector<seqc_tensor> in, out(static_cast<size_t>(model.output_count));
  for (const ir::Tensor& input : inputs) in.push_back(describe(input));
  size_t bytes = 0;
  status = model.prepare(in.data(), out.data(), &bytes);
  if (status != SEQC_OK) return std::nullopt;
  std::vector<ir::Tensor> results;
  for (seqc_tensor& output : out) {
    results.emplace_back(static_cast<ir::DType>(output.dtype),
                         std::vector<int64_t>(output.shape, output.shape + output.rank));
    output.data = results.back().mutable_bytes();
  }
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(SEQC_ALIGNMENT)); }
  };
  const std::unique_ptr<void, Free> workspace(::operator new(bytes, std::align_val_t(SEQC_ALIGNMENT)));
  const seqc_threads pool{threads, nullptr, run_on_threads};
  model.run(in.data(), out.data(), workspace.get(), &pool);
  for (size_t i = 0; i < results.size(); ++i) {  // sizes that only the run could tell
    ir::Tensor filled(results[i].dtype(), {out[i].shape, out[i].shape + out[i].rank});
    REQUIRE(filled.count() <= results[i].count());
    std::memcpy(filled.mutable_bytes(), results[i].bytes(), filled.byte_size());
    results[i] = filled.with_own_strings();
  }
  return results;
}

size_t workspace_bytes(const seqc_model& model, const std::vector<ir::Tensor>& inputs) {
  std::vector<seqc_tensor> in, out(static_cast<size_t>(model.output_count));
  for (const ir::Tensor& input : inputs) in.push_back(describe(input));
  size_t bytes = 0;
  REQUIRE(model.prepare(in.data(), out.data(), &bytes) == SEQC_OK);
  return bytes;
}

}  // namespace seqc::test
