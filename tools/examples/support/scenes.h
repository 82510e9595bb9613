/// Vectors with captions: from files, or small pictures that are drawn here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "tools/examples/support/run.h"

namespace seqc::examples {

struct Captioned {
  ir::Tensor features;  ///< f32[N,D]
  std::vector<std::string> captions;

  /// The first `count`, or all if there are fewer.
  Captioned first(int64_t count) const;
};

struct CaptionedSplit {
  Captioned train, test;
};

/// features.npy f32[N,D] and captions.txt with N lines in that folder, of which every tenth is for the test. Without a
/// folder 8,000 pictures and 400 for the test. Throws Error(BadInput) naming the file.
CaptionedSplit load_captions(const std::string& folder);

inline constexpr int64_t kSceneSide = 12;

/// Pictures [N, 12*12*3] of red, green and blue from 0 to 1, with one or two shapes among noise: `a red square`,
/// `two blue crosses` and `a green ring above a yellow bar` (`left of`), wherever they stand.
Captioned draw_scenes(int64_t count, uint64_t seed);

/// Shows on the terminal and in the report what a model says to vectors [N,D]: below each, if it is such a picture.
void show_captions(Run& run, const ir::Tensor& features, const std::vector<std::string>& said);
/// Row n as lines of letters that stand for colours; of vectors that are no such pictures nothing.
std::string scene_as_text(const ir::Tensor& features, int64_t n);

}  // namespace seqc::examples
