#include "tools/seqc/train_axes.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "ir/error.h"
#include "tools/seqc/options.h"

namespace seqc::tools {
namespace {

using ir::Dim;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool like_batch(const Dim& dim) {
  if (!dim.is_symbol()) return false;
  const std::string name = lower(dim.symbol_name());
  return name == "n" || name == "b" || name == "bs" || name.find("batch") != std::string::npos;
}

bool like_time(const Dim& dim) {
  if (!dim.is_symbol()) return false;
  const std::string name = lower(dim.symbol_name());
  return name == "t" || name == "l" || name == "s" || name.find("time") != std::string::npos ||
         name.find("seq") != std::string::npos || name.find("len") != std::string::npos ||
         name.find("step") != std::string::npos || name.find("frame") != std::string::npos;
}

/// The only axis of which this holds.
template <class Holds>
std::optional<int64_t> only_axis(const ir::Shape& shape, Holds holds) {
  if (std::count_if(shape.begin(), shape.end(), holds) != 1) return std::nullopt;
  return std::find_if(shape.begin(), shape.end(), holds) - shape.begin();
}

int64_t checked(const std::string& name, const ir::Type& type, int64_t axis) {
  const int64_t rank = type.rank();
  if (axis < -rank || axis >= rank)
    fail(ErrorKind::BadInput, "--axis {}={}: it is {}, expected an axis from {} to {}", name, axis, type.str(), -rank,
         rank - 1);
  return axis < 0 ? axis + rank : axis;
}

/// Takes the dim for one that counts examples.
void take(const TrainPort& port, BatchAxes& batch) {
  const Dim& dim = port.type.shape[static_cast<size_t>(port.batch_axis)];
  if (dim.is_symbol()) {
    batch.symbols.insert(dim.symbol_name());
    if (batch.rows.empty()) batch.rows = dim.symbol_name();
    return;
  }
  if (!dim.is_constant())
    fail(ErrorKind::BadInput, "input \"{}\": axis {} of {} is computed from other dims, and cannot count the examples",
         port.name, port.batch_axis, port.type.str());
  if (batch.fixed != 0 && batch.fixed != dim.constant())
    fail(ErrorKind::BadInput, "input \"{}\": {} has {} examples along axis {}, expected {} as other inputs have",
         port.name, port.type.str(), dim.constant(), port.batch_axis, batch.fixed);
  batch.fixed = dim.constant();
}

}  // namespace

std::map<std::string, int64_t> given_axes(const std::vector<std::string>& texts) {
  std::map<std::string, int64_t> axes;
  for (const std::string& text : texts) {
    const auto [name, value] = split_assignment(text, "--axis");
    int64_t axis = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), axis);
    if (code != std::errc() || end != value.data() + value.size())
      fail(ErrorKind::BadInput, "--axis {}: got \"{}\", expected a whole number", name, value);
    axes[name] = axis;
  }
  return axes;
}

BatchAxes find_batch_axes(std::vector<TrainPort>& inputs, const std::map<std::string, int64_t>& given) {
  BatchAxes batch;
  std::vector<TrainPort*> open;
  for (TrainPort& port : inputs) {
    const auto axis = given.find(port.name);
    const auto by_name = only_axis(port.type.shape, like_batch);
    port.batch_axis = axis != given.end() ? checked(port.name, port.type, axis->second) : by_name.value_or(-1);
    if (port.batch_axis >= 0)
      take(port, batch);
    else
      open.push_back(&port);
  }
  for (TrainPort* port : open) {
    auto axis = only_axis(port->type.shape,
                          [&](const Dim& dim) { return dim.is_symbol() && batch.symbols.contains(dim.symbol_name()); });
    if (!axis) {
      axis = only_axis(port->type.shape, [](const Dim& dim) { return dim.is_symbol(); });
      if (axis && like_time(port->type.shape[static_cast<size_t>(*axis)])) axis.reset();
    }
    if (!axis)
      fail(ErrorKind::BadInput,
           "input \"{}\": {} has no dim that is called like a batch (N, batch, ...); say which axis counts the "
           "examples: --axis {}=AXIS",
           port->name, port->type.str(), port->name);
    port->batch_axis = *axis;
    take(*port, batch);
  }
  return batch;
}

int64_t output_axis(const std::string& name, const ir::Type& type, const BatchAxes& batch,
                    const std::map<std::string, int64_t>& given) {
  if (const auto axis = given.find(name); axis != given.end()) return checked(name, type, axis->second);
  auto axis = only_axis(type.shape, [&](const Dim& dim) {
    return dim.is_symbol() ? batch.symbols.contains(dim.symbol_name()) : batch.fixed > 1 && dim == Dim(batch.fixed);
  });
  if (!axis && batch.fixed == 1) axis = only_axis(type.shape, [](const Dim& dim) { return dim == Dim(1); });
  if (!axis)
    fail(ErrorKind::BadInput,
         "output \"{}\": {} has not one axis that is known to count the examples; say which one does: --axis {}=AXIS",
         name, type.str(), name);
  return *axis;
}

}  // namespace seqc::tools
