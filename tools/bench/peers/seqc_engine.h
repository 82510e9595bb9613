/// seqc's side of the comparison: a library that `seqc build` made, run through its C ABI as an application would.
#pragma once

#include <string>
#include <vector>

#include "runtime/thread_pool.h"
#include "tools/bench/peers/engine.h"

namespace seqc::peers {

class SeqcEngine : public Engine {
 public:
  SeqcEngine(const std::string& library, int threads);

  void bind(const std::vector<Tensor>& inputs) override;
  void run() override { model_->run(input_views_.data(), output_views_.data(), workspace_->data(), threads_); }
  std::vector<Tensor> outputs() const override;

 private:
  const seqc_model* model_ = nullptr;
  runtime::ThreadPool pool_;
  const seqc_threads* threads_;  // nullptr: the calling thread alone
  std::unique_ptr<Tensor> workspace_;
  std::vector<seqc_tensor> input_views_, output_views_;
  std::vector<Tensor> outputs_;
};

}  // namespace seqc::peers
