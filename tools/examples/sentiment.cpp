// Says whether a film review is favourable: a table of words, an LSTM over the last 200 of them, one number.
//   example_sentiment                                   learns from reviews that the program makes up
//   example_sentiment --data DIR                        IMDb: train.tsv.gz and test.tsv.gz, or train/pos, train/neg, ...
//   example_sentiment --predict "I loved every minute"  what the trained model says, without training
#include <fmt/format.h>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
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

constexpr int64_t kVocabulary = 20'000, kEmbedding = 256, kHidden = 128, kBatch = 100;

std::unique_ptr<ir::Module> build(int64_t vocabulary, int64_t steps, uint64_t seed) {
  dsl::Model model("sentiment", seed);
  const Var x = model.input("x", DType::i64, {steps, Dim::symbol("N")});
  const Var label = model.input("label", DType::f32, {Dim::symbol("N")});

  const Var words = dsl::embedding_parameters(model, "words", vocabulary, kEmbedding)(x);  // [200,N,256]
  const dsl::LstmCell lstm = dsl::lstm_parameters(model, "lstm", kEmbedding, kHidden);
  const Var zero = dsl::zeros_like_rows(words, kHidden);
  const Var last = dsl::scan(lstm, words, {zero, zero}).states[0];
  const dsl::Dropout dropout(model, "dropout", 0.5);  // in training alone
  const Var logit = dsl::select(dsl::dense_parameters(model, "favourable", kHidden, 1)(dropout(last)), 1, 0);

  model.output("probability", dsl::sigmoid(logit));
  model.output("loss", dsl::sigmoid_cross_entropy(logit, label));
  model.output("accuracy", dsl::binary_accuracy(logit, label));
  return model.finish(/*trainable=*/true);
}

training::Tokens words_of(const std::string& review) {
  return training::words(training::clean(review), {.marks = false});
}

/// x[steps,N]: the last words of each review as numbers; shorter reviews are filled in front. label[N]: 1 for favourable.
training::Dataset dataset(const training::LabelledTexts& reviews, const Vocabulary& vocabulary, int64_t steps) {
  constexpr auto kFront = training::Side::Front;
  std::vector<std::vector<int64_t>> numbers;
  for (const std::string& text : reviews.texts) numbers.push_back(vocabulary.encode(words_of(text)));
  training::Dataset data;
  data.add("x",
           training::fitted(numbers, {.length = steps, .padding = vocabulary.padding(), .pad = kFront, .cut = kFront}),
           {.batch_axis = 1});
  data.add("label", training::converted(Tensor::i64({data.size()}, reviews.labels.ids), DType::f32));
  return data;
}

std::string predict(const examples::Run& run, const std::string& review) {
  runtime::Session model = run.open();
  const Vocabulary vocabulary = Vocabulary::load(run.file("vocabulary.json"));
  const int64_t steps = model.program().inputs()[0].type.shape[0].constant();
  const training::Dataset data = dataset({{review}, {{0}, {}}}, vocabulary, steps);
  const Tensor probability = model.run({data.gather(std::vector<int64_t>{0}).at("x")})[0];
  return fmt::format("{:.1f} % favourable: {}\n", 100 * probability.real(0), review);
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "sentiment",
                     .about = "Says whether a film review is favourable, with an LSTM over its last 200 words.",
                     .epochs = 2,
                     .built_in_epochs = 12,
                     .data = "a folder with the IMDb reviews"});
  std::string review;
  run.options().add_option("--predict", review, "a review to be judged by the trained model");

  return run.main(argc, argv, [&] {
    if (!review.empty()) return run.print(predict(run, review));

    const examples::Reviews reviews = examples::load_reviews(run.data());
    std::vector<training::Tokens> texts;
    for (const std::string& text : reviews.train.texts) texts.push_back(words_of(text));
    const Vocabulary vocabulary = Vocabulary::build(texts, {.max_size = kVocabulary, .begin = "", .end = ""});
    run.write("vocabulary.json", vocabulary.json());

    const int64_t steps = run.data().empty() ? 50 : 200;  // the program's own reviews are short
    const auto train =
        training::batches(dataset(reviews.train, vocabulary, steps), {.size = kBatch, .seed = run.seed()});
    const auto validation = training::batches(dataset(reviews.validation, vocabulary, steps), {.size = kBatch});
    const auto test = training::batches(dataset(reviews.test, vocabulary, steps), {.size = kBatch});
    training::Trainer trainer(*build(vocabulary.size(), steps, run.seed())->functions[0],
                              {.optimizer = training::adam(training::cosine_decay(1e-3, run.epochs() * train->size(0))),
                               .clip = training::by_global_norm(5),
                               .expected_dims = {{"N", kBatch}},
                               .threads = run.threads()});
    // Ends when two epochs in a row were no better for reviews that it does not learn from, and takes the best.
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = validation.get(), .patience = 2});
    run.test(trainer, *test);
    run.export_onnx(trainer, {"probability"}, *test);
    std::string said;
    for (const char* text : {"A great film: the story was gripping, the acting brilliant and the music beautiful.",
                             "A good cast, but the story was dull and the music painful. I was not moved."})
      said += predict(run, text);
    run.sample("What the model says to reviews that it has not seen", said);
  });
}
