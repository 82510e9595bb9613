// seqc cache, and many processes that use one cache.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;

namespace {

struct Setting {
  test::TempDir folder;
  std::string model = test::save_lstm(folder / "lstm.onnx");

  test::ToolResult run(std::vector<std::string> arguments, const std::string& use = "on") const {
    const std::string seqc = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "seqc").string();
    arguments.insert(arguments.begin(),
                     {"env", "SEQC_CACHE=" + use, "SEQC_CACHE_DIR=" + (folder / "cache").string(), seqc});
    return test::run_program(arguments);
  }
  nlohmann::json json(std::vector<std::string> arguments, const std::string& use = "on") const {
    const test::ToolResult result = run(std::move(arguments), use);
    REQUIRE(result.exit_code == 0);
    return nlohmann::json::parse(result.out);
  }
  std::string cache_of_bench(std::vector<std::string> more, const std::string& use = "on") const {
    std::vector<std::string> arguments = {"bench", model, "--runs", "1", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json(arguments, use)["cache"];
  }
};

}  // namespace

TEST_CASE("seqc cache: where, how much, and away with it") {
  const Setting setting;
  const auto empty = setting.json({"cache", "--json"});
  CHECK(empty["folder"] == (setting.folder / "cache").string());
  CHECK(empty["enabled"] == true);
  CHECK(empty["files"] == 0);
  CHECK(empty["max_bytes"] == 1 << 30);
  CHECK(setting.cache_of_bench({"--no-cache"}) == "off");
  CHECK(setting.cache_of_bench({}, "off") == "off");
  CHECK_FALSE(std::filesystem::exists(setting.folder / "cache"));
  CHECK(setting.cache_of_bench({}) == "stored");
  CHECK(setting.cache_of_bench({}) == "hit");
  CHECK(setting.cache_of_bench({"--dim", "N=1"}) == "stored");
  const auto full = setting.json({"cache", "--json"});
  CHECK(full["files"] == 2);
  CHECK(full["bytes"] > 1000);
  CHECK(setting.run({"cache"}).out.find("2 files, ") != std::string::npos);
  CHECK(setting.run({"cache"}, "off").out.find("not used: off") != std::string::npos);
  CHECK(setting.json({"cache", "--clear", "--json"})["removed_files"] == 2);
  CHECK(setting.json({"cache", "--json"})["files"] == 0);
  CHECK(test::is_one_error(setting.run({"cache"}, "maybe"), "SEQC_CACHE: got \"maybe\""));
}

TEST_CASE("seqc cache: eight processes with one key") {
  const Setting setting;
  constexpr size_t kProcesses = 8;
  std::vector<test::ToolResult> results(kProcesses);
  std::vector<std::thread> threads;
  for (test::ToolResult& result : results)
    threads.emplace_back([&setting, &result] { result = setting.run({"run", setting.model, "--dim", "T=3"}); });
  for (std::thread& thread : threads) thread.join();
  const test::ToolResult plain = setting.run({"run", setting.model, "--dim", "T=3"}, "off");
  for (const test::ToolResult& result : results) {
    CHECK(result.exit_code == 0);
    CHECK(result.out == plain.out);
  }
  CHECK(test::list(setting.folder / "cache").size() == 1);
  CHECK(setting.cache_of_bench({"--dim", "T=3"}) == "hit");
}
