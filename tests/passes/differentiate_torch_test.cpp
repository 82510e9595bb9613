// Losses and gradients of recurrent layers, and of models around them, against PyTorch's, where Python has it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>

#include "frontend/dsl/dsl.h"
#include "ir/clone.h"
#include "ir/interpreter.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_inputs.h"
#include "tests/support/recurrent_layers.h"
#include "tests/support/torch_gradients.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using test::RecurrentKind;
using Tensors = std::map<std::string, Tensor>;

const Dim kS = Dim::symbol("S"), kT = Dim::symbol("T"), kN = Dim::symbol("N");

/// The largest difference, relative to the largest element that is wanted.
double relative(const Tensor& got, const Tensor& want) {
  if (got.shape() != want.shape()) return std::numeric_limits<double>::infinity();
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < want.count(); ++i) {
    largest = std::max(largest, std::fabs(want.real(i)));
    difference = std::max(difference, std::fabs(got.real(i) - want.real(i)));
  }
  return std::isfinite(difference) && largest > 0 ? difference / largest : std::numeric_limits<double>::infinity();
}

void check_equal(const Tensors& got, const Tensors& want, double bound) {
  CHECK(got.size() == want.size());
  for (const auto& [name, tensor] : want) {
    CAPTURE(name);
    REQUIRE(got.contains(name));
    CHECK(relative(got.at(name), tensor) < bound);
  }
}

// ---- layers: the DSL's cells in f64, whose weights are inputs -------------------------------------------------------

/// `kind`, the prefixes of `gates`, how many `states`: see recurrent_layer for names and loss.
constexpr const char* kLayerScript = R"(
kind, gates, states = {}
names = [name for name in "fb" if name + "s0" in t]
first = [torch.stack([t[f"{{name}}s{{i}}"] for name in names]) for i in range(states)]
y, last = layer(kind, t["x"], [[name + gate for gate in gates] for name in names], first, t.get("lengths"))
for i, y in enumerate(y.split(5, dim=2)):
    total = (y ** 3 + y).sum() + sum((state[i] ** 2).sum() for state in last)
    loss = loss * total + total if i else total
)";

// ---- models: what people build from the DSL, in f32 -----------------------------------------------------------------

struct Built {
  std::string name;
  std::string script;
  std::unique_ptr<ir::Function> function;  // with parameters and an output "loss"
  ir::DimBindings dims;
};

/// What all models know: ids and labels of sequences with their lengths.
struct Words {
  dsl::Model model{"words", 5};
  Var ids = model.input("ids", DType::i64, {kT, kN});
  Var lengths = model.input("lengths", DType::i64, {kN});
  Var rows = dsl::embedding_parameters(model, "words", 7, 3)(ids);

  Var start(int64_t size) const { return dsl::zeros_like_rows(rows, size); }
  dsl::GruCell gru(const std::string& name, int64_t inputs, int64_t hidden) {
    dsl::GruCell cell = dsl::gru_parameters(model, name, inputs, hidden);
    cell.reset_after = true;
    cell.recurrent_bias = model.parameter(name + ".candidate.rb", {hidden});
    return cell;
  }
  Built finish(std::string name, std::string script, const Var& loss) {
    model.output("loss", loss);
    return {std::move(name), std::move(script), std::move(model.finish(true)->functions[0]), {{"T", 9}, {"N", 7}}};
  }
};

constexpr const char* kWordsScript = R"(
rows = F.embedding(t["ids"], t["words.table"])
mask = torch.arange(len(rows))[:, None] < t["lengths"][None]
dense = lambda y: F.linear(y, t["dense.w"], t["dense.b"])
tagging = lambda y: F.cross_entropy(dense(y)[mask], t["tags"][mask])
)";

