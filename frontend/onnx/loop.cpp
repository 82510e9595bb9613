// Loop: counted ones become `scan` (which can stack what each step computes), others `loop`; those that are neither are
// unrolled.
#include "frontend/onnx/loop.h"

#include <onnx/onnx_pb.h>

#include <limits>

#include "frontend/onnx/control_flow.h"
#include "frontend/onnx/loop_carries.h"
#include "frontend/onnx/loop_growth_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

Item true_item() { return make_item(Contents{DType::boolean, {}, {Dim(1)}}); }

/// The body's results for one step.
std::vector<Item> import_body(Node& node, Builder& b, const LoopParts& parts, Value* step, std::vector<Item> carried) {
  carried.insert(carried.begin(), {make_item(step), true_item()});
  return import_step(node, b, parts.body, carried, step);
}

/// How a loop is tried: `noticed` gets what would have to be among the growths.
struct Way {
  Sequences sequences;
  Growths growths = {};
  Growths noticed = {};
};

void import_counted(Node& node, const LoopParts& parts, const Dim& steps, Way& way) {
  Builder& b = node.builder();
  const Carries carries(node, parts, way.sequences, way.growths, steps, &way.noticed);
  const auto body = [&](Builder& inner, const std::vector<Value*>& arguments) {
    const auto outputs = import_body(node, inner, parts, arguments.back(),
                                     carries.inputs(inner, arguments.back(), std::span(arguments)));
    auto [results, rows] = carries.results(inner, outputs);
    for (size_t i = parts.carried.size() + 1; i < outputs.size(); ++i)
      rows.push_back(tensor_result(node, inner, outputs[i], "a stacked result"));
    results.insert(results.end(), rows.begin(), rows.end());
    return region_results(node, inner, results);
  };
  const ir::Op* scan = b.scan(steps, carries.initial(), {b.iota(steps)}, body);
  std::vector<Value*> all;
  for (size_t i = 0; i < scan->result_count(); ++i) all.push_back(scan->result(i));
  const std::span<Value* const> results = all;
  const size_t carried = carries.initial().size();
  const auto stacked = carries.set_outputs(results.first(carried), results.subspan(carried), steps);
  for (size_t i = 0; i < stacked.size(); ++i) parts.set_output(parts.carried.size() + i, make_item(stacked[i]));
}

/// Whether to go on, as the body yields it.
Value* condition_of(Node& node, Builder& inner, const Item& item) {
  Value* next = tensor_result(node, inner, item, "the condition");
  if (next->dtype() != DType::boolean || !(element_count(next->shape()) == Dim(1)))
    node.bad("the condition of its body is {}, expected bool[]", next->type().str());
  return inner.reshape(next, {});
}

/// The condition before the first step.
Value* first_condition(Node& node) {
  return node.has_input(1) ? as_scalar(node, node.input(1, "cond"), "cond") : node.builder().scalar(DType::boolean, 1);
}

/// An op `loop` over the carried values. With `most`, the steps that it takes at most, it also counts them in a last carry
/// and emits appended tensors and stacked rows; without, those are left out.
ir::Op* build_loop(Node& node, const LoopParts& parts, const Carries& carries, Value* count, Value* condition,
                   const std::optional<Dim>& most) {
  Builder& b = node.builder();
  std::vector<Value*> initial = carries.initial();
  if (most) initial.push_back(b.constant(Tensor::scalar_int(DType::i64, 0)));
  const auto body = [&](Builder& inner, const std::vector<Value*>& arguments) {
    const std::span<Value* const> carried = std::span(arguments).subspan(1, carries.initial().size());
    const auto outputs = import_body(node, inner, parts, arguments[0], carries.inputs(inner, arguments[0], carried));
    Value* next = condition_of(node, inner, outputs[0]);
    if (!parts.conditional) next = inner.scalar(DType::boolean, 1);
    auto [results, rows] = carries.results(inner, outputs);
    results.insert(results.begin(), next);
    if (most) {
      results.push_back(inner.add(arguments.back(), inner.constant(Tensor::scalar_int(DType::i64, 1))));
      results.insert(results.end(), rows.begin(), rows.end());
      for (size_t i = parts.carried.size() + 1; i < outputs.size(); ++i)
        results.push_back(tensor_result(node, inner, outputs[i], "a stacked result"));
    }
    return region_results(node, inner, results);
  };
  return b.loop(count, condition, initial, body, most.value_or(Dim(-1)));
}

