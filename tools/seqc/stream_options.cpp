#include "tools/seqc/stream_options.h"

#include "ir/error.h"

namespace seqc::tools {

passes::StreamOptions StreamArguments::options() const {
  passes::StreamOptions options{.time = time, .rows = rows};
  for (const std::string& text : states) {
    const size_t colon = text.rfind(':');
    options.states.emplace_back(text.substr(0, colon), text.substr(colon + 1));
  }
  return options;
}

void add_stream_options(CLI::App& app, StreamArguments& arguments, const std::string& meaning) {
  CLI::Option* stream = app.add_flag("--stream", arguments.stream, meaning);
  app.add_option("--time", arguments.time,
                 "the time axis of a stream, where the model does not tell: a named dim, or INPUT:AXIS,...")
      ->type_name("DIM")
      ->needs(stream);
  app.add_option("--rows", arguments.rows, "the named dim that counts streams side by side (the only one besides time)")
      ->type_name("DIM")
      ->needs(stream);
  app.add_option("--state", arguments.states,
                 "an input of the model and the output that it gets at the next step; then one call is one step")
      ->type_name("IN:OUT")
      ->allow_extra_args(false)
      ->needs(stream)
      ->check(
          [](const std::string& text) {
            const size_t colon = text.rfind(':');
            const bool good = colon != std::string::npos && colon > 0 && colon + 1 < text.size();
            return good ? std::string() : fmt::format("got \"{}\", expected INPUT:OUTPUT", text);
          },
          "");
}

}  // namespace seqc::tools
