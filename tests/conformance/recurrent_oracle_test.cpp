// Is the oracle right? Hand-computed cases for what no suite covers, ONNX's own node cases, and stored results of an
// established runtime. Is the generator fair? Coverage, reproducibility and conditioning of the random cases.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "tests/support/recurrent_cases.h"

namespace fs = std::filesystem;
using namespace seqc::test;

TEST_SUITE_BEGIN("conformance");

// ---- by hand ------------------------------------------------------------------------------------------------------

namespace {

void give(RecurrentCase& c, InputSlot slot, const std::vector<float>& values) {
  c.inputs[slot] = {Feed::Input, Tensor::f32(c.shape(slot), values)};
}

/// One row, one unit, one input; every activation is the identity (Affine without parameters).
RecurrentCase linear(Cell cell, const std::vector<float>& x, const std::vector<float>& w, const std::vector<float>& r) {
  RecurrentCase c;
  c.cell = cell;
  c.T = static_cast<int64_t>(x.size());
  c.activations.assign(static_cast<size_t>(c.activations_per_direction()), "Affine");
  give(c, kX, x);
  give(c, kW, w);
  give(c, kR, r);
  c.wanted = {true, true, cell == Cell::LSTM};
  return c;
}

void expect(const RecurrentCase& c, const std::vector<std::vector<double>>& want) {
  INFO(describe(c));
  const auto got = oracle(c);
  REQUIRE(got.size() == want.size());
  for (size_t k = 0; k < want.size(); ++k) CHECK(find_mismatch(got[k].values, want[k], 1e-6, 0) == "");
}

}  // namespace

TEST_CASE("oracle: clip bounds the input of every activation, h included, but not the cell state") {
  auto c = linear(Cell::LSTM, {2, 2}, {1, 1, 1, 1}, {0, 0, 0, 0});
  c.clip = 1.0f;  // i = o = f = c = 1 in both steps: C = 1, 2
  expect(c, {{1, 1}, {1}, {2}});
}

TEST_CASE("oracle: input_forget couples f = 1 - i, with what belongs to f unused") {
  auto c = linear(Cell::LSTM, {1}, {0.25f, 1, 9, 1}, {0, 0, 0, 0});
  c.input_forget = 1;
  give(c, kInitialC, {4});
  give(c, kP, {0, 0, 100});
  expect(c, {{3.25}, {3.25}, {3.25}});  // 0.75 * 4 + 0.25 * 1
}

TEST_CASE("oracle: gates are ordered iofc, peepholes iof, Po sees the new cell state") {
  auto c = linear(Cell::LSTM, {1}, {0, 0, 0, 1}, {0, 0, 0, 0});
  give(c, kInitialC, {2});
  give(c, kP, {0.5f, 0.25f, -1});  // i = 1, f = -2: C = -2 * 2 + 1 * 1 = -3, o = 0.25 * -3
  expect(c, {{2.25}, {2.25}, {-3}});
}

TEST_CASE("oracle: the two formulas of GRU's hidden gate") {
  auto c = linear(Cell::GRU, {1}, {0.5f, 2, 0}, {0, 0, 10});  // z = 0.5, r = 2
  give(c, kInitialH, {3});
  give(c, kB, {0, 0, 1, 0, 0, 0.1f});  // Wbh = 1, Rbh = 0.1
  expect(c, {{32.05}, {32.05}});       // h = 2 * 3 * 10 + 0.1 + 1 = 61.1
  c.linear_before_reset = 1;
  expect(c, {{32.1}, {32.1}});  // h = 2 * (3 * 10 + 0.1) + 1 = 61.2
}

