// Rewrites dates, "Monday, 3rd of March 1997" -> "1997-03-03", letter by letter: an encoder reads in both directions, a
// decoder writes and attends to what was read. It learns with the right letters before each (teacher forcing), and writes
// by itself: greedily, or with several candidates side by side (beam search).
//   example_translate                             learns dates in ten formats
//   example_translate --data PATH                 a file of lines "source TAB target", or a folder with one
//   example_translate --predict "March 3, 1997"   what the trained model writes, without training
#include <fmt/ranges.h>

#include "frontend/dsl/dsl.h"
#include "runtime/decoding/search.h"
#include "runtime/decoding/stepper.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/data/teacher_forcing.h"
#include "runtime/training/data/tokens.h"
#include "runtime/training/data/vocabulary.h"
#include "tools/examples/support/pairs.h"
#include "tools/examples/support/run.h"

using namespace seqc;
using dsl::Var, dsl::Vars;
using ir::Dim, ir::DType, ir::Tensor;
using training::Vocabulary;

namespace {

constexpr int64_t kEmbedding = 32, kHidden = 64, kMemory = 2 * kHidden, kBatch = 32;

/// Writes letters: an LSTM, which after each of them attends to the memory [N,S,memory].
struct Decoder {
  dsl::LstmCell lstm;
  dsl::Dense query, mix, next;

