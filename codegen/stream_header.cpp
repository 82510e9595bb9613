#include <algorithm>
#include <cctype>

#include "codegen/stream.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

std::string comment_safe(std::string text) {
  for (size_t at; (at = text.find("*/")) != std::string::npos;) text.replace(at, 2, "* /");
  return text;
}

}  // namespace

std::string stream_header(const ir::Function& function, const StreamDescription& stream, const std::string& name) {
  std::string capitals = name;
  std::transform(capitals.begin(), capitals.end(), capitals.begin(), [](unsigned char c) { return std::toupper(c); });
  const ir::Block& body = function.body();
  std::string text = fmt::format("/* {} - a stream, compiled by seqc.\n *\n", name);
  if (stream.time.empty())
    text += " * One step is one call of the model.\n";
  else
    text += fmt::format(" * A step takes {} frames, {}.\n", comment_safe(stream.time),
                        stream.hop == 1 ? "one or more" : fmt::format("a positive multiple of {}", stream.hop));
  text += stream.rows.empty() ? " * It steps one stream: rows is 1.\n"
                              : fmt::format(" * It steps {} streams side by side: rows.\n", comment_safe(stream.rows));
  text += " * Inputs of a step, in order:\n";
  for (size_t i = 0; i < stream.inputs.size(); ++i) {
    const ir::Value* input = body.argument(i);
    text += fmt::format(
        " *   [{}] {}: {}{}\n", i, comment_safe(input->name()), comment_safe(input->type().str()),
        stream.inputs[i].time_axis >= 0 ? fmt::format(", time is axis {}", stream.inputs[i].time_axis) : "");
  }
  text += " * Outputs of a step, in order:\n";
  for (size_t i = 0; i < stream.outputs.size(); ++i) {
    const StreamDescription::Port& port = stream.outputs[i];
    text += fmt::format(" *   [{}] {}: {}", i, comment_safe(function.output_names[i]),
                        comment_safe(body.terminator()->operand(i)->type().str()));
    if (port.time_axis < 0) {
      text += stream.time.empty() ? "\n" : ", of all frames so far\n";
      continue;
    }
    text += fmt::format(", time is axis {}", port.time_axis);
    if (port.per_hop != stream.hop) text += fmt::format(", {} for {} frames", port.per_hop, stream.hop);
    text += port.late > 0 ? fmt::format(", {} fewer at the beginning\n", port.late) : "\n";
  }
  text += fmt::format(
      R"( *
 * How to use it is told in seqc_stream.h:
 *   void* state = aligned_alloc(SEQC_ALIGNMENT, {0}_state_size(rows));
 *   {0}_init(state, rows);
 *   {0}_prepare(state, inputs, outputs, &bytes); ... {0}_step(state, inputs, outputs, workspace, NULL);
 */
#ifndef {1}_H
#define {1}_H

#include "seqc_stream.h"

#ifdef __cplusplus
extern "C" {{
#endif

enum {{ {1}_INPUTS = {2}, {1}_OUTPUTS = {3} }};

/* Bytes of the state of so many streams. */
size_t {0}_state_size(int64_t rows);
/* Begins so many streams, or begins them anew. */
void {0}_init(void* state, int64_t rows);
/* Types and largest shapes of the outputs, and the workspace, for steps with inputs of these shapes. */
int32_t {0}_prepare(const void* state, const seqc_tensor* inputs, seqc_tensor* outputs, size_t* workspace_bytes);
/* One step. `threads` may be NULL. */
int32_t {0}_step(void* state, const seqc_tensor* inputs, seqc_tensor* outputs, void* workspace,
                 const seqc_threads* threads);

/* The stream and, in it, the model of one step. Never NULL; they live as long as the library. */
const seqc_stream* {0}_stream(void);
const seqc_model* {0}_model(void);

#ifdef __cplusplus
}}
#endif
#endif
)",
      name, capitals, stream.inputs.size(), stream.outputs.size());
  return text;
}

}  // namespace seqc::codegen