TEST_CASE("oracle: ragged lengths, zero among them, forward and reverse") {
  auto c = linear(Cell::RNN, {1, 2, 3}, {1}, {10});
  c.N = 3;
  give(c, kX, {1, 1, 1, 2, 2, 2, 3, 3, 3});
  give(c, kInitialH, {7, 7, 7});
  c.inputs[kSequenceLens] = {Feed::Input, Tensor(DType::i32, {3})};
  for (int64_t n = 0; n < 3; ++n) c.inputs[kSequenceLens].value.set_integer(n, n == 0 ? 0 : n + 1);
  expect(c, {{0, 71, 71, 0, 712, 712, 0, 0, 7123}, {7, 712, 7123}});
  c.direction = Direction::Reverse;
  expect(c, {{0, 721, 7321, 0, 72, 732, 0, 0, 73}, {7, 721, 7321}});
}

TEST_CASE("oracle: layouts of a bidirectional node") {
  RecurrentCase c = linear(Cell::RNN, {1}, {1}, {1});
  c.direction = Direction::Bidirectional;
  c.activations = {"Affine", "Affine"};
  c.N = 2;
  give(c, kX, {1, 2});
  give(c, kW, {1, -1});
  give(c, kR, {1, 1});
  give(c, kInitialH, {10, 20, 30, 40});
  expect(c, {{11, 22, 29, 38}, {11, 22, 29, 38}});  // [D,N]
  c.layout = 1;
  expect(c, {{11, 19, 32, 38}, {11, 19, 32, 38}});  // [N,D]
  CHECK(c.shape(kY) == std::vector<int64_t>{2, 1, 2, 1});
  CHECK(c.shape(kYh) == std::vector<int64_t>{2, 2, 1});

  c.T = 2;
  c.inputs[kInitialH] = {};
  give(c, kX, {1, 2, 3, 4});  // rows 1 2 and 3 4; backward -2, then -1 - 2
  expect(c, {{1, -3, 3, -2, 3, -7, 7, -4}, {3, -3, 7, -7}});
}

TEST_CASE("oracle: no steps leave the initial state") {
  auto c = linear(Cell::LSTM, {}, {1, 1, 1, 1}, {1, 1, 1, 1});
  give(c, kInitialC, {5});
  expect(c, {{}, {0}, {5}});
}

TEST_CASE("oracle: alpha and beta are dealt to the functions that take them") {
  RecurrentCase c;
  c.direction = Direction::Bidirectional;
  c.activations = {"tanh", "LEAKYRELU", "HardSigmoid", "Elu", "Relu", "HardSigmoid"};
  c.activation_alpha = {0.25f, 0.5f, 2};
  c.activation_beta = {0.75f};
  const auto got = resolve_activations(c);
  const std::vector<std::pair<double, double>> want = {{0, 0}, {0.25, 0}, {0.5, 0.75}, {2, 0}, {0, 0}, {0.2, 0.5}};
  REQUIRE(got.size() == want.size());
  for (size_t k = 0; k < want.size(); ++k) CHECK(std::pair(got[k].alpha, got[k].beta) == want[k]);
  c.activations.pop_back();
  CHECK_THROWS_AS(resolve_activations(c), std::runtime_error);
}

TEST_CASE("oracle: activation functions") {
  struct Row {
    Activation activation;
    double below, above;  // at -1.5 and 0.5
  };
  const Row rows[] = {
      {{"relu", 0, 0}, 0, 0.5},
      {{"tanh", 0, 0}, -0.905148253645, 0.462117157260},
      {{"sigmoid", 0, 0}, 0.182425523806, 0.622459331202},
      {{"affine", 2, 1}, -2, 2},
      {{"leakyrelu", 0.1, 0}, -0.15, 0.5},
      {{"thresholdedrelu", 0.5, 0}, 0, 0.5},
      {{"thresholdedrelu", 0.6, 0}, 0, 0},
      {{"scaledtanh", 2, 0.5}, -1.270297904606, 0.489837324807},
      {{"hardsigmoid", 0.2, 0.5}, 0.2, 0.6},
      {{"hardsigmoid", 1, 0.75}, 0, 1},
      {{"elu", 2, 0}, -1.553739679703, 0.5},
      {{"softsign", 0, 0}, -0.6, 0.333333333333},
      {{"softplus", 0, 0}, 0.201413277983, 0.974076984180},
  };
  for (const Row& row : rows) {
    CAPTURE(row.activation.name);
    CHECK(activate(row.activation, -1.5) == doctest::Approx(row.below).epsilon(1e-10));
    CHECK(activate(row.activation, 0.5) == doctest::Approx(row.above).epsilon(1e-10));
  }
}

