// Marks the names in sentences, as persons, places or companies: a table of words and an LSTM that reads each sentence in
// both directions, since what stands before and after a name tells what it is.
//   example_tagger                             learns sentences that the program makes up
//   example_tagger --data DIR                  train.txt and test.txt: a word and its tag a line, sentences apart by empty lines
//   example_tagger --predict "Paris called me" what the trained model says, without training
#include <fmt/format.h>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/data/tokens.h"
#include "tools/examples/support/run.h"
#include "tools/examples/support/tagged.h"

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Vocabulary;

namespace {

constexpr int64_t kEmbedding = 64, kHidden = 64, kBatch = 32;

std::unique_ptr<ir::Module> build(int64_t words, int64_t tags, uint64_t seed) {
  dsl::Model model("tagger", seed);
  const Dim steps = Dim::symbol("T"), sentences = Dim::symbol("N");
  const Var x = model.input("x", DType::i64, {steps, sentences});
  const Var lengths = model.input("lengths", DType::i64, {sentences});  // sentences are ragged; what follows is padding
  const Var tag = model.input("tag", DType::i64, {steps, sentences});

  const dsl::Dropout dropout(model, "dropout", 0.3);  // in training alone
  const Var embedded = dropout(dsl::embedding_parameters(model, "words", words, kEmbedding)(x));
  const dsl::LstmCell forward = dsl::lstm_parameters(model, "forward", kEmbedding, kHidden);
  const dsl::LstmCell backward = dsl::lstm_parameters(model, "backward", kEmbedding, kHidden);
  const Var zero = dsl::zeros_like_rows(embedded, kHidden);
  // [T,N,128]; the backward direction begins at each sentence's own last word.
  const Var read = dsl::bidirectional(forward, backward, embedded, {zero, zero}, {zero, zero}, lengths).outputs[0];
  const Var logits = dsl::dense_parameters(model, "tag", 2 * kHidden, tags)(read);

  model.output("probabilities", dsl::softmax(logits, -1));
  model.output("loss", dsl::sequence_cross_entropy(logits, tag, lengths));  // of words alone, not of padding
  model.output("accuracy", dsl::accuracy(logits, tag, dsl::step_mask(lengths, steps, logits)));
  return model.finish(/*trainable=*/true);
}

training::Dataset dataset(const std::vector<examples::Tagged>& sentences, const Vocabulary& words,
                          const Vocabulary& tags) {
  std::vector<std::vector<int64_t>> x, tag;
  for (const examples::Tagged& sentence : sentences) {
    x.push_back(words.encode(sentence.words));
    tag.push_back(tags.encode(sentence.tags));
  }
  training::Dataset data;
  data.add_sequences("x", x, {.padding = static_cast<double>(words.padding()), .lengths = "lengths"});
  data.add_sequences("tag", tag);
  return data;
}

/// `Paris/PERSON called me`.
std::string predict(const examples::Run& run, const std::vector<std::string>& sentences) {
  const Vocabulary words = Vocabulary::load(run.file("words.json")), tags = Vocabulary::load(run.file("tags.json"));
  runtime::Session model = run.open();
  std::string text;
  for (const std::string& sentence : sentences) {
    training::Tokens tokens = training::words(sentence);
    const auto count = static_cast<int64_t>(tokens.size());
    const Tensor probabilities =
        model.run({Tensor::i64({count, 1}, words.encode(tokens)), Tensor::i64({1}, {count})})[0];
    for (int64_t t = 0; t < count; ++t) {
      int64_t best = 0;
      for (int64_t k = 1; k < tags.size(); ++k)
        if (probabilities.real(t * tags.size() + k) > probabilities.real(t * tags.size() + best)) best = k;
      if (tags.token(best) != examples::kNoTag) tokens[static_cast<size_t>(t)] += "/" + tags.token(best);
    }
    text += training::join_words(tokens) + "\n";
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "tagger",
                     .about = "Marks persons, places and companies in sentences with an LSTM in both directions.",
                     .epochs = 10,
                     .built_in_epochs = 4,
                     .data = "a folder with train.txt and test.txt"});
  std::string sentence;
  run.options().add_option("--predict", sentence, "a sentence to be tagged by the trained model");

  return run.main(argc, argv, [&] {
    if (!sentence.empty()) return run.print(predict(run, {sentence}));

    const examples::TaggedSentences sentences = examples::load_tagged(run.data());
    std::vector<training::Tokens> texts, tag_texts;
    for (const examples::Tagged& one : sentences.train) {
      texts.push_back(one.words);
      tag_texts.push_back(one.tags);
    }
    const Vocabulary words = Vocabulary::build(texts, {.min_count = 2, .begin = "", .end = ""});
    const Vocabulary tags = Vocabulary::build(tag_texts, {.padding = "", .unknown = "", .begin = "", .end = ""});
    run.write("words.json", words.json());
    run.write("tags.json", tags.json());

    const auto train =
        training::batches(dataset(sentences.train, words, tags),
                          {.size = kBatch, .seed = run.seed(), .bucket_by = "x", .bucket_bounds = {8, 12}});
    const auto test = training::batches(dataset(sentences.test, words, tags), {.size = kBatch, .shuffle = false});
    training::Trainer trainer(*build(words.size(), tags.size(), run.seed())->functions[0],
                              {.optimizer = training::adam(5e-3),
                               .clip = training::by_global_norm(1),
                               .expected_dims = {{"T", 10}, {"N", kBatch}},
                               .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);
    // Without reading the sentence: the tag that most words have, and the one that each word has most often.
    const examples::Baselines baselines = examples::baselines(sentences);
    run.figure("accuracy of the most frequent tag", baselines.tag);
    run.figure("accuracy of each word's most frequent tag", baselines.word);
    run.print(fmt::format("the most frequent tag: {:.2f} %; each word's most frequent tag: {:.2f} %",
                          100 * baselines.tag, 100 * baselines.word));
    run.export_onnx(trainer, {"probabilities"}, *test);
    run.sample(
        "What the model marks",
        predict(run, {"Yesterday Jordan Baker flew from Paris to Madison.", "Paris bought Baker from Madison Wells.",
                      "Wells left Madison and moved to Jordan, and the shares of Chester fell by a third."}));
  });
}
