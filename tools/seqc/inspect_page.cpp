#include "tools/seqc/inspect_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "codegen/memory_plan.h"
#include "ir/clone.h"
#include "ir/named_dims.h"
#include "ir/printer.h"
#include "runtime/explain.h"
#include "runtime/training/report/report.h"
#include "runtime/training/report/text.h"
#include "tools/seqc/graph_svg.h"
#include "tools/seqc/ir_html.h"
#include "tools/seqc/memory_svg.h"
#include "tools/seqc/model_summary.h"
#include "tools/seqc/text.h"
#include "tools/seqc/text_diff.h"

namespace seqc::tools {
namespace {

using training::escaped;
using training::Report;
using training::Table;

constexpr const char* kStyle = R"(main{max-width:1180px}
.scroll{max-height:760px;overflow:auto}
.zoom{margin:6px 0}.zoom input{margin:0 5px 0 14px}.zoom label{color:#5c636a}
.zoom:has(.fit:checked)+.scroll svg{width:100%;height:auto}
.zoom:has(.half:checked)+.scroll svg{width:calc(var(--w)*.5px);height:auto}
.zoom:has(.large:checked)+.scroll svg{width:calc(var(--w)*1.6px);height:auto}
details{margin:8px 0;background:#fff;border:1px solid #e1e4e8;border-radius:10px}
details>*{margin-left:16px;margin-right:16px}
summary{margin:0;padding:9px 16px;cursor:pointer;font-variant-numeric:tabular-nums}
summary b{font-weight:600}summary i{font-style:normal;color:#5c636a;margin-left:10px}
summary .add{color:#1a7f37;margin-left:10px}summary .del{color:#cf222e;margin-left:6px}
.same{color:#6c757d;margin-top:6px;margin-bottom:6px}
details details{border:0;border-radius:0;background:#f6f8fa;margin:0}
details details summary{padding:3px 16px;color:#5c636a;font-size:13px}
svg.graph path{fill:none;stroke:#9aa5b1;stroke-width:1.3}
svg.graph rect{fill:#f4f6fa;stroke:#b6c2cf}
svg.graph text{font:600 12px system-ui,"DejaVu Sans",sans-serif;text-anchor:middle;fill:#212529}
svg.graph .d{font-weight:400;font-size:10.5px;fill:#5c636a}
svg.graph .in rect,svg.graph .out rect{fill:#e2efe2;stroke:#9cc39c}
svg.graph .scan rect{fill:#dbe7fb;stroke:#8fb1e8}
svg.graph .product rect{fill:#f9ecd5;stroke:#dcb877}
svg.memory text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:#5c636a}
svg.memory .y{text-anchor:end}
svg.memory path{stroke:#e1e4e8}
svg.memory rect{stroke:#fff;stroke-width:.4}
.bars td{padding:3px 14px;border:0}.bars .b{width:45%}
.bars .b div{height:12px;border-radius:3px;background:#6ea0e8}
.bars .off .b div{background:#ced4da}.bars .off{color:#868e96}
ul.why{list-style:none;padding:0 0 10px;margin-top:0}ul.why li{margin:7px 0;padding-left:22px;text-indent:-22px}
ul.why .yes{color:#1a7f37;font-weight:700}ul.why .no{color:#cf222e;font-weight:700}
ul.why .because{display:block;text-indent:0;color:#5c636a;font-size:14px}
code{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,monospace;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){
details{background:#1b1e21;border-color:#2f353a}details details{background:#202428}
svg.graph rect{fill:#262b31;stroke:#48515a}svg.graph text{fill:#e9ecef}svg.graph .d{fill:#a9b1b9}
svg.graph .in rect,svg.graph .out rect{fill:#1f3524;stroke:#3c6b46}
svg.graph .scan rect{fill:#1d3050;stroke:#3f669f}svg.graph .product rect{fill:#40331b;stroke:#806634}
svg.memory path{stroke:#2a2f34}svg.memory rect{stroke:#1b1e21}
summary i,.same,ul.why .because{color:#a9b1b9}
}
)";

/// A pass of the pipeline with the IR behind it; the text is empty where nothing changed.
struct Stage {
  std::string name;
  double milliseconds;
  std::string text;
};

/// What becomes of the model: all that the page tells of.
struct Compiled {
  std::unique_ptr<ir::Function> imported;
  std::string import_text;
  std::vector<Stage> stages;
  runtime::Lowered lowered;
  double import_ms = 0, codegen_ms = 0;
};

Compiled compile(const PageOptions& options) {
  Compiled result;
  runtime::CompileOptions compile = options.compile;
  const runtime::Stopwatch watch;
  auto function = runtime::load_function(options.model, compile);
  result.import_ms = watch.milliseconds();
  result.imported = ir::clone(*function);
  result.import_text = ir::print(*function);
  compile.pipeline.after_pass = [&](const passes::PassTiming& pass, const ir::Function& after) {
    result.stages.push_back({pass.name, pass.milliseconds, pass.changed ? ir::print(after) : ""});
  };
  result.lowered = runtime::lower(std::move(function), compile);
  const runtime::Stopwatch code;
  codegen::compile(*result.lowered.function, compile.target);
  result.codegen_ms = code.milliseconds();
  return result;
}

// --- IR ---------------------------------------------------------------------------------------------------------------

void add_stages(Report& page, const Compiled& model) {
  page.heading("IR, pass by pass");
  page.text(
      "What each pass changed, in the order in which they run. Numbers of values and constants without a name count as "
      "equal.");
  constexpr size_t kMostRepeated = 30'000;  // bytes of IR: what does not change is not told again and again
  const bool brief = model.import_text.size() > kMostRepeated;
  page.html(ir_html("import", model.import_text));
  std::string before = model.import_text;
  std::vector<std::string> idle;
  const auto tell_idle = [&] {
    if (!idle.empty()) page.html(fmt::format("<p class=\"same\">no change: {}</p>", fmt::join(idle, ", ")));
    idle.clear();
  };
  for (const Stage& stage : model.stages) {
    const auto lines = stage.text.empty() ? std::vector<DiffLine>() : diff_lines(before, stage.text, without_numbers);
    const auto count = [&](char kind) {
      return std::count_if(lines.begin(), lines.end(), [&](const DiffLine& line) { return line.kind == kind; });
    };
    if (count('+') + count('-') == 0) {
      idle.push_back(stage.name);
      continue;
    }
    tell_idle();
    page.html(
        fmt::format("<details><summary><b>{}</b><i>{:.2f} ms</i><span class=\"add\">+{}</span><span "
                    "class=\"del\">−{}</span></summary>{}</details>",
                    stage.name, stage.milliseconds, count('+'), count('-'), ir_difference_html(lines, brief)));
    before = stage.text;
  }
  tell_idle();
  page.html(ir_html("kernels, as code generation gets them", ir::print(*model.lowered.function)));
}

// --- time ---------------------------------------------------------------------------------------------------------------

/// A table of times with bars.
std::string bars(const std::vector<std::tuple<std::string, double, bool>>& rows, const char* unit) {
  double longest = 1e-9;
  for (const auto& [name, time, changed] : rows) longest = std::max(longest, time);
  std::string html = "<div class=\"card\"><table class=\"bars\">";
  for (const auto& [name, time, changed] : rows)
    html += fmt::format(
        "<tr{}><td>{}</td><td class=\"n\">{:.2f} {}</td><td class=\"b\"><div "
        "style=\"width:{:.1f}%\"></div></td></tr>\n",
        changed ? "" : " class=\"off\"", escaped(name), time, unit, std::max(0.2, 100 * time / longest));
  return html + "</table></div>";
}

void add_compile_times(Report& page, const Compiled& model) {
  page.heading("Time to compile");
  double passes = 0;
  for (const Stage& stage : model.stages) passes += stage.milliseconds;
  page.html(
      bars({{"import", model.import_ms, true}, {"passes", passes, true}, {"code generation", model.codegen_ms, true}},
           "ms"));
  std::vector<std::tuple<std::string, double, bool>> rows;
  for (const Stage& stage : model.stages) rows.emplace_back(stage.name, stage.milliseconds, !stage.text.empty());
  page.html("<details><summary><b>passes</b><i>grey: no change</i></summary>" + bars(rows, "ms") + "</details>");
}

void add_profile(Report& page, const Profile& profile) {
  page.heading("Time to run");
  page.text(fmt::format(
      "The mean of {} runs, {} each. Limit: the least time that this machine needs for the kernel's products "
      "(or, where it has none, for its bytes) by the time that it took.",
      profile.runs, time_text(profile.run_microseconds)));
  Table table{.columns = {"kernel", "from", "time", "share", "calls", "GFLOP/s", "GB/s", "limit", "wait"}};
  const auto figure = [](double value, const char* unit = "") {
    return std::isnan(value) ? "" : fmt::format("{:.4g}{}", value, unit);
  };
  for (const ProfileRow& row : profile.rows)
    table.rows.push_back({row.kernel, row.sources, time_text(row.microseconds), figure(100 * row.share, " %"),
                          figure(row.calls), figure(row.gflops), figure(row.gigabytes),
                          figure(100 * row.limit_share, " %"), figure(100 * row.waiting, " %")});
  table.rows.push_back({"between kernels", "", time_text(profile.between),
                        figure(100 * profile.between / profile.run_microseconds, " %")});
  page.table(table);
}

/// Buttons that zoom the picture behind them, by rules of the style; what is wider than the page begins as a whole.
std::string zoom(const std::string& graph) {
  constexpr double kPage = 1100;
  const std::string_view width = "width=\"",
                         first = std::atof(graph.c_str() + graph.find(width) + width.size()) > kPage ? "fit" : "full";
  std::string html = "<div class=\"zoom\">size:";
  for (const auto& [kind, text] :
       {std::pair("fit", "the whole width"), {"half", "50 %"}, {"full", "100 %"}, {"large", "160 %"}})
    html += fmt::format("<label><input type=\"radio\" name=\"zoom\" class=\"{}\"{}>{}</label>", kind,
                        kind == first ? " checked" : "", text);
  return html + "</div>";
}

// --- the rest -------------------------------------------------------------------------------------------------------------

void add_reasons(Report& page, const PageOptions& options, const Compiled& model) {
  runtime::CompileOptions compile = options.compile;
  compile.pipeline.after_pass = {};
  const runtime::Explanation explanation = runtime::explain(ir::clone(*model.imported), compile);
  if (explanation.scans.empty()) return;
  page.heading("Scans");
  page.text("What became of each loop over time, what did not, and why.");
  for (const runtime::ScanExplanation& scan : explanation.scans) {
    std::string html = fmt::format("<details><summary><b>{}</b><i>{} steps{}, {} kernel(s) a step{}</i></summary>",
                                   escaped(scan.name), escaped(scan.length), scan.reverse ? " backwards" : "",
                                   scan.phases.size(), scan.gone.empty() ? "" : "; no loop any more");
    if (!scan.gone.empty()) html += fmt::format("<p>{}</p>", escaped(scan.gone));
    if (!scan.phases.empty()) html += "<ol>";
    for (const runtime::PhaseExplanation& phase : scan.phases)
      html += fmt::format("<li><code>{}</code><br>{}</li>", escaped(phase.name), escaped(phase.loops));
    if (!scan.phases.empty()) html += "</ol>";
    html += "<ul class=\"why\">";
    for (const runtime::Reason& reason : scan.reasons)
      html += fmt::format("<li><span class=\"{}\">{}</span>&ensp;<b>{}</b> {}{}<span class=\"because\">{}</span></li>",
                          reason.done ? "yes" : "no", reason.done ? "✓" : "–", escaped(reason.topic),
                          reason.about.empty() ? "" : "<code>" + escaped(reason.about) + "</code> ",
                          escaped(reason.what), escaped(reason.why));
    page.html(html + "</ul></details>");
  }
}

void add_summary(Report& page, const Summary& summary) {
  page.heading("Inputs and outputs");
  Table ports{.columns = {"", "name", "type"}};
  for (const runtime::Port& port : summary.inputs) ports.rows.push_back({"input", port.name, port.type.str()});
  for (const runtime::Port& port : summary.outputs) ports.rows.push_back({"output", port.name, port.type.str()});
  page.table(ports);
  page.heading("Layers");
  Table layers{.columns = {"layer", "what", "parameters", "multiply-adds"}, .rows = {}, .total = true};
  const auto row = [&](const std::string& name, const std::string& kind, const runtime::Cost& cost) {
    layers.rows.push_back({name, kind, count_text(cost.parameters),
                           formula_text(cost.multiply_adds) + (cost.at_least ? " (loops counted once)" : "")});
  };
  for (const Layer& layer : summary.layers) row(layer.name, layer.kind, layer.cost);
  row("total", "", summary.total);
  page.table(layers);
}

/// Sizes of named dims for the picture of the memory: those given, 1 for the others.
ir::DimBindings sizes_for(const codegen::MemoryPlan& plan, const runtime::CompileOptions& options,
                          std::string& assumed) {
  std::set<std::string> names;
  plan.arena_bytes().collect_symbols(names);
  for (const auto& lifetime : plan.lifetimes) lifetime.bytes.collect_symbols(names);
  ir::DimBindings dims = options.dims, taken;
  for (const std::string& name : names)
    if (dims.try_emplace(name, 1).second) taken[name] = 1;
  assumed = dims_text(taken);
  return dims;
}

void add_memory(Report& page, const codegen::MemoryPlan& plan, const runtime::CompileOptions& options) {
  std::string assumed;
  const MemoryPicture picture = memory_picture(plan, sizes_for(plan, options, assumed));
  page.heading("Memory");
  if (picture.svg.empty()) {
    page.text("No value needs memory of its own.");
    return;
  }
  page.text(fmt::format(
      "The workspace of a run{}: {} for {} values, which would take {} each by itself. Time goes from left to "
      "right, addresses from top to bottom; tooltips name the values.",
      assumed.empty() ? "" : fmt::format(" with {} (--dim gives other sizes)", assumed), bytes_text(picture.arena),
      plan.lifetimes.size(), bytes_text(picture.values)));
  page.html("<div class=\"card\">" + picture.svg + "</div>");
}

}  // namespace

void save_inspect_page(const PageOptions& options, const std::string& file) {
  const Compiled model = compile(options);
  const Summary summary = summarize(*model.imported);
  const codegen::MemoryPlan plan = codegen::plan_memory(*model.lowered.function);
  Report page(options.model, "for " + codegen::describe(options.compile.target).description +
                                 (options.compile.dims.empty() ? "" : ", with " + dims_text(options.compile.dims)));
  page.style(std::string(kStyle) + kIrStyle);
  int64_t kernels = 0;
  ir::walk(model.lowered.function->body(), [&](const ir::Op* op) { kernels += op->code() == ir::Opcode::Kernel; });
  const ir::Dim workspace = plan.workspace_bytes();
  page.facts(
      {{"parameters", count_text(summary.total.parameters)},
       {"weights", bytes_text(static_cast<uint64_t>(summary.weight_bytes))},
       {"multiply-adds", formula_text(summary.total.multiply_adds)},
       {"kernels", count_text(kernels)},
       {"workspace", workspace.is_constant() ? bytes_text(static_cast<uint64_t>(workspace.constant())) : "by size"}});
  add_summary(page, summary);
  page.heading("Graph");
  const std::string graph = graph_svg(*model.imported);
  if (graph.empty())
    page.text("Too many nodes to look at.");
  else
    page.html(zoom(graph) + "<div class=\"card scroll\">" + graph + "</div>");
  add_reasons(page, options, model);
  if (options.profile) add_profile(page, *options.profile);
  add_compile_times(page, model);
  add_memory(page, plan, options.compile);
  add_stages(page, model);
  page.save(file);
}

}  // namespace seqc::tools
