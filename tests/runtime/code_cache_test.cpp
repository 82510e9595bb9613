// Compiled code on disk: found again, never wrong, never in the way.
#include "runtime/code_cache.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "codegen/digest.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/compile_info.h"
#include "runtime/seqc_runtime.h"
#include "runtime/session.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using runtime::CacheOptions;
using runtime::CacheUse;
using runtime::CodeCache;
using Kind = runtime::CacheUse::Kind;
namespace fs = std::filesystem;

namespace {

/// An environment variable for as long as this lives.
class Variable {
 public:
  Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  Variable(const Variable&) = delete;
  ~Variable() { set(before_); }

 private:
  void set(const std::optional<std::string>& value) { value ? setenv(name_, value->c_str(), 1) : unsetenv(name_); }
  const char* name_;
  std::optional<std::string> before_;
};

/// A folder for the cache, which is on here (main() switches it off for all other tests).
struct Setting {
  test::TempDir folder;
  Variable on{"SEQC_CACHE", "on"};

  CacheOptions options(uint64_t max_bytes = 1 << 20) const { return {true, (folder / "cache").string(), max_bytes}; }
  runtime::CompileOptions compile() const {
    runtime::CompileOptions result;
    result.cache = options();
    return result;
  }
  fs::path file(const std::string& key) const { return folder / "cache" / (key + ".code"); }
  std::vector<std::string> files() const { return test::list(folder / "cache"); }
};

const std::string kKey = codegen::digest("a"), kOther = codegen::digest("b");

std::shared_ptr<const runtime::Program> scaler(const Setting& setting, const std::string& weights) {
  const std::string text = "func @main(%x: f32[N,3]) -> (y: f32[N,3]) {\n  const @w: f32[3] = " + weights +
                           "\n  %y = mul %x, @w\n  return %y\n}\n";
  return runtime::Program::compile(std::move(ir::parse_module(text, "test")->functions[0]), setting.compile());
}

std::vector<ir::Tensor> run_scaler(const std::shared_ptr<const runtime::Program>& program) {
  return runtime::Session(program).run({ir::Tensor::f32({1, 3}, {1, 2, 3})});
}

}  // namespace

TEST_CASE("code cache: a hit after a miss, and the same bits") {
  const Setting setting;
  const std::string model = test::save_lstm(setting.folder / "lstm.onnx");
  const std::vector<ir::Tensor> inputs = {test::lstm_x(7, 3), test::lstm_h0(3)};
  runtime::CompileOptions without = setting.compile();
  without.cache.enabled = false;
  const auto plain = runtime::Program::compile_file(model, without);
  const auto first = runtime::Program::compile_file(model, setting.compile());
  const auto second = runtime::Program::compile_file(model, setting.compile());
  CHECK(plain->compiled()->cache_use.kind == Kind::Off);
  CHECK(first->compiled()->cache_use.kind == Kind::Stored);
  CHECK(first->compiled()->cache_use.problem == "");
  CHECK(second->compiled()->cache_use.kind == Kind::Hit);
  CHECK(setting.files().size() == 1);
  const auto expected = runtime::Session(plain).run(inputs);
  for (const auto& program : {first, second}) {
    const auto outputs = runtime::Session(program, 2).run(inputs);
    for (size_t i = 0; i < expected.size(); ++i) CHECK(outputs[i].identical(expected[i]));
  }
  runtime::CompileOptions other = setting.compile();
  other.dims["N"] = 3;
  CHECK(runtime::Program::compile_file(model, other)->compiled()->cache_use.kind == Kind::Stored);
  other.target.worth_sharing = 0;
  CHECK(runtime::Program::compile_file(model, other)->compiled()->cache_use.kind == Kind::Stored);
  CHECK(setting.files().size() == 3);
}

TEST_CASE("code cache: models that differ in their weights alone share code and keep their weights") {
  const Setting setting;
  const auto first = scaler(setting, "[1, 10, 100]"), second = scaler(setting, "[2, 3, 4]");
  CHECK(first->compiled()->cache_use.kind == Kind::Stored);
  CHECK(second->compiled()->cache_use.kind == Kind::Hit);
  CHECK(run_scaler(first)[0].identical(ir::Tensor::f32({1, 3}, {1, 20, 300})));
  CHECK(run_scaler(second)[0].identical(ir::Tensor::f32({1, 3}, {2, 6, 12})));
}

