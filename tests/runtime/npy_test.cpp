#include "runtime/npy.h"

#include <doctest/doctest.h>

#include <string>

#include "ir/error.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"

using namespace seqc;
using ir::DType;
using ir::Tensor;

namespace {

/// A file with this header, of version 1 unless said otherwise.
std::string npy(const std::string& header, const std::string& elements, char version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {version, '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  if (version > 1) bytes += {'\0', '\0'};
  return bytes + header + elements;
}

std::string message(const std::string& bytes) {
  try {
    runtime::parse_npy(bytes, "x.npy");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::BadInput);
    return error.what();
  }
  return "no error";
}

const std::string kTwoBytes = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";

}  // namespace

TEST_CASE("npy: what is written is read back, for every element type and rank") {
  test::Random random(1);
  for (int type = 0; type < ir::kDTypeCount; ++type) {
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {7}, {2, 3}, {2, 0, 3}, {1, 2, 3, 4}}) {
      const Tensor tensor = test::random_tensor(static_cast<DType>(type), shape, random);
      const std::string bytes = runtime::npy_bytes(tensor);
      CAPTURE(tensor.type_str());
      CHECK(runtime::parse_npy(bytes, "x").identical(tensor));
      if (ir::is_arithmetic(tensor.dtype())) CHECK((bytes.size() - tensor.byte_size()) % 64 == 0);
    }
  }
}

TEST_CASE("npy: versions, key order, byte order and Fortran order") {
  CHECK(runtime::parse_npy(
            npy("{'shape': (1, 2), 'fortran_order': False, 'descr': '>i2'}", std::string("\0\1\1\0", 4), 2), "x")
            .identical(Tensor::of<int16_t>(DType::i16, {1, 2}, std::vector<int16_t>{1, 256})));
  const Tensor transposed = runtime::parse_npy(
      npy("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", std::string("\1\4\2\5\3\6"), 3), "x");
  CHECK(transposed.identical(Tensor::of<int8_t>(DType::i8, {2, 3}, std::vector<int8_t>{1, 2, 3, 4, 5, 6})));
  CHECK(runtime::parse_npy(npy("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", "\x40"), "x").integer(0) == 1);
}

TEST_CASE("npy: a bad file gives one message that says what is wrong") {
  const std::string good = npy(kTwoBytes, "ab");
  CHECK(message(good) == "no error");
  CHECK(message("") == "x.npy: is no valid .npy file: it does not begin with \\x93NUMPY");
  CHECK(message("PK\3\4") == "x.npy: is no valid .npy file: it does not begin with \\x93NUMPY");
  CHECK(message(good.substr(0, 9)) == "x.npy: is no valid .npy file: it ends within the header");
  CHECK(message(good.substr(0, 40)) == "x.npy: is no valid .npy file: it ends within the header");
  CHECK(message(good.substr(0, good.size() - 1)) ==
        "x.npy: is no valid .npy file: it holds 1 bytes of elements, its header says u8[2]");
  CHECK(message(good + "c") == "x.npy: is no valid .npy file: it holds 3 bytes of elements, its header says u8[2]");
  CHECK(message(npy(kTwoBytes, "ab", 9)) == "x.npy: is no valid .npy file: version 9 is unknown, expected 1, 2 or 3");
  CHECK(message(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "")) ==
        "x.npy: is no valid .npy file: element type '<c8' is not supported, expected a float, integer, bool or string "
        "type");
  CHECK(message(npy("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,), }", "")) ==
        "x.npy: is no valid .npy file: structured element types are not supported, expected a plain number type");
  for (const char* header : {"", "{", "{'descr': '|u1'}", "{'descr': '|u1', 'fortran_order': 0, 'shape': (2,)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (-2,)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': 2}",
                             "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}",
                             "{'descr': '|u1' 'fortran_order': False}"}) {
    CAPTURE(header);
    CHECK(message(npy(header, "ab")).starts_with("x.npy: is no valid .npy file: "));
  }
}

