#include "runtime/training/data/array_files.h"

#include <doctest/doctest.h>

#include "runtime/npy.h"
#include "runtime/training/data/compressed.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"
#include "tests/support/random_inputs.h"

using namespace seqc;
using namespace seqc::training;
using ir::DType;
using ir::Tensor;
using test::contains;
using test::gzipped;
using test::refusal;

namespace {

/// An IDX file of this type code and shape.
std::string idx(char type, const std::vector<int>& shape, const std::string& elements) {
  std::string bytes = {'\0', '\0', type, static_cast<char>(shape.size())};
  for (const int size : shape)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes + elements;
}

const std::string kImages = idx(8, {2, 2, 3}, "\1\2\3\4\5\6\7\x8\x9\xa\xb\xff");

}  // namespace

TEST_CASE("idx: all element types, any rank, empty ones") {
  const Tensor images = parse_idx(kImages, "x");
  CHECK(images.type_str() == "u8[2,2,3]");
  CHECK(images.integer(11) == 255);
  CHECK(parse_idx(idx(9, {1}, "\xff"), "x").identical(Tensor::of<int8_t>(DType::i8, {1}, std::vector<int8_t>{-1})));
  CHECK(parse_idx(idx(11, {1}, std::string("\1\0", 2)), "x").integer(0) == 256);
  CHECK(parse_idx(idx(12, {2}, std::string("\0\0\1\0\xff\xff\xff\xfe", 8)), "x").integer(1) == -2);
  CHECK(parse_idx(idx(13, {1}, std::string("\x3f\x80\0\0", 4)), "x").identical(Tensor::f32({1}, {1})));
  CHECK(parse_idx(idx(14, {1}, std::string("\xc0\0\0\0\0\0\0\0", 8)), "x").real(0) == -2);
  CHECK(parse_idx(idx(8, {}, "\7"), "x").rank() == 0);
  CHECK(parse_idx(idx(8, {0, 0x7fffffff, 0x7fffffff}, ""), "x").shape()[1] == 0x7fffffff);
}

TEST_CASE("idx: what is wrong is said") {
  const auto message = [](const std::string& bytes) { return refusal([&] { parse_idx(bytes, "t.idx"); }); };
  CHECK(message("") == "t.idx: is no valid IDX file: it ends after 0 bytes, within the header");
  CHECK(contains(message("\x89PNG"), "begins with 89 50, expected 00 00"));
  CHECK(contains(message(idx(7, {1}, "\1")), "element type 07 at byte 2"));
  CHECK(contains(message(kImages.substr(0, 9)), "ends after 9 bytes, within the header of 16 bytes for 3 dims"));
  CHECK(contains(message(kImages.substr(0, 20)), "4 bytes of elements, its header says u8[2,2,3]; download it again"));
  CHECK(contains(message(kImages + "x"), "13 bytes of elements, its header says u8[2,2,3]"));
  CHECK(contains(message(idx(14, {-1, -1, -1}, "")), "0 bytes of elements"));
  CHECK(contains(refusal([] { load_idx("/nowhere/t.idx"); }), "/nowhere/t.idx: no such file"));
}

TEST_CASE("gzip: undone whatever the name; several in one file; damage is found") {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919 % 1009);
  CHECK(uncompressed(gzipped(text), "x") == text);
  CHECK(uncompressed(gzipped("ab") + gzipped("") + gzipped("c"), "x") == "abc");
  CHECK(uncompressed("plain", "x") == "plain");
  CHECK(uncompressed("", "x").empty());
  const std::string bytes = gzipped(text);
  CHECK(contains(refusal([&] { uncompressed(bytes.substr(0, 1000), "x.gz"); }),
                 "x.gz: is no valid gzip file: at byte 1000 of 1000: it ends too early"));
  CHECK(contains(refusal([&] { uncompressed(bytes + "??", "x.gz"); }), "what follows is no gzip"));
  std::string wrong = bytes;
  wrong[bytes.size() - 6] ^= 1;  // of the checksum
  CHECK(contains(refusal([&] { uncompressed(wrong, "x.gz"); }), "incorrect data check"));
}

