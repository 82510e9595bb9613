#include "tools/seqc/feed.h"

#include <algorithm>

#include "ir/error.h"

namespace seqc::tools {
namespace {

using frontend::PortKind;
using frontend::StoredValue;
using Kind = StoredValue::Kind;

bool is_optional(PortKind kind) { return kind == PortKind::OptionalTensor || kind == PortKind::OptionalSequence; }

/// Puts the structure of one input into the options, or compares it with what they say.
void take_structure(const DeclaredPort& port, const StoredValue& value, runtime::CompileOptions& options) {
  const auto count = static_cast<int64_t>(value.tensors.size());
  if (value.kind == Kind::Sequence) {
    const auto [it, added] = options.sequence_lengths.emplace(port.name, count);
    if (it->second != count)
      fail(ErrorKind::BadInput, "--sequence {}={}: got {} elements for this input", port.name, it->second, count);
  }
  if (!is_optional(port.kind)) return;
  const bool some = value.kind != Kind::None;
  const auto [it, added] = options.optionals.emplace(port.name, some);
  if (it->second != some)
    fail(ErrorKind::BadInput, "--optional {}={}: got {} for this input", port.name, it->second ? "some" : "none",
         some ? "an element" : "none");
  if (!some && options.sequence_lengths.count(port.name))
    fail(ErrorKind::BadInput, "--sequence {}={}: got no sequence for this optional input", port.name,
         options.sequence_lengths.at(port.name));
}

}  // namespace

std::vector<ir::Tensor> feed(const std::vector<DeclaredPort>& ports, const std::vector<StoredValue>& values,
                             runtime::CompileOptions& options) {
  std::vector<ir::Tensor> tensors;
  for (size_t i = 0; i < ports.size(); ++i) {
    take_structure(ports[i], values[i], options);
    const std::vector<std::string> names = values[i].ports(ports[i].name);
    for (size_t k = 0; k < names.size(); ++k) {
      const ir::Tensor& tensor = values[i].tensors[k];
      options.known_inputs[names[k]] = tensor;
      // Elements may differ in shape, which the names in their declared type do not say.
      if (values[i].kind == Kind::Sequence) options.input_shapes.emplace(names[k], tensor.shape());
      tensors.push_back(tensor);
    }
  }
  return tensors;
}

std::vector<GivenValue> empty_inputs(const std::vector<DeclaredPort>& ports, const runtime::CompileOptions& options) {
  std::vector<GivenValue> given;
  for (const DeclaredPort& port : ports) {
    const auto length = options.sequence_lengths.find(port.name);
    const auto some = options.optionals.find(port.name);
    if (length != options.sequence_lengths.end() && length->second == 0)
      given.push_back({.file = "--sequence", .name = port.name, .value = {Kind::Sequence, {}}});
    if (some != options.optionals.end() && !some->second)
      given.push_back({.file = "--optional", .name = port.name, .value = {Kind::None, {}}});
  }
  return given;
}

bool has_structure(const std::vector<DeclaredPort>& ports) {
  return std::any_of(ports.begin(), ports.end(),
                     [](const DeclaredPort& port) { return port.kind != PortKind::Tensor; });
}

}  // namespace seqc::tools
