#include "tools/seqc/memory_svg.h"

#include <fmt/format.h>

#include <algorithm>

#include "passes/remarks.h"
#include "runtime/training/report/text.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

using training::escaped;

constexpr double kWidth = 1000, kHeight = 420, kLeft = 84, kTop = 10, kBottom = 34;

std::string label_of(const ir::Value& value) {
  const std::string text = passes::short_text(value);
  const std::string& place = value.op() ? value.op()->location() : "";
  return place.empty() ? text : fmt::format("{} ({})", text, place);
}

}  // namespace

MemoryPicture memory_picture(const codegen::MemoryPlan& plan, const ir::DimBindings& dims) {
  MemoryPicture picture;
  std::vector<uint64_t> offsets;
  for (const ir::Dim& slot : plan.slots) {
    offsets.push_back(picture.arena);
    picture.arena += static_cast<uint64_t>(std::max<int64_t>(0, slot.evaluate(dims)));
  }
  size_t last = 1;
  for (const auto& lifetime : plan.lifetimes) last = std::max(last, lifetime.end + 1);
  if (picture.arena == 0) return picture;
  const double across = (kWidth - kLeft) / static_cast<double>(last),
               down = kHeight / static_cast<double>(picture.arena);
  picture.svg = fmt::format("<svg class=\"memory\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\">",
                            kWidth, kHeight + kTop + kBottom);
  for (int i = 0; i <= 4; ++i) {
    const double y = kTop + kHeight * i / 4;
    picture.svg += fmt::format("<path d=\"M{} {:.1f}H{}\"/><text class=\"y\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft, y,
                               kWidth, kLeft - 8, y + 4, bytes_text(picture.arena * static_cast<uint64_t>(i) / 4));
  }
  for (const auto& lifetime : plan.lifetimes) {
    const auto bytes = static_cast<uint64_t>(std::max<int64_t>(0, lifetime.bytes.evaluate(dims)));
    picture.values += bytes;
    if (bytes == 0) continue;
    // Neighbours in time get different hues.
    picture.svg += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" "
        "style=\"fill:hsl({},55%,62%)\"><title>{}\n{} at "
        "{}</title></rect>",
        kLeft + across * static_cast<double>(lifetime.begin), kTop + down * static_cast<double>(offsets[lifetime.slot]),
        std::max(1.5, across * static_cast<double>(lifetime.end - lifetime.begin + 1)),
        std::max(1.0, down * static_cast<double>(bytes)), lifetime.begin * 137 % 360,
        escaped(label_of(*lifetime.value)), bytes_text(bytes), bytes_text(offsets[lifetime.slot]));
  }
  picture.svg += fmt::format(
      "<text x=\"{}\" y=\"{}\">first kernel</text><text class=\"y\" x=\"{}\" y=\"{}\">last kernel</text></svg>", kLeft,
      kTop + kHeight + 22, kWidth, kTop + kHeight + 22);
  return picture;
}

}  // namespace seqc::tools
