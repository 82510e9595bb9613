// Tells unwanted short messages from others: a table of words, a small RNN over the message, two classes.
//   example_spam                                     learns from messages that the program makes up
//   example_spam --data DIR                          the SMS Spam Collection: sms.tsv or SMSSpamCollection in that folder
//   example_spam --predict "You won! Call now"       what the trained model says, without training
#include <fmt/format.h>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/data/split.h"
#include "runtime/training/data/tokens.h"
#include "runtime/training/data/vocabulary.h"
#include "tools/examples/support/run.h"
#include "tools/examples/support/texts.h"

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Vocabulary;

namespace {

constexpr int64_t kWords = 25, kEmbedding = 50, kHidden = 10, kClasses = 2, kBatch = 250;

std::unique_ptr<ir::Module> build(int64_t vocabulary, uint64_t seed) {
  dsl::Model model("spam", seed);
  const Var x = model.input("x", DType::i64, {kWords, Dim::symbol("N")});
  const Var label = model.input("label", DType::i64, {Dim::symbol("N")});

  const Var words = dsl::embedding_parameters(model, "words", vocabulary, kEmbedding)(x);  // [25,N,50]
  const dsl::RnnCell rnn = dsl::rnn_parameters(model, "rnn", kEmbedding, kHidden);
  const Var last = dsl::scan(rnn, words, {dsl::zeros_like_rows(words, kHidden)}).states[0];
  const dsl::Dropout dropout(model, "dropout", 0.5);  // in training alone
  const Var logits = dsl::dense_parameters(model, "class", kHidden, kClasses)(dropout(last));

  model.output("probabilities", dsl::softmax(logits, -1));
  model.output("loss", dsl::softmax_cross_entropy(logits, label));
  model.output("accuracy", dsl::accuracy(logits, label));
  return model.finish(/*trainable=*/true);
}

/// [25, messages]: the first 25 words of each as numbers; short messages are filled in front, so that the RNN reads their
/// words last.
Tensor numbers(const std::vector<training::Tokens>& messages, const Vocabulary& vocabulary) {
  std::vector<std::vector<int64_t>> ids;
  for (const training::Tokens& message : messages) ids.push_back(vocabulary.encode(message));
  return training::fitted(ids, {.length = kWords, .padding = vocabulary.padding(), .pad = training::Side::Front});
}

training::Tokens words_of(const std::string& message) { return training::words(training::clean(message)); }

std::string predict(const examples::Run& run, const std::string& message) {
  runtime::Session model = run.open();
  const Vocabulary vocabulary = Vocabulary::load(run.file("vocabulary.json"));
  training::Dataset data;
  data.add("x", numbers({words_of(message)}, vocabulary), {.batch_axis = 1});
  const Tensor probabilities = model.run({data.gather(std::vector<int64_t>{0}).at("x")})[0];
  return fmt::format("{:.1f} % spam: {}\n", 100 * probabilities.real(1), message);
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "spam",
                     .about = "Tells unwanted short messages from others with a small RNN over their words.",
                     .epochs = 30,
                     .data = "a folder with the SMS Spam Collection"});
  std::string message;
  run.options().add_option("--predict", message, "a message to be judged by the trained model");

  return run.main(argc, argv, [&] {
    if (!message.empty()) return run.print(predict(run, message));

    const training::LabelledTexts messages = examples::load_messages(run.data());
    std::vector<training::Tokens> texts;
    for (const std::string& text : messages.texts) texts.push_back(words_of(text));
    const Vocabulary vocabulary = Vocabulary::build(texts, {.min_count = 10, .begin = "", .end = ""});
    run.write("vocabulary.json", vocabulary.json());

    training::Dataset data;
    data.add("x", numbers(texts, vocabulary), {.batch_axis = 1});
    data.add("label", Tensor::i64({data.size()}, messages.labels.ids));
    const training::Split parts = training::split(data.size(), 0.2, run.seed(), messages.labels.ids);
    const auto train = training::batches(data.take(parts.train), {.size = kBatch, .seed = run.seed()});
    const auto test = training::batches(data.take(parts.test), {.size = kBatch, .shuffle = false});

    training::Trainer trainer(
        *build(vocabulary.size(), run.seed())->functions[0],
        {.optimizer = training::rmsprop(5e-4), .expected_dims = {{"N", kBatch}}, .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);
    run.export_onnx(trainer, {"probabilities"}, *test);
    std::string said;
    for (const char* text : {"Congratulations! You won a free holiday, call 08000 123456 now to claim it",
                             "Hi, are you free tonight? Call me when you are home"})
      said += predict(run, text);
    run.sample("What the model says to messages that it has not seen", said);
  });
}
