/// Files as they are downloaded: gzip is undone, zip archives are opened.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace seqc::training {

/// The bytes of a file; of a gzip file (known by its first bytes, not its name) what was compressed.
/// Throws Error(BadInput) naming the file and the byte at which it is damaged or ends.
std::string read_data_file(const std::string& path);
/// The same from memory; `name` stands for the file in messages.
std::string uncompressed(std::string bytes, const std::string& name);

/// The files of a zip archive by name; stored or deflated. Checksums are checked.
std::map<std::string, std::string> unzip(std::string_view bytes, const std::string& name);

}  // namespace seqc::training
