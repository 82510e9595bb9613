#include "frontend/onnx/operator_support.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "frontend/onnx/node.h"
#include "frontend/onnx/strings.h"
#include "tests/support/onnx_schemas.h"

using namespace seqc::frontend;

TEST_CASE("operator table: agrees with the installed ONNX library on the operators and opsets that it knows") {
  const auto rows = operator_support();
  const int64_t newest = seqc::test::newest_known_opset();
  for (const auto& [key, versions] : seqc::test::operator_versions()) {
    if (!key.first.empty() && key.first != "ai.onnx.preview.training") continue;
    CAPTURE(key.second);
    const auto row = std::find_if(rows.begin(), rows.end(), [&, &k = key](const OperatorSupport& r) {
      return r.domain == k.first && r.name == k.second;
    });
    REQUIRE(row != rows.end());
    std::set<int64_t> listed;
    for (const int64_t version : row->versions)
      if (version <= newest) listed.insert(version);
    CHECK(listed == versions);
  }
}

TEST_CASE("operator table: what is refused on purpose is not imported as well") {
  for (const OperatorEntry* entry : all_operators()) {
    CAPTURE(entry->name);  // delete its row in refused.cpp
    CHECK(refusal_reason(entry->domain, entry->name).empty());
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (const OperatorSupport& row : operator_support()) {
    CAPTURE(row.name);
    CHECK(seen.insert({row.domain, row.name}).second);
    CHECK(std::is_sorted(row.versions.begin(), row.versions.end()));
    CHECK((row.kind == OperatorSupport::Kind::Refused) == (row.since == 0));
  }
}

TEST_CASE("operator table: operators that may have strings move them, but for those that look at the text") {
  const std::set<std::string> looking = {"Cast",   "CastLike",         "GridSample",     "NonZero",
                                         "Unique", "StringNormalizer", "TfIdfVectorizer"};
  for (const std::string& name : seqc::test::operators_with_strings()) {
    CAPTURE(name);
    CHECK(moves_strings("", name) == !looking.contains(name));
    if (moves_strings("", name)) CHECK(refusal_reason("", name).empty());
  }
}
