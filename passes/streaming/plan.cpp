#include "passes/streaming/plan.h"

#include <fmt/format.h>

namespace seqc::passes {

using ir::Dim;

std::string str(const StreamPlan& plan) {
  std::string text;
  if (plan.time.empty())
    text += "time      one call is one step\n";
  else
    text +=
        fmt::format("time      {}{}{}\n", plan.time,
                    plan.hop > 1 ? fmt::format(", a multiple of {}", plan.hop) : std::string(", any number of frames"),
                    plan.warm_up > 0 ? fmt::format(", settled after {}", plan.warm_up * plan.hop) : "");
  text += fmt::format("streams   {}\n", plan.rows.empty() ? "one" : plan.rows + " together");
  for (const StreamInput& input : plan.inputs)
    text += fmt::format("input     {}: {}{}\n", input.name, input.type.str(),
                        input.time_axis >= 0 ? fmt::format(", time is axis {}", input.time_axis)
                        : plan.time.empty()  ? ""
                                             : ", read at every step");
  for (const StreamOutput& output : plan.outputs) {
    std::string what = plan.time.empty() ? "" : ", of all frames so far";
    if (output.time_axis >= 0) {
      what = fmt::format(", time is axis {}", output.time_axis);
      if (output.per_hop != plan.hop) what += fmt::format(", {} for {} frames", output.per_hop, plan.hop);
      if (output.late > 0) what += fmt::format(", {} fewer at the beginning", output.late);
    }
    text += fmt::format("output    {}: {}{}\n", output.name, output.type.str(), what);
  }
  Dim bytes(0);
  for (const StreamState& state : plan.states) {
    const Dim own = ir::element_count(state.type.shape) * Dim(static_cast<int64_t>(ir::size_of(state.type.dtype)));
    bytes = bytes + own;
    text += fmt::format("state     {}: {}, {} bytes: {}\n", state.name, state.type.str(), own.str(), state.source);
  }
  text += fmt::format("state     {} bytes in all\n", bytes.str());
  return text;
}

}  // namespace seqc::passes
