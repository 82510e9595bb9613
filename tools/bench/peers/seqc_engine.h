/// seqc's side of the comparison: a library that `seqc build` made, run as an application would run it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/session.h"
#include "tools/bench/peers/engine.h"

namespace seqc::peers {

class SeqcEngine : public Engine {
 public:
  SeqcEngine(const std::string& library, int threads);

  void bind(const std::vector<Tensor>& inputs) override;
  void run() override;
  const std::vector<Tensor>& outputs() const override { return outputs_; }

 private:
  std::unique_ptr<runtime::Session> session_;
  std::vector<seqc_tensor> input_views_, output_views_;
  std::vector<Tensor> outputs_;
};

}  // namespace seqc::peers
