#include "tools/seqc/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <map>

#include "frontend/onnx/import.h"
#include "ir/error.h"

namespace seqc::tools {
namespace {

/// An option whose every occurrence takes one value, handed to `take`.
template <class Take>
CLI::Option* add_each(CLI::App& app, const std::string& name, const std::string& help, Take take) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [take](const std::vector<std::string>& values) {
            for (const std::string& value : values) take(value);
          },
          help)
      ->allow_extra_args(false);
}

int64_t parse_number(const std::string& text, const std::string& option) {
  int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size())
    throw CLI::ValidationError(option, fmt::format("got \"{}\", expected a whole number", text));
  return number;
}

double parse_real(const std::string& text, const std::string& option) {
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
    throw CLI::ValidationError(option, fmt::format("got \"{}\", expected a number", text));
  return number;
}

int64_t parse_size(const std::string& text, const std::string& option) {
  const int64_t number = parse_number(text, option);
  if (number < 0)
    throw CLI::ValidationError(option, fmt::format("got \"{}\", expected a number that is not negative", text));
  return number;
}

void take_dim(runtime::CompileOptions& options, const std::string& text) {
  const auto [name, value] = split_assignment(text, "--dim");
  options.dims[name] = parse_size(value, "--dim");
}

void take_shape(runtime::CompileOptions& options, const std::string& text) {
  const auto [name, value] = split_assignment(text, "--shape");
  std::vector<int64_t>& shape = options.input_shapes[name];
  shape.clear();
  for (const std::string& size : CLI::detail::split(value, ',')) shape.push_back(parse_size(size, "--shape"));
}

void take_value(runtime::CompileOptions& options, const std::string& text) {
  const auto [name, value] = split_assignment(text, "--value");
  const std::vector<std::string> parts = CLI::detail::split(value, ',');
  const std::vector<int64_t> shape = {static_cast<int64_t>(parts.size())};
  if (value.find_first_of(".eE") == std::string::npos) {
    std::vector<int64_t> numbers;
    for (const std::string& number : parts) numbers.push_back(parse_number(number, "--value"));
    options.input_values[name] = ir::Tensor::i64(shape, numbers);
    return;
  }
  ir::Tensor numbers(ir::DType::f64, shape);
  for (size_t i = 0; i < parts.size(); ++i) numbers.set_real(static_cast<int64_t>(i), parse_real(parts[i], "--value"));
  options.input_values[name] = numbers;
}

void take_sequence(runtime::CompileOptions& options, const std::string& text) {
  const auto [name, value] = split_assignment(text, "--sequence");
  options.sequence_lengths[name] = parse_size(value, "--sequence");
}

void take_optional(runtime::CompileOptions& options, const std::string& text) {
  const auto [name, value] = split_assignment(text, "--optional");
  if (value != "some" && value != "none")
    throw CLI::ValidationError("--optional", fmt::format("got \"{}\", expected some or none", value));
  options.optionals[name] = value == "some";
}

void take_passes(std::set<std::string>& names, const std::string& text, bool with_stages) {
  for (const std::string& name : CLI::detail::split(text, ',')) {
    if (!passes::find_pass(name) && !(with_stages && (name == "all" || name == "import")))
      throw CLI::ValidationError("pass", fmt::format("\"{}\" is unknown; seqc opt --list-passes shows them", name));
    names.insert(name);
  }
}

}  // namespace

std::pair<std::string, std::string> split_assignment(const std::string& text, const std::string& option) {
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    throw CLI::ValidationError(option, fmt::format("got \"{}\", expected NAME=VALUE", text));
  return {text.substr(0, at), text.substr(at + 1)};
}

void add_shape_options(CLI::App& app, runtime::CompileOptions& options) {
  add_each(app, "--dim", "gives a named dim a number, e.g. --dim N=4 --dim T=100", [&options](const std::string& text) {
    take_dim(options, text);
  })->type_name("NAME=NUMBER");
  add_each(app, "--shape", "gives an input its whole shape, where the model does not say it",
           [&options](const std::string& text) { take_shape(options, text); })
      ->type_name("INPUT=A,B,...");
  add_each(app, "--value",
           "fixes a small input that decides the model's structure, e.g. --value sr=16000 --value scales=1,1,0.5,0.5",
           [&options](const std::string& text) { take_value(options, text); })
      ->type_name("INPUT=A,B,...");
  add_each(app, "--sequence",
           "says how many elements a sequence input has; they become the inputs NAME.0, NAME.1, ..., which --shape and "
           "--value take too",
           [&options](const std::string& text) { take_sequence(options, text); })
      ->type_name("INPUT=NUMBER");
  add_each(app, "--optional", "says whether an optional input holds an element, e.g. --optional mask=none",
           [&options](const std::string& text) { take_optional(options, text); })
      ->type_name("INPUT=some|none");
}