/// A tag for each word.
Built tagger(const std::string& kind, bool both, bool ragged) {
  Words m;
  const auto cell = [&](const std::string& name) -> dsl::Cell {
    if (kind == "lstm") return dsl::lstm_parameters(m.model, name, 3, 5);
    if (kind == "gru") return m.gru(name, 3, 5);
    dsl::RnnCell rnn = dsl::rnn_parameters(m.model, name, 3, 5);
    if (kind == "rnn_relu") rnn.activation = dsl::Activation::of(dsl::ActivationKind::Relu);
    return rnn;
  };
  const Var tags = m.model.input("tags", DType::i64, {kT, kN}), used = ragged ? m.lengths : Var();
  const dsl::Vars start(kind == "lstm" ? 2 : 1, m.start(5));
  const dsl::Scanned run = both ? dsl::bidirectional(cell("f"), cell("b"), m.rows, start, start, used)
                                : dsl::scan(cell("f"), m.rows, start, {.lengths = used});
  const Var logits = dsl::dense_parameters(m.model, "dense", both ? 10 : 5, 4)(run.outputs[0]);
  const std::string gates = kind.substr(0, 3) == "rnn" ? "rnn" : kind;
  return m.finish(fmt::format("tags by {}{}{}", kind, both ? ", both directions" : "", ragged ? ", lengths" : ""),
                  fmt::format("{}y, last = layer(\"{}\", rows, [{}(name) for name in \"{}\"], None, {})\n"
                              "loss = tagging(y)\n",
                              kWordsScript, kind, gates, both ? "fb" : "f", ragged ? "t[\"lengths\"]" : "None"),
                  dsl::sequence_cross_entropy(logits, tags, m.lengths));
}

/// A class for each text, from what both directions have at its end; the GRU stands on the LSTM.
Built classifier() {
  Words m;
  const Var label = m.model.input("label", DType::i64, {kN});
  const dsl::Scanned first =
      dsl::bidirectional(dsl::lstm_parameters(m.model, "f", 3, 4), dsl::lstm_parameters(m.model, "b", 3, 4), m.rows,
                         {m.start(4), m.start(4)}, {m.start(4), m.start(4)}, m.lengths);
  const dsl::Scanned second = dsl::scan(m.gru("top", 8, 5), first.outputs[0], {m.start(5)}, {.lengths = m.lengths});
  const Var y = dsl::concat({dsl::last_valid(second.outputs[0], m.lengths), first.states[2]}, 1);
  return m.finish("a class by LSTMs and a GRU", std::string(kWordsScript) + R"(
y, states = layer("lstm", rows, [lstm("f"), lstm("b")], None, t["lengths"])
y, last = layer("gru", y, [gru("top")], None, t["lengths"])
loss = F.cross_entropy(dense(torch.cat([last[0][0], states[0][1]], 1)), t["label"])
)",
                  dsl::softmax_cross_entropy(dsl::dense_parameters(m.model, "dense", 9, 3)(y), label));
}

constexpr const char* kTranslateScript = R"(
source = F.embedding(t["source"], t["source.table"])
keys, last = layer("lstm", source, [lstm("encoder")], None, t["source lengths"])
keys = keys.transpose(0, 1)  # [N,S,H]
hidden = torch.arange(len(source))[None, None] >= t["source lengths"][:, None, None]
def attend(scores):  # [N,Q,S]
    return torch.softmax(scores.masked_fill(hidden, float("-inf")), -1) @ keys
)";

