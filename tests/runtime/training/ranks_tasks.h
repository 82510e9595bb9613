/// Trainings that tests run in one process and in several.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/training/trainer.h"
#include "tests/tools/seqc_tool.h"

namespace seqc::test {

struct RanksTask {
  std::string name;
  std::shared_ptr<const ir::Function> model;
  training::TrainerOptions options;
  std::shared_ptr<const training::BatchSource> data;
  bool validates = false;

  const training::BatchSource* validation() const { return validates ? data.get() : nullptr; }
};

/// False, with a message, where there is no mpirun.
bool has_mpirun();
/// This program by `count` ranks, with that test case (one that is skipped otherwise) alone, which learns `work` and `folder`
/// from work_of_rank().
ToolResult run_ranks(int count, const std::string& test_case, const std::string& work, const std::string& folder);
struct WorkOfRank {
  std::string work, folder;  ///< empty where nobody runs ranks
};
WorkOfRank work_of_rank();

/// An LSTM with dropout; words with lengths, weights, embeddings whose gradients are rows, carried states, L2 and accuracy;
/// a loss that is a root.
std::vector<RanksTask> ranks_tasks();

}  // namespace seqc::test
