#include "tests/support/decomposed_cells.h"

#include <limits>

#include "tests/support/decomposed_step.h"
#include "tests/support/random_inputs.h"

namespace seqc::test {
namespace {

Tensor list(const std::vector<int64_t>& values) { return Tensor::i64({static_cast<int64_t>(values.size())}, values); }
Tensor number(int64_t value) { return Tensor::i64({}, {value}); }

Names state_names(const StepForm& form) { return form.cell == StepCell::Lstm ? Names{"h", "c"} : Names{"h"}; }

/// Shapes as the models declare them.
struct Declared {
  ModelDim steps, batch;
  ModelShape x, y, state;
  Declared(const StepForm& form, const StepSizes& sizes)
      : steps(form.named_dims ? ModelDim("T") : ModelDim(sizes.steps)),
        batch(form.named_dims ? ModelDim("N") : ModelDim(sizes.batch)) {
    x = form.batch_major ? ModelShape{batch, steps, sizes.input} : ModelShape{steps, batch, sizes.input};
    y = form.batch_major ? ModelShape{batch, steps, sizes.hidden} : ModelShape{steps, batch, sizes.hidden};
    state = form.unit_states ? ModelShape{1, batch, sizes.hidden} : ModelShape{batch, sizes.hidden};
  }
};

void declare(const StepForm& form, const Declared& shapes, ModelBuilder& model) {
  model.input("X", DType::f32, shapes.x).output("Y", DType::f32, shapes.y);
  for (const std::string& name : state_names(form))
    model.input(name + "0", DType::f32, shapes.state).output(name, DType::f32, shapes.state);
}

/// States as the cell takes them, and back as they are carried.
Names unwrap(const StepForm& form, GraphBuilder& body, const Names& states) {
  if (!form.unit_states) return states;
  body.constant("unit", list({0}));
  Names names;
  for (const std::string& state : states) {
    names.push_back(state + "_flat");
    body.node("Squeeze", {state, "unit"}, {names.back()});
  }
  return names;
}
Names wrap(const StepForm& form, GraphBuilder& body, const Names& states) {
  if (!form.unit_states) return states;
  Names names;
  for (const std::string& state : states) {
    names.push_back(state + "_unit");
    body.node("Unsqueeze", {state, "unit"}, {names.back()});
  }
  return names;
}

ModelBuilder op_model(const StepForm& form, const StepSizes& sizes, const StepWeights& weights) {
  ModelBuilder model(13);
  declare(form, Declared(form, sizes), model);
  model.initializer("W", weights.w).initializer("R", weights.r).initializer("B", weights.b);
  model.initializer("axis0", list({0})).initializer("axis1", list({1}));
  if (form.batch_major) model.node("Transpose", {"X"}, {"Xt"}).ints("perm", {1, 0, 2});
  Names inputs = {form.batch_major ? "Xt" : "X", "W", "R", "B", ""}, outputs = {"Y4"};
  for (const std::string& name : state_names(form)) {
    if (!form.unit_states) model.node("Unsqueeze", {name + "0", "axis0"}, {name + "_first"});
    inputs.push_back(form.unit_states ? name + "0" : name + "_first");
    outputs.push_back(form.unit_states ? name : name + "_last");
  }
  const char* type = form.cell == StepCell::Rnn ? "RNN" : is_gru(form.cell) ? "GRU" : "LSTM";
  NodeRef node = model.node(type, inputs, outputs);
  node.attr("hidden_size", sizes.hidden).attr("direction", form.reverse ? "reverse" : "forward");
  if (form.cell == StepCell::Gru) node.attr("linear_before_reset", 1);
  model.node("Squeeze", {"Y4", "axis1"}, {form.batch_major ? "Yt" : "Y"});
  if (form.batch_major) model.node("Transpose", {"Yt"}, {"Y"}).ints("perm", {1, 0, 2});
  if (!form.unit_states)
    for (const std::string& name : state_names(form)) model.node("Squeeze", {name + "_last", "axis0"}, {name});
  return model;
}

ModelBuilder scan_model(const StepForm& form, const StepSizes& sizes, const StepWeights& weights) {
  const int64_t opset = form.each_row ? 8 : 13;
  const Declared shapes(form, sizes);
  ModelBuilder model(opset);
  declare(form, shapes, model);
  GraphBuilder body("body");
  Names inputs, outputs, states;
  if (form.each_row) inputs.push_back("");
  for (const std::string& name : state_names(form)) {
    body.input(name + "_in", DType::f32, form.each_row ? ModelShape{sizes.hidden} : shapes.state);
    inputs.push_back(name + "0");
    outputs.push_back(name);
    states.push_back(name + "_in");
  }
  body.input("x", DType::f32, form.each_row ? ModelShape{sizes.input} : ModelShape{shapes.batch, sizes.input});
  inputs.push_back("X");
  outputs.push_back("Y");
  StepWriter writer(form, weights, opset, body);
  const Names next = writer.step("x", unwrap(form, body, states));
  for (const std::string& name : wrap(form, body, next)) body.output(name);
  body.output(writer.op("Identity", {next[0]}));
  if (form.cell_states) {
    body.output(writer.op("Identity", {next[1]}));
    outputs.push_back("C");
    model.output("C", DType::f32, shapes.y);
  }
  for (const NamedTensor& weight : writer.weights()) model.initializer(weight.name, weight.value);
  NodeRef scan = model.node("Scan", inputs, outputs);
  scan.attr("body", body).attr("num_scan_inputs", 1);
  const std::vector<int64_t> emitted(form.cell_states ? 2 : 1, 1);
  if (form.each_row) return model;
  if (form.batch_major) scan.ints("scan_input_axes", {1}).ints("scan_output_axes", emitted);
  if (form.reverse) scan.ints("scan_input_directions", {1}).ints("scan_output_directions", emitted);
  return model;
}

/// Writes one Loop and what it needs in front and behind.
class LoopWriter {
 public:
  LoopWriter(const StepForm& form, const StepSizes& sizes, const StepWeights& weights)
      : form_(form), sizes_(sizes), shapes_(form, sizes), model_(13), writer_(form, weights, 13, body_) {}

