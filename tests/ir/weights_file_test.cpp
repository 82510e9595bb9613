#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "tests/support/random_inputs.h"
#include "tests/support/text_test.h"

namespace seqc::ir {
namespace {

namespace fs = std::filesystem;

/// A folder that is removed with all that is in it.
struct Folder {
  fs::path path = fs::temp_directory_path() / fmt::format("seqc_weights_{:x}", reinterpret_cast<uintptr_t>(this));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
};

std::unique_ptr<Module> large_module() {
  auto module = std::make_unique<Module>();
  test::Random random(3);
  for (const char* name : {"first", "second"}) {
    module->functions.push_back(std::make_unique<Function>(name));
    Builder b(*module->functions.back());
    for (int i = 0; i < kDTypeCount; ++i)
      b.copy(b.constant(test::random_tensor(static_cast<DType>(i), {3, 7, 11}, random)));
    b.copy(b.constant(Tensor::f32({20}, std::vector<float>(20, 1)), "splat"));
    module->functions.back()->parameter(test::random_tensor(DType::f32, {5, 9}, random), "w");
    b.return_({});
  }
  return module;
}

void write(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST_SUITE_BEGIN("ir");

TEST_CASE("modules are saved with their large constants and load again") {
  const Folder folder;
  const std::string path = folder.path / "m.seq";
  const auto module = large_module();
  save_module(*module, path);
  CHECK(folder.files() == 2);
  const auto loaded = load_module(path);
  CHECK(print(*loaded) == print(*module));
  for (size_t f = 0; f < 2; ++f) {
    const auto &a = module->functions[f]->constants(), &b = loaded->functions[f]->constants();
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) CHECK(a[i]->constant().identical(b[i]->constant()));
    CHECK(loaded->functions[f]->parameters()[0]->initial().identical(module->functions[f]->parameters()[0]->initial()));
  }
  save_module(*module, path, {.max_inline_elements = 1000});
  CHECK_MESSAGE(folder.files() == 1, "weights that are no longer needed are left");
  CHECK(print(*load_module(path)) == print(*module));
}

TEST_CASE("damaged weights are refused, whatever is damaged") {
  const Folder folder;
  const std::string path = folder.path / "m.seq", weights = path + ".weights";
  auto module = large_module();
  module->functions.resize(1);
  save_module(*module, path);
  const std::string good = test::read_text(weights);
  const auto refused = [&](const std::string& bytes, const char* text) {
    write(weights, bytes);
    CHECK_THROWS_WITH_AS(load_module(path), doctest::Contains(text), Error);
  };
  refused("", "truncated");
  refused("something else entirely", "another kind of file");
  refused(std::string(good).replace(8, 1, "\x07"), "version 7");
  refused(good + "x", "after the last entry");
  refused(std::string(good).replace(16, 8, 8, '\xff'), "truncated");
  refused(std::string(good).replace(good.size() - 40, 1, 1, static_cast<char>(~good[good.size() - 40])), "damaged");
  for (size_t size = 0; size < good.size(); size += 1 + size / 16) refused(good.substr(0, size), "weights");
  for (size_t at = 24; at < 80; ++at) {  // the first entry's header: never a crash, never an absurd allocation
    write(weights, std::string(good).replace(at, 1, 1, static_cast<char>(good[at] ^ 0x55)));
    CHECK_THROWS_AS(load_module(path), Error);
  }
  fs::remove(weights);
  CHECK_THROWS_WITH_AS(load_module(path), doctest::Contains("no weights file"), Error);
}

TEST_CASE("files that cannot be read or written") {
  const Folder folder;
  CHECK_THROWS_AS(load_module(folder.path / "absent.seq"), Error);
  CHECK_THROWS_AS(load_module(folder.path), Error);
  CHECK_THROWS_AS(save_module(*large_module(), folder.path / "absent" / "m.seq"), Error);
  CHECK(folder.files() == 0);
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
