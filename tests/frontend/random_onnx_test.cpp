// Random ONNX models through the importer, the interpreter and generated code: whatever the importer makes of an
// operator's attributes, types, optional inputs and opset must compile, and compute the same in every way, also when
// dims have names. Where ONNX's own checker and shape inference know the opset, they must agree with the importer.
// SEQC_RANDOM_ONNX=5000 tries as many models, SEQC_SEED=n begins with seed n, SEQC_RANDOM_ONNX_OP=Conv makes every model
// of that operator and what it needs. Where the process itself ends, SEQC_RANDOM_ONNX_FILE=f has the model at fault. What fails is printed as small as the graph's own steps allow.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "frontend/onnx/node.h"
#include "frontend/onnx/operator_support.h"
#include "ir/error.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "tests/frontend/import_support.h"
#include "tests/support/compiled_ways.h"
#include "tests/support/error_bound.h"
#include "tests/support/onnx_graph.h"
#include "tests/support/onnx_schemas.h"

namespace {

using namespace seqc;
using test::OnnxGraph;
using test::OnnxOperator;
using Names = std::vector<std::string>;

int64_t from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

struct Counts : test::ComparisonCounts {
  int nodes = 0, named = 0, inferred = 0;
};

/// The operators for all models, or the one asked for.
std::vector<OnnxOperator> table() {
  auto all = test::onnx_operators();
  if (const char* only = std::getenv("SEQC_RANDOM_ONNX_OP"))
    std::erase_if(all, [&](const OnnxOperator& op) { return std::string_view(op.name) != only; });
  return all;
}

/// "" or what ONNX's checker and shape inference say otherwise of one output.
std::string against_inference(const OnnxGraph& graph, const std::string& output, const ir::Tensor& value,
                              Counts& counts) {
  // The library's inference ends the process where a value has no type: behind operators of other domains, and behind
  // old versions, which say nothing of types.
  constexpr int64_t kFirstTyped = 9;
  const test::ModelBuilder model = graph.model({output});
  const onnx::ModelProto built = model.build();
  if (graph.opset < kFirstTyped || graph.opset > test::newest_known_opset() || built.opset_import_size() > 1) return "";
  // The library's rule for STFT counts the frames as if each were as long as it has bins.
  if (std::any_of(built.graph().node().begin(), built.graph().node().end(),
                  [](const auto& node) { return node.op_type() == "STFT"; }))
    return "";
  std::vector<int64_t> shape;
  try {
    shape = test::inferred_shapes(model.bytes(), {{output, value}}).at(output);
  } catch (const std::exception& error) {
    const std::string_view message = error.what();
    // ONNX Runtime's operator in ONNX's domain; and one whose function body in the library adds a float to any type.
    for (const char* known : {"No Op registered for SimplifiedLayerNormalization", "MeanVarianceNormalization"})
      if (message.find(known) != std::string_view::npos) return "";
    return fmt::format("ONNX finds the model invalid: {}", error.what());
  }
  ++counts.inferred;
  bool same = shape.size() == value.shape().size();
  for (size_t d = 0; same && d < shape.size(); ++d) same = shape[d] < 0 || shape[d] == value.shape()[d];
  return same ? "" : fmt::format("{} is {}, ONNX infers [{}]", output, value.type_str(), fmt::join(shape, ","));
}

/// Compiles the model and runs it; says what differs first. Outputs without a bound are only compared between pipelines.
std::string compiled(const ir::Function& function, const std::vector<ir::Tensor>& inputs,
                     const std::vector<ir::Tensor>& want, Counts& counts) {
  const auto bounds = test::error_bounds(function, ir::bind_dims(function, inputs), inputs);
  test::CompiledWays ways(function);
  if (std::any_of(bounds.begin(), bounds.end(), [](double bound) { return std::isinf(bound); }))
    ways.add("kernels only", test::needed_passes());
  ways.add("standard pipeline", passes::standard_pipeline(), true);
  return ways.compare(inputs, want, counts);
}

/// The model with names as dims, and what it computes.
struct Named {
  std::unique_ptr<ir::Function> function;
  std::vector<ir::Tensor> values;
};

/// Nothing if the model needs numbers, has constants that fit one size only, or slices beyond a dim with a name.
std::optional<Named> with_names(const OnnxGraph& graph, const Names& outputs) {
  try {
    Named named{test::import_built(graph.model(outputs, true)), {}};
    named.values = ir::interpret(*named.function, graph.inputs(outputs));
    return named;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Internal) throw;
    return std::nullopt;
  }
}

/// How far results may lie from those with numbers as dims: what is computed of dims at run time rounds, in f32 at least.
std::vector<double> rounding_of_dims(const ir::Function& function, const std::vector<ir::Tensor>& inputs,
                                     const std::vector<ir::Tensor>& want) {
  auto bounds = test::error_bounds(function, ir::bind_dims(function, inputs), inputs);
  for (size_t i = 0; i < want.size(); ++i) {
    if (!ir::is_float(want[i].dtype())) continue;
    const bool half = ir::size_of(want[i].dtype()) == 2;
    double largest = 1;
    for (int64_t k = 0; k < want[i].count(); ++k)
      if (const double size = std::abs(want[i].real(k)); std::isfinite(size)) largest = std::max(largest, size);
    bounds[i] = std::max(bounds[i], (half ? 0x1p-6 : 0x1p-17) * largest);
  }
  return bounds;
}