// ---- stored results -----------------------------------------------------------------------------------------------

namespace {

bool is_recurrent(const onnx::NodeProto& node) {
  return node.op_type() == "RNN" || node.op_type() == "GRU" || node.op_type() == "LSTM";
}

/// A model around one recurrent node, with the data of one test set: enough evaluation to reach the node and to undo
/// what exporters hang behind it.
class StoredCase {
 public:
  StoredCase(const fs::path& folder, const fs::path& data_set) : model_(load_model(folder / "model.onnx")) {
    const auto& graph = model_.graph();
    for (const auto& tensor : graph.initializer()) tensors_[tensor.name()] = tensor_of(tensor);
    int fed = 0;
    for (const auto& input : graph.input()) {
      if (tensors_.contains(input.name())) continue;
      tensors_[input.name()] = load_tensor(data_set / fmt::format("input_{}.pb", fed++)).value;
    }
    for (const auto& node : graph.node()) {
      if (is_recurrent(node)) node_ = &node;
      for (const std::string& output : node.output()) producers_[output] = &node;
    }
    int64_t opset = 0;
    for (const auto& import : model_.opset_import()) {
      if (import.domain().empty()) opset = import.version();
    }
    case_ = from_node(*node_, opset, [this](const std::string& name) { return find(name); });
    results_ = oracle(case_);
    for (int k = 0; k < graph.output_size(); ++k) {
      const Tensor want = load_tensor(data_set / fmt::format("output_{}.pb", k)).value;
      std::vector<double> values(static_cast<size_t>(want.count()));
      for (int64_t i = 0; i < want.count(); ++i) values[static_cast<size_t>(i)] = want.real(i);
      compare(graph.output(k).name(), want.shape(), values);
    }
  }

  /// One line for each output that differs.
  const std::string& report() const { return report_; }

 private:
  std::optional<Tensor> find(const std::string& name) const {
    if (const auto found = tensors_.find(name); found != tensors_.end()) return found->second;
    const auto producer = producers_.find(name);
    if (producer == producers_.end()) return std::nullopt;
    const onnx::NodeProto& node = *producer->second;
    if (node.op_type() == "Constant") return tensor_of(node.attribute(0).t());
    // Exporters expand one zero to the shape of the initial state.
    if (node.op_type() != "Expand") return std::nullopt;
    const auto zero = find(node.input(0));
    if (!zero || zero->count() == 0 || zero->real(0) != 0) return std::nullopt;
    const auto x = find(node_->input(kX)), r = find(node_->input(kR));
    return Tensor(zero->dtype(), {r->shape()[0], x->shape()[1], r->shape()[2]});
  }

  /// The oracle's value of a graph output: a node's output, or a view or difference of one.
  ExpectedTensor derive(const std::string& name) const {
    const onnx::NodeProto& node = *producers_.at(name);
    if (&node == node_) {
      const auto slot = std::find(node.output().begin(), node.output().end(), name) - node.output().begin();
      return *std::find_if(results_.begin(), results_.end(), [&](const auto& tensor) { return tensor.slot == slot; });
    }
    ExpectedTensor value = derive(node.input(0));
    if (node.op_type() == "Sub") {
      const Tensor reference = find(node.input(1)).value();
      for (size_t i = 0; i < value.values.size(); ++i) value.values[i] -= reference.real(static_cast<int64_t>(i));
    } else if (node.op_type() == "Transpose") {  // perm = 0 2 1 3: [T,D,N,H] to [T,N,D,H]
      const ExpectedTensor from = value;
      const int64_t T = from.shape[0], D = from.shape[1], N = from.shape[2], H = from.shape[3];
      for (int64_t t = 0; t < T; ++t)
        for (int64_t d = 0; d < D; ++d)
          for (int64_t n = 0; n < N; ++n)
            for (int64_t j = 0; j < H; ++j)
              value.values[((t * N + n) * D + d) * H + j] = from.values[((t * D + d) * N + n) * H + j];
      value.shape = {T, N, D, H};
    } else if (node.op_type() == "Squeeze" || node.op_type() == "Reshape") {
      value.shape.clear();  // the stored result has it
    } else {
      throw std::runtime_error("cannot undo " + node.op_type());
    }
    return value;
  }