  ModelBuilder write() {
    declare(form_, shapes_, model_);
    model_.node("Shape", {"X"}, {"shape"});
    model_.initializer("time_axis", number(time_)).initializer("zero", number(0)).initializer("one", number(1));
    model_.initializer("time_axes", list({time_})).initializer("unit_axes", list({0}));
    model_.node("Gather", {"shape", "time_axis"}, {"steps"});
    if (form_.reverse) model_.node("Sub", {"steps", "one"}, {"last"});

    body_.input("t", DType::i64, {}).input("go", DType::boolean, {});
    Names states;
    for (const std::string& name : state_names(form_)) states.push_back(carry(name, name + "0", shapes_.state));
    std::string t = "t";
    if (form_.end == StepEnd::Counter) t = carry("count", "zero", {}, DType::i64);
    const std::string next_step = writer_.op("Add", {t, "one"});
    if (form_.reverse) t = writer_.op("Sub", {"last", t});
    const Names next = writer_.step(read(t), unwrap(form_, body_, states));

    body_.output(form_.end == StepEnd::Count ? writer_.op("Identity", {"go"})
                                             : writer_.op("Less", {next_step, "steps"}));
    for (const std::string& name : wrap(form_, body_, next)) body_.output(name);
    if (form_.end == StepEnd::Counter) body_.output(next_step);
    carry_output(t, next[0]);
    carry_weights();
    if (form_.write == StepWrite::Rows) stack("Y_rows", next[0]);
    if (form_.cell_states) stack("C_rows", next[1]);

    call();
    if (form_.write == StepWrite::Sequence)
      model_.node("ConcatFromSequence", {"Y_out"}, {"Y_rows"}).attr("axis", 0).attr("new_axis", 1);
    const bool by_index = form_.write == StepWrite::ScatterNd || form_.write == StepWrite::ScatterElements;
    arrange(by_index ? "Y_out" : "Y_rows", "Y", !by_index);
    if (form_.cell_states) {
      model_.output("C", DType::f32, shapes_.y);
      arrange("C_rows", "C", true);
    }
    return model_;
  }

 private:
  std::string carry(const std::string& name, const std::string& initial, const ModelShape& shape,
                    DType type = DType::f32) {
    body_.input(name + "_in", type, shape);
    initial_.push_back(initial);
    results_.push_back(name == "h" || name == "c" ? name : name + "_out");
    return name + "_in";
  }

  void stack(const std::string& name, const std::string& row) {
    body_.output(writer_.op("Identity", {row}));
    results_.push_back(name);
  }

  /// x[t] of [N,I].
  std::string read(const std::string& t) {
    switch (form_.read) {
      case StepRead::Slice: {
        const std::string start = writer_.op("Unsqueeze", {t, "unit_axes"});
        const std::string end = writer_.op("Add", {start, "one"});
        return writer_.op("Squeeze", {writer_.op("Slice", {"X", start, end, "time_axes"}), "time_axes"});
      }
      case StepRead::GatherNd: return writer_.op("GatherND", {"X", writer_.op("Unsqueeze", {t, "unit_axes"})});
      case StepRead::Sequence:
        model_.node("SplitToSequence", {"X"}, {"all_steps"}).attr("axis", time_).attr("keepdims", 0);
        return writer_.op("SequenceAt", {"all_steps", t});
      default: body_.node("Gather", {"X", t}, {"x"}).attr("axis", time_); return "x";
    }
  }