/// What is wrong with the part of the graph that these outputs need, if anything.
std::string check(const OnnxGraph& graph, const Names& outputs, bool named, Counts& counts) {
  std::string at = "import";
  try {
    const auto inputs = graph.inputs(outputs), want = graph.values(outputs);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (auto fault = against_inference(graph, outputs[i], want[i], counts); !fault.empty()) return fault;
    const auto open = named ? with_names(graph, outputs) : std::nullopt;
    if (!open) {
      const std::string fault = compiled(*test::import_built(graph.model(outputs)), inputs, want, counts);
      return fault.empty() ? "" : "numbers as dims: " + fault;
    }
    at = "names as dims";
    ++counts.named;
    if (auto fault = test::difference(open->values, want, rounding_of_dims(*open->function, inputs, want));
        !fault.empty())
      return at + ": " + fault;
    if (auto fault = compiled(*open->function, inputs, open->values, counts); !fault.empty()) return at + ": " + fault;
  } catch (const Error& error) {
    return at + ": " + error.what();
  }
  return "";
}

/// The first part of the graph that shows a fault.
std::string smallest(const OnnxGraph& graph, const Names& outputs, std::string fault, bool named) {
  for (const Names& step : graph.steps()) {
    Counts ignored;
    if (const std::string same = check(graph, step, named, ignored); !same.empty())
      return same + "\n" + graph.text(step);
  }
  return fault + "\n" + graph.text(outputs);
}

std::string try_graph(uint64_t seed, const std::vector<OnnxOperator>& operators, Counts& counts) {
  OnnxGraph graph(seed);
  try {
    const int64_t steps = 1 + static_cast<int64_t>(seed % 6);
    int64_t grown = 0;
    for (int i = 0; i < 60 && grown < steps; ++i) grown += graph.grow(operators);
    counts.nodes += static_cast<int>(grown);
  } catch (const OnnxGraph::Refused& refused) {
    return refused.message + "\n" + refused.model;
  }
  Names outputs = graph.results();
  if (outputs.empty()) return "";
  if (const char* file = std::getenv("SEQC_RANDOM_ONNX_FILE")) test::write_file(file, graph.text(outputs));
  const bool named = seed % 2 == 0;
  const std::string fault = check(graph, outputs, named, counts);
  return fault.empty() ? "" : smallest(graph, outputs, fault, named);
}

}  // namespace

TEST_CASE("random ONNX models: imported, interpreted and compiled code agree") {
  const int64_t count = from_environment("SEQC_RANDOM_ONNX", 240), first = from_environment("SEQC_SEED", 1);
  const auto operators = table();
  REQUIRE(!operators.empty());
  Counts counts;
  int failures = 0;
  for (int64_t seed = first; seed < first + count && failures < 10; ++seed) {
    INFO("SEQC_SEED=" << seed);
    const std::string fault = try_graph(static_cast<uint64_t>(seed), operators, counts);
    failures += !fault.empty();
    CHECK_MESSAGE(fault.empty(), fault);
  }
  MESSAGE(fmt::format(
      "{} models of {} nodes ({} with named dims), {} runs; outputs compared: {} exactly, {} within a bound, {} only "
      "between pipelines; {} types by ONNX's inference",
      count, counts.nodes, counts.named, counts.runs, counts.exact, counts.bounded, counts.unbounded, counts.inferred));
  CHECK(counts.nodes > 0);
}

TEST_CASE("random ONNX models: every operator that is imported has a line") {
  // Those that stand in front of another operator's node, and those that no random model holds.
  const std::map<std::string, std::string> elsewhere = {
      {"Gradient", "names values of the graph around it; tests/frontend has models"},
      {"Optional", "in front of OptionalGetElement"},
      {"SequenceConstruct", "in front of SequenceAt"},
      {"SequenceEmpty", "its element type is all there is to it"},
      {"SequenceErase", "in front of ConcatFromSequence"},
      {"SequenceInsert", "in front of ConcatFromSequence"},
      {"SequenceMap", "in front of ConcatFromSequence"},
      {"SplitToSequence", "in front of SequenceAt"},
  };
  std::set<std::pair<std::string, std::string>> known, covered;
  for (const auto& row : frontend::operator_support())
    if (row.kind != frontend::OperatorSupport::Kind::Refused) known.insert({row.domain, row.name});
  for (const OnnxOperator& op : test::onnx_operators()) covered.insert({op.domain, op.name});
  for (const auto& op : covered) {
    CAPTURE(op.second);
    CHECK(known.count(op) == 1);
  }
  for (const auto& op : known) {
    CAPTURE(op.first);
    CAPTURE(op.second);
    CHECK(covered.count(op) + elsewhere.count(op.second) == 1);
  }
}
