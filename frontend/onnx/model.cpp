// A model file as a function: its inputs and their dims, then the graph.
#include <algorithm>
#include <new>

#include "frontend/onnx/coverage_pb.h"
#include "frontend/onnx/import.h"
#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/operator_support.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/sequence.h"
#include "ir/error.h"
#include "ir/named_dims.h"

namespace seqc::frontend {
namespace {

ModelContext make_context(ir::Function& function, const onnx::ModelProto& model) {
  ModelContext context(function);
  for (const auto& import : model.opset_import()) {
    const bool own = import.domain().empty() || import.domain() == "ai.onnx";
    if (own && (import.version() < 1 || import.version() > kNewestOpset))
      fail(ErrorKind::Unsupported, "opset {} of ONNX is not supported, only 1 to {}", import.version(), kNewestOpset);
    context.opsets[own ? "" : import.domain()] = import.version();
  }
  if (model.opset_import().empty()) {
    if (model.ir_version() >= 3)
      fail(ErrorKind::BadInput, "the model imports no opset, as IR version {} demands", model.ir_version());
    context.opsets[""] = 1;  // older than the field
  }
  for (const auto& function_proto : model.functions()) {
    const std::string domain = function_proto.domain() == "ai.onnx" ? "" : function_proto.domain();
    context.functions[{domain, function_proto.name()}] = &function_proto;
  }
  return context;
}

/// An input of the graph, of arguments that it adds to the function.
Item add_arguments(ModelContext& context, const InputType& input, const ImportOptions& options) {
  if (input.none) return make_none();
  std::vector<Item> items;
  for (const auto& [name, type] : input.arguments) {
    Value* argument = context.function.body().add_argument(type, name);
    const auto given = options.input_values.find(name);
    items.push_back(
        make_item(given == options.input_values.end() ? argument : context.function.constant(given->second)));
  }
  const bool sequence = input.kind == PortKind::Sequence || input.kind == PortKind::OptionalSequence;
  if (!sequence) return items.at(0);
  return make_item(Sequence{.type = input.element, .elements = std::move(items)});
}

/// The results of the function that an output of the graph stands for, with their names.
std::vector<std::pair<std::string, Item>> results_of(const std::string& name, const Item& output, Builder& builder) {
  const auto binders = ir::dim_binders(builder.function());
  if (output.none) return {};
  if (!output.sequence) return {{name, output}};
  const Sequence& sequence = *output.sequence;
  const Dim length = sequence.length();
  if (!length.is_constant()) {
    std::string remedy;
    for (const std::string& dim : symbols(length)) {
      if (binders.contains(dim))
        fail(ErrorKind::Unsupported, "output \"{}\": a sequence of {} elements, and only a run can tell {}", name,
             length.str(), dim);
      remedy += fmt::format(" --dim {}=...", dim);
    }
    fail(ErrorKind::NeedsDims, "output \"{}\": a sequence of {} elements; give numbers to the named dims:{}", name,
         length.str(), remedy);
  }
  if (length.constant() > kMaxElements)
    fail(ErrorKind::Unsupported, "output \"{}\": a sequence of {} elements; at most {} are supported", name,
         length.str(), kMaxElements);
  std::vector<std::pair<std::string, Item>> results;
  for (int64_t i = 0; i < length.constant(); ++i)
    results.emplace_back(element_port(name, static_cast<size_t>(i)), element_at(builder, sequence, Dim(i)));
  return results;
}

/// Elements of sequences must not be called as other outputs are.
void require_distinct(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  if (const auto it = std::adjacent_find(names.begin(), names.end()); it != names.end())
    fail(ErrorKind::BadInput, "output \"{}\": the model has two outputs of this name", *it);
}

std::unique_ptr<ir::Function> import_proto(const onnx::ModelProto& model, const std::string& file,
                                           ExternalData& external, const ImportOptions& options) {
  try {
    auto function = std::make_unique<ir::Function>("main");
    ModelContext context = make_context(*function, model);
    context.external = &external;
    context.trainable = options.trainable;
    std::vector<Item> inputs;
    for (const InputType& input : bind_inputs(model.graph(), options))
      inputs.push_back(add_arguments(context, input, options));
    Builder builder(*function);
    GraphImporter graph(context, nullptr);
    const auto outputs = graph.import(builder, model.graph(), inputs);
    std::vector<Value*> results;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::string& graph_name = model.graph().output(static_cast<int>(i)).name();
      builder.set_location(graph_name);
      for (auto& [name, item] : results_of(graph_name, outputs[i], builder)) {
        results.push_back(context.materialize(item, graph_name));
        function->output_names.push_back(name);
      }
    }
    require_distinct(function->output_names);
    builder.set_location("");
    builder.return_(results);
    function->erase_unused_constants();
    for (size_t i = function->body().argument_count(); i-- > 0;)  // parameters that nobody needs, as constants
      if (const Value* argument = function->body().argument(i); argument->is_parameter() && argument->unused())
        function->body().erase_argument(i);
    return function;
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", file, error.what()));
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::BadInput, fmt::format("{}: a tensor does not fit in memory", file));
  }
}