  void compare(const std::string& name, const std::vector<int64_t>& shape, const std::vector<double>& stored) {
    const ExpectedTensor want = derive(name);
    std::string fault = find_mismatch(stored, want.values, 1e-5, 1e-6);
    if (!want.shape.empty() && want.shape != shape) fault += " shape differs";
    if (!fault.empty()) report_ += fmt::format("{}: {} ({})\n", name, fault, describe(case_));
  }

  onnx::ModelProto model_;
  const onnx::NodeProto* node_ = nullptr;
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, const onnx::NodeProto*> producers_;
  RecurrentCase case_;
  std::vector<ExpectedTensor> results_;
  std::string report_;
};

bool has_one_recurrent_node(const fs::path& folder) {
  const onnx::ModelProto model = load_model(folder / "model.onnx");
  return std::count_if(model.graph().node().begin(), model.graph().node().end(), is_recurrent) == 1;
}

/// Checks every folder of cases below `root` that holds one recurrent node; returns how many data sets there were.
int check_folder(const fs::path& root) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    const bool named = name.find("lstm") != name.npos || name.find("gru") != name.npos || name.find("rnn") != name.npos;
    if (named && fs::exists(entry.path() / "model.onnx") && has_one_recurrent_node(entry.path())) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  int checked = 0;
  for (const fs::path& folder : folders) {
    for (int set = 0; fs::exists(folder / fmt::format("test_data_set_{}", set)); ++set, ++checked) {
      INFO(folder.filename().string() << " set " << set);
      CHECK(StoredCase(folder, folder / fmt::format("test_data_set_{}", set)).report() == "");
    }
  }
  return checked;
}

}  // namespace

TEST_CASE("oracle agrees with ONNX's recurrent node cases") {
  const fs::path root = "/usr/share/libonnx-testdata/data/node";
  if (!fs::exists(root)) {
    MESSAGE("skipped: ", root.string(), " is missing (Debian package libonnx-testdata)");
    return;
  }
  CHECK(check_folder(root) >= 12);
}

TEST_CASE("oracle agrees with the shared recurrent cases") {
  const char* shared = std::getenv("SEQC_SHARED");
  const fs::path root = (shared != nullptr ? fs::path(shared) : fs::path(SEQC_SOURCE_DIR) / "../shared") / "cases";
  if (!fs::exists(root)) {
    MESSAGE("skipped: no folder ", root.string(), " (SEQC_SHARED names its parent)");
    return;
  }
  CHECK(check_folder(root) >= 50);
}

// ---- random cases -------------------------------------------------------------------------------------------------

