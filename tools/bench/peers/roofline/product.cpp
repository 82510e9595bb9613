#include "tools/bench/peers/roofline/product.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>

namespace seqc::peers::roofline {

namespace {

using Clock = std::chrono::steady_clock;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Padded so that panels of any vector width lie in it.
int64_t padded(int64_t columns) { return divide_up(columns, lanes_of(0)) * lanes_of(0); }

/// A sweep's time, forward and backward in turns, over a while that can be timed.
double seconds(const Sweep& sweep) {
  int64_t pairs = 0;
  auto start = Clock::now(), end = start;
  do {
    sweep.run(false);
    sweep.run(true);
    ++pairs;
    end = Clock::now();
  } while (end - start < std::chrono::microseconds(200));
  return std::chrono::duration<double>(end - start).count() / static_cast<double>(2 * pairs);
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = std::to_string(shape.rows) + "x" + std::to_string(shape.columns * lanes_of(shape.width));
  if (shape.width) text += " (half vectors)";
  if (shape.chains > 1) text += " in " + std::to_string(shape.chains) + " chains";
  if (shape.chunk < 1 << 30) text += ", " + std::to_string(shape.chunk) + " rows a sweep";
  return text;
}

Product::Product(int64_t rows, int64_t k, int64_t columns)
    : k_(k), columns_(columns), weights_(SEQC_F32, {k, padded(columns)}), rows_(SEQC_F32, {rows, k}) {
  weights_.fill(1, 1);
  rows_.fill(2, 1);
}

void Sweep::run(bool backward) const {
  alignas(64) float out[kMaxRows * kMaxColumns * 16];
  if (backward)
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) call->kernel(call->panel, call->rows, k, out);
  else
    for (const Call& call : calls) call.kernel(call.panel, call.rows, k, out);
}

Sweep Product::sweep(int64_t rows, const Share& share) const {
  const int64_t vectors = padded(columns_) / lanes_of(shape_.width);
  auto part = [&](int64_t whole, int part) { return whole * part / share.parts; };
  const bool by_rows = share.of_rows;
  const int64_t first_row = by_rows ? part(rows, share.part) : 0,
                last_row = by_rows ? part(rows, share.part + 1) : rows;
  const int64_t first = by_rows ? 0 : part(vectors, share.part),
                last = by_rows ? vectors : part(vectors, share.part + 1);
  Sweep sweep{k_, {}};
  for (int64_t row = first_row; row < last_row; row += shape_.chunk)
    add(sweep, row, std::min(last_row, row + shape_.chunk), first, last);
  return sweep;
}

/// Rows [first_row, last_row) with the vectors [first, last) of the columns.
void Product::add(Sweep& sweep, int64_t first_row, int64_t last_row, int64_t first, int64_t last) const {
  const auto *weights = static_cast<const float*>(weights_.data()), *rows = static_cast<const float*>(rows_.data());
  const int64_t lanes = lanes_of(shape_.width), vectors = last - first, count = last_row - first_row;
  const int64_t panels = divide_up(vectors, shape_.columns), tiles = divide_up(count, shape_.rows);
  for (int64_t panel = 0; panel < panels; ++panel) {
    const int64_t from = first + vectors * panel / panels, to = first + vectors * (panel + 1) / panels;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t top = first_row + count * tile / tiles, bottom = first_row + count * (tile + 1) / tiles;
      const Kernel multiply =
          kernel(shape_.width, static_cast<int>(bottom - top), static_cast<int>(to - from), shape_.chains);
      sweep.calls.push_back({multiply, weights + from * lanes * k_, rows + top * k_});
    }
  }
}

std::vector<Shape> Product::candidates(int64_t rows, int64_t of_columns) const {
  constexpr int kMostRows = 14;
  std::vector<Shape> shapes;
  for (int width : {0, 1}) {
    const int64_t vectors = padded(of_columns) / lanes_of(width);
    for (int columns : {1, 2, 3, 4, 5, 6, 8, 12, 16, 24}) {
      if (columns > vectors) break;
      // Where the processor's latency binds, not its throughput, sums are split.
      for (int chains : {1, 2, 4}) {
        if (chains > 1 && (rows > 1 || vectors > 8)) continue;
        int most = static_cast<int>(std::min<int64_t>(rows, kMostRows));
        while (most > 0 && !kernel(width, most, columns, chains)) --most;
        if (most == 0) continue;
        const int64_t tiles = divide_up(rows, most);
        shapes.push_back({width, static_cast<int>(divide_up(rows, tiles)), columns, chains});
      }
    }
  }
  return shapes;
}

void Product::keep_fastest(const std::vector<Shape>& shapes, int64_t rows, const Share& share) {
  std::vector<double> best(shapes.size(), std::numeric_limits<double>::infinity());
  const auto end = Clock::now() + std::chrono::milliseconds(500);
  for (int round = 0; round < 8 && (round < 2 || Clock::now() < end); ++round) {
    for (size_t i = 0; i < shapes.size(); ++i) {
      shape_ = shapes[i];
      best[i] = std::min(best[i], seconds(sweep(rows, share)));
    }
  }
  shape_ = shapes[static_cast<size_t>(std::min_element(best.begin(), best.end()) - best.begin())];
}

void Product::tune(int64_t rows, const Share& share) {
  constexpr int64_t kEnough = 192, kChunk = 96;
  const int64_t most = share.of_rows ? share.parts * kEnough : kEnough, tried = std::min(rows, most);
  const auto part = [&](int64_t whole, bool shared) { return shared ? divide_up(whole, share.parts) : whole; };
  keep_fastest(candidates(part(tried, share.of_rows), part(columns_, !share.of_rows)), tried, share);
  if (rows <= most) return;
  Shape chunked = shape_;
  chunked.chunk = kChunk;
  keep_fastest({shape_, chunked}, std::min<int64_t>(rows, 10 * most), share);
}

}  // namespace seqc::peers::roofline