/// A text in another language: an encoder, and a decoder that is told the word before (teacher forcing) and looks at what the
/// encoder saw; by dot products from what the decoder made of all words, or additive, in every step.
Built translator(const std::string& score) {
  Words m;  // `ids` are the words of the target, each one step late
  const Var source = m.model.input("source", DType::i64, {kS, kN});
  const Var lengths = m.model.input("source lengths", DType::i64, {kN});
  const Var tags = m.model.input("tags", DType::i64, {kT, kN});
  const dsl::Scanned encoder = dsl::scan(dsl::lstm_parameters(m.model, "encoder", 4, 5),
                                         dsl::embedding_parameters(m.model, "source", 6, 4)(source),
                                         {m.start(5), m.start(5)}, {.lengths = lengths});
  const Var keys = transpose(encoder.outputs[0], {1, 0, 2});
  Var y;
  std::string script = std::string(kWordsScript) + kTranslateScript;
  if (score == "additive") {
    const auto attention = dsl::additive_attention_parameters(m.model, "attention", 5, 5, 3);
    const dsl::GruCell cell = m.gru("decoder", 8, 5);
    const auto step = [&](const Var& word, const dsl::Vars& states) -> dsl::Step {
      const Var query = reshape(states[0], {states[0].dim(0), Dim(1), Dim(5)});
      const Var seen = dsl::sum(attention(query, keys, keys, lengths).values, 1);
      return cell(dsl::concat({word, seen}, 1), states);
    };
    y = dsl::scan(step, m.rows, {encoder.states[0]}).outputs[0];
    script += R"(
state, outputs = last[0], []
for word in rows:
    query = F.linear(state[0], t["attention.w"])[:, None] + F.linear(keys, t["attention.u"])
    seen = attend((torch.tanh(query) @ t["attention.v"])[:, None])[:, 0]
    y, (state,) = layer("gru", torch.cat([word, seen], 1)[None], [gru("decoder")], [state])
    outputs.append(y)
loss = tagging(torch.cat(outputs))
)";
  } else {
    const dsl::Scanned decoder = dsl::scan(dsl::lstm_parameters(m.model, "decoder", 3, 5), m.rows, encoder.states);
    const Var queries = transpose(decoder.outputs[0], {1, 0, 2});
    const auto seen =
        dsl::attention(queries, keys, keys, lengths, score == "dot" ? dsl::Score::Dot : dsl::Score::ScaledDot);
    y = dsl::concat({decoder.outputs[0], transpose(seen.values, {1, 0, 2})}, 2);
    script += R"(
y, last = layer("lstm", rows, [lstm("decoder")], last)
seen = attend(y.transpose(0, 1) @ keys.transpose(1, 2) )" +
              std::string(score == "dot" ? "" : "/ 5 ** 0.5") + R"()
loss = tagging(torch.cat([y, seen.transpose(0, 1)], 2))
)";
  }
  const Var logits = dsl::dense_parameters(m.model, "dense", score == "additive" ? 5 : 10, 4)(y);
  Built built = m.finish("translation, attention: " + score, std::move(script),
                         dsl::sequence_cross_entropy(logits, tags, m.lengths));
  built.dims["S"] = 11;
  return built;
}

/// Floats in [-0.7, 0.7]; lengths from 1 to the number of steps, the longest one among them; words that repeat.
Tensors inputs_of(const Built& built) {
  const ir::Function& f = *built.function;
  const auto random = test::random_inputs(f, built.dims, 7);
  Tensors result;
  for (size_t k = 0; k < random.size(); ++k) {
    const std::string& name = f.body().argument(k)->name();
    Tensor tensor = random[k];
    for (int64_t i = 0; i < tensor.count(); ++i) {
      if (ir::is_float(tensor.dtype())) tensor.set_real(i, 0.7 * tensor.real(i));
      if (name.ends_with("lengths"))
        tensor.set_integer(i, 1 + (i + 1) * 5 % built.dims.at(name == "lengths" ? "T" : "S"));
      if (name == "ids" || name == "source") tensor.set_integer(i, i * i % 5);
      if (name == "tags" || name == "label") tensor.set_integer(i, (i * 7 + i / 3) % (name == "tags" ? 4 : 3));
    }
    result[name] = std::move(tensor);
  }
  return result;
}

