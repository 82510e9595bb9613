// seqc convert: writes a model as an ONNX file.
#include <memory>

#include "frontend/onnx/export.h"
#include "tools/seqc/command.h"
#include "tools/seqc/options.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp = R"(Writes a model as an ONNX file that other runtimes run with the same numbers.

MODEL is IR text (.seq), as `seqc opt` and ir::save_module write it, or an ONNX file, which comes out with standard
operators of one opset: a way to move old opsets, model-local functions and operators of com.microsoft to other runtimes,
and to fix sizes (--dim, --shape) or inputs (--value) for good.

A recurrence becomes one LSTM, GRU or RNN node where its cell is one of those, and a Scan otherwise. Parameters keep their
names, except that gates of one cell are joined, as those operators want them. From C++: frontend/onnx/export.h.

Examples:
  seqc convert tagger.seq -o tagger.onnx
  seqc convert old.onnx -o new.onnx --opset 18
  seqc convert model.onnx -o small.onnx --dim T=100 --dim N=1
  seqc convert tagger.seq -o tagger.onnx --no-recurrent        every recurrence as a Scan)";

struct Options {
  std::string model, output;
  frontend::ExportOptions exported;
  bool no_recurrent = false;
  runtime::CompileOptions compile;
};

int run_convert(Options& options) {
  fit_values(options.model, options.compile);
  const auto function = runtime::load_function(options.model, options.compile);
  options.exported.recurrent = !options.no_recurrent;
  frontend::export_model(*function, options.output, options.exported);
  return 0;
}

}  // namespace

Command add_convert(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("convert", "writes a model as an ONNX file for other runtimes");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_option("MODEL", options->model, "IR text (.seq) or an ONNX file")->required()->check(CLI::ExistingFile);
  app->add_option("-o,--output", options->output, "the ONNX file to write")->required()->type_name("OUT.onnx");
  app->add_option("--opset", options->exported.opset, "version of ONNX's operators")
      ->check(CLI::Range(frontend::kOldestExportOpset, frontend::kNewestExportOpset))
      ->capture_default_str();
  app->add_flag("--no-recurrent", options->no_recurrent, "writes no LSTM, GRU or RNN: every recurrence becomes a Scan");
  add_shape_options(*app, options->compile);
  return {app, [options] { return run_convert(*options); }};
}

}  // namespace seqc::tools
