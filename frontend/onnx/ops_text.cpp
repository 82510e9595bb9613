// TfIdfVectorizer: how often the n-grams of a pool occur in rows of integers.
#include <algorithm>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

struct Pool {
  int64_t shortest = 1, longest = 1, skips = 0;
  std::string mode;
  std::vector<int64_t> items, starts, coordinates;
  std::vector<float> weights;

  /// The number of n-grams of length n; their items begin at starts[n-1].
  int64_t grams(int64_t n) const {
    if (n > static_cast<int64_t>(starts.size())) return 0;
    const bool last = n == static_cast<int64_t>(starts.size());
    const int64_t end = last ? static_cast<int64_t>(items.size()) : starts[static_cast<size_t>(n)];
    return (end - starts[static_cast<size_t>(n - 1)]) / n;
  }
  int64_t width() const { return coordinates.empty() ? 0 : *std::ranges::max_element(coordinates) + 1; }
};

Pool read_pool(Node& node) {
  if (node.has_attribute("pool_strings"))
    node.unsupported("attribute pool_strings is not supported: strings are moved, and nothing else");
  for (const char* name :
       {"min_gram_length", "max_gram_length", "max_skip_count", "mode", "ngram_counts", "ngram_indexes", "pool_int64s"})
    if (!node.has_attribute(name)) node.bad("attribute {} is missing", name);
  Pool pool{.shortest = node.integer("min_gram_length", 1),
            .longest = node.integer("max_gram_length", 1),
            .skips = node.integer("max_skip_count", 0),
            .mode = node.text("mode", ""),
            .items = node.integers("pool_int64s"),
            .starts = node.integers("ngram_counts"),
            .coordinates = node.integers("ngram_indexes"),
            .weights = node.reals("weights")};
  if (pool.mode != "TF" && pool.mode != "IDF" && pool.mode != "TFIDF")
    node.bad("attribute mode is \"{}\", expected TF, IDF or TFIDF", pool.mode);
  if (pool.shortest < 1 || pool.longest < pool.shortest || pool.skips < 0 || pool.longest > 1024)
    node.bad("got min_gram_length {}, max_gram_length {}, max_skip_count {}", pool.shortest, pool.longest, pool.skips);
  int64_t grams = 0, previous = 0;
  for (size_t n = 1; n <= pool.starts.size(); ++n) {
    const int64_t start = pool.starts[n - 1];
    const int64_t end = n < pool.starts.size() ? pool.starts[n] : static_cast<int64_t>(pool.items.size());
    if (start < previous || end < start || (end - start) % static_cast<int64_t>(n) != 0)
      node.bad("ngram_counts gives {}-grams the items {} to {} of pool_int64s, which has {}", n, start, end,
               pool.items.size());
    grams += (end - start) / static_cast<int64_t>(n);
    previous = start;
  }
  if (grams != static_cast<int64_t>(pool.coordinates.size()))
    node.bad("ngram_indexes has {} entries, expected {}, one for each n-gram of the pool", pool.coordinates.size(),
             grams);
  if (!pool.weights.empty() && pool.weights.size() != pool.coordinates.size())
    node.bad("weights has {} entries, expected {} as ngram_indexes", pool.weights.size(), pool.coordinates.size());
  for (const int64_t at : pool.coordinates)
    if (at < 0 || at > (1 << 26)) node.bad("ngram_indexes holds {}", at);
  return pool;
}

/// Occurrences of the n-grams `items` [grams, n] in x [rows, length], their members `distance` apart: f32[rows, grams].
Value* count_grams(Builder& b, Value* x, const Tensor& items, int64_t distance) {
  const Dim rows = x->shape()[0], length = x->shape()[1], grams(items.shape()[0]);
  const int64_t n = items.shape()[1];
  const Dim places = length - Dim((n - 1) * distance);
  Value* hit = nullptr;
  Value* pool = b.constant(items);
  for (int64_t i = 0; i < n; ++i) {
    Value* member = b.reshape(b.slice_axis(x, 1, Dim(i * distance), places), {rows, places, Dim(1)});
    Value* same = b.eq(member, b.select_axis(pool, 1, Dim(i)));
    hit = hit ? b.emit(Opcode::And, {hit, same}) : same;
  }
  return b.reduce(ir::ReduceKind::Sum, b.cast(hit, DType::f32), {1});
}

