#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <ostream>

#include "ir/error.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/replay.h"

namespace seqc::passes {

// --- the order -------------------------------------------------------------------------------------------------------

// clang-format off
std::vector<std::string> standard_pipeline() {
  return {
      // What the importer wrote, gradients written out, without detours.
      "differentiate",
      "fold", "simplify", "fold", "simplify", "eliminate-common-subexpressions", "eliminate-dead-code",
      "lower-convolutions", "fold", "simplify", "eliminate-dead-code",
      // Loops that index by their step become scans of rows.
      "canonicalize-scans", "batch-rows", "replace-counters", "scan-indexed-reads", "emit-written-rows", "simplify",
      "eliminate-dead-code", "canonicalize-scans", "eliminate-dead-code",
      // Recurrence: what need not be in the loop leaves it; what stays shares its walk over the state.
      "centre-products", "eliminate-dead-code", "split-joined-products", "split-gates", "fold", "regroup-sums",
      "hoist-invariants", "hoist-projections", "simplify",
      "fold", "eliminate-common-subexpressions", "skip-masked-rows", "fuse-gates", "unroll-time", "simplify", "fold", "eliminate-dead-code",
      // Weights in fewer bytes, if asked for: here all of them are constants, and gates share their inputs already.
      "compress-weights", "quantise-activations",
      // The form that code generation knows; simplify would undo the first before the second has made use of it.
      "orient-products", "canonicalize-contractions", "pack-weights", "simplify", "fold", "eliminate-common-subexpressions",
      "eliminate-dead-code", "form-kernels", "eliminate-dead-code", "chain-products",
  };
}
// clang-format on

// --- the table -------------------------------------------------------------------------------------------------------

namespace {

constexpr auto kExact = Exactness::Exact;

constexpr std::array kPasses = {
    PassInfo{"batch-rows", batch_rows, kExact, "runs the scans of independent rows as one"},
    PassInfo{"canonicalize-contractions", canonicalize_contractions, kExact,
             "gives every contraction one summed and one column label"},
    PassInfo{"canonicalize-scans", canonicalize_scans, kExact,
             "drops carries and inputs that never change, absorbs reversals, reads last states from carries"},
    PassInfo{"centre-products", centre_products, Exactness::Reassociates,
             "takes the mean off a product's weights instead of off its rows"},
    PassInfo{"chain-products", chain_products, Exactness::Reassociates,
             "adds up the products of a kernel in one set of accumulators"},
    PassInfo{"compress-weights", compress_weights, Exactness::Approximates,
             "keeps constant weights of contractions as f16, bf16, i16 or i8"},
    PassInfo{"differentiate", differentiate, kExact, "writes gradients out"},
    PassInfo{"eliminate-common-subexpressions", eliminate_common_subexpressions, kExact,
             "computes equal expressions once"},
    PassInfo{"eliminate-dead-code", eliminate_dead_code, kExact, "removes what no output needs"},
    PassInfo{"emit-written-rows", emit_written_rows, kExact,
             "makes carried buffers that are written row by row emitted outputs"},
    PassInfo{"fold", fold, kExact, "computes what depends on constants only"},
    PassInfo{"form-kernels", form_kernels, kExact, "groups ops into loop nests"},
    PassInfo{"fuse-gates", fuse_gates, kExact, "joins contractions that share an operand"},
    PassInfo{"hoist-invariants", hoist_invariants, kExact, "moves what every step repeats out of loops"},
    PassInfo{"hoist-projections", hoist_projections, kExact,
             "makes contractions on a scan's inputs one product over all steps"},
    PassInfo{"lower-convolutions", lower_convolutions, Exactness::Reassociates,
             "writes convolutions of many channels as products"},
    PassInfo{"orient-products", orient_products, kExact, "turns products over whose columns would leave lanes empty"},
    PassInfo{"pack-weights", pack_weights, kExact, "lays weights out in the order in which they are read"},
    PassInfo{"quantise-activations", quantise_activations, Exactness::Approximates,
             "multiplies rows of u8 with weights of i8"},
    PassInfo{"regroup-sums", regroup_sums, Exactness::Reassociates, "adds up first what can leave a scan"},
    PassInfo{"replace-counters", replace_counters, kExact, "computes what counts the steps from the step's number"},
    PassInfo{"scan-indexed-reads", scan_indexed_reads, kExact,
             "makes outer values that are read row by row scanned inputs"},
    PassInfo{"simplify", simplify, kExact, "applies algebraic rules that change no bit"},
    PassInfo{"skip-masked-rows", skip_masked_rows, kExact, "says which rows of products nobody looks at"},
    PassInfo{"split-gates", split_gates, kExact, "makes contractions of columns that are read apart"},
    PassInfo{"split-joined-products", split_joined_products, Exactness::Reassociates,
             "cuts products of inputs and states side by side in two"},
    PassInfo{"unroll-time", unroll_time, kExact, "writes out the steps of short cheap scans"},
};

const PassInfo& checked_pass(const std::string& name) {
  if (const PassInfo* pass = find_pass(name)) return *pass;
  std::string known;
  for (const PassInfo& pass : kPasses) known += fmt::format("{}{}", known.empty() ? "" : ", ", pass.name);
  fail(ErrorKind::BadInput, "pass \"{}\": got an unknown name, expected one of {}", name, known);
}

// --- the driver ------------------------------------------------------------------------------------------------------

class Driver {
 public:
  Driver(ir::Function& function, const std::vector<std::string>& names, PassContext& context,
         const PipelineOptions& options)
      : function_(function), names_(names), context_(context), options_(options), replay_(function) {
    for (const std::string& name : names) checked_pass(name);
    for (const auto* list : {&options.disabled, &options.print_after})
      for (const std::string& name : *list)
        if (name != "all" && name != "import") checked_pass(name);
  }