TEST_CASE("npy: absurd shapes allocate nothing") {
  for (const char* shape :
       {"(4611686018427387904, 4)", "(4294967296, 4294967296)", "(1000000000000,)", "(99999999999999999999,)"}) {
    CAPTURE(shape);
    CHECK(message(npy(std::string("{'descr': '<f4', 'fortran_order': True, 'shape': ") + shape + "}", ""))
              .starts_with("x.npy: is no valid .npy file: "));
  }
}

TEST_CASE("npy: every cut and every changed byte is an error or a tensor, never a crash") {
  const std::string good = runtime::npy_bytes(Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6}));
  for (size_t size = 0; size < good.size(); ++size) CHECK(message(good.substr(0, size)) != "no error");
  test::Random random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) bytes[static_cast<size_t>(random.integer(0, 127))] = static_cast<char>(random.bits());
    message(bytes);
  }
}

TEST_CASE("npy: files") {
  const test::TempDir folder;
  const std::string path = (folder / "x.npy").string();
  const Tensor tensor = Tensor::f32({2}, {1, -2});
  runtime::save_npy(path, tensor);
  CHECK(runtime::load_npy(path).identical(tensor));
  CHECK_THROWS_WITH_AS(runtime::load_npy((folder / "none.npy").string()),
                       ((folder / "none.npy").string() + ": no such file").c_str(), Error);
  CHECK_THROWS_AS(runtime::save_npy((folder / "no_folder/x.npy").string(), tensor), Error);
}

TEST_CASE("npy: strings, as code points or bytes, of any order, and what is none") {
  const Tensor words = Tensor::strings({2, 2}, {"", "naïve", "日本", "\U0001f600"});
  const std::string written = runtime::npy_bytes(words);
  CHECK(written.find("'descr': '<U5'") != std::string::npos);
  CHECK(runtime::parse_npy(written, "x").identical(words));
  CHECK(runtime::npy_bytes(Tensor::strings({1}, {""})).find("'<U1'") != std::string::npos);

  const auto header = [](const std::string& type, const std::string& shape, bool fortran = false) {
    return "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }";
  };
  const Tensor bytes = runtime::parse_npy(npy(header("|S3", "(3,)"), std::string("ab\0\0\0\0xyz", 9)), "x");
  CHECK(bytes.identical(Tensor::strings({3}, {"ab", "", "xyz"})));
  const Tensor turned = runtime::parse_npy(npy(header("|S1", "(2, 3)", true), "adbecf"), "x");
  CHECK(turned.identical(Tensor::strings({2, 3}, {"a", "b", "c", "d", "e", "f"})));
  const Tensor big = runtime::parse_npy(npy(header(">U2", "()"), std::string("\0\0\0\xe9\0\0\0\0", 8)), "x");
  CHECK(big.identical(Tensor::strings({}, {"é"})));
  CHECK(runtime::parse_npy(npy(header("<U0", "(0, 2)"), ""), "x").shape() == std::vector<int64_t>{0, 2});

  CHECK(message(npy(header("|S3", "(1,)"), std::string("a\0b", 3))).find("NUL") != std::string::npos);
  CHECK(message(npy(header("<U1", "(1,)"), std::string("\0\xd8\0\0", 4))).find("no code point") != std::string::npos);
  CHECK(message(npy(header("<U0", "(3,)"), "")).find("no character") != std::string::npos);
  CHECK(message(npy(header("<U2", "(3,)"), "abc")).find("string[3]") != std::string::npos);
  CHECK(message(npy(header("|O", "(3,)"), "abc")).find("Python objects") != std::string::npos);
  CHECK(message(npy(header("<Ux", "(3,)"), "abc")).find("'<Ux' is not supported") != std::string::npos);
  for (const char* text : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(runtime::npy_bytes(Tensor::strings({}, {text})),
                         "string 0 of string[] is no UTF-8, and .npy files hold nothing else", Error);
  }
}
