// Learns to write like a script, word by word: a table of words, two layers of LSTM over streams of text whose states go on
// from batch to batch. Punctuation marks and line ends are words of their own.
//   example_script_writer                      learns a play that the program makes up
//   example_script_writer --data PATH          any text file, or a folder: of its files *.txt the longest
//   example_script_writer --generate 200       writes so many words with the trained model, without training
//   example_script_writer --generate 200 --prime king --temperature 0.7 --top-k 40
#include "frontend/dsl/dsl.h"
#include "runtime/decoding/sampling.h"
#include "runtime/decoding/stepper.h"
#include "runtime/training/data/text_streams.h"
#include "runtime/training/data/tokens.h"
#include "runtime/training/data/vocabulary.h"
#include "tools/examples/support/plays.h"
#include "tools/examples/support/run.h"

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Vocabulary;

namespace {

constexpr int64_t kVocabulary = 10'000, kEmbedding = 256, kHidden = 256, kSteps = 32;

/// What the model gives, and what it takes it as at the next step or batch: the states of both layers.
const std::map<std::string, std::string> kStates = {
    {"h1_next", "h1"}, {"c1_next", "c1"}, {"h2_next", "h2"}, {"c2_next", "c2"}};

std::unique_ptr<ir::Module> build(int64_t vocabulary, uint64_t seed) {
  dsl::Model model("script_writer", seed);
  const Dim steps = Dim::symbol("T"), streams = Dim::symbol("N");
  const Var x = model.input("x", DType::i64, {steps, streams});  // words
  const Var y = model.input("y", DType::i64, {steps, streams});  // those that follow them
  dsl::Vars before;
  for (const char* name : {"h1", "c1", "h2", "c2"}) before.push_back(model.input(name, DType::f32, {streams, kHidden}));

  // Wide starts: with the narrow ones of `dsl` thousands of words are taken for the same one, for epochs.
  const dsl::Init words_init = dsl::Init::normal(1), next_init = dsl::Init::uniform(1.0 / 16);
  const Var words = dsl::embedding_parameters(model, "words", vocabulary, kEmbedding, words_init)(x);
  dsl::Stack layers;  // two cells in one scan: the second one's input is the first one's output
  layers.add(dsl::lstm_parameters(model, "lstm1", kEmbedding, kHidden), 2);
  layers.add(dsl::lstm_parameters(model, "lstm2", kHidden, kHidden), 2);
  const dsl::Scanned written = dsl::scan(layers, words, before);
  const Var logits = dsl::dense_parameters(model, "next", kHidden, vocabulary, next_init)(written.outputs[0]);

  const Var loss = dsl::sequence_cross_entropy(logits, y);  // nats per word
  model.output("logits", logits);
  const char* names[] = {"h1_next", "c1_next", "h2_next", "c2_next"};
  for (size_t i = 0; i < 4; ++i) model.output(names[i], written.states[i]);
  model.output("loss", loss);
  model.output("perplexity", dsl::perplexity(loss));  // as if it chose among so many words
  return model.finish(/*trainable=*/true);
}

training::Tokens words_of(const std::string& text) {
  return training::words(training::clean(text, {.html = false, .join_blanks = false}), {.line_ends = true});
}

/// What the trained model writes after `prime`.
std::string generate(const examples::Run& run, const std::string& prime, int64_t count, decoding::Sampling sampling) {
  const Vocabulary vocabulary = Vocabulary::load(run.file("words.json"));
  sampling.never = {vocabulary.unknown()};
  training::Tokens text = words_of(prime);
  runtime::Session session = run.open();
  decoding::Stepper model(session, kStates);  // a word in, the scores of the next one out
  for (const int64_t word : decoding::sample_after(model, vocabulary.encode(text), count, sampling, run.seed()))
    text.push_back(vocabulary.token(word));
  return training::join_words(text);
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "script_writer",
                     .about = "Learns to write like a script, word by word, with two layers of LSTM.",
                     .epochs = 8,
                     .built_in_epochs = 6,
                     .data = "a text file, or a folder with one"});
  int64_t count = 0;
  std::string prime = "scene";
  decoding::Sampling sampling{.temperature = 0.8, .top_k = 40};
  run.options().add_option("--generate", count, "so many words are written by the trained model");
  run.options().add_option("--prime", prime, "the word, or words, that they follow");
  run.options().add_option("--temperature", sampling.temperature, "below 1 more careful, above 1 bolder");
  run.options().add_option("--top-k", sampling.top_k, "chooses among so many likeliest words; 0: all");

  return run.main(argc, argv, [&] {
    if (count > 0) return run.print(generate(run, prime, count, sampling));

    const training::Tokens text = words_of(examples::load_text(run.data()));
    const Vocabulary vocabulary =
        Vocabulary::build({text}, {.max_size = kVocabulary, .padding = "", .begin = "", .end = ""});
    run.write("words.json", vocabulary.json());

    // The last tenth of the text is kept for validation.
    const std::vector<int64_t> numbers = vocabulary.encode(text);
    const auto size = static_cast<int64_t>(numbers.size()), cut = size / 10 * 9,
               streams = run.data().empty() ? 16L : 32L;
    const auto part = [&](int64_t begin, int64_t end) {
      return training::text_streams(Tensor::i64({end - begin}, {numbers.begin() + begin, numbers.begin() + end}),
                                    {.streams = streams, .steps = kSteps});
    };
    const auto train = training::prefetch(part(0, cut)), validation = part(cut, size);

    training::Trainer trainer(*build(vocabulary.size(), run.seed())->functions[0],
                              {.optimizer = training::adam(2e-3),
                               .clip = training::by_value(1),
                               .carry = kStates,
                               .expected_dims = {{"T", kSteps}, {"N", streams}},
                               .threads = run.threads(),
                               .rows = "T"});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = validation.get(), .patience = 2});
    run.test(trainer, *validation);
    run.figure("words in the vocabulary", static_cast<double>(vocabulary.size()));
    run.export_onnx(trainer, {"logits", "h1_next", "c1_next", "h2_next", "c2_next"}, *validation);
    run.sample("What the model writes", generate(run, prime, 150, sampling));
  });
}
