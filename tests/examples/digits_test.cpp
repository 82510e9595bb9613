#include "tools/examples/support/digits.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::examples;
using ir::Tensor;

namespace {

std::string idx(const std::vector<unsigned char>& dims, size_t bytes, unsigned char value) {
  std::string text = {0, 0, 8, static_cast<char>(dims.size())};
  for (const unsigned char dim : dims) text += {0, 0, 0, static_cast<char>(dim)};
  return text + std::string(bytes, static_cast<char>(value));
}

}  // namespace

TEST_CASE("digits: a seed decides the pictures that are drawn, and no two are alike") {
  const DrawnDigits a = draw_digits(60, 3), again = draw_digits(60, 3), longer = draw_digits(61, 3);
  CHECK(a.pictures.hash() == again.pictures.hash());
  CHECK(a.labels.hash() == again.labels.hash());
  std::set<int64_t> labels;
  std::set<double> sums;
  for (int64_t n = 0; n < 60; ++n) {
    CHECK(a.labels.integer(n) == longer.labels.integer(n));
    labels.insert(a.labels.integer(n));
    double sum = 0;
    for (int64_t i = 0; i < 28 * 28; ++i) {
      const double ink = a.pictures.real(n * 28 * 28 + i);
      REQUIRE(ink >= 0);
      REQUIRE(ink <= 1);
      sum += ink;
    }
    CHECK(sum > 20);
    sums.insert(sum);
  }
  CHECK(labels == std::set<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(sums.size() == 60);
  CHECK(draw_digits(60, 4).pictures.hash() != a.pictures.hash());
}

TEST_CASE("digits: the files of MNIST") {
  const test::Folder folder;
  folder.write("train-images-idx3-ubyte", idx({3, 28, 28}, 3 * 28 * 28, 51));
  folder.write("train-labels-idx1-ubyte", idx({3}, 3, 7));
  folder.write("t10k-images-idx3-ubyte", idx({2, 28, 28}, 2 * 28 * 28, 255));
  CHECK(test::contains(test::refusal([&] { load_digits(folder.path("")); }), "no t10k-labels-idx1-ubyte"));
  folder.write("t10k-labels-idx1-ubyte", idx({2}, 2, 9));
  const Digits digits = load_digits(folder.path(""));
  CHECK(digits.train.size() == 3);
  CHECK(digits.test.size() == 2);
  const std::vector<int64_t> examples = {0, 2};
  const training::Batch batch = digits.train.gather(examples);
  CHECK(batch.at("x").type_str() == "f32[28,2,28]");
  CHECK(batch.at("x").real(0) == doctest::Approx(0.2));
  CHECK(batch.at("label").type_str() == "i64[2]");
  CHECK(batch.at("label").integer(1) == 7);
  folder.write("t10k-images-idx3-ubyte", idx({2, 28, 27}, 2 * 28 * 27, 255));
  CHECK(test::contains(test::refusal([&] { load_digits(folder.path("")); }), "expected pictures of 28 x 28"));
}

TEST_CASE("digits: as text") {
  Tensor x(ir::DType::f32, {4, 2, 12}), probabilities(ir::DType::f32, {2, 3});
  x.set_real(0, 1);                      // top left of the first
  x.set_real((3 * 2 + 1) * 12 + 11, 1);  // bottom right of the second
  probabilities.set_real(2, 0.75);
  probabilities.set_real(3, 0.5);
  const std::string empty(23, ' ');
  CHECK(digits_as_text(x, digit_texts(probabilities)) == "▀\n" + empty + "▄\n 2 (75.0 %)  0 (50.0 %) \n");
}
