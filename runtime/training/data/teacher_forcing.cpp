#include "runtime/training/data/teacher_forcing.h"

#include "ir/error.h"

namespace seqc::training {

void add_teacher_forcing(Dataset& data, const std::vector<std::vector<int64_t>>& sequences,
                         const TeacherForcing& inputs) {
  std::vector<std::vector<int64_t>> before, target;
  for (const std::vector<int64_t>& whole : sequences) {
    if (whole.size() < 2)
      fail(ErrorKind::BadInput,
           "input \"{}\": example {} has {} tokens, expected what begins and what ends it at least", inputs.target,
           target.size(), whole.size());
    before.emplace_back(whole.begin(), whole.end() - 1);
    target.emplace_back(whole.begin() + 1, whole.end());
  }
  data.add_sequences(inputs.before, before);
  data.add_sequences(inputs.target, target, {.lengths = inputs.lengths});
}

}  // namespace seqc::training