/// The loss and the gradients of all parameters; rows of tables added up.
Tensors gradients_of(const Built& built, const Tensors& inputs, bool compiled, const passes::GradientOptions& options) {
  const auto f = ir::clone(*built.function);
  passes::add_gradients(*f, "loss", {}, options);
  std::vector<Tensor> arguments;
  for (size_t i = 0; i < f->body().argument_count(); ++i) arguments.push_back(inputs.at(f->body().argument(i)->name()));
  const auto got = compiled ? test::run_compiled(*f, arguments) : ir::interpret(*f, arguments);
  Tensors result;
  for (size_t i = 0; i < got.size(); ++i) {
    const std::string& name = f->output_names[i];
    if (name == "loss") result[name] = got[i];
    if (!name.starts_with("grad_") || name.ends_with(".rows")) continue;
    if (!name.ends_with(".indices")) {
      result[name.substr(5)] = got[i];
      continue;
    }
    const std::string parameter = name.substr(5, name.rfind('.') - 5);
    Tensor sum(inputs.at(parameter).dtype(), inputs.at(parameter).shape());
    const int64_t size = sum.shape()[1];
    for (int64_t row = 0; row < got[i].count(); ++row)
      for (int64_t k = 0; k < size; ++k) {
        const int64_t to = got[i].integer(row) * size + k;
        sum.set_real(to, sum.real(to) + got[i + 1].real(row * size + k));
      }
    result[parameter] = std::move(sum);
  }
  return result;
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: RNN, GRU and LSTM have PyTorch's gradients, in both directions, with lengths") {
  if (!test::has_torch()) return;
  std::vector<test::TorchCase> cases;
  std::vector<Tensors> all;
  for (const auto& [kind, what] : {std::pair(RecurrentKind::Rnn, R"("rnn_tanh", [""], 1)"),
                                   std::pair(RecurrentKind::GruAfter, R"("gru", "rzh", 1)"),
                                   std::pair(RecurrentKind::Lstm, R"("lstm", "ifco", 2)")})
    for (const auto way : {test::Direction::Forward, test::Direction::Both})
      for (const bool ragged : {false, true}) {
        const auto module = test::recurrent_layer(kind, way, ragged);
        const ir::Function& f = *module->functions[0];
        const auto inputs = test::recurrent_inputs(f, {{"T", 9}, {"N", 7}}, 11);  // lengths 1, 3, 5, 7, 9, 1, 3
        const auto got = ir::interpret(*test::with_gradients(f), inputs);
        auto& one = cases.emplace_back(fmt::format("{}, {} directions", what, way == test::Direction::Both ? 2 : 1),
                                       fmt::format(kLayerScript, what));
        Tensors& results = all.emplace_back();
        size_t at = 0;
        results["loss"] = got[at++];
        for (size_t i = 0; i < inputs.size(); ++i) {
          one.tensors[f.body().argument(i)->name()] = inputs[i];
          if (ir::is_float(inputs[i].dtype())) results[f.body().argument(i)->name()] = got[at++];
        }
      }
  const auto want = test::torch_gradients(cases);
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i].name);
    check_equal(all[i], want[i], 1e-12);
  }
}

TEST_CASE("differentiate: models with embeddings and attention have PyTorch's loss and gradients to 1e-5, in f32") {
  if (!test::has_torch()) return;
  std::vector<Built> models;
  models.push_back(tagger("rnn_tanh", false, true));
  models.push_back(tagger("rnn_relu", true, true));
  models.push_back(tagger("lstm", false, false));
  models.push_back(tagger("gru", true, true));
  models.push_back(classifier());
  for (const char* score : {"dot", "scaled dot", "additive"}) models.push_back(translator(score));
  std::vector<test::TorchCase> cases;
  for (const Built& built : models) cases.push_back({built.name, built.script, inputs_of(built)});
  const auto want = test::torch_gradients(cases);
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i].name);
    const passes::GradientOptions frugal{.max_saved_bytes = 1000, .sparse_rows = true};
    check_equal(gradients_of(models[i], cases[i].tensors, false, {}), want[i], 1e-5);
    check_equal(gradients_of(models[i], cases[i].tensors, false, frugal), want[i], 1e-5);
    // Compiled code gets what it takes seconds to compile once for both.
    if (i % 2 == 1)
      check_equal(gradients_of(models[i], cases[i].tensors, true, i % 4 == 1 ? frugal : passes::GradientOptions{}),
                  want[i], 1e-5);
  }
}

TEST_SUITE_END();

}  // namespace
