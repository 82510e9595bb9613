/// Passes: what they are, the table of all of them, and the driver that runs a pipeline.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"

namespace seqc::passes {

class Remarks;

/// How constant weights of contractions are kept: as they are, in 16 bits (floats, or what compress-weights finds
/// closer), or in 8-bit integers with an f32 scale for each column.
enum class WeightFormat { F32, F16, BF16, I8 };

/// What weights that are integers are multiplied with: as it is, or rounded row by row to integers of 16 bits, or of 8.
enum class ActivationFormat { F32, I16, I8 };

/// What a pass may know of the machine and of the user's wishes. No pass reads anything else.
struct PassContext {
  int64_t vector_lanes = 8;                  ///< f32 elements of a vector register of the target
  int64_t vector_registers = 16;             ///< vector registers of the target
  int64_t fma_units = 1;                     ///< full vectors that the target multiplies and adds in a cycle
  int64_t first_cache = 32 << 10;            ///< bytes of the target's first data cache, of one core
  int64_t max_unrolled_ops = 256;            ///< unroll-time makes no scan body larger than this many ops in all
  int64_t max_folded_elements = 1 << 24;     ///< fold makes no constant larger than this
  WeightFormat weights = WeightFormat::F32;  ///< compress-weights does nothing unless another is asked for
  ActivationFormat activations = ActivationFormat::F32;  ///< quantise-activations, likewise
  /// Bytes that a gradient may keep of each scan until it runs back through it; -1: as many as make it fast.
  int64_t max_saved_bytes = -1;
  /// Sizes to reckon with for named dims where max_saved_bytes asks for numbers.
  std::map<std::string, int64_t> expected_dims = {};
  /// Where passes say what they did and what not, and why; null: nowhere. No pass does anything else for it.
  Remarks* remarks = nullptr;
};

/// True if the function changed.
using PassFunction = bool (*)(ir::Function&, PassContext&);

enum class Exactness {
  Exact,         ///< same bits out
  Reassociates,  ///< same value up to rounding
  Approximates,  ///< other values, on request only
};

struct PassInfo {
  std::string_view name;  ///< "hoist-projections"; its file, flag and tests are named after it
  PassFunction run;
  Exactness exactness;
  std::string_view summary;  ///< one line for --help
};

/// All passes in alphabetical order of their names.
std::span<const PassInfo> all_passes();
/// Null if there is none of that name.
const PassInfo* find_pass(std::string_view name);

struct PassTiming {
  std::string name;
  double milliseconds;
  bool changed;
};

struct PipelineOptions {
  std::set<std::string> disabled;  ///< passes that are skipped
  std::set<std::string>
      print_after;  ///< pass names, or "all" (each stage that changed something); "import" prints the input
  std::ostream* print_to = nullptr;  ///< where print_after prints
  std::string dump_dir;              ///< if set, each stage is saved as NN-pass.seq in it
  bool verify = true;                ///< after each pass
  /// Told of each pass that ran, with the function as it left it.
  std::function<void(const PassTiming&, const ir::Function&)> after_pass = {};
};

/// Runs `pass_names` in order. Throws Error(BadInput) for an unknown name, Error(Internal) naming the pass that broke
/// the IR (and the file where its input was saved for replay).
std::vector<PassTiming> run_passes(ir::Function& function, const std::vector<std::string>& pass_names,
                                   PassContext& context, const PipelineOptions& options);

/// The order of the standard pipeline, up to and including kernels: pipeline.cpp is the one page that shows it.
std::vector<std::string> standard_pipeline();

// Every pass; see its own file for what it does.
bool batch_rows(ir::Function&, PassContext&);
bool canonicalize_contractions(ir::Function&, PassContext&);
bool canonicalize_scans(ir::Function&, PassContext&);
bool centre_products(ir::Function&, PassContext&);
bool chain_products(ir::Function&, PassContext&);
bool compress_weights(ir::Function&, PassContext&);
bool differentiate(ir::Function&, PassContext&);
bool eliminate_common_subexpressions(ir::Function&, PassContext&);
bool eliminate_dead_code(ir::Function&, PassContext&);
bool emit_written_rows(ir::Function&, PassContext&);
bool fold(ir::Function&, PassContext&);
bool form_kernels(ir::Function&, PassContext&);
bool fuse_gates(ir::Function&, PassContext&);
bool hoist_invariants(ir::Function&, PassContext&);
bool hoist_projections(ir::Function&, PassContext&);
bool lower_convolutions(ir::Function&, PassContext&);
bool orient_products(ir::Function&, PassContext&);
bool pack_weights(ir::Function&, PassContext&);
bool quantise_activations(ir::Function&, PassContext&);
bool regroup_sums(ir::Function&, PassContext&);
bool replace_counters(ir::Function&, PassContext&);
bool scan_indexed_reads(ir::Function&, PassContext&);
bool simplify(ir::Function&, PassContext&);
bool skip_masked_rows(ir::Function&, PassContext&);
bool split_gates(ir::Function&, PassContext&);
bool split_joined_products(ir::Function&, PassContext&);
bool unroll_time(ir::Function&, PassContext&);

}  // namespace seqc::passes