void fit_values(const std::string& model, runtime::CompileOptions& options) {
  if (options.input_values.empty()) return;
  if (model.ends_with(".seq")) fail(ErrorKind::BadInput, "{}: inputs of IR text cannot be given values", model);
  const std::vector<frontend::ModelSummary::Port> inputs = frontend::summarize_model(model).inputs;
  for (auto& [name, numbers] : options.input_values) {
    const auto is_input = [&name = name](const auto& input) { return input.name == name; };
    const auto is_sequence = [&name = name](const auto& input) {  // of which an element is given
      const bool element = name.starts_with(input.name + ".");
      using frontend::PortKind;
      return element && (input.kind == PortKind::Sequence || input.kind == PortKind::OptionalSequence);
    };
    auto input = std::find_if(inputs.begin(), inputs.end(), is_input);
    if (input == inputs.end()) input = std::find_if(inputs.begin(), inputs.end(), is_sequence);
    if (input == inputs.end() || !input->tensor) continue;
    if (!ir::is_arithmetic(input->tensor->dtype))
      fail(ErrorKind::Unsupported, "--value {}: strings cannot be given a fixed value", name);
    const bool scalar = input->tensor->shape.empty() && numbers.count() == 1;
    ir::Tensor value(input->tensor->dtype, scalar ? std::vector<int64_t>{} : numbers.shape());
    const bool whole = !ir::is_float(numbers.dtype());
    if (!whole && !ir::is_float(value.dtype()))
      fail(ErrorKind::BadInput, "--value {}: got numbers that are not whole for {}", name, input->tensor->str());
    for (int64_t i = 0; i < value.count(); ++i)
      whole ? value.set_integer(i, numbers.integer(i)) : value.set_real(i, numbers.real(i));
    numbers = std::move(value);
  }
}

void add_target_options(CLI::App& app, codegen::Target& target, bool any_machine) {
  if (any_machine)
    app.add_option("--target", target.triple, "machine to compile for, e.g. aarch64-linux-gnu (this one)")
        ->type_name("TRIPLE");
  app.add_option("--target-cpu", target.cpu, "processor, e.g. x86-64, x86-64-v3, x86-64-v4 (this one)")
      ->type_name("CPU");
  app.add_option("--target-features", target.features, "on top of the processor's, e.g. +avx2,-fma")->type_name("LIST");
}

void add_cache_option(CLI::App& app, runtime::CacheOptions& cache) {
  app.add_flag("!--no-cache", cache.enabled, "compiles even if the code is on disk, and keeps none; see seqc cache");
}

namespace {

const std::map<std::string, passes::WeightFormat> kWeightFormats = {{"f32", passes::WeightFormat::F32},
                                                                    {"f16", passes::WeightFormat::F16},
                                                                    {"bf16", passes::WeightFormat::BF16},
                                                                    {"int8", passes::WeightFormat::I8}};
const std::map<std::string, passes::ActivationFormat> kActivations = {{"f32", passes::ActivationFormat::F32},
                                                                      {"int16", passes::ActivationFormat::I16},
                                                                      {"int8", passes::ActivationFormat::I8}};

template <class Format>
std::string name_of(const std::map<std::string, Format>& names, Format format) {
  for (const auto& [name, value] : names)
    if (value == format) return name;
  return "";
}

}  // namespace

void add_weights_option(CLI::App& app, runtime::CompileOptions& options) {
  app.add_option_function<std::string>(
         "--weights", [&options](const std::string& name) { options.weights = kWeightFormats.at(name); },
         "how to keep constant weights of products: f32 as they are; f16 (3 digits, up to 65504) and bf16 (2 digits) "
         "in half the bytes, or as 16-bit integers with a scale for each column where rows become integers and that is "
         "closer; int8 in a quarter, with a scale for each column (f32)")
      ->check(CLI::IsMember(kWeightFormats))
      ->type_name("f32|f16|bf16|int8");
  app.add_option_function<std::string>(
         "--activations", [&options](const std::string& name) { options.activations = kActivations.at(name); },
         "what such weights are multiplied with: f32 as it is; int16 or, with --weights=int8 alone, int8: rounded row "
         "by "
         "row at run time; int16 is about as exact as f32, int8 fastest with many rows (int16 on processors with dot "
         "products of bytes, else f32)")
      ->check(CLI::IsMember(kActivations))
      ->type_name("f32|int16|int8");
  app.final_callback([&options] {
    if (const std::string fault = activations_fault(options); !fault.empty())
      throw CLI::ValidationError("--activations", fault);
  });
}

std::string weights_text(const runtime::CompileOptions& options) {
  std::string text = name_of(kWeightFormats, options.weights);
  if (options.activations) text += fmt::format(" with {} activations", name_of(kActivations, *options.activations));
  return text;
}

void add_pipeline_options(CLI::App& app, passes::PipelineOptions& pipeline) {
  constexpr const char* kGroup = "Looking inside";
  pipeline.print_to = &std::cout;
  add_each(app, "--print-after",
           "prints the IR after these passes (\"import\": before the first; \"all\": every change)",
           [&pipeline](const std::string& text) { take_passes(pipeline.print_after, text, true); })
      ->type_name("PASS,...")
      ->group(kGroup);
  app.add_option("--dump-dir", pipeline.dump_dir, "saves the IR of every stage there, as NN-pass.seq")
      ->type_name("DIR")
      ->group(kGroup);
  add_each(app, "--disable", "leaves these passes out",
           [&pipeline](const std::string& text) { take_passes(pipeline.disabled, text, false); })
      ->type_name("PASS,...")
      ->group(kGroup);
}

void add_threads_option(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "threads that work on one run")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

}  // namespace seqc::tools
