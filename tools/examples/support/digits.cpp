#include "tools/examples/support/digits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "ir/error.h"
#include "runtime/training/data/array_files.h"
#include "runtime/training/data/shuffle.h"

namespace seqc::examples {

using ir::Tensor;

namespace {

struct Point {
  double x, y;  ///< in the unit square, y downwards
};
using Stroke = std::vector<Point>;

/// Part of an ellipse, angles in turns from the right, clockwise.
Stroke arc(Point centre, double rx, double ry, double from, double to) {
  Stroke stroke;
  const int pieces = std::max(4, static_cast<int>(std::fabs(to - from) * 14));
  for (int i = 0; i <= pieces; ++i) {
    const double angle = 2 * std::numbers::pi * (from + (to - from) * i / pieces);
    stroke.push_back({centre.x + rx * std::cos(angle), centre.y + ry * std::sin(angle)});
  }
  return stroke;
}

Stroke operator+(Stroke a, const Stroke& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Stroke> strokes_of(int64_t digit) {
  switch (digit) {
    case 0: return {arc({.5, .5}, .27, .42, 0, 1)};
    case 1: return {{{.34, .26}, {.53, .08}, {.53, .92}}};
    case 2: return {arc({.5, .32}, .26, .24, -.5, .1) + Stroke{{.24, .92}, {.78, .92}}};
    case 3: return {arc({.47, .29}, .24, .21, -.42, .25) + arc({.47, .71}, .28, .22, -.25, .42)};
    case 4: return {{{.58, .08}, {.2, .62}, {.82, .62}}, {{.64, .36}, {.62, .94}}};
    case 5: return {Stroke{{.74, .09}, {.34, .09}, {.3, .45}} + arc({.48, .67}, .27, .25, -.27, .4)};
    case 6: return {Stroke{{.66, .08}, {.4, .32}, {.27, .62}} + arc({.5, .69}, .23, .22, -.5, .5)};
    case 7: return {{{.2, .11}, {.8, .11}, {.42, .93}}};
    case 8: return {arc({.5, .29}, .21, .2, .25, 1.25) + arc({.5, .71}, .26, .22, -.25, .75)};
    default: return {arc({.5, .31}, .23, .23, 0, 1) + Stroke{{.72, .5}, {.6, .93}}};
  }
}

/// Random numbers of one picture.
class Hand {
 public:
  Hand(uint64_t seed, uint64_t number) : random_(seed, number) {}
  int64_t below(int64_t bound) { return static_cast<int64_t>(random_.below(static_cast<uint64_t>(bound))); }
  double between(double low, double high) {
    return low + (high - low) * static_cast<double>(random_.bits() >> 11) * 0x1p-53;
  }

 private:
  training::KeyedRandom random_;
};

/// Turned, slanted, stretched and moved as a whole, and every point a little by itself; in pixels.
std::vector<Stroke> written(std::vector<Stroke> strokes, Hand& hand) {
  const double angle = hand.between(-.3, .3), slant = hand.between(-.25, .35);
  const double width = hand.between(15, 24), height = hand.between(17, 24);
  const double right = hand.between(-2.5, 2.5), down = hand.between(-2.5, 2.5);
  for (Stroke& stroke : strokes)
    for (Point& p : stroke) {
      const double x = (p.x - .5 + hand.between(-.04, .04)) * width, y = (p.y - .5 + hand.between(-.04, .04)) * height;
      const double slanted = x - slant * y;
      p.x = kDigitSide / 2.0 + right + std::cos(angle) * slanted - std::sin(angle) * y;
      p.y = kDigitSide / 2.0 + down + std::sin(angle) * slanted + std::cos(angle) * y;
    }
  return strokes;
}

double distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

void draw(const std::vector<Stroke>& strokes, Hand& hand, std::span<float> picture) {
  const double half_width = hand.between(.7, 1.6);
  for (int64_t row = 0; row < kDigitSide; ++row)
    for (int64_t column = 0; column < kDigitSide; ++column) {
      const Point pixel{static_cast<double>(column) + .5, static_cast<double>(row) + .5};
      double nearest = kDigitSide;
      for (const Stroke& stroke : strokes)
        for (size_t i = 1; i < stroke.size(); ++i)
          nearest = std::min(nearest, distance(pixel, stroke[i - 1], stroke[i]));
      const double ink = std::clamp(half_width + .5 - nearest, 0.0, 1.0) + hand.between(-.15, .15);
      picture[static_cast<size_t>(row * kDigitSide + column)] = static_cast<float>(std::clamp(ink, 0.0, 1.0));
    }
}

training::Dataset dataset(const Tensor& pictures, const Tensor& labels) {
  training::Dataset data;
  data.add("x", pictures, {.batch_axis = 1});
  data.add("label", labels);
  return data;
}

training::Dataset part(const training::Arrays& files, const std::string& folder, const std::string& name) {
  const auto find = [&](const std::string& what, int dims) -> const Tensor& {
    const auto it = files.find(name + what);
    if (it == files.end())
      fail(ErrorKind::BadInput, "{}: no {}{}-idx{}-ubyte(.gz); expected the four files of MNIST", folder, name, what,
           dims);
    return it->second;
  };
  const Tensor& pictures = find("-images", 3);
  const Tensor labels = training::converted(find("-labels", 1), ir::DType::i64);
  if (pictures.shape().size() != 3 || pictures.shape()[1] != kDigitSide || pictures.shape()[2] != kDigitSide)
    fail(ErrorKind::BadInput, "{}: {}-images holds {}, expected pictures of 28 x 28", folder, name,
         pictures.type_str());
  training::check_labels("label", labels, 10);
  return dataset(training::scaled(pictures, 1.0 / 255), labels);
}

}  // namespace

DrawnDigits draw_digits(int64_t count, uint64_t seed) {
  DrawnDigits digits{Tensor(ir::DType::f32, {count, kDigitSide, kDigitSide}), Tensor(ir::DType::i64, {count})};
  const auto pictures = digits.pictures.mutable_data<float>();
  const auto labels = digits.labels.mutable_data<int64_t>();
  constexpr size_t kPixels = kDigitSide * kDigitSide;
  for (int64_t i = 0; i < count; ++i) {
    Hand hand(seed, static_cast<uint64_t>(i));
    labels[static_cast<size_t>(i)] = hand.below(10);
    draw(written(strokes_of(labels[static_cast<size_t>(i)]), hand), hand,
         std::span(pictures).subspan(static_cast<size_t>(i) * kPixels, kPixels));
  }
  return digits;
}

Digits load_digits(const std::string& folder) {
  if (folder.empty()) {
    const DrawnDigits train = draw_digits(3000, 1), test = draw_digits(600, 2);
    return {dataset(train.pictures, train.labels), dataset(test.pictures, test.labels)};
  }
  const training::Arrays files = training::load_arrays(folder);
  return {part(files, folder, "train"), part(files, folder, "t10k")};
}

std::vector<std::string> digit_texts(const Tensor& probabilities) {
  const int64_t classes = probabilities.shape()[1];
  std::vector<std::string> texts;
  for (int64_t n = 0; n < probabilities.shape()[0]; ++n) {
    int64_t best = 0;
    for (int64_t digit = 1; digit < classes; ++digit)
      if (probabilities.real(n * classes + digit) > probabilities.real(n * classes + best)) best = digit;
    texts.push_back(fmt::format("{} ({:.1f} %)", best, 100 * probabilities.real(n * classes + best)));
  }
  return texts;
}

std::string digits_as_text(const Tensor& x, const std::vector<std::string>& below) {
  const int64_t count = x.shape()[1], side = x.shape()[2];
  const auto ink = [&](int64_t row, int64_t n, int64_t column) {
    return x.real((row * count + n) * side + column) > .4;
  };
  std::string text;
  for (int64_t row = 0; row + 1 < x.shape()[0]; row += 2) {  // two rows of pixels in a line of text
    for (int64_t n = 0; n < count; ++n)
      for (int64_t column = 0; column < side; ++column)
        text += std::array{" ", "▄", "▀", "█"}[(ink(row, n, column) ? 2 : 0) + (ink(row + 1, n, column) ? 1 : 0)];
    text.resize(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  for (const std::string& line : below) text += fmt::format("{:^{}}", line, side);
  return text + '\n';
}

void show_digits(Run& run, const Tensor& x, const Tensor& probabilities) {
  const std::vector<std::string> texts = digit_texts(probabilities);
  run.print(digits_as_text(x, texts));
  const int64_t rows = x.shape()[0], count = x.shape()[1], columns = x.shape()[2];
  Tensor pictures(ir::DType::f32, {count, rows, columns});
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t n = 0; n < count; ++n)
      for (int64_t column = 0; column < columns; ++column)
        pictures.set_real((n * rows + row) * columns + column, x.real((row * count + n) * columns + column));
  run.section([=](training::Report& report) {
    report.heading("What the model says to pictures of the test set").pictures(pictures, texts);
  });
}

}  // namespace seqc::examples
