// Operators of ONNX that seqc refuses on purpose, and why. (Others may be missing because nobody has written them yet.)
#include "frontend/onnx/node.h"

namespace seqc::frontend {
namespace {

struct RefusedOperator {
  std::string_view name, reason, domain = "";
};

constexpr std::string_view kStrings = "strings are moved, and nothing else";

constexpr RefusedOperator kRefused[] = {
    {"ImageDecoder", "decodes files; give the decoded image as the input"},
    {"RegexFullMatch", kStrings},
    {"StringConcat", kStrings},
    {"StringNormalizer", kStrings},
    {"StringSplit", kStrings},
};

}  // namespace

std::string_view refusal_reason(std::string_view domain, std::string_view name) {
  for (const RefusedOperator& entry : kRefused)
    if (entry.domain == domain && entry.name == name) return entry.reason;
  return "";
}

}  // namespace seqc::frontend
