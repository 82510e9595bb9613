/// Compiled code on disk: what was compiled once is not compiled again by a later process.
#pragma once

#include <cstdint>
#include <string>

#include "codegen/codegen.h"

namespace seqc::runtime {

/// How a program uses the cache. What is left open the environment decides, and after it a default:
///   SEQC_CACHE=off|on                 whether it is used (on)
///   SEQC_CACHE_DIR                    its folder ($XDG_CACHE_HOME/seqc, or else ~/.cache/seqc)
///   SEQC_CACHE_MAX=500M               its size in bytes, K, M or G (1G)
struct CacheOptions {
  bool enabled = true;
  std::string folder = {};
  uint64_t max_bytes = 0;
};

/// What is in force: `enabled` is false also where no folder can be named. Throws Error(BadInput) for a variable that
/// says neither yes nor no, or is no size.
CacheOptions resolve(const CacheOptions& options);

/// How a program came by its code.
struct CacheUse {
  enum class Kind {
    Off,     ///< without the cache
    Hit,     ///< from the cache
    Stored,  ///< compiled, and put there
    Failed,  ///< compiled, and not put there: see `problem`
  };
  Kind kind = Kind::Off;
  std::string problem;  ///< "/x/y: Permission denied", or that a file was damaged and has been replaced
};

/// One file a program, named by its key, made by this user (or root) and readable by them alone. A file appears whole or
/// not at all, however many processes write it; it carries its key and a hash of what it holds, and whatever does not
/// fit is compiled anew and replaced. When all files are larger than max_bytes, those are removed that were not used for
/// the longest time. Nothing that is wrong with the folder or its files makes a program fail.
class CodeCache : public codegen::CodeStore {
 public:
  /// `options` are resolved ones.
  explicit CodeCache(CacheOptions options) : options_(std::move(options)) {}

  std::optional<std::string> load(const std::string& key) noexcept override;
  void save(const std::string& key, std::string_view code) noexcept override;

  /// What load and save did so far.
  const CacheUse& use() const { return use_; }

  struct Contents {
    uint64_t files = 0, bytes = 0;
  };
  /// Throws Error(BadInput) when the folder cannot be read; one that does not exist is empty.
  Contents contents() const;
  /// Removes all files that are the cache's; returns what they were. Throws Error(BadInput) when that fails.
  Contents clear() const;

 private:
  std::string path(const std::string& key) const;
  void note(const std::string& problem) noexcept;
  void evict() const;

  CacheOptions options_;
  CacheUse use_;
};

}  // namespace seqc::runtime
