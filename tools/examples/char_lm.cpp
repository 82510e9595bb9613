// Learns to write like a text, letter by letter: two layers of LSTM over streams of text, whose states go on from batch to
// batch (truncated backpropagation through time).
//   example_char_lm                            learns a play that the program makes up
//   example_char_lm --data PATH                a text file, or a folder: of its files *.txt the longest
//   example_char_lm --generate 500             writes so many letters with the trained model, without training
//   example_char_lm --generate 500 --prime "ROMEO:" --temperature 0.8 --top-k 10
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

/// How large a model is, and how much of the text a batch has.
struct Sizes {
  int64_t embedding, hidden, streams, steps;
};

/// What the model gives, and what it takes it as at the next step or batch: the states of both layers.
const std::map<std::string, std::string> kStates = {
    {"h1_next", "h1"}, {"c1_next", "c1"}, {"h2_next", "h2"}, {"c2_next", "c2"}};

std::unique_ptr<ir::Module> build(int64_t letters, const Sizes& sizes, uint64_t seed) {
  dsl::Model model("char_lm", seed);
  const Dim steps = Dim::symbol("T"), streams = Dim::symbol("N");
  const Var x = model.input("x", DType::i64, {steps, streams});  // letters
  const Var y = model.input("y", DType::i64, {steps, streams});  // those that follow them
  const auto state = [&](const char* name) { return model.input(name, DType::f32, {streams, sizes.hidden}); };
  const dsl::Vars before1 = {state("h1"), state("c1")}, before2 = {state("h2"), state("c2")};

  const Var embedded = dsl::embedding_parameters(model, "letters", letters, sizes.embedding)(x);
  const dsl::LstmCell lstm1 = dsl::lstm_parameters(model, "lstm1", sizes.embedding, sizes.hidden);
  const dsl::LstmCell lstm2 = dsl::lstm_parameters(model, "lstm2", sizes.hidden, sizes.hidden);
  const dsl::Dropout dropout1(model, "dropout1", 0.2), dropout2(model, "dropout2", 0.2);  // in training alone
  const dsl::Scanned first = dsl::scan(lstm1, embedded, before1);
  const dsl::Scanned second = dsl::scan(lstm2, dropout1(first.outputs[0]), before2);
  const Var logits = dsl::dense_parameters(model, "next", sizes.hidden, letters)(dropout2(second.outputs[0]));

  model.output("logits", logits);
  model.output("h1_next", first.states[0]);
  model.output("c1_next", first.states[1]);
  model.output("h2_next", second.states[0]);
  model.output("c2_next", second.states[1]);
  model.output("loss", dsl::softmax_cross_entropy(logits, y));  // nats per letter
  return model.finish(/*trainable=*/true);
}

/// What the trained model writes after `prime`.
std::string generate(const examples::Run& run, const std::string& prime, int64_t count,
                     const decoding::Sampling& sampling) {
  const Vocabulary letters = Vocabulary::load(run.file("letters.json"));
  runtime::Session session = run.open();
  decoding::Stepper model(session,
                          kStates);  // a letter in, the scores of the next one out; the states go on by themselves
  const std::vector<int64_t> written =
      decoding::sample_after(model, letters.encode(training::characters(prime)), count, sampling, run.seed());
  std::string text = prime;
  for (const int64_t letter : written) text += letters.token(letter);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "char_lm",
                     .about = "Learns to write like a text, letter by letter, with two layers of LSTM.",
                     .epochs = 15,
                     .built_in_epochs = 10,
                     .data = "a text file, or a folder with one"});
  int64_t count = 0;
  std::string prime = "\n";
  decoding::Sampling sampling{.temperature = 0.8};
  run.options().add_option("--generate", count, "so many letters are written by the trained model");
  run.options().add_option("--prime", prime, "what they follow");
  run.options().add_option("--temperature", sampling.temperature, "below 1 more careful, above 1 bolder");
  run.options().add_option("--top-k", sampling.top_k, "chooses among so many likeliest letters; 0: all");

  return run.main(argc, argv, [&] {
    if (count > 0) return run.print(generate(run, prime, count, sampling));

    const training::Tokens text = training::characters(examples::load_text(run.data()));
    const Vocabulary letters = Vocabulary::of_all(text);
    run.write("letters.json", letters.json());
    const Sizes sizes = run.data().empty() ? Sizes{32, 96, 8, 50} : Sizes{128, 256, 32, 100};

    // The last tenth of the text is kept for validation.
    const std::vector<int64_t> numbers = letters.encode(text);
    const auto size = static_cast<int64_t>(numbers.size()), cut = size / 10 * 9;
    const auto part = [&](int64_t begin, int64_t end) {
      return training::text_streams(Tensor::i64({end - begin}, {numbers.begin() + begin, numbers.begin() + end}),
                                    {.streams = sizes.streams, .steps = sizes.steps});
    };
    const auto train = training::prefetch(part(0, cut)), validation = part(cut, size);
    const int64_t batches = run.epochs() * train->size(0);

    training::Trainer trainer(*build(letters.size(), sizes, run.seed())->functions[0],
                              {.optimizer = training::adam(training::cosine_decay(3e-3, batches, 1e-4)),
                               .clip = training::by_global_norm(5),
                               .carry = kStates,
                               .expected_dims = {{"T", sizes.steps}, {"N", sizes.streams}},
                               .threads = run.threads(),
                               .rows = "T"});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = validation.get()});
    run.test(trainer, *validation);
    run.export_onnx(trainer, {"logits", "h1_next", "c1_next", "h2_next", "c2_next"}, *validation);
    run.sample("What the model writes", generate(run, prime, 600, sampling));
  });
}
