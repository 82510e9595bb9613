#include "tools/seqc/tensor_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include "ir/error.h"
#include "runtime/compile.h"
#include "runtime/function_ports.h"
#include "runtime/library.h"
#include "runtime/npy.h"
#include "runtime/program.h"

namespace seqc::tools {
namespace {

namespace fs = std::filesystem;

using frontend::PortKind;
using Kind = frontend::StoredValue::Kind;

std::optional<int64_t> number(const std::string& digits) {
  int64_t index = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (code != std::errc() || end != digits.data() + digits.size() || index < 0) return std::nullopt;
  return index;
}

/// K of `<prefix>_K`.
std::optional<int64_t> numbered(const std::string& stem, const std::string& prefix) {
  return stem.starts_with(prefix + "_") ? number(stem.substr(prefix.size() + 1)) : std::nullopt;
}

std::string list(const std::vector<DeclaredPort>& ports) {
  std::string text;
  for (const DeclaredPort& port : ports) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", port.name);
  return text.empty() ? "none" : text;
}

bool is_sequence(PortKind kind) { return kind == PortKind::Sequence || kind == PortKind::OptionalSequence; }

const DeclaredPort* find(const std::vector<DeclaredPort>& ports, const std::string& name) {
  const auto it = std::find_if(ports.begin(), ports.end(), [&](const DeclaredPort& port) { return port.name == name; });
  return it == ports.end() ? nullptr : &*it;
}

/// The sequence that a name like `x.3` is an element of, and the element's number.
std::pair<const DeclaredPort*, int64_t> element_of(const std::vector<DeclaredPort>& ports, const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos || find(ports, name)) return {nullptr, 0};
  const DeclaredPort* port = find(ports, name.substr(0, dot));
  const auto index = number(name.substr(dot + 1));
  return port && is_sequence(port->kind) && index ? std::pair(port, *index) : std::pair(nullptr, int64_t{0});
}

/// Elements of sequences that are given one by one become sequences.
std::vector<GivenValue> with_sequences(std::vector<GivenValue> given, const std::vector<DeclaredPort>& ports) {
  std::map<const DeclaredPort*, std::map<int64_t, GivenValue>> elements;
  std::vector<GivenValue> result;
  for (GivenValue& value : given) {
    const auto [port, index] = element_of(ports, value.name);
    if (!port) {
      result.push_back(std::move(value));
    } else if (const auto it = elements[port].find(index); it != elements[port].end()) {
      fail(ErrorKind::BadInput, "{}: is \"{}\", as {} is", value.file, value.name, it->second.file);
    } else {
      elements[port].emplace(index, std::move(value));
    }
  }
  for (auto& [port, values] : elements) {
    GivenValue whole{.file = values.begin()->second.file, .name = port->name, .value = {Kind::Sequence, {}}};
    for (auto& [index, element] : values) {
      if (const size_t next = whole.value.tensors.size(); index != static_cast<int64_t>(next))
        fail(ErrorKind::BadInput, "{}: is \"{}\", and \"{}\" is missing", element.file, element.name,
             frontend::element_port(port->name, next));
      whole.value.tensors.push_back(std::move(element.value.tensors.at(0)));
    }
    result.push_back(std::move(whole));
  }
  return result;
}

/// A value must be what the model declares.
void require_kind(const GivenValue& given, const DeclaredPort& port) {
  const bool optional = port.kind == PortKind::OptionalTensor || port.kind == PortKind::OptionalSequence;
  const Kind kind = is_sequence(port.kind) ? Kind::Sequence : Kind::Tensor;
  if (given.value.kind == kind || (optional && given.value.kind == Kind::None)) return;
  if (kind == Kind::Sequence)
    fail(ErrorKind::BadInput,
         "{}: holds a tensor, and \"{}\" is a sequence; expected a .pb file that holds all of it, or a file for each "
         "element: {}.npy, ...",
         given.file, port.name, frontend::element_port(port.name, 0));
  fail(ErrorKind::BadInput, "{}: expected a tensor for \"{}\"", given.file, port.name);
}

std::vector<DeclaredPort> declared(const std::vector<frontend::ModelSummary::Port>& ports, const char* what) {
  std::vector<DeclaredPort> result;
  for (const auto& port : ports) {
    if (port.has_default) continue;
    if (port.kind == PortKind::Other)
      fail(ErrorKind::Unsupported, "{} \"{}\": {} as an {} is not supported", what, port.name, port.type, what);
    result.push_back({port.name, port.kind, port.tensor ? std::optional(port.tensor->dtype) : std::nullopt});
  }
  return result;
}

std::vector<DeclaredPort> declared(const std::vector<runtime::Port>& ports) {
  std::vector<DeclaredPort> result;
  for (const runtime::Port& port : ports) result.push_back({port.name, PortKind::Tensor, port.type.dtype});
  return result;
}

}  // namespace

