#include "tools/examples/support/plays.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "ir/error.h"
#include "runtime/training/data/text_files.h"
#include "tools/examples/support/phrases.h"

namespace seqc::examples {

namespace fs = std::filesystem;

namespace {

struct Person {
  const char* name;
  const char* manner;  ///< the rule for what this person says
};

constexpr std::array<Person, 6> kPeople = {{{"Rosalind", "bold"},
                                            {"Benedick", "proud"},
                                            {"Viola", "sad"},
                                            {"Feste", "merry"},
                                            {"Prospero", "wise"},
                                            {"Miranda", "merry"}}};

/// `@` stands for the name of who is spoken to.
const Phrases& phrases() {
  static const Phrases phrases({
      {"place", {"the garden", "a wood near the castle", "the shore", "a street at night", "the great hall"}},
      {"what", {"ring", "letter", "crown", "horse", "sword", "ship", "song", "lantern"}},
      {"when", {"tonight", "at dawn", "before the bell rings", "when the moon is high", "tomorrow"}},
      {"who", {"the king", "the duke", "my brother", "the captain", "your father"}},
      {"bold",
       {"Come, @, take this {what} and follow me {when}.", "I fear not {who}, nor any {what} of his.",
        "Then, @, we ride {when}, and let {who} beware!", "Give me the {what}, and I shall face {who} {when}."}},
      {"proud",
       {"No {what} in the world is fit for me, good @.", "Was it not I who won the {what} from {who}?",
        "Speak well of me, @, when you see {who}.", "My {what} is worth more than {who} himself."}},
      {"sad",
       {"Alas, my {what} is lost, and {who} with it.", "I weep, @, for what {who} has done.",
        "O @, the sea has taken {who}, and the {what} too.", "Leave me; {when} I shall be gone."}},
      {"merry",
       {"Ha! A {what}, a {what}, dear @!", "Sing, @, and dance {when}, for {who} sleeps.",
        "If {who} were a {what}, I would laugh till dawn.", "Hey ho, the {what} and the wind and the rain!"}},
      {"wise",
       {"Know, @, that a {what} does not make {who} wise.", "Who looks for a {what}, @, must wait till it is dark.",
        "All things end, and so shall {who}.", "Be patient, @; {who} comes {when}."}},
      {"direction", {"(Takes the {what}.)", "(A bell rings.)", "(To {who}.)", "(Aside.)", "(Reads the {what}.)"}},
  });
  return phrases;
}

std::string speech(const Person& speaker, const Person& listener, training::KeyedRandom& random) {
  std::string text = std::string(speaker.name) + ":\n";
  if (random.below(5) == 0) text += phrases().text("direction", random) + "\n";
  for (uint64_t lines = 1 + random.below(3); lines > 0; --lines) text += phrases().text(speaker.manner, random) + "\n";
  for (size_t at; (at = text.find('@')) != std::string::npos;) text.replace(at, 1, listener.name);
  return text + "\n";
}

}  // namespace

std::string made_up_play(int64_t scenes, uint64_t seed) {
  std::string play;
  for (int64_t scene = 0; scene < scenes; ++scene) {
    training::KeyedRandom random(seed, static_cast<uint64_t>(scene));
    const size_t first = random.below(kPeople.size());
    const Person& one = kPeople[first];
    const Person& other = kPeople[(first + 1 + random.below(kPeople.size() - 1)) % kPeople.size()];
    play += fmt::format("SCENE. {}. Enter {} and {}.\n\n", phrases().text("place", random), one.name, other.name);
    for (uint64_t turns = 2 + random.below(3); turns > 0; --turns)
      play += speech(one, other, random) + speech(other, one, random);
  }
  return play;
}

std::string text_file(const std::string& path, const std::vector<std::string>& endings) {
  if (!fs::is_directory(path)) return path;
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_regular_file() && std::find(endings.begin(), endings.end(), entry.path().extension()) != endings.end())
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  if (largest.empty()) fail(ErrorKind::BadInput, "{}: holds no file *{}", path, fmt::join(endings, " and no *"));
  return largest.string();
}

std::string load_text(const std::string& path) {
  if (path.empty()) return made_up_play(/*scenes=*/100, /*seed=*/1);
  return training::load_text(text_file(path));
}

}  // namespace seqc::examples