/// As a `loop` that ends at run time; `most` is asked for where each step gives rows, or makes tensors larger.
void import_general(Node& node, const LoopParts& parts, const std::optional<Dim>& most, Way& way) {
  Builder& b = node.builder();
  const Carries carries(node, parts, way.sequences, way.growths, most, &way.noticed);
  Value* count = node.has_input(0) ? b.cast(as_scalar(node, node.input(0, "M"), "M"), DType::i64)
                                   : b.constant(Tensor::scalar_int(DType::i64, std::numeric_limits<int64_t>::max()));
  const ir::Op* loop = build_loop(node, parts, carries, count, first_condition(node), most);
  const size_t carried = carries.initial().size();
  std::vector<Value*> final, rows;
  std::optional<Dim> steps;
  for (size_t i = 0; i < carried; ++i) final.push_back(loop->result(i));
  if (most) {
    steps = b.bind_dim(loop->result(carried), "steps", *most);
    for (size_t i = carried + 1; i < loop->result_count(); ++i)
      rows.push_back(b.slice_axis(loop->result(i), 0, Dim(0), *steps));
  }
  const auto stacked = carries.set_outputs(final, rows, steps);
  for (size_t i = 0; i < stacked.size(); ++i) parts.set_output(parts.carried.size() + i, make_item(stacked[i]));
}

LoopParts read_parts(Node& node) {
  LoopParts parts{node.subgraph("body"), {}, 0, node.has_input(1), [&node](size_t i, Item item) {
                    node.set_output(i, std::move(item));
                  }};
  for (size_t i = 2; i < node.input_count(); ++i) {
    if (!node.has_input(i)) node.bad("input {} (a carried value) is missing", i);
    parts.carried.push_back(node.item(i));
  }
  const size_t results = static_cast<size_t>(parts.body.output_size());
  const size_t carried = parts.carried.size();
  if (results < carried + 1 || static_cast<size_t>(parts.body.input_size()) != carried + 2)
    node.bad("its body has {} inputs and {} outputs, expected {} and {} or more for {} carried values",
             parts.body.input_size(), results, carried + 2, carried + 1, carried);
  parts.stacked = results - carried - 1;
  if (node.output_count() > carried + parts.stacked)
    node.bad("got {} outputs, its body gives {}", node.output_count(), carried + parts.stacked);
  return parts;
}

/// Tries a way; where carried tensors turn out to grow, once more in buffers for them.
std::optional<Error> attempt_way(Node& node, Way way, bool bounded, const std::function<void(Way&)>& import) {
  auto refusal = attempt(node, [&] { import(way); });
  while (refusal && bounded && !way.noticed.empty()) {
    way.growths.merge(way.noticed);
    way.noticed.clear();
    refusal = attempt(node, [&] { import(way); });
  }
  return refusal;
}

/// As one scan, in the first way that is not refused; else the last refusal.
std::optional<Error> try_counted(Node& node, const LoopParts& parts, const Dim& steps) {
  bool sequences = false;
  for (size_t i = 0; i < parts.carried.size(); ++i) sequences |= parts.is_sequence(i);
  const auto scan = [&](Sequences how) {
    return attempt_way(node, {how}, true, [&](Way& way) { import_counted(node, parts, steps, way); });
  };
  if (sequences && !scan(Sequences::Appended)) return std::nullopt;
  return scan(Sequences::Kept);
}

/// As one `loop`, in the first way that is not refused; else the last refusal. `most`: the steps that it takes at most.
std::optional<Error> try_general(Node& node, const LoopParts& parts, const std::optional<Dim>& most) {
  const auto loop = [&](Sequences how, bool rows) {
    return attempt_way(node, {how}, most.has_value(), [&](Way& way) {
      import_general(node, parts, rows || !way.growths.empty() ? most : std::nullopt, way);
    });
  };
  bool sequences = false;
  for (size_t i = 0; i < parts.carried.size(); ++i) sequences |= parts.is_sequence(i);
  if (most && sequences && !loop(Sequences::Appended, true)) return std::nullopt;
  return loop(Sequences::Kept, parts.stacked > 0);
}

