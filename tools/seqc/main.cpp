// seqc: compiles recurrent and other sequence models to native code.
// Exit codes: 0 done, 1 the model or its data is at fault, 2 wrong usage.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <new>

#include "ir/error.h"
#include "runtime/seqc_runtime.h"
#include "tools/seqc/command.h"

namespace {

using namespace seqc;

constexpr const char* kOverview = R"(Examples:
  seqc inspect model.onnx                       what is in it: inputs, layers, parameters, multiply-adds, memory
  seqc build model.onnx -o out                  out/model.so, its C header; needs nothing at run time
  seqc run model.onnx --inputs in --outputs out
  seqc bench model.onnx --dim T=100 --threads 2
  seqc train model.onnx --data x=x.npy --target y.npy --loss mse -o tuned.onnx
  seqc convert model.seq -o model.onnx          for other runtimes; old ONNX files become new ones as well
  seqc explain model.onnx                       why its recurrent layers were fused, hoisted, unrolled, shared, or not
  seqc verify model.onnx                        holds compiled code against the interpreter; names the pass that is wrong
  seqc test cases/                              every case below a folder, in the layout of the ONNX backend suite
`seqc COMMAND --help` shows more of each. Exit codes: 0 done, 1 the model or its data is at fault, 2 wrong usage.)";

int run_command(const tools::Command& command) {
  try {
    const int code = command.run();
    if (std::fflush(stdout) != 0) fail(ErrorKind::BadInput, "standard output: cannot be written");
    return code;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: not enough memory\n");
  } catch (const std::filesystem::filesystem_error& error) {
    fmt::print(stderr, "error: {}: {}\n", error.path1().string(), error.code().message());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: internal: {}\n", error.what());
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("seqc compiles recurrent and other sequence models to native code.", "seqc");
  app.set_version_flag("--version", fmt::format("seqc {} (binary interface {})", SEQC_VERSION_TEXT, SEQC_ABI_VERSION));
  app.footer(kOverview);
  app.require_subcommand(1);
  const std::array commands = {tools::add_build(app),   tools::add_run(app),     tools::add_inspect(app),
                               tools::add_opt(app),     tools::add_test(app),    tools::add_bench(app),
                               tools::add_cache(app),   tools::add_convert(app), tools::add_train(app),
                               tools::add_explain(app), tools::add_verify(app),  tools::add_manual(app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    const auto parsed = app.get_subcommands();
    fmt::print(stderr, "error: {}\nseqc {}--help shows the usage\n", error.what(),
               parsed.empty() ? "" : parsed[0]->get_name() + " ");
    return 2;
  }
  for (const tools::Command& command : commands)
    if (command.app->parsed()) return run_command(command);
  return 2;
}