/// Counts of n-grams without skips and with up to `skips`; a skip of 1-grams is none.
Value* count_with_skips(Node& node, Value* x, const Tensor& items, int64_t skips) {
  Builder& b = node.builder();
  const int64_t n = items.shape()[1];
  Value* total = b.broadcast(b.scalar(DType::f32, 0), {x->shape()[0], Dim(items.shape()[0])});
  for (int64_t skip = 0; skip <= (n == 1 ? 0 : skips); ++skip) {
    const Dim& length = x->shape()[1];
    const int64_t reach = (n - 1) * (skip + 1);
    if (!length.is_constant() && reach > 0)
      node.needs_dims(symbols(length), fmt::format("{}-grams with {} skips may not fit into a row", n, skip));
    if (length.is_constant() && length.constant() <= reach) break;
    total = b.add(total, count_grams(b, x, items, skip + 1));
  }
  return total;
}

/// counts [rows, grams] at the coordinates of the n-grams: [rows, width].
Value* place(Builder& b, Value* counts, const std::vector<int64_t>& coordinates, int64_t width) {
  const auto grams = static_cast<int64_t>(coordinates.size());
  std::vector<int64_t> source(static_cast<size_t>(width), grams);  // where nothing is, the column of zeros
  bool distinct = true;
  for (int64_t i = 0; i < grams; ++i) {
    int64_t& entry = source[static_cast<size_t>(coordinates[static_cast<size_t>(i)])];
    distinct = distinct && entry == grams;
    entry = i;
  }
  if (distinct) {
    Value* zeros = b.broadcast(b.scalar(DType::f32, 0), {counts->shape()[0], Dim(1)});
    return b.emit(Opcode::Gather, {b.concat({counts, zeros}, 1), b.constant(Tensor::i64({width}, source))},
                  ir::AxisAttr{1});
  }
  Tensor one_hot(DType::f32, {grams, width});
  for (int64_t i = 0; i < grams; ++i) one_hot.set_real(i * width + coordinates[static_cast<size_t>(i)], 1);
  return b.contract("ij,jk->ik", counts, b.constant(std::move(one_hot)));
}

/// TF: the counts; IDF: the weight of each n-gram that occurs; TFIDF: counts times weights.
void import_tfidf(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const Pool pool = read_pool(node);
  if (x->dtype() != DType::i32 && x->dtype() != DType::i64) node.bad("X is {}, expected i32 or i64", x->type().str());
  if (x->rank() != 1 && x->rank() != 2) node.bad("X is {}, expected [C] or [N, C]", x->type().str());
  const bool one_row = x->rank() == 1;
  if (one_row) x = b.reshape(x, {Dim(1), x->shape()[0]});
  const Dim rows = x->shape()[0];
  x = b.cast(x, DType::i64);
  std::vector<Value*> parts;
  for (int64_t n = 1; n <= static_cast<int64_t>(pool.starts.size()); ++n) {
    const int64_t grams = pool.grams(n);
    if (grams == 0) continue;
    const auto first = pool.items.begin() + pool.starts[static_cast<size_t>(n - 1)];
    const Tensor items = Tensor::i64({grams, n}, std::vector<int64_t>(first, first + grams * n));
    const bool counted = n >= pool.shortest && n <= pool.longest;
    parts.push_back(counted ? count_with_skips(node, x, items, pool.skips)
                            : b.broadcast(b.scalar(DType::f32, 0), {rows, Dim(grams)}));
  }
  if (parts.empty()) node.bad("pool_int64s holds no n-gram");
  Value* counts = parts.size() == 1 ? parts[0] : b.concat(parts, 1);
  if (pool.mode == "IDF") counts = b.min(counts, b.scalar(DType::f32, 1));
  if (pool.mode != "TF" && !pool.weights.empty())
    counts = b.mul(counts, b.constant(Tensor::f32({static_cast<int64_t>(pool.weights.size())}, pool.weights)));
  Value* y = place(b, counts, pool.coordinates, pool.width());
  node.set_output(0, one_row ? b.reshape(y, {Dim(pool.width())}) : y);
}

constexpr OperatorEntry kOperators[] = {
    {"TfIdfVectorizer", import_tfidf, 9},
};

}  // namespace

std::span<const OperatorEntry> text_operators() { return kOperators; }

}  // namespace seqc::frontend
