/// What the programs of this benchmark have in common.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>

namespace bench {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Does as many steps as each line of standard input says, and answers with {"seconds": s}.
template <typename Step>
void take_turns(const Step& step) {
  for (int steps; std::cin >> steps;) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) step();
    fmt::print("{{\"seconds\": {}}}\n", seconds_since(begin));
    std::fflush(stdout);
  }
}

/// How many layers have weights w0.npy, w1.npy, ... in a folder.
inline int64_t layers(const std::string& folder) {
  int64_t count = 0;
  while (std::filesystem::exists(fmt::format("{}/w{}.npy", folder, count))) ++count;
  return count;
}

}  // namespace bench