namespace {

/// The traits of a case that the generator must not forget.
std::vector<std::string> traits(const RecurrentCase& c) {
  static const char* const kFeeds[] = {"absent", "input", "constant"};
  std::vector<std::string> out = {fmt::format("cell {}", static_cast<int>(c.cell)),
                                  fmt::format("opset {}", c.opset),
                                  fmt::format("T {}", c.T),
                                  fmt::format("N {}", c.N),
                                  fmt::format("H {}", c.H),
                                  fmt::format("I {}", c.I)};
  const auto add = [&](bool has, std::string trait) {
    if (has) out.push_back(std::move(trait));
  };
  add(true, fmt::format("direction {}", c.direction ? static_cast<int>(*c.direction) : -1));
  for (const Activation& activation : resolve_activations(c)) out.push_back(activation.name);
  add(c.activations.empty(), "default activations");
  add(c.clip.has_value(), "clip");
  add(c.input_forget == 1, "input_forget");
  add(c.linear_before_reset == 1, "linear_before_reset");
  add(c.linear_before_reset == 1 && c.has(kB) && c.clip, "linear_before_reset with bias and clip");
  add(c.input_forget == 1 && c.has(kP) && c.clip, "input_forget with peepholes and clip");
  add(c.batch_first(), "layout 1");
  add(c.batch_first() && c.direction == Direction::Bidirectional && c.has(kInitialH), "layout 1 both ways with state");
  add(!c.write_hidden_size, "no hidden_size");
  add(c.output_sequence.has_value(), "output_sequence");
  add(c.named_t, "named T");
  add(c.named_n, "named N");
  add(c.ir3, "IR 3");
  const int input_count = c.cell == Cell::LSTM ? kInputSlots : kInitialC;
  for (int slot = kW; slot < input_count; ++slot) {
    out.push_back(fmt::format("{} {}", kInputNames[slot], kFeeds[static_cast<int>(c.inputs[slot].feed)]));
  }
  if (c.has(kSequenceLens)) {
    for (int64_t n = 0; n < c.N; ++n) add(c.inputs[kSequenceLens].value.integer(n) == 0, "length 0");
    add(c.direction == Direction::Reverse, "lengths in reverse");
  }
  std::string outputs = "outputs";
  for (int slot = 0; slot < kOutputSlots; ++slot) outputs += c.wanted[slot] ? " yes" : " no";
  out.push_back(outputs);
  return out;
}

constexpr uint64_t kCases = 2000;

}  // namespace

TEST_CASE("random cases cover the attribute space and are well conditioned") {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    const RecurrentCase c = random_case(seed);
    INFO("seed " << seed << ": " << describe(c));
    for (const std::string& trait : traits(c)) ++seen[trait];
    // A tenth of the tolerance that compiled code is held to must suffice for the plainest float evaluation.
    const auto want = oracle(c), rough = oracle_in_float(c);
    for (size_t k = 0; k < want.size(); ++k) {
      CHECK(find_mismatch(rough[k].values, want[k].values, 1e-5, 1e-6) == "");
    }
  }
  // 3 cells, 7 opsets, 6 T, 5 N, 10 H, 10 I, 4 directions, 11 activations, 15 flags, 2*2 + 5*3 operands, 7 output sets
  CHECK(seen.size() == 3 + 7 + 6 + 5 + 10 + 10 + 4 + 11 + 15 + 19 + 7);
  for (const auto& [trait, count] : seen) {
    CAPTURE(trait);
    CHECK(count >= 10);
  }
}

TEST_CASE("random cases are reproducible and survive the way through a model") {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const RecurrentCase c = random_case(seed), again = random_case(seed);
    INFO("seed " << seed << ": " << describe(c));
    REQUIRE(describe(c) == describe(again));

    onnx::ModelProto model;
    REQUIRE(model.ParseFromString(to_model(c).SerializeAsString()));
    std::map<std::string, Tensor> tensors;
    for (const auto& tensor : model.graph().initializer()) tensors[tensor.name()] = tensor_of(tensor);
    const size_t constants = tensors.size();
    for (const NamedTensor& input : inputs(again)) tensors[input.name] = input.value;
    CHECK(static_cast<size_t>(model.graph().input_size()) == tensors.size() - (c.ir3 ? 0 : constants));
    const RecurrentCase back =
        from_node(model.graph().node(0), model.opset_import(0).version(),
                  [&](const std::string& name) -> std::optional<Tensor> { return tensors.at(name); });
    const auto want = oracle(c), got = oracle(back);
    REQUIRE(got.size() == want.size());
    for (size_t k = 0; k < want.size(); ++k) {
      CHECK(got[k].slot == want[k].slot);
      CHECK(got[k].shape == want[k].shape);
      CHECK(got[k].values == want[k].values);
    }
  }
}

TEST_SUITE_END();
