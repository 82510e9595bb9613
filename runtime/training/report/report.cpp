#include "runtime/training/report/report.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "ir/error.h"
#include "runtime/files.h"
#include "runtime/training/report/text.h"

namespace seqc::training {
namespace {

constexpr const char* kStyle = R"(:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;background:#f4f5f7;color:#212529;font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:800px;margin:0 auto;padding:40px 20px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 6px}
h2{font-size:20px;margin:40px 0 12px}
.sub{color:#5c636a;margin:0 0 28px}
p{margin:12px 0}
.card,pre,.facts div{background:#fff;border:1px solid #e1e4e8;border-radius:10px}
.card{padding:8px;margin:16px 0;overflow-x:auto}
.card svg{display:block;margin:0 auto}
.facts{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}
.facts div{flex:1 1 auto;max-width:300px;padding:14px 16px}
.facts dt{font-size:14px;color:#5c636a}
.facts dd{margin:2px 0 0;white-space:nowrap;font-size:24px;font-weight:600;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:15px;font-variant-numeric:tabular-nums}
th,td{padding:8px 14px;text-align:left;border-bottom:1px solid #e9ecef;vertical-align:top}
th{font-weight:600;color:#5c636a;vertical-align:bottom}
tr:last-child td{border-bottom:0}
.total td{font-weight:600;border-top:2px solid #ced4da}
td.n{white-space:nowrap}
.wide{font-size:14px}
.wide th,.wide td{padding:8px}
.n{text-align:right}
.pictures{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0}
.pictures figure{margin:0;padding:12px;text-align:center;background:#fff;border:1px solid #e1e4e8;border-radius:10px}
.pictures svg{display:block;margin:0 auto 8px;fill:currentColor}
pre{padding:16px 18px;margin:16px 0;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,monospace}
@media(prefers-color-scheme:dark){
body{background:#121416;color:#e9ecef}
.sub,th,.facts dt{color:#a9b1b9}
.card,pre,.facts div,.pictures figure{background:#1b1e21;border-color:#2f353a}
th,td{border-color:#2a2f34}
.total td{border-top-color:#495057}
}
@media print{body{background:#fff}main{padding:0}.card,pre,.facts div{break-inside:avoid}}
)";

/// "1,234", "98.6 %", "-3e-05", "x", ... : what stands in a column of numbers.
bool is_number(const std::string& text) {
  const bool digits = std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
  return text.empty() || text == "-" || text == "–" || text == "nan" ||
         (digits && text.find_first_not_of("0123456789.,+-eE %") == std::string::npos);
}

bool numeric(const Table& table, size_t column) {
  bool any = false;
  for (const auto& row : table.rows) {
    if (column < row.size() && !is_number(row[column])) return false;
    any = any || (column < row.size() && !row[column].empty());
  }
  return any;
}

}  // namespace

std::string Table::text() const {
  std::vector<int> widths;
  for (const std::string& column : columns) widths.push_back(terminal_width(column));
  for (const auto& row : rows)
    for (size_t i = 0; i < std::min(row.size(), widths.size()); ++i)
      widths[i] = std::max(widths[i], terminal_width(row[i]));
  std::string result;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string cell = i < row.size() ? row[i] : "";
      const std::string fill(static_cast<size_t>(widths[i] - terminal_width(cell)), ' ');
      line += (i > 0 ? "  " : "") + (numeric(*this, i) ? fill + cell : cell + fill);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    result += line + "\n";
  };
  add(columns);
  for (const auto& row : rows) add(row);
  return result;
}

Table parameter_table(const ir::Function& model) {
  struct Layer {
    std::vector<std::string> weights;
    int64_t count = 0;
  };
  std::vector<std::string> order;
  std::map<std::string, Layer> layers;
  int64_t total = 0;
  const auto add = [&](const std::string& name, const ir::Tensor& value) {
    const size_t dot = name.rfind('.');
    const std::string layer = dot == std::string::npos ? name : name.substr(0, dot);
    if (!layers.contains(layer)) order.push_back(layer);
    const std::string own = dot == std::string::npos ? "" : name.substr(dot + 1) + " ";
    layers[layer].weights.push_back(fmt::format("{}{}", own, value.type_str()));
    layers[layer].count += value.count();
    total += value.count();
  };
  for (const ir::Value* parameter : model.parameters()) add(parameter->name(), parameter->initial());
  if (order.empty())  // a model that trains no more
    for (const auto& constant : model.constants())
      if (!constant->unused() && ir::is_float(constant->constant().dtype()) && constant->constant().count() > 1)
        add(constant->name(), constant->constant());
  Table table{.columns = {"layer", "weights", "parameters"}, .rows = {}, .total = true};
  for (const std::string& layer : order)
    table.rows.push_back(
        {layer, fmt::format("{}", fmt::join(layers[layer].weights, ", ")), grouped(layers[layer].count)});
  table.rows.push_back({"total", "", grouped(total)});
  return table;
}

Report::Report(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

Report& Report::heading(const std::string& text) {
  body_ += fmt::format("<h2>{}</h2>\n", escaped(text));
  return *this;
}

Report& Report::text(const std::string& paragraph) {
  body_ += fmt::format("<p>{}</p>\n", escaped(paragraph));
  return *this;
}

Report& Report::facts(const std::vector<std::pair<std::string, std::string>>& names_and_values) {
  body_ += "<dl class=\"facts\">";
  for (const auto& [name, value] : names_and_values)
    body_ += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(value));
  body_ += "</dl>\n";
  return *this;
}

Report& Report::plot(const Plot& plot) {
  body_ += "<div class=\"card\">" + svg(plot) + "</div>\n";
  return *this;
}

Report& Report::table(const Table& table) {
  const auto cell = [&](const char* kind, const std::string& text, size_t column) {
    body_ += fmt::format("<{0}{1}>{2}</{0}>", kind, numeric(table, column) ? " class=\"n\"" : "", escaped(text));
  };
  constexpr size_t kMany = 6;  // columns that need little room each
  body_ +=
      fmt::format("<div class=\"card\"><table{}><thead><tr>", table.columns.size() > kMany ? " class=\"wide\"" : "");
  for (size_t i = 0; i < table.columns.size(); ++i) cell("th", table.columns[i], i);
  body_ += "</tr></thead><tbody>\n";
  for (size_t r = 0; r < table.rows.size(); ++r) {
    body_ += table.total && r + 1 == table.rows.size() ? "<tr class=\"total\">" : "<tr>";
    for (size_t i = 0; i < table.columns.size(); ++i) cell("td", i < table.rows[r].size() ? table.rows[r][i] : "", i);
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
  return *this;
}

Report& Report::pictures(const ir::Tensor& pictures, const std::vector<std::string>& captions) {
  const auto& shape = pictures.shape();
  const bool grey = shape.size() == 3, coloured = shape.size() == 4 && shape[3] == 3;
  if (!(grey || coloured) || shape[0] != static_cast<int64_t>(captions.size()))
    fail(ErrorKind::BadInput, "pictures: got {} and {} captions, expected [captions, rows, columns] or [..., 3]",
         pictures.type_str(), captions.size());
  constexpr int64_t kPixels = 140;  // of the longer side, about
  const int64_t rows = shape[1], columns = shape[2],
                zoom = std::max<int64_t>(1, kPixels / std::max({rows, columns, int64_t{1}}));
  const auto light = [&](int64_t at) { return std::clamp(pictures.real(at), 0.0, 1.0); };
  const auto byte = [&](int64_t at) { return std::lround(255 * light(at)); };
  body_ += "<div class=\"pictures\">";
  for (int64_t n = 0; n < shape[0]; ++n) {
    body_ +=
        fmt::format("<figure><svg width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" shape-rendering=\"crispEdges\">",
                    columns * zoom, rows * zoom, columns, rows);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        const int64_t at = (n * rows + row) * columns + column;
        std::string paint;
        if (coloured)
          paint = fmt::format("fill=\"#{:02x}{:02x}{:02x}\"", byte(3 * at), byte(3 * at + 1), byte(3 * at + 2));
        else if (light(at) >= 0.02)
          paint = fmt::format("opacity=\"{:.2g}\"", light(at));
        if (!paint.empty()) body_ += fmt::format("<path d=\"M{} {}h1v1h-1z\" {}/>", column, row, paint);
      }
    body_ += fmt::format("</svg><figcaption>{}</figcaption></figure>", escaped(captions[static_cast<size_t>(n)]));
  }
  body_ += "</div>\n";
  return *this;
}

Report& Report::sample(const std::string& text) {
  body_ += fmt::format("<pre>{}</pre>\n", escaped(text));
  return *this;
}

Report& Report::html(const std::string& block) {
  body_ += block + "\n";
  return *this;
}

Report& Report::style(const std::string& rules) {
  style_ += rules;
  return *this;
}

std::string Report::html() const {
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  text += fmt::format("<title>{}</title>\n<style>\n{}{}</style></head>\n<body><main>\n<h1>{}</h1>\n", escaped(title_),
                      kStyle, style_, escaped(title_));
  if (!subtitle_.empty()) text += fmt::format("<p class=\"sub\">{}</p>\n", escaped(subtitle_));
  return text + body_ + "</main></body></html>\n";
}

void Report::save(const std::string& path) const { runtime::write_file(path, html()); }

}  // namespace seqc::training