  /// Zeros of the shape of Y with the steps in front.
  void make_buffer() {
    model_.initializer("hidden", list({sizes_.hidden})).initializer("batch_index", list({1 - time_}));
    model_.node("Gather", {"shape", "batch_index"}, {"batch_dim"});
    model_.node("Unsqueeze", {"steps", "unit_axes"}, {"steps_dim"});
    model_.node("Concat", {"steps_dim", "batch_dim", "hidden"}, {"buffer_shape"}).attr("axis", 0);
    model_.node("ConstantOfShape", {"buffer_shape"}, {"buffer"}).attr("value", Tensor::f32({1}, {0}));
  }

  /// What collects h, unless the loop stacks it.
  void carry_output(const std::string& t, const std::string& row) {
    if (form_.write == StepWrite::Rows) return;
    if (form_.write == StepWrite::Sequence) {
      model_.node("SequenceEmpty", {}, {"empty"});
      body_.output(writer_.op("SequenceInsert", {carry("Y", "empty", {}), row}));
      return;
    }
    make_buffer();
    const std::string before = carry("Y", "buffer", {shapes_.steps, shapes_.batch, sizes_.hidden});
    const std::string update = writer_.op("Unsqueeze", {row, "unit_axes"});
    if (form_.write == StepWrite::ScatterNd) {
      const std::string index = writer_.op("Reshape", {t, writer_.constant("one_tuple", list({1, 1}))});
      body_.output(writer_.op("ScatterND", {before, index, update}));
    } else {
      const std::string index = writer_.op("Expand", {t, writer_.op("Shape", {update})});
      body_.output(writer_.op("ScatterElements", {before, index, update}));
    }
  }

  /// Weights come from outside, or go round with the states.
  void carry_weights() {
    for (const NamedTensor& weight : writer_.weights()) {
      if (!form_.carried_weights) {
        model_.initializer(weight.name, weight.value);
        continue;
      }
      model_.initializer(weight.name + "_given", weight.value);
      body_.input(weight.name, DType::f32, ModelShape(weight.value.shape().begin(), weight.value.shape().end()));
      body_.output(writer_.op("Identity", {weight.name}));
      initial_.push_back(weight.name + "_given");
      results_.push_back(weight.name + "_out");
    }
  }

  void call() {
    Names inputs = {"steps", ""};
    if (form_.end == StepEnd::Condition || form_.end == StepEnd::Counter) inputs[0] = "most";
    model_.initializer("most", number(std::numeric_limits<int64_t>::max()));
    if (form_.end != StepEnd::Count) inputs[1] = "any";
    model_.node("Less", {"zero", "steps"}, {"any"});
    inputs.insert(inputs.end(), initial_.begin(), initial_.end());
    model_.node("Loop", inputs, results_).attr("body", body_);
  }

  /// [T,N,H], with the steps as they were made or as they lie in time, becomes an output.
  void arrange(std::string rows, const std::string& output, bool as_made) {
    if (form_.reverse && as_made) {
      model_.initializer(output + "_start", list({-1})).initializer(output + "_step", list({-1}));
      model_.initializer(output + "_end", list({std::numeric_limits<int64_t>::min()}));
      model_.node("Slice", {rows, output + "_start", output + "_end", "unit_axes", output + "_step"},
                  {output + "_turned"});
      rows = output + "_turned";
    }
    if (form_.batch_major)
      model_.node("Transpose", {rows}, {output}).ints("perm", {1, 0, 2});
    else
      model_.node("Identity", {rows}, {output});
  }

