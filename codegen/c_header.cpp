#include <algorithm>
#include <cctype>

#include "codegen/codegen.h"
#include "ir/error.h"
#include "ir/named_dims.h"

namespace seqc::codegen {
namespace {

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// Text inside a C comment.
std::string comment_safe(std::string text) {
  for (size_t at; (at = text.find("*/")) != std::string::npos;) text.replace(at, 2, "* /");
  return text;
}

/// What an input must be, when it is fixed.
std::string only_value(const std::string& name, const FixedValues& fixed) {
  const auto it = fixed.find(name);
  if (it == fixed.end()) return "";
  std::string elements;
  constexpr int64_t kShown = 16;
  for (int64_t i = 0; i < std::min(it->second.count(), kShown); ++i)
    elements += fmt::format("{}{}", i > 0 ? ", " : "",
                            ir::is_float(it->second.dtype()) ? fmt::format("{}", it->second.real(i))
                                                             : fmt::format("{}", it->second.integer(i)));
  return fmt::format(", which must be {}{}", elements, it->second.count() > kShown ? ", ..." : "");
}

}  // namespace

std::string c_header(const ir::Function& function, const std::string& name, const FixedValues& fixed) {
  const std::string guard = upper(name) + "_H";
  std::string text = fmt::format("/* {} - compiled by seqc.\n *\n", name);
  const ir::Block& body = function.body();
  text += " * Inputs, in order:\n";
  for (size_t i = 0; i < body.argument_count(); ++i)
    text += fmt::format(" *   [{}] {}: {}{}\n", i, comment_safe(body.argument(i)->name()),
                        comment_safe(body.argument(i)->type().str()), only_value(body.argument(i)->name(), fixed));
  text += " * Outputs, in order:\n";
  const auto& returned = body.terminator()->operands();
  const ir::DimBounds bounds(function);
  for (size_t i = 0; i < returned.size(); ++i) {
    const ir::Type &type = returned[i]->type(), most{type.dtype, bounds.upper(type.shape)};
    text += fmt::format(" *   [{}] {}: {}{}\n", i, comment_safe(function.output_names[i]), comment_safe(type.str()),
                        type == most ? "" : comment_safe(fmt::format(", at most {}; run tells", most.str())));
  }
  text += fmt::format(
      R"( *
 * How to run it is told in seqc.h:
 *   const seqc_model* model = {0}_model();
 *   model->prepare(inputs, outputs, &bytes); ... model->run(inputs, outputs, workspace, NULL);
 */
#ifndef {1}
#define {1}

#include "seqc.h"

#ifdef __cplusplus
extern "C" {{
#endif

enum {{ {2}_INPUTS = {3}, {2}_OUTPUTS = {4} }};

/* Never NULL; lives as long as the library. */
const seqc_model* {0}_model(void);

#ifdef __cplusplus
}}
#endif
#endif
)",
      name, guard, upper(name), body.argument_count(), returned.size());
  return text;
}

}  // namespace seqc::codegen