TEST_CASE("npz: stored and deflated, with arrays of any kind") {
  test::Random random(1);
  const Tensor x = test::random_tensor(DType::f32, {5, 3}, random), names = Tensor::strings({2}, {"a", "é"});
  for (const bool deflate : {false, true}) {
    const std::string bytes =
        test::zipped({{"x.npy", runtime::npy_bytes(x)}, {"names.npy", runtime::npy_bytes(names)}}, deflate);
    const Arrays arrays = parse_npz(bytes, "d.npz");
    CHECK(arrays.size() == 2);
    CHECK(arrays.at("x").identical(x));
    CHECK(arrays.at("names").identical(names));
    CHECK(contains(refusal([&] { parse_npz(bytes.substr(0, bytes.size() - 9), "d.npz"); }), "d.npz: is no valid zip"));
  }
  CHECK(parse_npz(test::zipped({{"big.npy", runtime::npy_bytes(Tensor(DType::f32, {300000}))}}, true), "x").size() ==
        1);
  CHECK(contains(refusal([] { parse_npz(test::zipped({{"a.txt", "a"}}, true), "d.npz"); }),
                 "d.npz: holds \"a.txt\", expected .npy files only"));
  CHECK(contains(refusal([] { parse_npz(test::zipped({{"a.npy", "a"}}, false), "d.npz"); }),
                 "d.npz:a.npy: is no valid .npy"));
}

TEST_CASE("arrays: files and folders of any kind, named after their files") {
  const test::Folder folder;
  const Tensor x = Tensor::f32({2}, {1, 2});
  folder.write("set/x.npy", runtime::npy_bytes(x));
  folder.write("set/y.npy.gz", gzipped(runtime::npy_bytes(x)));
  folder.write("set/train-images-idx3-ubyte.gz", gzipped(kImages));
  folder.write("set/t10k-images.idx3-ubyte", kImages);
  folder.write("set/README", "no array");
  const Arrays arrays = load_arrays(folder.path("set"));
  CHECK(arrays.size() == 4);
  CHECK(arrays.at("y").identical(x));
  CHECK(arrays.at("train-images").type_str() == "u8[2,2,3]");
  CHECK(arrays.at("t10k-images").type_str() == "u8[2,2,3]");
  CHECK(
      load_arrays(folder.write("d.npz", test::zipped({{"x.npy", runtime::npy_bytes(x)}}, true))).at("x").identical(x));

  CHECK(contains(refusal([&] { load_arrays(folder.write("t.txt", "text")); }),
                 "neither .npy nor .npz nor IDX: it begins with 74 65 78 74"));
  CHECK(contains(refusal([&] { load_arrays(folder.write("e", "")); }), "neither"));
  folder.write("set/x.npy.gz", gzipped(runtime::npy_bytes(x)));
  CHECK(contains(refusal([&] { load_arrays(folder.path("set")); }), "two files hold an array \"x\""));
  folder.write("none/README", "");
  CHECK(contains(refusal([&] { load_arrays(folder.path("none")); }), "no .npy or IDX file in this folder"));
}

TEST_CASE("arrays: damaged files are refused or read, never more") {
  const std::string npy = runtime::npy_bytes(Tensor::f32({3, 2}, {1, 2, 3, 4, 5, 6}));
  const std::string npz = test::zipped({{"x.npy", npy}, {"y.npy", npy}}, true);
  CHECK(test::damage(kImages, 1, [](const std::string& b) { parse_idx(b, "x"); }) > 100);
  CHECK(test::damage(npy, 2, [](const std::string& b) { runtime::parse_npy(b, "x"); }) > 100);
  CHECK(test::damage(npz, 3, [](const std::string& b) { parse_npz(b, "x"); }) > 100);
  CHECK(test::damage(test::zipped({{"x.npy", npy}}, false), 4, [](const std::string& b) { parse_npz(b, "x"); }) > 100);
  CHECK(test::damage(gzipped(npy), 5, [](const std::string& b) { uncompressed(b, "x"); }) > 100);
}

TEST_CASE("arrays: MNIST as downloaded") {
  const auto folder = test::shared_data("mnist");
  if (!folder) return;
  const Arrays arrays = load_arrays(folder->string());
  CHECK(arrays.at("train-images").type_str() == "u8[60000,28,28]");
  CHECK(arrays.at("t10k-images").type_str() == "u8[10000,28,28]");
  CHECK(arrays.at("train-labels").type_str() == "u8[60000]");
  const Tensor& labels = arrays.at("t10k-labels");
  CHECK(labels.type_str() == "u8[10000]");
  CHECK(labels.integer(0) == 7);
  CHECK(labels.integer(1) == 2);
}