  std::vector<PassTiming> run() {
    std::vector<PassTiming> timings;
    show("import", true);
    for (size_t i = 0; i < names_.size(); ++i) {
      if (options_.disabled.contains(names_[i])) continue;
      if (context_.remarks) context_.remarks->observe(function_, names_[i]);
      const auto start = std::chrono::steady_clock::now();
      const bool changed = run_checked(i);
      const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
      timings.push_back({names_[i], time.count(), changed});
      show(names_[i], changed);
      if (options_.after_pass) options_.after_pass(timings.back(), function_);
    }
    if (context_.remarks) context_.remarks->observe(function_, "");
    return timings;
  }

 private:
  /// Runs pass i and verifies; defects are reported with the file that shows them again.
  bool run_checked(size_t i) {
    try {
      const bool changed = checked_pass(names_[i]).run(function_, context_);
      if (options_.verify && changed) ir::verify_or_throw(function_, "after " + names_[i]);
      return changed;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Unsupported || error.kind() == ErrorKind::NeedsDims) throw;
      report_defect(i, error.what());
    } catch (const std::exception& error) {
      report_defect(i, error.what());
    }
  }

  [[noreturn]] void report_defect(size_t i, const std::string& message) {
    std::vector<std::string> before(names_.begin(), names_.begin() + static_cast<ptrdiff_t>(i));
    std::erase_if(before, [&](const std::string& name) { return options_.disabled.contains(name); });
    const std::string saved = replay_.save(before, context_, names_[i], options_.dump_dir);
    fail(ErrorKind::Internal, "pass {}: {}\n{}", names_[i], message, saved);
  }

  void show(const std::string& name, bool changed) {
    const auto& wanted = options_.print_after;
    if (options_.print_to && (wanted.contains(name) || (changed && wanted.contains("all"))))
      *options_.print_to << "// after " << name << (changed ? "" : " (no change)") << "\n"
                         << ir::print(function_) << "\n";
    if (!options_.dump_dir.empty())
      save_function(function_, fmt::format("{}/{:02}-{}.seq", options_.dump_dir, stage_, name));
    ++stage_;
  }

  ir::Function& function_;
  const std::vector<std::string>& names_;
  PassContext& context_;
  const PipelineOptions& options_;
  const Replay replay_;
  int stage_ = 0;
};

}  // namespace

std::span<const PassInfo> all_passes() { return kPasses; }

const PassInfo* find_pass(std::string_view name) {
  const auto it = std::find_if(kPasses.begin(), kPasses.end(), [&](const PassInfo& pass) { return pass.name == name; });
  return it == kPasses.end() ? nullptr : &*it;
}

std::vector<PassTiming> run_passes(ir::Function& function, const std::vector<std::string>& pass_names,
                                   PassContext& context, const PipelineOptions& options) {
  if (!options.dump_dir.empty()) std::filesystem::create_directories(options.dump_dir);
  return Driver(function, pass_names, context, options).run();
}

}  // namespace seqc::passes