/// The inputs one by one, so that each fault is found; those that cannot be bound are left out.
std::vector<InputType> bindable_inputs(const onnx::GraphProto& graph, const ImportOptions& options, CoverageLog& log) {
  try {
    return bind_inputs(graph, options);
  } catch (const Error& whole) {
    std::vector<InputType> inputs;
    bool found = false;
    for (const auto& input : graph.input()) {
      onnx::GraphProto alone;
      *alone.add_input() = input;
      for (const auto& initializer : graph.initializer())
        if (initializer.name() == input.name()) alone.clear_input();
      try {
        for (InputType& type : bind_inputs(alone, {})) inputs.push_back(std::move(type));
      } catch (const Error& error) {
        log.add_fault(error.what());
        found = true;
      }
    }
    if (!found) log.add_fault(whole.what());
    return inputs;
  }
}

/// Imports a graph of which some nodes may fail, for what the log then says.
void judge(const onnx::ModelProto& model, ExternalData& external, const ImportOptions& options, CoverageLog& log) {
  ir::Function function("main");
  ModelContext context = make_context(function, model);
  context.external = &external;
  context.coverage = &log;
  std::map<std::string, InputType> known;
  std::vector<std::pair<std::string, Type>> tensors;
  for (InputType& input : bindable_inputs(model.graph(), options, log)) {
    if (input.kind == PortKind::Tensor) tensors.emplace_back(input.name, input.arguments.at(0).type);
    known.emplace(input.name, std::move(input));
  }
  log.infer_types(model, tensors);
  std::set<std::string> initialized;
  for (const auto& initializer : model.graph().initializer()) initialized.insert(initializer.name());
  std::vector<Item> inputs;
  for (const auto& input : model.graph().input()) {
    if (initialized.count(input.name())) continue;
    const auto it = known.find(input.name());
    inputs.push_back(it == known.end() ? Item() : add_arguments(context, it->second, options));
  }
  Builder builder(function);
  try {
    const auto outputs = GraphImporter(context, nullptr).import(builder, model.graph(), inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      try {
        results_of(model.graph().output(static_cast<int>(i)).name(), outputs[i], builder);
      } catch (const Error& error) {
        log.add_fault(error.what());
      }
    }
  } catch (const NotReached&) {
    // An output hangs on a refused node, which is in the log.
  }
}

}  // namespace

Coverage cover_model(const std::string& path, const ImportOptions& options) {
  ExternalData external(path);
  const onnx::ModelProto model = read_model(path);
  CoverageLog log(model);
  try {
    judge(model, external, options, log);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Internal) throw;
    log.add_fault(error.what());
  } catch (const std::bad_alloc&) {
    log.add_fault("a tensor does not fit in memory");
  }
  return log.take();
}

std::unique_ptr<ir::Function> import_model(const std::string& path, const ImportOptions& options) {
  ExternalData external(path);
  return import_proto(read_model(path), path, external, options);
}

std::unique_ptr<ir::Function> import_model_bytes(std::span<const std::byte> bytes, const std::string& name,
                                                 const ImportOptions& options) {
  ExternalData external("");
  return import_proto(parse_model(bytes, name), name, external, options);
}

}  // namespace seqc::frontend
