// Says whether a film review is favourable from its last 20 common words, with two models: two LSTMs, one on top of the
// other, and an LSTM that reads in both directions, with dropout of every kind.
//   example_text_classify                                 learns from reviews that the program makes up
//   example_text_classify --data DIR                      IMDb: train.tsv.gz and test.tsv.gz, or train/pos, train/neg, ...
//   example_text_classify --model stacked                 one of the models alone, the other is `bidirectional`
//   example_text_classify --predict "I loved every bit"   what the trained models say, without training
#include <fmt/format.h>

#include "frontend/dsl/dsl.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/data/tokens.h"
#include "runtime/training/data/vocabulary.h"
#include "tools/examples/support/run.h"
#include "tools/examples/support/texts.h"

using namespace seqc;
using dsl::Dropout;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Vocabulary;

namespace {

constexpr int64_t kVocabulary = 1000, kWords = 20, kEmbedding = 128;

/// words[20,N,128] -> [N,256]
Var two_layers(dsl::Model& model, const Var& words) {
  constexpr int64_t kHidden = 256;
  const Var zero = dsl::zeros_like_rows(words, kHidden);
  const dsl::LstmCell first = dsl::lstm_parameters(model, "first", kEmbedding, kHidden);
  const dsl::LstmCell second = dsl::lstm_parameters(model, "second", kHidden, kHidden);
  const Var below = Dropout(model, "dropout1", 0.5)(dsl::scan(first, words, {zero, zero}).outputs[0]);
  return Dropout(model, "dropout2", 0.5)(dsl::scan(second, below, {zero, zero}).states[0]);
}

/// words[20,N,128] -> [N,1024]
Var both_directions(dsl::Model& model, const Var& words) {
  constexpr int64_t kHidden = 100, kDense = 1024;
  // Spatial dropout: one mask for all steps, so that whole features are missing.
  const Var some = Dropout(model, "spatial", 0.3)(words, {0});
  dsl::LstmCell forward = dsl::lstm_parameters(model, "forward", kEmbedding, kHidden);
  dsl::LstmCell backward = dsl::lstm_parameters(model, "backward", kEmbedding, kHidden);
  // Recurrent dropout: of h on its way from step to step, the same units at every step.
  forward.recurrent = Dropout(model, "recurrent1", 0.3).same_at_every_step();
  backward.recurrent = Dropout(model, "recurrent2", 0.3).same_at_every_step();
  const Var zero = dsl::zeros_like_rows(words, kHidden);
  const dsl::Scanned read = dsl::bidirectional(forward, backward, some, {zero, zero}, {zero, zero});
  Var x = dsl::concat({read.states[0], read.states[2]}, 1);  // h of either direction, after its last step
  x = Dropout(model, "dropout1", 0.5)(dsl::relu(dsl::dense_parameters(model, "dense1", 2 * kHidden, kDense)(x)));
  return Dropout(model, "dropout2", 0.5)(dsl::relu(dsl::dense_parameters(model, "dense2", kDense, kDense)(x)));
}

std::unique_ptr<ir::Module> build(const std::string& name, int64_t vocabulary, uint64_t seed) {
  dsl::Model model(name, seed);
  const Var x = model.input("x", DType::i64, {kWords, Dim::symbol("N")});
  const Var label = model.input("label", DType::f32, {Dim::symbol("N")});
  const Var words = dsl::embedding_parameters(model, "words", vocabulary, kEmbedding)(x);
  const Var features = name == "stacked" ? two_layers(model, words) : both_directions(model, words);
  const Var logit =
      dsl::select(dsl::dense_parameters(model, "favourable", features.dim(1).constant(), 1)(features), 1, 0);
  model.output("probability", dsl::sigmoid(logit));
  model.output("loss", dsl::sigmoid_cross_entropy(logit, label));
  model.output("accuracy", dsl::binary_accuracy(logit, label));
  return model.finish(/*trainable=*/true);
}

training::Tokens words_of(const std::string& review) {
  return training::words(training::clean(review), {.marks = false});
}

/// x[20,N]: the last 20 words of each review that the vocabulary has, filled in front if there are fewer. label[N]: 1 for
/// favourable.
training::Dataset dataset(const training::LabelledTexts& reviews, const Vocabulary& vocabulary) {
  std::vector<std::vector<int64_t>> numbers;
  for (const std::string& review : reviews.texts) {
    training::Tokens words = words_of(review);
    std::erase_if(words, [&](const std::string& word) { return !vocabulary.contains(word); });
    numbers.push_back(vocabulary.encode(words));
  }
  constexpr auto kFront = training::Side::Front;
  training::Dataset data;
  data.add("x",
           training::fitted(numbers, {.length = kWords, .padding = vocabulary.padding(), .pad = kFront, .cut = kFront}),
           {.batch_axis = 1});
  data.add("label", training::converted(Tensor::i64({data.size()}, reviews.labels.ids), DType::f32));
  return data;
}

/// What each of the trained models says to a review.
std::string predict(const examples::Run& run, const std::vector<std::string>& models, const std::string& review) {
  std::string said = review + "\n";
  for (const std::string& name : models) {
    runtime::Session model = run.open(name);
    const training::Dataset data = dataset({{review}, {{0}, {}}}, Vocabulary::load(run.file("vocabulary.json")));
    const Tensor probability = model.run({data.gather(std::vector<int64_t>{0}).at("x")})[0];
    said += fmt::format("  {}: {:.1f} % favourable\n", name, 100 * probability.real(0));
  }
  return said;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "text_classify",
                     .about = "Says whether a film review is favourable from its last 20 common words.",
                     .epochs = 5,
                     .built_in_epochs = 2,
                     .data = "a folder with the IMDb reviews"});
  std::vector<std::string> models = {"stacked", "bidirectional"};
  std::string review;
  run.options().add_option("--model", models, "stacked, bidirectional or both")->check(CLI::IsMember(models));
  run.options().add_option("--predict", review, "a review to be judged by the trained models");

  return run.main(argc, argv, [&] {
    if (!review.empty()) return run.print(predict(run, models, review));
    const examples::Reviews reviews = examples::load_reviews(run.data());
    std::vector<training::Tokens> texts;
    for (const std::string& text : reviews.train.texts) texts.push_back(words_of(text));
    const Vocabulary vocabulary =
        Vocabulary::build(texts, {.max_size = kVocabulary, .unknown = "", .begin = "", .end = ""});
    run.write("vocabulary.json", vocabulary.json());
    const bool few = run.data().empty();  // the program's own reviews
    const int64_t size = few ? 30 : 100;
    const auto train = training::batches(dataset(reviews.train, vocabulary), {.size = size, .seed = run.seed()});
    const auto validation = training::batches(dataset(reviews.validation, vocabulary), {.size = size});
    const auto test = training::batches(dataset(reviews.test, vocabulary), {.size = size});

    for (const std::string& name : models) {
      training::Trainer trainer(*build(name, vocabulary.size(), run.seed())->functions[0],
                                {.optimizer = training::adam(few ? 3e-3 : 1e-3),
                                 .clip = training::by_global_norm(5),
                                 .expected_dims = {{"N", size}},
                                 .threads = run.threads()});
      run.train(trainer, *train, {.epochs = run.epochs(), .validation = validation.get(), .patience = 2}, name);
      run.test(trainer, *test, name);
      run.export_onnx(trainer, {"probability"}, *test, name);
    }
    std::string said;
    for (const char* text : {"A great film: the story was gripping, the acting brilliant and the music beautiful.",
                             "A good cast, but the story was dull and the music painful. I was not moved."})
      said += predict(run, models, text);
    run.sample("What the models say to reviews that they have not seen", said);
  });
}