  dsl::Step operator()(const Var& letters, const Vars& states, const Var& memory, const Var& lengths) const {
    const dsl::Scanned y = dsl::scan(lstm, letters, states);
    const Var queries = dsl::transpose(query(y.outputs[0]), {1, 0, 2});
    const Var seen = dsl::attention(queries, memory, memory, lengths).values;  // [N,T,memory]
    const Var both = dsl::concat({y.outputs[0], dsl::transpose(seen, {1, 0, 2})}, -1);
    return {.states = y.states, .outputs = {next(dsl::tanh(mix(both)))}};  // logits [T,N,letters]
  }
};

std::unique_ptr<ir::Module> build(int64_t letters, uint64_t seed) {
  dsl::Model model("translate", seed);
  const Dim read = Dim::symbol("S"), written = Dim::symbol("T"), rows = Dim::symbol("N");
  const Var source = model.input("source", DType::i64, {read, rows});
  const Var lengths = model.input("lengths", DType::i64, {rows});
  const Var before = model.input("before", DType::i64, {written, rows});  // <s> 1 9 9 7 ...
  const Var target = model.input("target", DType::i64, {written, rows});  // 1 9 9 7 ... </s>
  const Var target_lengths = model.input("target_lengths", DType::i64, {rows});

  const dsl::Embedding embed = dsl::embedding_parameters(model, "letters", letters, kEmbedding, dsl::Init::normal(0.3));
  const dsl::LstmCell forward = dsl::lstm_parameters(model, "forward", kEmbedding, kHidden);
  const dsl::LstmCell backward = dsl::lstm_parameters(model, "backward", kEmbedding, kHidden);
  const dsl::Dense bridge = dsl::dense_parameters(model, "bridge", kMemory, kHidden);
  const Decoder decoder = {.lstm = dsl::lstm_parameters(model, "decoder", kEmbedding, kHidden),
                           .query = dsl::dense_parameters(model, "query", kHidden, kMemory),
                           .mix = dsl::dense_parameters(model, "mix", kHidden + kMemory, kHidden),
                           .next = dsl::dense_parameters(model, "next", kHidden, letters)};

  const Var letters_read = embed(source), letters_before = embed(before);
  const Var zero = dsl::zeros_like_rows(letters_read, kHidden);
  const dsl::Scanned y = dsl::bidirectional(forward, backward, letters_read, {zero, zero}, {zero, zero}, lengths);
  const Var memory = dsl::transpose(y.outputs[0], {1, 0, 2});
  const Var start = dsl::tanh(bridge(dsl::concat({y.states[0], y.states[2]}, 1)));  // from h of both directions
  const Var logits = decoder(letters_before, {start, zero}, memory, lengths).outputs[0];
  model.output("logits", logits);
  model.output("loss", dsl::sequence_cross_entropy(logits, target, target_lengths));
  model.output("accuracy", dsl::accuracy(logits, target, dsl::step_mask(target_lengths, written, logits)));

  // In use the decoder writes a letter at a time: the same weights, but memory and states are inputs.
  model.output("read", memory);
  model.output("start", start);
  const Var given = model.input("memory", DType::f32, {rows, read, kMemory});
  const Vars states = {model.input("h", DType::f32, {rows, kHidden}), model.input("c", DType::f32, {rows, kHidden})};
  const dsl::Step step = decoder(letters_before, states, given, lengths);
  model.output("next", step.outputs[0]);
  model.output("h_next", step.states[0]);
  model.output("c_next", step.states[1]);
  return model.finish(/*trainable=*/true);
}

training::Dataset dataset(const examples::Pairs& pairs, const Vocabulary& letters) {
  std::vector<std::vector<int64_t>> sources, targets;
  for (const std::string& text : pairs.sources) sources.push_back(letters.encode(training::characters(text)));
  for (const std::string& text : pairs.targets) targets.push_back(letters.encode_whole(training::characters(text)));
  training::Dataset data;
  data.add_sequences("source", sources, {.lengths = "lengths"});
  training::add_teacher_forcing(data, targets);  // before, target, target_lengths
  return data;
}

/// What the trained model writes for each source: greedily, or with so many candidates.
std::vector<std::string> translate(const examples::Run& run, const std::vector<std::string>& sources, int64_t width) {
  const Vocabulary letters = Vocabulary::load(run.file("letters.json"));
  runtime::Session encoder = run.open("encoder"), decoder = run.open("decoder");
  decoding::Stepper writer(decoder, {{"h_next", "h"}, {"c_next", "c"}}, {.tokens = "before", .scores = "next"});
  const decoding::SearchOptions options = {.begin = letters.begin(), .end = letters.end(), .max_tokens = 100};
  std::vector<std::string> texts;
  for (const std::string& source : sources) {
    const std::vector<int64_t> read = letters.encode(training::characters(source));
    const Tensor lengths = Tensor::i64({1}, {std::ssize(read)});
    const std::vector<Tensor> encoded = encoder.run({Tensor::i64({std::ssize(read), 1}, read), lengths});
    writer.start({{"memory", encoded[0]}, {"h", encoded[1]}, {"lengths", lengths}});
    const auto written = width > 1 ? decoding::beam_search(writer, options, {.width = width})[0].tokens
                                   : decoding::greedy(writer, /*rows=*/1, options)[0];
    texts.push_back(fmt::format("{}", fmt::join(letters.decode(written), "")));
  }
  return texts;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Run run({.name = "translate",
                     .about = "Rewrites dates letter by letter, with an encoder, and a decoder that attends to it.",
                     .epochs = 5,
                     .data = "a file of lines \"source TAB target\", or a folder with one"});
  std::string text;
  run.options().add_option("--predict", text, "what the trained model shall rewrite");

  return run.main(argc, argv, [&] {
    if (!text.empty()) return run.print(translate(run, {text}, /*width=*/4)[0]);

    const auto [train_pairs, test_pairs] = examples::load_pairs(run.data());
    const Vocabulary letters = train_pairs.letters();
    run.write("letters.json", letters.json());

    const auto train = training::batches(dataset(train_pairs, letters), {.size = kBatch, .seed = run.seed()});
    const auto test = training::batches(dataset(test_pairs, letters), {.size = kBatch, .shuffle = false});
    training::Trainer trainer(
        *build(letters.size(), run.seed())->functions[0],
        {.optimizer = training::adam(training::cosine_decay(5e-3, run.epochs() * train->size(0), 1e-4)),
         .clip = training::by_global_norm(1),
         .expected_dims = {{"S", 20}, {"T", 11}, {"N", kBatch}},
         .threads = run.threads()});
    run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
    run.test(trainer, *test);  // of letters, each with the right ones before it
    run.export_onnx(trainer, {"logits"}, *test);
    run.export_onnx(trainer, {"read", "start"}, *test, "encoder");
    run.export_onnx(trainer, {"next", "h_next", "c_next"}, *test, "decoder");

    // Whole texts, each letter after those that the model wrote itself.
    const auto written = translate(run, test_pairs.sources, /*width=*/1), beam = translate(run, test_pairs.sources, 4);
    run.figure("share exact, greedy", examples::share_equal(written, test_pairs.targets));
    run.figure("share exact, beam search", examples::share_equal(beam, test_pairs.targets));
    std::string some;
    for (size_t i = 0; i < 10; ++i) some += fmt::format("{} -> {}\n", test_pairs.sources[i], written[i]);
    run.sample("Test examples, and what the model writes", some);
  });
}
