/// Texts from files, or a play that is made up here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seqc::examples {

/// That file, or in a folder the largest file with one of these endings. Throws Error(BadInput) when there is none.
std::string text_file(const std::string& path, const std::vector<std::string>& endings = {".txt"});

/// What text_file(path) holds; without a path a play of about 60,000 letters.
std::string load_text(const std::string& path);

/// Scenes in which two people talk: names above what they say, stage directions in brackets. Who speaks and who is spoken
/// to stays the same through a scene, and each has words of their own.
std::string made_up_play(int64_t scenes, uint64_t seed);

}  // namespace seqc::examples
