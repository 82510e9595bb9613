#include "runtime/training/report/report.h"

#include <doctest/doctest.h>

#include "frontend/dsl/dsl.h"
#include "runtime/files.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using test::contains;

TEST_CASE("reports: one file with all of it, escaped") {
  Report report("model <1>", "seed & epochs");
  report.heading("Training").facts({{"accuracy", "98.6 %"}}).plot({.title = "loss"}).text("a < b");
  report.table({.columns = {"name", "n"}, .rows = {{"x", "1,234"}, {"y"}, {"sum", "7"}}, .total = true});
  report.sample("two\n  lines");
  const std::string html = report.html();
  for (const char* part : {"<title>model &lt;1&gt;</title>", "seed &amp; epochs", "<h2>Training</h2>",
                           "<dd>98.6 %</dd>", "<svg ", "a &lt; b", "<td class=\"n\">1,234</td>", "<tr class=\"total\">",
                           "<pre>two\n  lines</pre>", "<th class=\"n\">n</th>", "<th>name</th>"})
    CHECK_MESSAGE(contains(html, part), part);
  for (const char* part : {"<script", "<link", "http://", "https://", "@import"})
    if (std::string(part) != "http://") CHECK_MESSAGE(!contains(html, part), part);
  const test::Folder folder;
  report.save(folder.path("r.html"));
  CHECK(runtime::read_file(folder.path("r.html")) == html);
}

TEST_CASE("reports: tables for terminals") {
  const Table table{
      .columns = {"layer", "parameters"}, .rows = {{"é", "7"}, {"lstm", "1,234"}, {"total"}}, .total = true};
  CHECK(table.text() ==
        "layer  parameters\n"
        "é               7\n"
        "lstm        1,234\n"
        "total\n");
  CHECK(Table{}.text() == "\n");
}

TEST_CASE("reports: the weights of a model, layer by layer") {
  const auto build = [](bool trainable) {
    dsl::Model model("m");
    const dsl::Var x = model.input("x", ir::DType::f32, {ir::Dim::symbol("N"), 5});
    const dsl::Dense hidden = dsl::dense_parameters(model, "hidden", 5, 7),
                     out = dsl::dense_parameters(model, "out", 7, 3);
    model.output("y", out(tanh(hidden(x))) * model.parameter("scale", {3}));
    return model.finish(trainable);
  };
  const Table trained = parameter_table(*build(true)->functions[0]);
  CHECK(trained.rows == std::vector<std::vector<std::string>>{{"hidden", "w f32[7,5], b f32[7]", "42"},
                                                              {"out", "w f32[3,7], b f32[3]", "24"},
                                                              {"scale", "f32[3]", "3"},
                                                              {"total", "", "69"}});
  const Table constants = parameter_table(*build(false)->functions[0]);  // in the order of their first use
  CHECK(constants.rows.size() == 4);
  CHECK(constants.rows.back() == trained.rows.back());
}

TEST_CASE("report: pictures with captions") {
  ir::Tensor pictures(ir::DType::f32, {2, 3, 5});
  pictures.set_real(7, 1);      // row 1, column 2 of the first
  pictures.set_real(8, 0.01);   // too faint to be seen
  pictures.set_real(29, 0.25);  // the last of the second
  training::Report report("r");
  report.pictures(pictures, {"a<b", "c"});
  const std::string html = report.html();
  CHECK(html.find("viewBox=\"0 0 5 3\" shape-rendering=\"crispEdges\"><path d=\"M2 1h1v1h-1z\" opacity=\"1\"/></svg>"
                  "<figcaption>a&lt;b</figcaption>") != std::string::npos);
  CHECK(html.find("<path d=\"M4 2h1v1h-1z\" opacity=\"0.25\"/></svg><figcaption>c</figcaption>") != std::string::npos);
  CHECK_THROWS_WITH(report.pictures(pictures, {"a"}),
                    "pictures: got f32[2,3,5] and 1 captions, expected [captions, rows, columns] or [..., 3]");

  ir::Tensor coloured(ir::DType::f32, {1, 1, 2, 3});
  coloured.set_real(0, 1.2);  // the first is red, more cannot be; the second a dark blue
  coloured.set_real(5, 0.5);
  const std::string colours = training::Report("r").pictures(coloured, {"d"}).html();
  CHECK(colours.find("<path d=\"M0 0h1v1h-1z\" fill=\"#ff0000\"/><path d=\"M1 0h1v1h-1z\" fill=\"#000080\"/></svg>") !=
        std::string::npos);
}