/// Throws what asks for the number of steps, if it can be given, or else `why` the loop was refused.
[[noreturn]] void refuse(Node& node, const std::optional<Dim>& steps, const std::optional<Error>& why) {
  if (why && why->kind() != ErrorKind::Unsupported) throw *why;
  const std::string use = why ? fmt::format("the number of steps to unroll ({})", why->what()) : "the number of rows";
  if (node.has_input(1) && !node.known_tensor(1)) node.refuse_unknown(1, fmt::format("cond, and with it {},", use));
  if (node.has_input(0) && !steps) node.refuse_unknown(0, fmt::format("M, {},", use));
  if (steps && !steps->is_constant()) node.needs_dims(symbols(*steps), fmt::format("M is {}, {},", steps->str(), use));
  SEQC_CHECK(why, "a loop that is refused for no reason");
  throw *why;
}

}  // namespace

ir::Op* import_trial(Node& node, const LoopParts& parts) {
  const Growths none;
  const Carries carries(node, parts, Sequences::Appended, none, std::nullopt, nullptr);
  Value* count = node.builder().constant(Tensor::scalar_int(DType::i64, 0));
  return build_loop(node, parts, carries, count, first_condition(node), std::nullopt);
}

namespace {

void import_parts(Node& node, const LoopParts& parts) {
  const auto condition = node.known_tensor(1);
  if (condition && condition->count() != 1) node.bad("cond is {}, expected bool[]", condition->type_str());
  const bool starts = !node.has_input(1) || (condition && condition->integer(0) != 0);
  const auto trips = condition && !starts ? std::optional(Dim(0)) : trip_count(node);
  const auto steps = trips && *trips == Dim(0) ? trips : count_steps(node, parts);
  if (steps && *steps == Dim(0) && parts.stacked == 0) {
    if (node.has_input(0)) node.item(0);  // whatever it says
    for (size_t i = 0; i < parts.carried.size(); ++i) parts.set_output(i, parts.carried[i]);
    return;
  }
  // Rows need memory for as many steps as there can be; exporters write "without end" as a huge number.
  constexpr int64_t kMostRows = int64_t{1} << 24;
  const auto limit = trips && trips->is_constant() && trips->constant() > kMostRows ? std::nullopt : trips;
  std::optional<Error> why;
  const bool bounded = parts.stacked == 0 || limit;
  if (steps)
    why = try_counted(node, parts, *steps);
  else if (bounded)
    why = try_general(node, parts, limit);
  if (!why && (steps || bounded)) return;

  if (!(condition || !node.has_input(1)) || (trips ? !trips->is_constant() : node.has_input(0)))
    refuse(node, trips, why);
  const auto most = trips ? std::optional(trips->constant()) : std::nullopt;
  const auto second = attempt(node, [&] { import_unrolled(node, parts, most); });
  if (!second) return;
  if (why && why->kind() != ErrorKind::Unsupported) throw *why;
  if (!why || std::string_view(why->what()) == second->what()) throw *second;
  throw Error(second->kind(), fmt::format("{}; it must be unrolled because: {}", second->what(), why->what()));
}

}  // namespace

void import_loop(Node& node) {
  const LoopParts parts = read_parts(node);
  if (!parts.conditional && !node.has_input(0))
    node.bad("it has neither M nor cond, and so no end; give it a cond of true");
  const auto growth = find_growth(parts);
  if (!growth) return import_parts(node, parts);
  const auto refusal = attempt(node, [&] {
    std::vector<Item> results(static_cast<size_t>(growth->body.output_size()) - 1);
    LoopParts rest = without_growing(parts, *growth);
    rest.set_output = [&](size_t i, Item item) { results[i] = std::move(item); };
    import_parts(node, rest);
    set_grown(node, parts, *growth, results);
  });
  // Rows whose size changes from step to step cannot be stacked; the steps may be unrolled all the same.
  if (refusal && attempt(node, [&] { import_parts(node, parts); })) throw *refusal;
}

}  // namespace seqc::frontend
