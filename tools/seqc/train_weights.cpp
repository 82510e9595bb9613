#include "tools/seqc/train_weights.h"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "frontend/onnx/import.h"
#include "frontend/onnx/weights.h"
#include "ir/error.h"
#include "tools/seqc/options.h"

namespace seqc::tools {
namespace {

using frontend::Weight;

/// Inputs that are no weights though they may hold floats: statistics, scales, bounds, states to start with. -1: all.
struct Setting {
  std::string_view op;
  int input;
};
constexpr std::array kSettings = {Setting{"BatchNormalization", 3},
                                  Setting{"BatchNormalization", 4},
                                  Setting{"Resize", -1},
                                  Setting{"Upsample", -1},
                                  Setting{"Clip", 1},
                                  Setting{"Clip", 2},
                                  Setting{"Dropout", 1},
                                  Setting{"Pad", 2},
                                  Setting{"OneHot", -1},
                                  Setting{"Range", -1},
                                  Setting{"Pow", 1},
                                  Setting{"QuantizeLinear", -1},
                                  Setting{"DequantizeLinear", -1},
                                  Setting{"NonMaxSuppression", -1},
                                  Setting{"LSTM", 5},
                                  Setting{"LSTM", 6},
                                  Setting{"GRU", 5},
                                  Setting{"RNN", 5}};

bool is_setting(const Weight::Use& use) {
  return std::any_of(kSettings.begin(), kSettings.end(), [&](const Setting& setting) {
    return setting.op == use.op && (setting.input < 0 || setting.input == use.input);
  });
}

/// Single numbers are constants of formulas far more often than weights.
bool is_weight(const Weight& weight) {
  const bool empty = std::find(weight.shape.begin(), weight.shape.end(), 0) != weight.shape.end();
  return !weight.shape.empty() && !empty && !std::any_of(weight.uses.begin(), weight.uses.end(), is_setting);
}

std::string list_text(const std::vector<Weight>& weights) {
  std::vector<std::string> texts;
  for (const Weight& weight : weights) texts.push_back(weight.name + " " + weight.type_str());
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

std::set<std::string> chosen(const std::vector<Weight>& weights, const TrainArguments& arguments) {
  std::set<std::string> names;
  if (arguments.train_only.empty()) {
    for (const Weight& weight : weights)
      if (is_weight(weight)) names.insert(weight.name);
    if (names.empty())
      fail(ErrorKind::BadInput,
           "{}: no initializer can be trained; it has {}. Weights in Constant nodes become initializers with: seqc "
           "convert {} -o NEW.onnx; --train-only NAME takes one that is left out by default",
           arguments.model, list_text(weights), arguments.model);
    return names;
  }
  for (const std::string& pattern : arguments.train_only) {
    bool found = false;
    for (const Weight& weight : weights) {
      if (::fnmatch(pattern.c_str(), weight.name.c_str(), 0) != 0) continue;
      // A pattern means weights; a name means what it says.
      const bool exact = pattern == weight.name;
      if (exact && weight.shape.empty())
        fail(ErrorKind::BadInput,
             "{}: --train-only \"{}\": it is a single number, expected a weight of one dim or more", arguments.model,
             pattern);
      if (!exact && !is_weight(weight)) continue;
      names.insert(weight.name);
      found = true;
    }
    if (!found)
      fail(ErrorKind::BadInput, "{}: --train-only \"{}\": no initializer of floats is called so; the model has {}",
           arguments.model, pattern, list_text(weights));
  }
  return names;
}

/// The parameter whose value an importer asks for; end if it is none.
std::set<std::string>::iterator asked_for(std::set<std::string>& names, const Error& error) {
  const std::string_view message = error.what();
  if (error.kind() != ErrorKind::NeedsValues) return names.end();
  return std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return message.find(fmt::format("the values of \"{}\"", name)) != std::string_view::npos;
  });
}

}  // namespace

std::unique_ptr<ir::Function> import_trainable(const TrainArguments& arguments) {
  if (arguments.model.ends_with(".seq"))
    fail(ErrorKind::BadInput, "{}: is IR text, expected an ONNX file; seqc convert {} -o NEW.onnx makes one",
         arguments.model, arguments.model);
  runtime::CompileOptions compile = arguments.compile;
  fit_values(arguments.model, compile);
  frontend::ImportOptions options{.dims = compile.dims,
                                  .input_shapes = compile.input_shapes,
                                  .input_values = compile.input_values,
                                  .sequence_lengths = compile.sequence_lengths,
                                  .optionals = compile.optionals};
  std::set<std::string> names = chosen(frontend::list_weights(arguments.model), arguments);
  options.trainable = [&names](const std::string& name) { return names.contains(name); };
  for (;;) {
    try {
      return frontend::import_model(arguments.model, options);
    } catch (const Error& error) {
      const auto name = asked_for(names, error);
      if (name == names.end()) throw;
      if (!arguments.train_only.empty())
        fail(ErrorKind::BadInput, "{}: --train-only: the model's structure depends on \"{}\", which cannot be trained",
             arguments.model, *name);
      names.erase(name);
    }
  }
}

}  // namespace seqc::tools