TEST_CASE("code cache: a file with any byte changed, cut short, empty or under another name is not used") {
  const Setting setting;
  const std::string code(300, 'c');
  CodeCache(setting.options()).save(kKey, code);
  const std::string whole = test::read_file(setting.file(kKey));
  REQUIRE(CodeCache(setting.options()).load(kKey) == code);
  const auto refused = [&](const std::string& bytes) {
    test::write_file(setting.file(kKey), bytes);
    CodeCache cache(setting.options());
    return !cache.load(kKey) && cache.use().kind == Kind::Failed && cache.use().problem.ends_with("was damaged");
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    CAPTURE(i);
    for (const int bit : {0, 7}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      CHECK(refused(bytes));
    }
    CHECK(refused(whole.substr(0, i)));
  }
  CHECK(refused(whole + "x"));
  test::write_file(setting.file(kOther), whole);
  CHECK_FALSE(CodeCache(setting.options()).load(kOther));
  fs::remove(setting.file(kKey));
  fs::create_directory(setting.file(kKey));
  CHECK_FALSE(CodeCache(setting.options()).load(kKey));
}

TEST_CASE("code cache: a damaged file is compiled anew and replaced") {
  const Setting setting;
  scaler(setting, "[1, 10, 100]");
  const fs::path file = setting.folder / "cache" / setting.files().at(0);
  const std::string whole = test::read_file(file);
  for (const std::string& bytes : {std::string(), whole.substr(0, whole.size() / 2), std::string(whole.size(), 'x')}) {
    test::write_file(file, bytes);
    const auto program = scaler(setting, "[1, 10, 100]");
    CHECK(program->compiled()->cache_use.kind == Kind::Stored);
    CHECK(program->compiled()->cache_use.problem == file.string() + ": was damaged");
    CHECK(run_scaler(program)[0].identical(ir::Tensor::f32({1, 3}, {1, 20, 300})));
    CHECK(test::read_file(file) == whole);  // the same code, to the byte
  }
  CHECK(setting.files().size() == 1);
}