  const StepForm& form_;
  const StepSizes& sizes_;
  Declared shapes_;
  ModelBuilder model_;
  GraphBuilder body_{"body"};
  StepWriter writer_;
  int64_t time_ = form_.batch_major ? 1 : 0;
  Names initial_, results_;
};

}  // namespace

bool is_possible(const StepForm& form) {
  const bool scan = form.read == StepRead::Scan, lstm = form.cell == StepCell::Lstm;
  if (scan && (form.write != StepWrite::Rows || form.end != StepEnd::Count || form.carried_weights)) return false;
  if (form.each_row && (!scan || !form.batch_major || form.reverse || form.unit_states)) return false;
  // A vector has no rows for Gemm to multiply.
  if (form.each_row && (form.products == StepProducts::Gemm || form.products == StepProducts::JoinedGemm)) return false;
  // The reset lies between the product and its sum.
  const bool joined = form.products == StepProducts::Joined || form.products == StepProducts::JoinedGemm;
  if (form.cell == StepCell::Gru && joined) return false;
  if (form.cell_states && !lstm) return false;
  return !(form.read == StepRead::GatherNd && form.batch_major);
}

StepModels step_models(const StepForm& form, const StepSizes& sizes) {
  const StepWeights weights(form.cell, sizes);
  return {form.read == StepRead::Scan ? scan_model(form, sizes, weights) : LoopWriter(form, sizes, weights).write(),
          op_model(form, sizes, weights)};
}

std::vector<Tensor> step_inputs(const StepForm& form, const StepSizes& sizes, uint64_t seed) {
  Random random(seed);
  const auto [t, n, i, h] = std::tuple(sizes.steps, sizes.batch, sizes.input, sizes.hidden);
  std::vector<Tensor> inputs = {
      random_tensor(DType::f32, form.batch_major ? std::vector{n, t, i} : std::vector{t, n, i}, random)};
  for (size_t k = 0; k < state_names(form).size(); ++k)
    inputs.push_back(
        random_tensor(DType::f32, form.unit_states ? std::vector<int64_t>{1, n, h} : std::vector{n, h}, random));
  return inputs;
}

std::vector<StepForm> known_step_forms() {
  using enum StepCell;
  using P = StepProducts;
  using R = StepRead;
  using W = StepWrite;
  return {
      {.name = "scan"},
      {.name = "scan_gates", .products = P::PerGate},
      {.name = "scan_joined", .products = P::Joined},
      {.name = "scan_gemm", .products = P::Gemm},
      {.name = "scan_reversed", .reverse = true},
      {.name = "scan_axis_1", .batch_major = true},
      {.name = "scan_axis_1_reversed", .reverse = true, .batch_major = true},
      {.name = "scan_rows", .batch_major = true, .each_row = true},
      {.name = "scan_rows_joined", .products = P::Joined, .batch_major = true, .each_row = true},
      {.name = "scan_cell_states", .cell_states = true},
      {.name = "scan_unit_states", .unit_states = true},
      {.name = "scan_numbers", .named_dims = false},
      {.name = "scan_rnn", .cell = Rnn},
      {.name = "scan_gru", .cell = Gru},
      {.name = "scan_gru_reset_before", .cell = GruResetBefore, .products = P::Joined},
      {.name = "loop_gather", .read = R::Gather},
      {.name = "loop_gather_axis_1", .products = P::Gemm, .read = R::Gather, .batch_major = true},
      {.name = "loop_gather_nd", .read = R::GatherNd},
      {.name = "loop_slice", .products = P::PerGate, .read = R::Slice},
      {.name = "loop_slice_axis_1", .read = R::Slice, .batch_major = true},
      {.name = "loop_carried_weights", .products = P::Gemm, .read = R::Gather, .carried_weights = true},
      {.name = "loop_reversed", .read = R::Gather, .reverse = true},
      {.name = "loop_reversed_scatter", .read = R::Slice, .write = W::ScatterNd, .reverse = true},
      {.name = "loop_sequence", .products = P::JoinedGemm, .read = R::Sequence, .write = W::Sequence},
      {.name = "loop_scatter_nd", .products = P::Joined, .read = R::Gather, .write = W::ScatterNd},
      {.name = "loop_scatter_elements", .read = R::Gather, .write = W::ScatterElements},
      {.name = "loop_unit_states", .products = P::Gemm, .read = R::Gather, .unit_states = true},
      {.name = "loop_both_ends", .read = R::Gather, .end = StepEnd::Both},
      {.name = "loop_condition", .products = P::Joined, .read = R::Gather, .end = StepEnd::Condition},
      {.name = "loop_counter",
       .products = P::Joined,
       .read = R::Gather,
       .write = W::ScatterNd,
       .end = StepEnd::Counter},
      {.name = "loop_rnn", .cell = Rnn, .products = P::Joined, .read = R::Gather},
      {.name = "loop_gru", .cell = Gru, .products = P::Gemm, .read = R::Gather},
      {.name = "loop_gru_gates", .cell = Gru, .products = P::PerGate, .read = R::Slice, .write = W::Sequence},
      {.name = "loop_gru_reset_before", .cell = GruResetBefore, .products = P::PerGate, .read = R::Gather},
  };
}

}  // namespace seqc::test
