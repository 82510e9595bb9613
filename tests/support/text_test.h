/// Tests that are IR text: an input, what becomes of it, and the faults that are found in it.
///
///   // RUN: fold, simplify                 passes to run, in order; without the line nothing runs
///   // WEIGHTS: bf16                      optional: the format that compress-weights is asked for (f16, bf16 or int8)
///   // ACTIVATIONS: int8                  optional: what quantise-activations is asked for (int8 or int16)
///   // DIMS: T=4, N=3                      optional: interpret with these sizes (otherwise with several)
///   // REMARKS                             optional: what the passes say they did, and did not, stands behind the output
///   func @main(%x: f32[N]) -> (y: f32[N]) {
///     ...
///   }
///   // EXPECT
///   func @main(...) ...                    the whole printed output
///
/// Files of faults have `// error: text` at the end of each line at fault instead. With SEQC_REWRITE=1 in the
/// environment a run writes what it got into the files, and passes; read the diff.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ir/interpreter.h"
#include "ir/parser.h"

namespace seqc::test {

struct TextCase {
  std::filesystem::path path;
  std::vector<std::string> passes;
  std::string weights, activations;
  bool remarks = false;
  ir::DimBindings dims;
  std::string input;                  ///< up to the EXPECT line
  std::optional<std::string> expect;  ///< behind it
};

/// A fault of the text: its line (0: of the text as a whole) and what is wrong.
struct Fault {
  int line;
  std::string message;
};

/// `tests/<folder>` of the source tree.
std::filesystem::path tests_folder(const std::string& folder);
/// The .seq files below a folder, sorted.
std::vector<std::filesystem::path> seq_files(const std::filesystem::path& folder);
std::string read_text(const std::filesystem::path& path);
TextCase read_text_case(const std::filesystem::path& path);

/// The constants of a module, so that its text parses where it gives them as `#hash`.
ir::WeightTable weights_of(const ir::Module& module);

/// Interprets both functions on random inputs and compares: same bits if `exact`, else up to rounding. Says what differs.
/// `dims` are the sizes to use; empty: several small ones, those that `before` refuses are left out.
std::vector<std::string> changes_of_meaning(const ir::Function& before, const ir::Function& after, bool exact,
                                            const ir::DimBindings& dims = {});

// The checks below are doctest checks: they report failures of the running test case.

/// print(parse(print(m))) == print(m), also with locations and with every constant in the side table.
void check_round_trip(const ir::Module& module);
/// The printed module against the expectation, which SEQC_REWRITE=1 replaces.
void check_expectation(const TextCase& test, const std::string& got);
/// The faults of a text against its `// error:` comments, which SEQC_REWRITE=1 replaces.
void check_faults(const std::filesystem::path& path, const std::vector<Fault>& faults);

/// Runs the case: parses, verifies, runs the passes, compares text and meaning.
void run_text_case(const TextCase& test);

}  // namespace seqc::test