TEST_CASE("code cache: folders that cannot be used do not matter") {
  Setting setting;
  test::write_file(setting.folder / "cache", "a file, no folder");
  for (int i = 0; i < 2; ++i) {
    const auto program = scaler(setting, "[1, 10, 100]");
    CHECK(program->compiled()->cache_use.kind == Kind::Failed);
    CHECK(program->compiled()->cache_use.problem.find("cache") != std::string::npos);
    CHECK(run_scaler(program)[0].identical(ir::Tensor::f32({1, 3}, {1, 20, 300})));
  }
  CHECK_THROWS_AS(CodeCache(setting.options()).contents(), Error);
  fs::remove(setting.folder / "cache");
  scaler(setting, "[1, 10, 100]");
  fs::permissions(setting.folder / "cache", fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(scaler(setting, "[4, 5, 6]")->compiled()->cache_use.kind == Kind::Hit);  // may be read
  if (::geteuid() != 0) {                                                        // root may write everywhere
    CodeCache cache(setting.options());
    cache.save(kKey, "code");
    CHECK(cache.use().kind == Kind::Failed);
  }
  fs::permissions(setting.folder / "cache", fs::perms::owner_all);
}

TEST_CASE("code cache: a full disk leaves no files behind") {
  const Setting setting;
  fs::create_directory(setting.folder / "cache");
  struct rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const struct rlimit small{200, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  CodeCache cache(setting.options());
  cache.save(kKey, std::string(5000, 'c'));
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK(cache.use().kind == Kind::Failed);
  CHECK(setting.files().empty());
}

TEST_CASE("code cache: what was not used for the longest time makes room") {
  const Setting setting;
  constexpr uint64_t kMost = 3500;
  const std::string code(860, 'c');  // 1000 bytes a file
  std::vector<std::string> keys;
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 3; ++i) {
    keys.push_back(codegen::digest(std::to_string(i)));
    CodeCache(setting.options(kMost)).save(keys.back(), code);
    fs::last_write_time(setting.file(keys.back()), now - std::chrono::hours(10 - i));
  }
  const fs::path old = setting.folder / "cache" / (kOther + ".partialAbCdEf"),
                 foreign = setting.folder / "cache" / "mine";
  test::write_file(old, "of a process that was killed");
  fs::last_write_time(old, now - std::chrono::hours(2));
  test::write_file(foreign, std::string(9000, 'x'));
  CHECK(CodeCache(setting.options(kMost)).load(keys[0]));  // which makes it the newest
  CHECK(CodeCache(setting.options(kMost)).contents().files == 4);
  CodeCache(setting.options(kMost)).save(kKey, code);
  CHECK(fs::exists(setting.file(keys[0])));
  CHECK_FALSE(fs::exists(setting.file(keys[1])));
  CHECK(fs::exists(setting.file(keys[2])));
  CHECK(fs::exists(setting.file(kKey)));
  CHECK_FALSE(fs::exists(old));
  CodeCache small(setting.options(500));
  small.save(kOther, code);
  CHECK(small.use().kind == Kind::Failed);
  CHECK_FALSE(fs::exists(setting.file(kOther)));
  const auto removed = CodeCache(setting.options()).clear();
  CHECK(removed.files == 3);
  CHECK(removed.bytes == 3000);
  CHECK(setting.files() == std::vector<std::string>{"mine"});  // what is not the cache's stays
}

TEST_CASE("code cache: the environment says where, how large and whether") {
  const Variable on("SEQC_CACHE", std::nullopt), folder("SEQC_CACHE_DIR", std::nullopt),
      most("SEQC_CACHE_MAX", std::nullopt), base("XDG_CACHE_HOME", "/base"), home("HOME", "/home/me");
  CHECK(runtime::resolve({}).enabled);
  CHECK(runtime::resolve({}).folder == "/base/seqc");
  CHECK(runtime::resolve({}).max_bytes == uint64_t{1} << 30);
  {
    const Variable none("XDG_CACHE_HOME", std::nullopt);
    CHECK(runtime::resolve({}).folder == "/home/me/.cache/seqc");
    const Variable homeless("HOME", std::nullopt);
    CHECK_FALSE(runtime::resolve({}).enabled);
    CHECK(runtime::resolve({.folder = "/x"}).enabled);
  }
  const Variable given("SEQC_CACHE_DIR", "/given");
  CHECK(runtime::resolve({}).folder == "/given");
  CHECK(runtime::resolve({.folder = "/x", .max_bytes = 7}).folder == "/x");
  CHECK(runtime::resolve({.folder = "/x", .max_bytes = 7}).max_bytes == 7);
  for (const auto& [text, bytes] : {std::pair<const char*, uint64_t>{"12", 12}, {"3K", 3072}, {"2M", 2 << 20}}) {
    const Variable size("SEQC_CACHE_MAX", text);
    CHECK(runtime::resolve({}).max_bytes == bytes);
  }
  for (const char* text : {"x", "-1", "3T", "99999999999G", "1 "}) {
    const Variable size("SEQC_CACHE_MAX", text);
    CHECK_THROWS_AS(runtime::resolve({}), Error);
  }
  for (const auto& [text, enabled] : {std::pair<const char*, bool>{"off", false}, {"0", false}, {"on", true}}) {
    const Variable use("SEQC_CACHE", text);
    CHECK(runtime::resolve({}).enabled == enabled);
    CHECK_FALSE(runtime::resolve({.enabled = false}).enabled);
  }
  const Variable use("SEQC_CACHE", "maybe");
  CHECK_THROWS_WITH_AS(runtime::resolve({}), "SEQC_CACHE: got \"maybe\", expected on or off", Error);
}

TEST_CASE("code cache: C programs choose it too") {
  const Setting setting;
  const std::string model = test::save_doubler(setting.folder / "doubler.onnx"),
                    cache = (setting.folder / "cache").string();
  seqc_open_options options{};
  options.cache_folder = cache.c_str();
  for (const int32_t no_cache : {1, 0}) {
    options.no_cache = no_cache;
    seqc_program* program = seqc_open_with(model.c_str(), &options);
    REQUIRE(program);
    seqc_close(program);
    CHECK(setting.files().size() == (no_cache ? 0 : 1));
  }
}

TEST_CASE("code cache: keys change with every source that makes code") {
  const Setting setting;
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((setting.folder / name).parent_path());
    std::ofstream(setting.folder / name) << text;
  };
  const auto revision = [&](const std::string& folders) {
    const std::string output = (setting.folder / "revision.cpp").string();
    fs::remove(output);
    const std::string command = fmt::format("cmake -DOUTPUT={} -DVERSION=1 -DFOLDERS={} -P {} 2>/dev/null", output,
                                            folders, SEQC_SOURCE_DIR "/tools/source_revision.cmake");
    return std::system(command.c_str()) == 0 ? test::read_file(output) : "refused";
  };
  const std::string folders = fmt::format("{0}a,{0}b", (setting.folder / "").string());
  write("a/one.cpp", "1");
  CHECK(revision(folders) == "refused");  // a folder without files is a mistake, not a digest of nothing
  write("b/two.cpp", "2");
  const std::string before = revision(folders);
  CHECK(before != "refused");
  CHECK(revision(folders) == before);
  write("b/two.cpp", "3");
  CHECK(revision(folders) != before);
  write("b/two.cpp", "2");
  CHECK(revision(folders) == before);
  write("a/two.cpp", "2");
  CHECK(revision(folders) != before);
}
