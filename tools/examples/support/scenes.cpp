#include "tools/examples/support/scenes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <tuple>

#include "ir/error.h"
#include "runtime/decoding/stepper.h"
#include "runtime/npy.h"
#include "runtime/training/data/shuffle.h"
#include "runtime/training/data/text_files.h"

namespace seqc::examples {

namespace fs = std::filesystem;
using ir::Tensor;

namespace {

struct Colour {
  const char* name;
  char letter;
  std::array<float, 3> light;
};
constexpr std::array<Colour, 4> kColours = {
    {{"red", 'r', {1, 0, 0}}, {"green", 'g', {0, 1, 0}}, {"blue", 'b', {0, 0, 1}}, {"yellow", 'y', {1, 1, 0}}}};

struct Form {
  const char *name, *plural;
  std::array<const char*, 4> rows;
};
constexpr std::array<Form, 4> kForms = {{{"square", "squares", {"####", "####", "####", "####"}},
                                         {"ring", "rings", {"####", "#..#", "#..#", "####"}},
                                         {"cross", "crosses", {"#..#", ".##.", ".##.", "#..#"}},
                                         {"bar", "bars", {"....", "####", "####", "...."}}}};

struct Shape {
  size_t colour, form;
  uint64_t row, column;  ///< of nine places
  bool operator==(const Shape& other) const { return colour == other.colour && form == other.form; }
  std::string text() const { return fmt::format("a {} {}", kColours[colour].name, kForms[form].name); }
};

void draw(const Shape& shape, float* pixels) {
  for (size_t y = 0; y < 4; ++y)
    for (size_t x = 0; x < 4; ++x)
      if (kForms[shape.form].rows[y][x] == '#')
        for (size_t k = 0; k < 3; ++k)
          pixels[((shape.row * 4 + y) * kSceneSide + shape.column * 4 + x) * 3 + k] += kColours[shape.colour].light[k];
}

std::string caption(const Shape& one, const Shape& other) {
  if (one == other) return fmt::format("two {} {}", kColours[one.colour].name, kForms[one.form].plural);
  return fmt::format("{} {} {}", one.text(), one.row == other.row ? "left of" : "above", other.text());
}

std::vector<int64_t> every(int64_t count, bool test) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i)
    if ((i % 10 == 9) == test) result.push_back(i);
  return result;
}

bool are_scenes(const Tensor& features) { return features.shape()[1] == kSceneSide * kSceneSide * 3; }

Captioned part(const Captioned& all, const std::vector<int64_t>& rows) {
  Captioned result{decoding::take_rows(all.features, 0, rows), {}};
  for (const int64_t row : rows) result.captions.push_back(all.captions[static_cast<size_t>(row)]);
  return result;
}

}  // namespace

Captioned Captioned::first(int64_t count) const {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < std::min(count, features.shape()[0]); ++i) rows.push_back(i);
  return part(*this, rows);
}

Captioned draw_scenes(int64_t count, uint64_t seed) {
  constexpr int64_t kSize = kSceneSide * kSceneSide * 3;
  Captioned scenes{Tensor(ir::DType::f32, {count, kSize}), {}};
  float* pixels = scenes.features.mutable_data<float>().data();
  for (int64_t n = 0; n < count; ++n, pixels += kSize) {
    training::KeyedRandom random(seed, static_cast<uint64_t>(n));
    Shape one{random.below(4), random.below(4), random.below(3), random.below(3)};
    draw(one, pixels);
    if (random.below(5) == 0) {
      scenes.captions.push_back(one.text());
    } else {  // the other one stands in the same row or column
      Shape other{random.below(4), random.below(4), one.row, one.column};
      if (random.below(6) == 0) std::tie(other.colour, other.form) = std::tie(one.colour, one.form);
      uint64_t& place = random.below(2) == 0 ? other.row : other.column;
      place = (place + 1 + random.below(2)) % 3;
      draw(other, pixels);
      const bool before = one.row + one.column < other.row + other.column;
      scenes.captions.push_back(before ? caption(one, other) : caption(other, one));
    }
    for (int64_t i = 0; i < kSize; ++i) {  // a fifth of it is noise
      const auto noise = static_cast<float>(random.bits() >> 40) * 0x1p-24F;
      pixels[i] = 0.8F * pixels[i] + 0.2F * noise;
    }
  }
  return scenes;
}

CaptionedSplit load_captions(const std::string& folder) {
  if (folder.empty()) return {draw_scenes(8000, 1), draw_scenes(400, 2)};
  const std::string path = (fs::path(folder) / "features.npy").string();
  const std::string texts = (fs::path(folder) / "captions.txt").string();
  const Captioned all{runtime::load_npy(path), training::load_lines(texts)};
  if (all.features.rank() != 2 || all.features.dtype() != ir::DType::f32)
    fail(ErrorKind::BadInput, "{}: got {}, expected f32[N,D]", path, all.features.type_str());
  const int64_t count = all.features.shape()[0];
  if (count != static_cast<int64_t>(all.captions.size()) || count < 10)
    fail(ErrorKind::BadInput, "{}: got {} lines for {} vectors, expected as many, ten or more", texts,
         all.captions.size(), count);
  return {part(all, every(count, false)), part(all, every(count, true))};
}

void show_captions(Run& run, const Tensor& features, const std::vector<std::string>& said) {
  const char* heading = "What the model says to vectors of the test set";
  std::string text;
  for (size_t n = 0; n < said.size(); ++n) text += scene_as_text(features, static_cast<int64_t>(n)) + said[n] + "\n\n";
  if (!are_scenes(features)) return run.sample(heading, text);
  run.print(text);
  const Tensor pictures = features.reshaped({features.shape()[0], kSceneSide, kSceneSide, 3});
  run.section([=](training::Report& report) { report.heading(heading).pictures(pictures, said); });
}

std::string scene_as_text(const Tensor& features, int64_t n) {
  if (!are_scenes(features)) return "";
  std::string text;
  for (int64_t i = 0; i < kSceneSide * kSceneSide; ++i) {
    char letter = '.';
    for (const Colour& colour : kColours) {
      bool same = true;
      for (int64_t k = 0; k < 3; ++k)
        same = same && (features.real((n * kSceneSide * kSceneSide + i) * 3 + k) > 0.5) ==
                           (colour.light[static_cast<size_t>(k)] > 0.5F);
      if (same) letter = colour.letter;
    }
    text += letter;
    if (i % kSceneSide == kSceneSide - 1) text += '\n';
  }
  return text;
}

}  // namespace seqc::examples