std::vector<DeclaredPort> declared_inputs(const std::string& model) {
  if (runtime::is_library(model)) return declared(runtime::Program::load_library(model)->inputs());
  if (model.ends_with(".seq")) return declared(runtime::inputs_of(*runtime::load_function(model)));
  return declared(frontend::summarize_model(model).inputs, "input");
}

std::vector<DeclaredPort> declared_outputs(const std::string& model) {
  return declared(frontend::summarize_model(model).outputs, "output");
}

frontend::StoredValue load_value(const std::string& path, PortKind kind, std::string* name) {
  if (path.ends_with(".npy")) return {Kind::Tensor, {runtime::load_npy(path)}};
  if (path.ends_with(".pb")) return frontend::load_value_proto(path, kind, name);
  fail(ErrorKind::BadInput, "{}: expected a .npy file, or a .pb file that holds a TensorProto", path);
}

GivenValue load_named(const std::string& name, const std::string& file, const std::vector<DeclaredPort>& ports) {
  const DeclaredPort* port = find(ports, name);
  return {.file = file, .name = name, .value = load_value(file, port ? port->kind : PortKind::Tensor)};
}

std::vector<GivenValue> load_folder(const std::string& folder, const std::string& prefix, bool named_files,
                                    const std::vector<DeclaredPort>& ports) {
  if (!fs::is_directory(folder)) fail(ErrorKind::BadInput, "{}: no such folder", folder);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<GivenValue> result;
  for (const fs::path& file : files) {
    const std::string stem = file.stem().string(), extension = file.extension().string();
    if (extension != ".pb" && extension != ".npy") continue;
    GivenValue given{.file = file.string(), .name = {}, .value = {}};
    if (const auto index = numbered(stem, prefix))
      given.index = *index;
    else if (named_files && extension == ".npy" && !numbered(stem, "output"))
      given.name = stem;
    else
      continue;
    const bool is_port = given.index >= 0 && given.index < static_cast<int64_t>(ports.size());
    const PortKind kind = is_port ? ports[static_cast<size_t>(given.index)].kind : PortKind::Tensor;
    given.value = load_value(given.file, kind, &given.name);
    result.push_back(std::move(given));
  }
  return result;
}

std::vector<frontend::StoredValue> match(std::vector<GivenValue> given, const std::vector<DeclaredPort>& ports,
                                         const std::string& what) {
  given = with_sequences(std::move(given), ports);
  std::vector<GivenValue*> chosen(ports.size(), nullptr);
  for (GivenValue& value : given) {
    const DeclaredPort* named = find(ports, value.name);
    const auto at = named ? static_cast<size_t>(named - ports.data())
                          : static_cast<size_t>(value.index);  // names in .pb files may be stale
    if (!named && (value.index < 0 || at >= ports.size()))
      fail(ErrorKind::BadInput, "{}: the model has no {} {}; it has {}", value.file, what,
           value.index >= 0 ? fmt::format("number {}", value.index) : fmt::format("\"{}\"", value.name), list(ports));
    require_kind(value, ports[at]);
    if (chosen[at])
      fail(ErrorKind::BadInput, "{}: is for {} \"{}\", as {} is", value.file, what, ports[at].name, chosen[at]->file);
    chosen[at] = &value;
  }
  std::vector<frontend::StoredValue> result;
  for (size_t i = 0; i < ports.size(); ++i) {
    if (!chosen[i])
      fail(ErrorKind::BadInput, "{} \"{}\" (number {}): is missing; expected {}_{}.npy, {}_{}.pb or --{} {}=FILE", what,
           ports[i].name, i, what, i, what, i, what, ports[i].name);
    result.push_back(std::move(chosen[i]->value));
  }
  return result;
}

}  // namespace seqc::tools
