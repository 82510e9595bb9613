// A function as a model file: inputs, outputs and named dims around its ops.
#include "frontend/onnx/export.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "frontend/onnx/export_graph_pb.h"
#include "frontend/onnx/export_in_use.h"
#include "frontend/onnx/tensor_proto_pb.h"
#include "ir/named_dims.h"

namespace seqc::frontend {

namespace {

int64_t ir_version_of(int64_t opset) { return opset < 19 ? 8 : opset < 21 ? 9 : 10; }

}  // namespace

/// Writes the graph of a function.
class FunctionWriter {
 public:
  FunctionWriter(const ir::Function& function, const ExportOptions& options, onnx::GraphProto& graph)
      : function_(function), model_(function, options), g_(model_, nullptr, graph), graph_(graph) {}

  void write() {
    graph_.set_name(function_.name.empty() ? "main" : function_.name);
    reserve_names();
    add_arguments();
    bind_symbols();
    reserve_outputs();
    g_.write(function_.body());
    g_.set_op(nullptr);
    add_outputs();
  }

 private:
  /// Names that a user knows come first; all others keep clear of them.
  void reserve_names() {
    for (size_t i = 0; i < function_.body().argument_count(); ++i) {
      const Value* argument = function_.body().argument(i);
      if (argument->name().empty())
        fail(ErrorKind::BadInput, "export: input {} has no name, expected one; ONNX tells inputs apart by their names",
             i);
      if (!names_.insert(argument->name()).second)
        fail(ErrorKind::BadInput, "export: got two inputs or parameters \"{}\", expected distinct names",
             argument->name());
      model_.reserve(argument->name());
    }
    std::set<std::string> outputs;
    for (const std::string& name : function_.output_names) {
      if (name.empty() || !outputs.insert(name).second)
        fail(ErrorKind::BadInput, "export: got {} output \"{}\", expected distinct names",
             name.empty() ? "an" : "a second", name);
      model_.reserve(name);
    }
  }

  void add_arguments() {
    for (size_t i = 0; i < function_.body().argument_count(); ++i) {
      const Value* argument = function_.body().argument(i);
      if (argument->is_parameter()) continue;  // an initializer once a node uses it
      g_.bind(argument, argument->name());
      GraphWriter::set_type(*graph_.add_input(), argument->name(), argument->type());
    }
  }

  /// Names of dims that stand alone in an input's shape, then those of expressions with one unknown.
  void bind_symbols() {
    std::set<std::string> known;
    const auto each_dim = [&](auto&& visit) {
      for (size_t i = 0; i < function_.body().argument_count(); ++i) {
        const Value* argument = function_.body().argument(i);
        for (size_t d = 0; d < argument->shape().size(); ++d) visit(argument, d, argument->shape()[d]);
      }
    };
    std::set<std::string> used = used_symbols();
    each_dim([&](const Value* argument, size_t d, const Dim& dim) {
      if (!dim.is_symbol() || !known.insert(dim.symbol_name()).second || !used.count(dim.symbol_name())) return;
      g_.bind_symbol(dim.symbol_name(), size_of(argument, d, dim.symbol_name()));
    });
    for (bool found = true; std::exchange(found, false);) {
      each_dim([&](const Value* argument, size_t d, const Dim& dim) {
        std::set<std::string> names;
        dim.collect_symbols(names);
        std::erase_if(names, [&](const std::string& name) { return known.count(name) != 0; });
        if (names.size() != 1) return;
        const std::string& name = *names.begin();
        const Dim rest = dim.substitute({{name, Dim(0)}}), factor = dim.substitute({{name, Dim(1)}}) - rest;
        if (!factor.is_constant() || !(dim == factor * Dim::symbol(name) + rest)) return;
        Name size = size_of(argument, d, name);
        size = g_.node("Sub", {size, g_.dim(rest)}, {}, "size");
        g_.bind_symbol(name, g_.node("Div", {size, g_.integers({factor.constant()}, "size")}, {}, name));
        known.insert(name);
        found = true;
      });
    }
  }

  Name size_of(const Value* argument, size_t dim, const std::string& hint) {
    const auto at = static_cast<int64_t>(dim);
    return g_.node("Shape", {argument->name()}, {{"start", at}, {"end", at + 1}}, hint);
  }

  /// All names in types and attributes of ops: more than are needed, but names that nothing but inputs have are not.
  std::set<std::string> used_symbols() const {
    std::set<std::string> used;
    ir::walk(function_.body(), [&](const Op* op) { used.merge(ir::symbols_of(*op)); });
    for (size_t i = 0; i < function_.body().argument_count(); ++i)
      for (const Dim& dim : function_.body().argument(i)->shape())
        if (!dim.is_symbol()) dim.collect_symbols(used);
    return used;
  }

  /// Results of the function are called as its outputs by the nodes that compute them.
  void reserve_outputs() {
    const auto& results = function_.body().terminator()->operands();
    for (size_t i = 0; i < results.size(); ++i)
      if (results[i]->op() && !names_.count(function_.output_names[i]))
        g_.reserved_.try_emplace(results[i], function_.output_names[i]);
  }

  void add_outputs() {
    const auto& results = function_.body().terminator()->operands();
    for (size_t i = 0; i < results.size(); ++i) {
      const std::string& name = function_.output_names[i];
      const Name source = g_.name(results[i]);
      if (source != name) {
        if (names_.count(name))
          fail(ErrorKind::BadInput,
               "export: output \"{}\" has the name of an input or parameter, expected one of its own", name);
        g_.node_of("Identity", {source}, {name});
      }
      GraphWriter::set_type(*graph_.add_output(), name, results[i]->type());
    }
  }

  const ir::Function& function_;
  ModelWriter model_;
  GraphWriter g_;
  onnx::GraphProto& graph_;
  std::set<std::string> names_;  ///< of arguments
};

std::string export_model_bytes(const ir::Function& function, const ExportOptions& options) {
  if (options.opset < kOldestExportOpset || options.opset > kNewestExportOpset)
    fail(ErrorKind::BadInput, "export: got opset {}, expected {} to {}", options.opset, kOldestExportOpset,
         kNewestExportOpset);
  onnx::ModelProto model;
  model.set_ir_version(ir_version_of(options.opset));
  model.set_producer_name("seqc");
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(options.opset);
  const auto in_use = without_decided_choices(function);
  FunctionWriter(in_use ? *in_use : function, options, *model.mutable_graph()).write();
  if (model.ByteSizeLong() >= (size_t{1} << 31))
    fail(ErrorKind::Unsupported,
         "export: the model takes {} bytes, and one file holds less than 2 GiB (a limit of "
         "protobuf); split it",
         model.ByteSizeLong());
  std::string bytes;
  model.SerializeToString(&bytes);
  return bytes;
}

void export_model(const ir::Function& function, const std::string& path, const ExportOptions& options) {
  const std::string bytes = export_model_bytes(function, options);
  const std::string temporary = path + ".tmp";
  const auto cannot_write = [&](const std::string& why) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    fail(ErrorKind::BadInput, "{}: cannot write: {}; check that the folder exists, may be written and has room", path,
         why);
  };
  {
    std::ofstream out(temporary, std::ios::binary);
    if (!out || !out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())) || !out.flush())
      cannot_write(std::strerror(errno));
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) cannot_write(error.message());
}

void export_model(const ir::Module& module, const std::string& path, const ExportOptions& options) {
  if (module.functions.size() != 1)
    fail(ErrorKind::BadInput, "export: got a module of {} functions, expected one; export a function by itself",
         module.functions.size());
  export_model(*module.functions[0], path, options);
}

}  // namespace seqc::frontend
