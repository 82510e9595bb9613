// Says what is to be seen in a picture: a vector in, a sequence of words out. The vector becomes the first state of an LSTM,
// which writes a word at a time.
//   example_caption                     learns small pictures of coloured shapes that the program draws
//   example_caption --data DIR          features.npy f32[N,D], vectors of pictures or anything else, and captions.txt: N lines
//   example_caption --predict 3         what the trained model says to three of the test vectors, without training
#include "frontend/dsl/dsl.h"
#include "runtime/decoding/search.h"
#include "runtime/decoding/stepper.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/data/teacher_forcing.h"
#include "runtime/training/data/tokens.h"
#include "runtime/training/data/vocabulary.h"
#include "tools/examples/support/pairs.h"
#include "tools/examples/support/run.h"
#include "tools/examples/support/scenes.h"

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Vocabulary;

namespace {

constexpr int64_t kSeen = 128, kEmbedding = 32, kHidden = 96, kBatch = 64;

std::unique_ptr<ir::Module> build(int64_t features, int64_t vocabulary, uint64_t seed) {
  dsl::Model model("caption", seed);
  const Dim steps = Dim::symbol("T"), rows = Dim::symbol("N");
  const Var v = model.input("v", DType::f32, {rows, features});
  const Var before = model.input("before", DType::i64, {steps, rows});  // <s> a red square ...
  const Var target = model.input("target", DType::i64, {steps, rows});  // a red square ... </s>
  const Var lengths = model.input("target_lengths", DType::i64, {rows});

  const dsl::Dense see = dsl::dense_parameters(model, "see", features, kSeen, dsl::Init::he());
  const dsl::Dense start_h = dsl::dense_parameters(model, "start_h", kSeen, kHidden);
  const dsl::Dense start_c = dsl::dense_parameters(model, "start_c", kSeen, kHidden);
  const dsl::LstmCell lstm = dsl::lstm_parameters(model, "lstm", kEmbedding, kHidden);
  const dsl::Dense next = dsl::dense_parameters(model, "next", kHidden, vocabulary);
  const Var words = dsl::embedding_parameters(model, "words", vocabulary, kEmbedding, dsl::Init::normal(0.3))(before);

  const Var seen = dsl::relu(see(v));
  const Var h = dsl::tanh(start_h(seen)), c = start_c(seen);
  const Var logits = next(dsl::scan(lstm, words, {h, c}).outputs[0]);  // [T,N,words]
  model.output("logits", logits);
  model.output("loss", dsl::sequence_cross_entropy(logits, target, lengths));
  model.output("accuracy", dsl::accuracy(logits, target, dsl::step_mask(lengths, steps, logits)));

  // In use: the states that a vector starts with, and a step from states that are inputs. Training does not need them.
  model.output("h_start", h);
  model.output("c_start", c);
  const dsl::Vars states = {model.input("h", DType::f32, {rows, kHidden}),
                            model.input("c", DType::f32, {rows, kHidden})};
  const dsl::Scanned step = dsl::scan(lstm, words, states);
  model.output("next", next(step.outputs[0]));
  model.output("h_next", step.states[0]);
  model.output("c_next", step.states[1]);
  return model.finish(/*trainable=*/true);
}

training::Dataset dataset(const examples::Captioned& data, const Vocabulary& vocabulary) {
  std::vector<std::vector<int64_t>> texts;
  for (const std::string& caption : data.captions) texts.push_back(vocabulary.encode_whole(training::words(caption)));
  training::Dataset result;
  result.add("v", data.features);
  training::add_teacher_forcing(result, texts);  // before, target, target_lengths
  return result;
}

/// What the trained model says to vectors [N,D], by beam search for each.
std::vector<std::string> captions(const examples::Run& run, const Tensor& features) {
  const Vocabulary vocabulary = Vocabulary::load(run.file("words.json"));
  runtime::Session start = run.open("start"), next = run.open("next");
  decoding::Stepper writer(next, {{"h_next", "h"}, {"c_next", "c"}}, {.tokens = "before", .scores = "next"});
  const std::vector<Tensor> states = start.run({features});  // h, c of all
  std::vector<std::string> texts;
  for (int64_t n = 0; n < features.shape()[0]; ++n) {
    const auto row = [&](const Tensor& all) { return decoding::take_rows(all, 0, {{n}}); };
    writer.start({{"h", row(states[0])}, {"c", row(states[1])}});
    const auto best =
        decoding::beam_search(writer, {.begin = vocabulary.begin(), .end = vocabulary.end(), .max_tokens = 30});
    texts.push_back(training::join_words(vocabulary.decode(best[0].tokens)));
  }
  return texts;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "caption",
                     .about = "Says what is to be seen in a picture: a vector in, a sequence of words out.",
                     .epochs = 15,
                     .data = "a folder with features.npy and captions.txt"});
  int64_t predict = 0;
  run.options().add_option("--predict", predict, "shows so many test vectors and what the trained model says to them");

  return run.main(argc, argv, [&] {
    const examples::CaptionedSplit data = examples::load_captions(run.data());
    const auto show = [&](int64_t count) {
      const Tensor some = data.test.first(count).features;
      examples::show_captions(run, some, captions(run, some));
    };
    if (predict > 0) return show(predict);

    std::vector<training::Tokens> texts;
    for (const std::string& caption : data.train.captions) texts.push_back(training::words(caption));
    const Vocabulary vocabulary = Vocabulary::build(texts);
    run.write("words.json", vocabulary.json());

    const auto train =
        training::prefetch(training::batches(dataset(data.train, vocabulary), {.size = kBatch, .seed = run.seed()}));
    const auto test = training::batches(dataset(data.test, vocabulary), {.size = kBatch, .shuffle = false});
    const int64_t steps = run.epochs() * train->size(0);
    training::Trainer trainer(*build(data.train.features.shape()[1], vocabulary.size(), run.seed())->functions[0],
                              {.optimizer = training::adam(training::cosine_decay(3e-3, steps, 1e-4)),
                               .clip = training::by_global_norm(1),
                               .expected_dims = {{"T", 12}, {"N", kBatch}},
                               .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);  // of words, each with the right ones before it
    run.export_onnx(trainer, {"logits"}, *test);
    run.export_onnx(trainer, {"h_start", "c_start"}, *test, "start");
    run.export_onnx(trainer, {"next", "h_next", "c_next"}, *test, "next");

    run.figure("share exact", examples::share_equal(captions(run, data.test.features), data.test.captions));
    show(4);
  });
}
