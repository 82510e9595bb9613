#include "frontend/onnx/contents.h"

#include <algorithm>
#include <cstdlib>

namespace seqc::frontend {

bool tame(const Dim& dim) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (dim.is_constant()) return std::abs(dim.constant()) < kLimit;
  const auto terms = dim.terms();
  return terms.size() <= 32 && std::all_of(terms.begin(), terms.end(), [](const Dim::Term& term) {
           return std::abs(term.coefficient) < kLimit && term.atoms.size() <= 8;
         });
}

bool fits(const Dim& dim, DType type) {
  if (!dim.is_constant() || type == DType::i64 || ir::is_float(type)) return true;
  const int64_t value = dim.constant();
  const int bits = static_cast<int>(ir::size_of(type)) * 8;
  if (type == DType::boolean) return value == 0 || value == 1;
  if (ir::is_signed_integer(type)) return value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1));
  return value >= 0 && (bits == 64 || value < (int64_t{1} << bits));
}

int64_t count_of(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size == 0) return 0;
    if (size > kMaxContents || (count *= size) > kMaxContents) return kMaxContents + 1;
  }
  return count;
}

std::optional<std::vector<int64_t>> small_shape(const Shape& shape) {
  std::vector<int64_t> sizes;
  for (const Dim& dim : shape) {
    if (!dim.is_constant() || dim.constant() < 0) return std::nullopt;
    sizes.push_back(dim.constant());
  }
  if (count_of(sizes) > kMaxContents) return std::nullopt;
  return sizes;
}

bool has_contents_rule(std::string_view domain, std::string_view op) {
  for (const auto rules : {arithmetic_rules(), movement_rules()})
    for (const ContentsRule& rule : rules)
      if (domain.empty() && rule.name == op) return true;
  return false;
}

bool import_known_contents(Node& node, std::string_view domain) {
  if (!domain.empty()) return false;
  for (const auto rules : {arithmetic_rules(), movement_rules()}) {
    for (const ContentsRule& rule : rules) {
      if (rule.name != node.op_type()) continue;
      for (size_t i = 0; i < node.input_count(); ++i)  // sequences and optionals have importers of their own
        if (node.has_input(i) && !node.is_tensor(i)) return false;
      return rule.import(node);
    }
  }
  return false;
}

}  // namespace seqc::frontend
